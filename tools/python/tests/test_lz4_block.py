"""The decoder in Python, against blocks written by hand and by the library where it is there."""

import random

import pytest

from thermocline.lz4_block import decompress_in_python


def test_literals_and_matches():
    assert decompress_in_python(b"\x30abc", 3) == b"abc"
    # abc, then 9 bytes from 3 back, then the literal z.
    assert decompress_in_python(b"\x35abc\x03\x00\x10z", 13) == b"abcabcabcabcz"
    # A run: a match at distance 1 repeats one byte. 19 + 4 go into a further byte.
    assert decompress_in_python(b"\x1fa\x01\x00\x04\x10z", 25) == b"a" * 24 + b"z"
    # 15 + 255 + 1 literals.
    assert decompress_in_python(b"\xf0\xff\x01" + b"x" * 271, 271) == b"x" * 271


@pytest.mark.parametrize("block, size", [
    (b"", 0), (b"\x30ab", 3), (b"\x30abc", 2), (b"\x30abc", 4), (b"\x35abc\x04\x00\x10z", 13),
    (b"\x35abc\x00\x00\x10z", 13), (b"\x35abc\x03", 13), (b"\xf0\xff", 300),
    (b"\x3fabc\x03\x00\xff\xff\xff\xff\x10z", 13),
])
def test_what_is_no_block(block, size):
    with pytest.raises(ValueError):
        decompress_in_python(block, size)


def test_blocks_of_the_library():
    block = pytest.importorskip("lz4.block")
    generator = random.Random(1)
    for length in [1, 12, 13, 100, 1000, 16384]:
        for letters in [1, 2, 5, 256]:
            data = bytes(generator.randrange(letters) for _ in range(length))
            compressed = block.compress(data, store_size=False)
            assert decompress_in_python(compressed, length) == data


def test_mutated_blocks_never_do_more_than_fail():
    generator = random.Random(2)
    sound = b"\x35abc\x03\x00\x1fa\x01\x00\x04\x10z"
    for _ in range(5000):
        block = bytearray(sound)
        for _ in range(generator.randrange(1, 4)):
            block[generator.randrange(len(block))] = generator.randrange(256)
        try:
            assert len(decompress_in_python(bytes(block), 100)) == 100
        except ValueError:
            pass
