"""A part of a packed table: an index from the hash of a key to a position, and rows by position.

Written from ThePackedFile.md. What is read from the file is checked before it is used.
"""

from __future__ import annotations

import collections
import mmap
import threading
from typing import Any

import numpy as np

from . import lz4_block
from .errors import ErrorCode, ThermoclineError

PRECISIONS = {"int16": np.dtype("<i2"), "int8": np.dtype("i1")}
SCALE_BYTES = 4
SECTION_ALIGNMENT = 64
BLOCK = np.dtype([("offset", "<u8"), ("length", "<u4"), ("crc32", "<u4")])
BLOCK_BYTES_MAX = 1 << 24
DECODED_BLOCKS_MAX = 256


def damaged(reason: str) -> ThermoclineError:
    return ThermoclineError(ErrorCode.DAMAGED, reason)


def integer(entry: Any, name: str, lowest: int, highest: int) -> int:
    """A number of the description."""
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise damaged(f"the description's {name} is {value!r}")
    return value


def hash_keys(keys: np.ndarray) -> np.ndarray:
    """The order of keys: the finisher of splitmix64, a bijection."""
    with np.errstate(over="ignore"):
        hashes = (keys ^ keys >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ hashes >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return hashes ^ hashes >> np.uint64(31)


class PackedPart:
    """Rows in ascending order of the hashes of their keys."""

    def __init__(
        self, entry: Any, precision: str, dimension: int, file: mmap.mmap
    ) -> None:
        self._file = file
        self.dimension = dimension
        self._dtype = PRECISIONS[precision]
        self._row_bytes = SCALE_BYTES + dimension * self._dtype.itemsize
        self.rows = integer(entry, "rows", 0, 2**32 - 2)
        self._bucket_bits = integer(entry, "bucketBits", 0, 32)
        key_bytes = (64 - self._bucket_bits + 7) // 8
        integer(entry, "keyBytes", key_bytes, key_bytes)
        self.sections: list[tuple[int, int, int]] = []
        at = self._section(entry, "buckets", 4 * (2**self._bucket_bits + 1))
        self._buckets = np.frombuffer(file, "<u4", 2**self._bucket_bits + 1, at)
        at = self._section(entry, "keys", self.rows * key_bytes)
        # Each key is read with the bytes after it, which are masked off.
        self._keys = np.ndarray((self.rows,), "<u8", file, at, (key_bytes,))
        self._key_mask = np.uint64(2 ** (8 * key_bytes) - 1)
        if entry.get("blocks") is None:
            self._block_rows = 0
            self._data = self._section(entry, "data", self.rows * self._row_bytes)
        else:
            self._block_rows = integer(
                entry, "blockRows", 1, BLOCK_BYTES_MAX // self._row_bytes)
            count = -(-self.rows // self._block_rows)
            at = self._section(entry, "blocks", count * BLOCK.itemsize)
            self._blocks = np.frombuffer(file, BLOCK, count, at)
            self._data_bytes = integer(entry.get("data"), "length", 0, len(file))
            self._data = self._section(entry, "data", self._data_bytes)
            self._decoded: collections.OrderedDict[int, np.ndarray] = collections.OrderedDict()
            self._lock = threading.Lock()

    def _section(self, entry: Any, name: str, length: int) -> int:
        """Where a section begins that has to have a length."""
        section = entry.get(name)
        integer(section, "length", length, length)
        offset = integer(section, "offset", 0, len(self._file) - 8 - length)
        if offset % SECTION_ALIGNMENT:
            raise damaged(f"the section {name} begins at byte {offset}")
        self.sections.append((offset, length, integer(section, "crc32", 0, 2**32 - 1)))
        return offset

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """The position of each hash, -1 where it is not here."""
        positions = np.full(hashes.shape, -1, np.int64)
        if self.rows == 0:
            return positions
        if self._bucket_bits:
            buckets = (hashes >> np.uint64(64 - self._bucket_bits)).astype(np.int64)
        else:
            buckets = np.zeros(hashes.shape, np.int64)
        high = np.minimum(self._buckets[buckets + 1].astype(np.int64), self.rows)
        low = np.minimum(self._buckets[buckets].astype(np.int64), high)
        wanted = hashes & self._key_mask
        searched = np.flatnonzero(low < high)
        while searched.size:
            middle = (low[searched] + high[searched]) >> 1
            keys = self._keys[middle] & self._key_mask
            goal = wanted[searched]
            is_found = keys == goal
            positions[searched[is_found]] = middle[is_found]
            is_below = keys < goal
            low[searched[is_below]] = middle[is_below] + 1
            high[searched[~is_below]] = middle[~is_below]
            searched = searched[~is_found]
            searched = searched[low[searched] < high[searched]]
        return positions

    def read(self, positions: np.ndarray) -> np.ndarray:
        """The rows at positions, float32[n, dimension]."""
        if self._block_rows == 0:
            stored = self._stored(self._data, self.rows)[positions]
        else:
            stored = np.empty((positions.size, self._row_bytes), np.uint8)
            numbers, which = np.unique(positions // self._block_rows, return_inverse=True)
            order = np.argsort(which, kind="stable")
            bounds = np.searchsorted(which[order], np.arange(numbers.size + 1))
            for number, start, end in zip(numbers, bounds[:-1], bounds[1:]):
                wanted = order[start:end]
                stored[wanted] = self._block(int(number))[positions[wanted] % self._block_rows]
        scales = np.ascontiguousarray(stored[:, :SCALE_BYTES]).view("<f4")
        whole = np.ascontiguousarray(stored[:, SCALE_BYTES:]).view(self._dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # Of a file that lies.
            return whole.astype(np.float32) * scales

    def _stored(self, offset: int, rows: int) -> np.ndarray:
        flat = np.frombuffer(self._file, np.uint8, rows * self._row_bytes, offset)
        return flat.reshape(rows, self._row_bytes)

    def _block(self, number: int) -> np.ndarray:
        """The rows of a block, as they are stored."""
        entry = self._blocks[number]
        offset, length = int(entry["offset"]), int(entry["length"])
        rows = min(self._block_rows, self.rows - number * self._block_rows)
        size = rows * self._row_bytes
        if offset % 8 or length > size or offset + length > self._data_bytes:
            raise damaged(f"the entry of block {number} leads outside of the file")
        if length == size:
            return self._stored(self._data + offset, rows)
        with self._lock:
            if number in self._decoded:
                self._decoded.move_to_end(number)
                return self._decoded[number]
        start = self._data + offset
        try:
            data = lz4_block.decompress(self._file[start:start + length], size)
        except ValueError as error:
            raise damaged(f"the block at byte {start}: {error}") from None
        block = np.frombuffer(data, np.uint8).reshape(rows, self._row_bytes)
        with self._lock:
            self._decoded[number] = block
            while len(self._decoded) > DECODED_BLOCKS_MAX:
                self._decoded.popitem(last=False)
        return block
