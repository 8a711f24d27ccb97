"""Packed files in process, against the server that serves the same file."""

import json
import random
import struct
import subprocess
import zlib

import numpy as np
import pytest

import thermocline
from live_server import BINARY, LiveServer
from thermocline import lz4_block, packed_part

pytestmark = pytest.mark.skipif(not BINARY, reason="THERMOCLINE_BINARY names no server")

SCHEMES = {
    "full": thermocline.Full(),
    "hashed": thermocline.Hashed(rows=40),
    "sum": thermocline.DoubleHashed(rows=40),
    "concatenate": thermocline.DoubleHashed(rows=40, combine="concatenate"),
    "remainder": thermocline.QuotientRemainder(rows=9, combine="sum"),
    "product": thermocline.QuotientRemainder(rows=9, combine="multiply"),
}
IDS = np.concatenate([
    np.arange(600, dtype=np.uint64), np.array([2**63, 2**64 - 1, 2**64 - 2], np.uint64)])


class PackedServer(LiveServer):
    """The server on a packed file in place of a folder."""

    def __init__(self, folder, packed):
        super().__init__(folder)
        self.packed = packed

    def start(self):
        ready = self.folder / "packed-ready"
        ready.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [BINARY, "serve", "--packed", str(self.packed), "--listen", self.address,
             "--ready-file", str(ready)], stderr=subprocess.PIPE)
        while not ready.exists():
            assert self._process.poll() is None, self._process.stderr.read()


def pack(folder, *arguments):
    path = folder / "packed"
    subprocess.run(
        [BINARY, "compact", "--data", str(folder / "data"), "--packed", str(path), *arguments],
        check=True, stdout=subprocess.DEVNULL)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which a store was made and stopped."""
    folder = tmp_path_factory.mktemp("packed")
    with LiveServer(folder, durability="buffered") as server:
        with thermocline.connect(server.address) as client:
            for name, scheme in SCHEMES.items():
                table = client.create_table(
                    name, dim=8, initializer=thermocline.Uniform(0.5, 1.5), scheme=scheme)
                table.pull(IDS[::2])
                if name == "full":
                    table.assign(IDS[:200], np.zeros((200, 8)))
                    for _ in range(5):
                        table.pull(IDS[:20])
        server.terminate()
    return folder


@pytest.mark.parametrize("precision", ["int16", "int8"])
@pytest.mark.parametrize("decoder", ["library", "python"])
def test_the_same_bits_as_the_server(folder, precision, decoder, monkeypatch):
    (folder / "packed").unlink(missing_ok=True)
    path = pack(folder, "--precision", precision, "--frequent", "0.3")
    if decoder == "python":
        monkeypatch.setattr(lz4_block, "decompress", lz4_block.decompress_in_python)
    store = thermocline.open_packed(path)
    assert [table.name for table in store.tables()] == sorted(SCHEMES)
    generator = np.random.default_rng(1)
    with PackedServer(folder, path) as server, thermocline.connect(server.address) as client:
        for name in SCHEMES:
            table, served = store.table(name), client.table(name)
            assert len(table) == len(served) and table.dim == served.dim
            ids = generator.choice(IDS, 5000).reshape(50, 100)
            rows, found = table.pull(ids, create=False)
            expected, expected_found = served.pull(ids, create=False)
            assert rows.tobytes() == expected.tobytes(), name
            assert np.array_equal(found, expected_found), name
            assert np.array_equal(table.pull(ids), rows)
            bags, flat = np.sort(generator.integers(0, 5000, 300)), ids.reshape(-1)
            bags[0] = 0
            for mode in ["sum", "mean", "max"]:
                assert table.pool(flat, bags, mode).tobytes() == \
                    served.pool(flat, bags, mode).tobytes(), (name, mode)
            weights = generator.normal(size=5000).astype(np.float32)
            assert table.pool(flat, bags, weights=weights).tobytes() == \
                served.pool(flat, bags, weights=weights).tobytes()
        table = client.table("full")
        for refused in [
            lambda: table.push([1], np.ones((1, 8))), lambda: table.assign([1], np.ones((1, 8))),
            lambda: table.delete([1]), lambda: table.pull([1]),
            lambda: client.create_table("new", dim=2), lambda: client.drop_table("full"),
            lambda: client.checkpoint(str(folder / "copy")),
        ]:
            with pytest.raises(thermocline.ThermoclineError) as raised:
                refused()
            assert raised.value.code == thermocline.ErrorCode.READ_ONLY
        assert table.stats()["rows"] == len(table)
        assert {entry["name"] for entry in client.stats()["tables"]} == set(SCHEMES)


def test_what_a_packed_table_refuses(folder):
    (folder / "packed").unlink(missing_ok=True)
    store = thermocline.open_packed(pack(folder, "--table", "full"))
    assert len(store.tables()) == 1
    table = store.table("full")
    with pytest.raises(thermocline.ThermoclineError) as raised:
        table.pull([1], create=True)
    assert raised.value.code == thermocline.ErrorCode.READ_ONLY
    with pytest.raises(thermocline.ThermoclineError) as raised:
        store.table("none")
    assert raised.value.code == thermocline.ErrorCode.UNKNOWN_TABLE
    for offsets in [[1], [0, 2, 1], [0, 9]]:
        with pytest.raises(thermocline.ThermoclineError) as raised:
            table.pool([1, 2, 3], offsets)
        assert raised.value.code == thermocline.ErrorCode.MALFORMED
    with pytest.raises(ValueError):
        table.pool([1], [0], "median")
    with pytest.raises(ValueError):
        table.pull([-1])
    assert table.pool([], []).shape == (0, 8)
    assert table.pull([]).shape == (0, 8)


def repaired(data):
    """Checksums of head and description made true again."""
    if len(data) < 64:
        return bytes(data)
    data = bytearray(data)
    struct.pack_into("<Q", data, 32, len(data))
    offset, length = struct.unpack_from("<QQ", data, 16)
    if offset <= len(data):
        struct.pack_into("<I", data, 40, zlib.crc32(data[offset:offset + length]))
    struct.pack_into("<I", data, 44, zlib.crc32(data[:44]))
    return bytes(data)


def test_mutated_and_truncated_files(folder, tmp_path):
    (folder / "packed").unlink(missing_ok=True)
    sound = pack(folder).read_bytes()
    generator = random.Random(3)
    refused = 0
    for number in range(600):
        data = bytearray(sound)
        if number % 3 == 0:
            del data[generator.randrange(len(data)):]
        start = struct.unpack_from("<Q", sound, 16)[0]
        for _ in range(generator.randrange(1, 4)):
            if number % 3 == 1:  # In the description.
                at = generator.randrange(start, len(sound))
                data[at] = generator.choice(b"0123456789-,:{}[]\"")
            elif data:
                data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        path = tmp_path / "mutated"
        path.write_bytes(repaired(data) if number % 2 else data)
        try:
            for table in thermocline.open_packed(path, verify=False).tables():
                table.pull(IDS)
        except thermocline.ThermoclineError as error:
            refused += 1
            assert error.code in (
                thermocline.ErrorCode.DAMAGED, thermocline.ErrorCode.UNSUPPORTED)
    assert 100 < refused < 600


def test_every_section_is_checked(folder, tmp_path):
    (folder / "packed").unlink(missing_ok=True)
    path = pack(folder, "--table", "full")
    for offset, length, _ in thermocline.open_packed(path).table("full").sections:
        if length:
            data = bytearray(path.read_bytes())
            data[offset + length // 2] ^= 1
            (tmp_path / "damaged").write_bytes(data)
            with pytest.raises(thermocline.ThermoclineError) as raised:
                thermocline.open_packed(tmp_path / "damaged")
            assert raised.value.code == thermocline.ErrorCode.DAMAGED
    run = subprocess.run(
        [BINARY, "serve", "--packed", str(tmp_path / "damaged")], capture_output=True, text=True)
    assert run.returncode == 65 and "checksum" in run.stderr


def test_the_description_is_json(folder):
    (folder / "packed").unlink(missing_ok=True)
    data = pack(folder).read_bytes()
    offset, length = struct.unpack_from("<QQ", data, 16)
    tables = json.loads(data[offset:offset + length])["tables"]
    assert {table["name"] for table in tables} == set(SCHEMES)
    assert packed_part.PRECISIONS.keys() >= {table["precision"] for table in tables}
