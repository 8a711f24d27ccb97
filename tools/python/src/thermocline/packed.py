"""Packed files, read in process: no server, numpy only.

A packed file is made by ``thermocline compact --packed``. Its tables give the values that
``thermocline serve --packed`` serves, bit for bit. Blocks of rarely used rows are compressed; the
package lz4, where it is installed, decodes them some hundred times faster.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import ArrayLike

from .arrays import as_ids, as_out, as_weights
from .errors import ErrorCode, ThermoclineError
from .packed_part import PRECISIONS, PackedPart, damaged, hash_keys, integer
from .packed_scheme import PackedScheme
from .protocol import POOL_MODES

_MAGIC = b"TCPACKED"
_VERSION = 1
_HEAD = struct.Struct("<8sIIQQQII")
_HEAD_BYTES = 64
_DESCRIPTION_BYTES_MAX = 64 << 20
_VERIFIED_BYTES = 16 << 20


def open_packed(path: Union[str, os.PathLike[str]], verify: bool = True) -> PackedStore:
    """Maps a packed file.

    Parameters
    ----------
    path : path of the file
    verify : bool
        Whether to read all of the file and compare it with its checksums. Without that a damaged
        row may be served.

    Raises
    ------
    OSError
        The file cannot be opened.
    ThermoclineError
        ``DAMAGED``: it is not as it was written, or no packed file; ``UNSUPPORTED``: another
        version of the format, or a scheme that this client does not know.
    """
    return PackedStore(path, verify)


class PackedTable:
    """A table of a packed file. May be used by any number of threads.

    Attributes
    ----------
    name : str
    dim : int
        Floats in a row.
    """

    def __init__(self, entry: Any, file: mmap.mmap) -> None:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise damaged("a table without a name")
        self.name = name
        self.dim = row_dimension = integer(entry, "dimension", 1, 4096)
        precision = entry.get("precision")
        if precision not in PRECISIONS:
            raise damaged(f"table {name!r} has the precision {precision!r}")
        self._scheme = PackedScheme(entry.get("schema"))
        concatenates = self._scheme.part_count == 2 and self._scheme.combine == "concatenate"
        if concatenates:
            self.dim *= 2
        self._defaults = [
            _finite(entry.get("ownDefault")), _finite(entry.get("sharedDefault"))]
        self._first_shared = np.uint64(integer(entry, "firstShared", 0, 2**64 - 1))
        self._frequent = PackedPart(entry.get("frequent"), precision, row_dimension, file)
        self._rest = PackedPart(entry.get("rest"), precision, row_dimension, file)

    def __repr__(self) -> str:
        return f"<PackedTable {self.name!r}, dimension {self.dim}, {len(self)} rows>"

    def __len__(self) -> int:
        return self._frequent.rows + self._rest.rows

    def __bool__(self) -> bool:
        """True, also for an empty table."""
        return True

    @property
    def sections(self) -> list[tuple[int, int, int]]:
        """Offset, length and CRC-32 of each part of the file that is this table's."""
        return self._frequent.sections + self._rest.sections

    def pull(
        self, ids: ArrayLike, create: Optional[bool] = None, out: Optional[np.ndarray] = None
    ) -> Any:
        """Reads rows, as `Table.pull` does; an unknown id gives the default row.

        Parameters
        ----------
        ids : integer array of any shape
        create : False or None
            With False the result also says which ids have a row, as that of `Table.pull`.
        out : float32 array of the shape of ``ids`` and (dim,), C-contiguous, optional

        Returns
        -------
        rows : float32, shape of ``ids`` and (dim,)
        found : bool, shape of ``ids``
            Only with ``create=False``.

        Raises
        ------
        TypeError, ValueError
            Ids that are none, or an ``out`` that does not fit.
        ThermoclineError
            ``READ_ONLY`` with ``create=True``; ``DAMAGED``.
        """
        if create:
            raise ThermoclineError(ErrorCode.READ_ONLY, "nothing is created in a packed file")
        wanted = as_ids(ids)
        rows = as_out(out, (*wanted.shape, self.dim))
        found = self._pull(wanted.reshape(-1), rows.reshape(-1, self.dim))
        return rows if create is None else (rows, found.reshape(wanted.shape))

    def _pull(self, ids: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Fills ``rows``; which ids have one."""
        found = np.zeros(ids.shape, bool)
        if self._scheme.has_own:
            own, found = self._read(ids)
            if self._scheme.part_count:  # A shared row is nobody's own, whatever the id.
                found &= ids < np.uint64(self._scheme.first_shared)
            rows[found] = own[found]
            if self._scheme.part_count == 0:
                rows[~found] = own[~found]
                return found
        others = np.flatnonzero(~found)
        parts = [self._read(keys) for keys in self._scheme.shared_keys(ids[others])]
        rows[others] = self._scheme.combined([part for part, _ in parts])
        found[others] = np.logical_and.reduce([is_here for _, is_here in parts])
        return found

    def _read(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of keys, or what is served in their place; and which are there."""
        is_shared = keys >= self._first_shared
        rows = np.empty((keys.size, self._frequent.dimension), np.float32)
        rows[:] = np.where(is_shared, self._defaults[1], self._defaults[0])[:, np.newaxis]
        hashes = hash_keys(keys)
        positions = self._frequent.find(hashes)
        found = positions >= 0
        rows[found] = self._frequent.read(positions[found])
        others = np.flatnonzero(~found)
        positions = self._rest.find(hashes[others])
        is_here = positions >= 0
        rows[others[is_here]] = self._rest.read(positions[is_here])
        found[others[is_here]] = True
        return rows, found

    def pool(
        self, ids: ArrayLike, offsets: ArrayLike, mode: str = "sum",
        weights: Optional[ArrayLike] = None,
    ) -> np.ndarray:
        """One combined row per bag of ids, as `Table.pool` reads it.

        Raises
        ------
        TypeError, ValueError
            Ids, offsets or weights that are none, or a mode that there is not.
        ThermoclineError
            ``MALFORMED`` for offsets that do not ascend from 0 within the ids, ``NON_FINITE`` for
            such weights; ``DAMAGED``.
        """
        if mode not in POOL_MODES:
            raise ValueError(f"mode must be one of {', '.join(POOL_MODES)}, not {mode!r}")
        if weights is not None and mode != "sum":
            raise ValueError(f"weights go with the mode sum, as in torch, not with {mode!r}")
        wanted, starts = as_ids(ids), as_ids(offsets, "offsets")
        if wanted.ndim != 1 or starts.ndim != 1:
            raise ValueError("ids and offsets have one axis")
        ends = np.append(starts[1:], np.uint64(wanted.size))
        if (starts > ends).any() or (ends > wanted.size).any() or (
                starts[0] if starts.size else wanted.size):
            raise ThermoclineError(
                ErrorCode.MALFORMED, "offsets ascend from 0 within the ids")
        rows = np.empty((wanted.size, self.dim), np.float32)
        self._pull(wanted, rows)
        if weights is not None:
            factors = as_weights(weights, wanted.size)
            if not np.isfinite(factors).all():
                raise ThermoclineError(ErrorCode.NON_FINITE, "a weight is NaN or infinite")
            with np.errstate(over="ignore"):
                rows *= factors[:, np.newaxis]
        return _combine(rows, starts.astype(np.int64), ends[:starts.size].astype(np.int64), mode)


def _finite(value: Any) -> np.float32:
    if not isinstance(value, (int, float)) or not np.isfinite(np.float32(value)):
        raise damaged(f"a default value is {value!r}")
    return np.float32(value)


def _combine(rows: np.ndarray, starts: np.ndarray, ends: np.ndarray, mode: str) -> np.ndarray:
    """The rows of each bag one after the other, as the server combines them: the same bits."""
    combined = np.zeros((starts.size, rows.shape[1]), np.float32)
    if mode == "max":
        some = np.flatnonzero(starts < ends)
        combined[some] = rows[starts[some]]
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(int((ends - starts).max(initial=0))):
            bags = np.flatnonzero(starts + step < ends)
            next_rows = rows[starts[bags] + step]
            if mode == "max":
                largest = combined[bags]
                combined[bags] = np.where(next_rows > largest, next_rows, largest)
            else:
                combined[bags] += next_rows
        if mode == "mean":
            counts = np.maximum(ends - starts, 1).astype(np.float32)
            combined *= (np.float32(1) / counts)[:, np.newaxis]
    return combined


class PackedStore:
    """The tables of a packed file; made by `open_packed`.

    Attributes
    ----------
    path : str
    """

    def __init__(self, path: Union[str, os.PathLike[str]], verify: bool) -> None:
        self.path = os.fspath(path)
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < _HEAD_BYTES:
                raise damaged(f"{self.path} is not a packed file")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            description = _description(mapped)
            entries = description.get("tables") if isinstance(description, dict) else None
            if not isinstance(entries, list):
                raise damaged("the description has no tables")
            self._tables = {}
            for entry in entries:
                table = PackedTable(entry, mapped)
                if table.name in self._tables:
                    raise damaged(f"two tables have the name {table.name!r}")
                self._tables[table.name] = table
            if verify:
                for table in self._tables.values():
                    _verify(mapped, table)
        except ThermoclineError as error:
            raise ThermoclineError(error.code, f"{self.path}: {error.message}") from None

    def __repr__(self) -> str:
        return f"<PackedStore {self.path!r}, tables {', '.join(self._tables)}>"

    def table(self, name: str) -> PackedTable:
        """The table of a name; ``ThermoclineError`` with ``UNKNOWN_TABLE`` if there is none."""
        if name not in self._tables:
            raise ThermoclineError(ErrorCode.UNKNOWN_TABLE, f"no table {name!r}")
        return self._tables[name]

    def tables(self) -> list[PackedTable]:
        """All tables, by name."""
        return [self._tables[name] for name in sorted(self._tables)]


def _description(file: mmap.mmap) -> Any:
    """The JSON that the head leads to."""
    magic, version, _, offset, length, file_length, crc32, head_crc32 = _HEAD.unpack_from(file)
    if magic != _MAGIC:
        raise damaged("not a packed file")
    if version != _VERSION:
        raise ThermoclineError(
            ErrorCode.UNSUPPORTED, f"version {version}; this client reads {_VERSION}")
    if zlib.crc32(file[:_HEAD.size - 4]) != head_crc32:
        raise damaged("the head is not one that was written")
    if file_length != len(file):
        raise damaged(f"{len(file)} bytes; {file_length} were written")
    if length > _DESCRIPTION_BYTES_MAX or not _HEAD_BYTES <= offset <= file_length - length:
        raise damaged("the description lies outside of the file")
    encoded = file[offset:offset + length]
    if zlib.crc32(encoded) != crc32:
        raise damaged("the description's checksum is wrong")
    try:
        return json.loads(encoded)
    except (ValueError, RecursionError):
        raise damaged("the description is no JSON") from None


def _verify(file: mmap.mmap, table: PackedTable) -> None:
    view = memoryview(file)
    for offset, length, crc32 in table.sections:
        checksum = 0
        for start in range(offset, offset + length, _VERIFIED_BYTES):
            checksum = zlib.crc32(view[start:min(start + _VERIFIED_BYTES, offset + length)], checksum)
        if checksum != crc32:
            raise damaged(
                f"table {table.name!r}: bytes {offset}...{offset + length} have the wrong checksum")
