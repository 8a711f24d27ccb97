"""The requests about a table's rows, each sent at once and completed through a future.

A table waits for the future itself; a pipeline hands it to its caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from .arrays import as_ids, as_out, as_rows, as_weights
from .connection import Connection, Exchange
from .errors import ErrorCode, ThermoclineError
from .future import Future
from .protocol import (
    CREATE,
    Bytes,
    Capability,
    Operation,
    RowFormat,
    SharedMemory,
    as_bytes,
    decode_number,
    encode_counts,
    encode_number,
    encode_pool,
    rows_per_pull,
)
from .replies import DecodedReply, EmptyReply, Reply, RowsReply

if TYPE_CHECKING:
    from .table import Table

T = TypeVar("T")

_FORMATS = {
    "float32": (RowFormat.FLOAT32, Capability(0)),
    "float16": (RowFormat.FLOAT16, Capability.FLOAT16),
    "int16": (RowFormat.INT16, Capability.INT16),
}


def pull(
    table: Table, ids: ArrayLike, create: bool, out: np.ndarray | None, wire: str
) -> Future[Any]:
    """Pulls in as many requests as the limits ask for, all in flight together."""
    connection = table.connection
    format = _row_format(connection, wire)
    wanted = as_ids(ids)
    rows = as_out(out, (*wanted.shape, table.dim))
    found = None if create else np.empty(wanted.shape, bool)
    step = rows_per_pull(table.dim, format, found is not None, connection.limits)
    if step == 0:
        raise ThermoclineError(
            ErrorCode.TOO_LARGE, f"a row of dimension {table.dim} is longer than a frame")

    flat_ids, flat_rows = wanted.reshape(-1), rows.reshape(-1, table.dim)
    flat_found = None if found is None else found.reshape(-1)
    exchanges = []
    for start in range(0, max(1, flat_ids.size), step):
        part = slice(start, start + step)
        reply = RowsReply(
            flat_rows[part], format, None if flat_found is None else flat_found[part])
        exchanges.append(connection.submit(
            Operation.PULL, reply, [as_bytes(flat_ids[part])],
            table.number, format | (CREATE if create else 0)))
    return Future(connection, exchanges, lambda: rows if found is None else (rows, found))


def push(table: Table, ids: ArrayLike, gradients: ArrayLike) -> Future[None]:
    return _write_rows(Operation.PUSH, table, ids, gradients, "gradients")


def assign(table: Table, ids: ArrayLike, rows: ArrayLike) -> Future[None]:
    return _write_rows(Operation.ASSIGN, table, ids, rows, "rows")


def pool(
    table: Table,
    ids: ArrayLike,
    offsets: ArrayLike,
    mode: str,
    weights: ArrayLike | None,
    create: bool,
    wire: str,
) -> Future[np.ndarray]:
    connection = table.connection
    format = _row_format(connection, wire)
    wanted, starts = _flat(as_ids(ids), "ids"), _flat(as_ids(offsets, "offsets"), "offsets")
    _check_count(connection, wanted)
    _check_count(connection, starts, "bags")
    if weights is not None and mode != "sum":
        raise ValueError(f"weights go with the mode sum, as in torch, not with {mode!r}")
    body: list[Bytes] = [
        encode_pool(wanted.size, starts.size, mode, weights is not None),
        as_bytes(wanted),
        as_bytes(starts),
    ]
    if weights is not None:
        body.append(as_bytes(as_weights(weights, wanted.size)))
    reply_bytes = starts.size * format.row_bytes(table.dim)
    if reply_bytes > connection.limits.frame_bytes_max:
        raise ThermoclineError(
            ErrorCode.TOO_LARGE, f"{starts.size} bags are a reply of {reply_bytes} bytes")
    bags = np.empty((starts.size, table.dim), "<f4")
    options = format | (CREATE if create else 0)
    reply = RowsReply(bags, format, None)
    exchange = connection.submit(Operation.POOL, reply, body, table.number, options)
    return Future(connection, [exchange], lambda: bags)


def delete(table: Table, ids: ArrayLike) -> Future[int]:
    return _count_of_ids(Operation.DELETE, table, ids)


def admit(table: Table, ids: ArrayLike) -> Future[int]:
    return _count_of_ids(Operation.ADMIT, table, ids)


def prefetch(table: Table, ids: ArrayLike) -> Future[int]:
    if Capability.PREFETCH not in table.connection.capabilities:
        raise ThermoclineError(ErrorCode.UNSUPPORTED, "the server knows no prefetch")
    return _count_of_ids(Operation.PREFETCH, table, ids)


def share(connection: Connection, byte_count: int) -> Future[SharedMemory]:
    """Asks for memory for replies; once for a connection."""
    reply = DecodedReply(lambda body, number: SharedMemory.decode(body))
    return request(connection, Operation.SHARE, reply, [encode_number(byte_count)])


def _count_of_ids(operation: Operation, table: Table, ids: ArrayLike) -> Future[int]:
    named = _flat(as_ids(ids), "ids")
    _check_count(table.connection, named)
    reply = DecodedReply(lambda body, number: decode_number(body))
    return request(table.connection, operation, reply, [as_bytes(named)], table.number)


def request(
    connection: Connection,
    operation: Operation,
    reply: Reply[T],
    body: Sequence[Bytes] = (),
    table: int = 0,
) -> Future[T]:
    """One request whose reply is its result."""
    exchange: Exchange[T] = connection.submit(operation, reply, body, table)
    return Future(connection, [exchange], exchange.result)


def _write_rows(
    operation: Operation, table: Table, ids: ArrayLike, rows: ArrayLike, what: str
) -> Future[None]:
    """A write is applied whole or not at all, so it is one request or none."""
    named = as_ids(ids)
    values = as_rows(rows, named, table.dim, what)
    _check_count(table.connection, named)
    body: list[Bytes] = [encode_counts(named.size, table.dim), as_bytes(named), as_bytes(values)]
    return request(table.connection, operation, EmptyReply(), body, table.number)


def _flat(array: np.ndarray, what: str) -> np.ndarray:
    if array.ndim != 1:
        raise ValueError(f"{what} must have one axis, not {array.ndim}")
    return array


def _check_count(connection: Connection, ids: np.ndarray, what: str = "ids") -> None:
    if ids.size > connection.limits.ids_max:
        raise ThermoclineError(
            ErrorCode.TOO_MANY_IDS,
            f"{ids.size} {what} in one request, but the server takes {connection.limits.ids_max}")


def _row_format(connection: Connection, wire: str) -> RowFormat:
    if wire not in _FORMATS:
        raise ValueError(f"wire must be one of {', '.join(_FORMATS)}, not {wire!r}")
    format, capability = _FORMATS[wire]
    if capability not in connection.capabilities:
        raise ThermoclineError(ErrorCode.UNSUPPORTED, f"the server does not send rows as {wire}")
    return format
