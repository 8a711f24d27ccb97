"""The 64-bit ids of strings, the same in Swift, Python and on the command line.

An id is the XXH64 (Yann Collet's xxHash) with seed 0 of the string's UTF-8 bytes, so that any
library of that hash computes it too. ``Tests/Fixtures/string-ids.json`` has examples.
"""

from __future__ import annotations

import collections
from typing import Iterable, Optional

import numpy as np

_PRIME1, _PRIME2, _PRIME3, _PRIME4, _PRIME5 = (
    np.uint64(prime) for prime in (
        0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
        0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5))
FIELD_BITS_MAX = 32


def string_id(string: str, field: Optional[int] = None, field_bits: int = 0) -> int:
    """The id of one string; parameters as those of `hash_ids`."""
    return int(hash_ids([string], field, field_bits)[0])


def hash_ids(
    strings: Iterable[str], field: Optional[int] = None, field_bits: int = 0
) -> np.ndarray:
    """The ids of strings.

    Parameters
    ----------
    strings : iterable of str
        Strings of one length are hashed together.
    field, field_bits : int
        Of a table whose schema keeps the field in the high ``field_bits`` bits of its ids: the
        field's number, with the low bits of the hash below it.

    Returns
    -------
    uint64 of shape (number of strings,)

    Raises
    ------
    TypeError
        Something that is no string.
    ValueError
        ``field_bits`` beyond 1 ... 32, a field that does not fit into them, or one without the other.
    """
    if isinstance(strings, str):
        raise TypeError("hash_ids wants several strings; string_id takes one")
    encoded = []
    for string in strings:
        if not isinstance(string, str):
            raise TypeError(f"ids are made of strings, not of {type(string).__name__}")
        encoded.append(string.encode())
    ids = hash_bytes(encoded)
    if field is None and not field_bits:
        return ids
    if field is None or not 1 <= field_bits <= FIELD_BITS_MAX:
        raise ValueError(f"a field takes 1 ... {FIELD_BITS_MAX} bits, and has a number")
    if not 0 <= field < 1 << field_bits:
        raise ValueError(f"the field {field} does not fit into {field_bits} bits")
    low = 64 - field_bits
    return np.uint64(field << low) | ids & np.uint64((1 << low) - 1)


def hash_bytes(strings: list[bytes]) -> np.ndarray:
    """XXH64 with seed 0 of each, as uint64."""
    positions = collections.defaultdict(list)
    for position, string in enumerate(strings):
        positions[len(string)].append(position)
    hashes = np.empty(len(strings), np.uint64)
    for length, where in positions.items():
        joined = b"".join(strings[position] for position in where)
        hashes[where] = _hash_rows(np.frombuffer(joined, np.uint8).reshape(len(where), length))
    return hashes


def _hash_rows(rows: np.ndarray) -> np.ndarray:
    """XXH64 of each row of bytes."""
    count, length = rows.shape
    at = 0
    with np.errstate(over="ignore"):
        if length >= 32:
            lanes = [np.full(count, start) for start in (
                _PRIME1 + _PRIME2, _PRIME2, np.uint64(0), np.uint64(0) - _PRIME1)]
            while length - at >= 32:
                lanes = [_round(lane, _words(rows, at + 8 * number, "<u8"))
                         for number, lane in enumerate(lanes)]
                at += 32
            hashes = sum(_rotate(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18)))
            for lane in lanes:
                hashes = (hashes ^ _round(np.uint64(0), lane)) * _PRIME1 + _PRIME4
        else:
            hashes = np.full(count, _PRIME5)
        hashes = hashes + np.uint64(length)
        while length - at >= 8:
            hashes ^= _round(np.uint64(0), _words(rows, at, "<u8"))
            hashes = _rotate(hashes, 27) * _PRIME1 + _PRIME4
            at += 8
        if length - at >= 4:
            hashes ^= _words(rows, at, "<u4") * _PRIME1
            hashes = _rotate(hashes, 23) * _PRIME2 + _PRIME3
            at += 4
        for byte in rows[:, at:].T:
            hashes = _rotate(hashes ^ byte.astype(np.uint64) * _PRIME5, 11) * _PRIME1
        hashes = (hashes ^ hashes >> np.uint64(33)) * _PRIME2
        hashes = (hashes ^ hashes >> np.uint64(29)) * _PRIME3
    return hashes ^ hashes >> np.uint64(32)


def _words(rows: np.ndarray, at: int, dtype: str) -> np.ndarray:
    columns = np.ascontiguousarray(rows[:, at:at + np.dtype(dtype).itemsize])
    return columns.view(dtype)[:, 0].astype(np.uint64)


def _round(lanes: np.ndarray, words: np.ndarray) -> np.ndarray:
    return _rotate(lanes + words * _PRIME2, 31) * _PRIME1


def _rotate(words: np.ndarray, bits: int) -> np.ndarray:
    return words << np.uint64(bits) | words >> np.uint64(64 - bits)
