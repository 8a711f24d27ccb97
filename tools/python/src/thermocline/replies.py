"""Where the body of a reply is read to, and what it then means.

A connection asks a reply object for the buffers that its body is to be received into, fills them
from the socket and then asks for the value. Rows so go from the socket into the result array, or
from the memory where the server has placed them.
"""

from __future__ import annotations

from typing import Callable, Generic, Protocol, TypeVar

import numpy as np

from .protocol import Bytes, RowFormat, as_bytes, decode_int16

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Reply(Protocol[T_co]):
    """The receiving end of one request."""

    def buffers(self, body_bytes: int) -> list[memoryview]:
        """Where the body goes, in order; ``ValueError`` if it cannot have that length."""

    def value(self, table: int) -> T_co:
        """What the reply means once the buffers are full; ``ValueError`` if it means nothing."""


class DecodedReply(Generic[T]):
    """A small body, decoded by a function of (body, table number)."""

    def __init__(self, decode: Callable[[Bytes, int], T]) -> None:
        self._decode = decode
        self._body = bytearray()

    def buffers(self, body_bytes: int) -> list[memoryview]:
        self._body = bytearray(body_bytes)
        return [memoryview(self._body)]

    def value(self, table: int) -> T:
        return self._decode(self._body, table)


class EmptyReply:
    """No body."""

    def buffers(self, body_bytes: int) -> list[memoryview]:
        return _none(body_bytes)

    def value(self, table: int) -> None:
        return None


class PlacedReply(Generic[T]):
    """No body: what would be that of ``reply`` lies in shared memory, and is copied from there."""

    def __init__(self, reply: Reply[T], placed: memoryview) -> None:
        self._reply = reply
        self._placed = placed

    def buffers(self, body_bytes: int) -> list[memoryview]:
        return _none(body_bytes)

    def value(self, table: int) -> T:
        offset = 0
        for buffer in self._reply.buffers(len(self._placed)):
            buffer[:] = self._placed[offset : offset + len(buffer)]
            offset += len(buffer)
        return self._reply.value(table)


class RowsReply:
    """Rows, received into a slice of the result, with the bits that say which ids have one.

    Parameters
    ----------
    rows : float32[n, d], C-contiguous
        Filled when the reply has come.
    found : bool[n] or None
        Filled too; None where the reply has no such bits.
    """

    def __init__(self, rows: np.ndarray, format: RowFormat, found: np.ndarray | None) -> None:
        self._rows = rows
        self._format = format
        self._found = found
        self._bits = np.empty(0 if found is None else (len(found) + 7) // 8, np.uint8)
        self._encoded = np.empty(0, np.uint8)
        self._scales = np.empty(0, "<f4")

    @property
    def body_bytes(self) -> int:
        return len(self._rows) * self._format.row_bytes(self._rows.shape[1]) + len(self._bits)

    def buffers(self, body_bytes: int) -> list[memoryview]:
        count, dimension = self._rows.shape
        if body_bytes != self.body_bytes:
            raise ValueError(f"{body_bytes} bytes of rows where {self.body_bytes} belong")
        if self._format is RowFormat.FLOAT32:
            parts = [self._rows]
        elif self._format is RowFormat.FLOAT16:
            self._encoded = np.empty((count, dimension), "<f2")
            parts = [self._encoded]
        else:
            self._scales = np.empty(count, "<f4")
            self._encoded = np.empty((count, dimension), "<i2")
            parts = [self._scales, self._encoded]
        return [as_bytes(part) for part in [*parts, self._bits]]

    def value(self, table: int) -> None:
        if self._format is RowFormat.FLOAT16:
            self._rows[...] = self._encoded
        elif self._format is RowFormat.INT16:
            decode_int16(self._encoded, self._scales, self._rows)
        if self._found is not None:
            self._found[...] = np.unpackbits(
                self._bits, count=len(self._found), bitorder="little")


def _none(body_bytes: int) -> list[memoryview]:
    if body_bytes:
        raise ValueError(f"{body_bytes} bytes where none belong")
    return []
