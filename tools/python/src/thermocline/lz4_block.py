"""Blocks of the LZ4 block format, decoded by the package lz4 where it is installed.

Without it they are decoded in Python: the same bytes, some hundred times slower.
"""

from __future__ import annotations

from typing import Callable, Union

Bytes = Union[bytes, memoryview]


def decompress_in_python(block: Bytes, size: int) -> bytes:
    """The ``size`` bytes that a block holds; ``ValueError`` for one that is none."""
    block = bytes(block)
    out = bytearray()
    at = 0
    try:
        while True:
            token = block[at]
            at += 1
            count, at = _length(block, at, token >> 4)
            if at + count > len(block) or len(out) + count > size:
                raise ValueError("literals beyond the block's end")
            out += block[at:at + count]
            at += count
            if at == len(block):  # The last sequence has literals only.
                break
            distance = block[at] | block[at + 1] << 8
            count, at = _length(block, at + 2, token & 15)
            count += 4
            if not 0 < distance <= len(out) or len(out) + count > size:
                raise ValueError("a match outside of the block")
            start = len(out) - distance
            # A match may reach into what it writes: then it repeats.
            pattern = bytes(out[start:start + count])
            out += (pattern * (count // len(pattern) + 1))[:count]
    except IndexError:
        raise ValueError("the block ends too early") from None
    if len(out) != size:
        raise ValueError(f"the block holds {len(out)} bytes, not {size}")
    return bytes(out)


def _length(block: bytes, at: int, start: int) -> tuple[int, int]:
    """A length that may go on in further bytes, and where they end."""
    if start < 15:
        return start, at
    while True:
        start += block[at]
        at += 1
        if block[at - 1] < 255:
            return start, at


def _choose() -> Callable[[Bytes, int], bytes]:
    try:
        import lz4.block
    except ImportError:
        return decompress_in_python

    def decompress(block: Bytes, size: int) -> bytes:
        try:
            data: bytes = lz4.block.decompress(block, uncompressed_size=size)
        except lz4.block.LZ4BlockError as error:
            raise ValueError(str(error)) from None
        if len(data) != size:
            raise ValueError(f"the block holds {len(data)} bytes, not {size}")
        return data

    return decompress


decompress = _choose()
