"""Bytes of the wire protocol, version 1, as pure values: no sockets here.

``Sources/EmbeddingWire/Protocol.md`` is the authority; section numbers below are its own.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import struct
from typing import Any, NamedTuple, Sequence, Union

import numpy as np

from .errors import ThermoclineError
from .schema import SCHEMA_BYTES, Schema

MAGIC = b"TCLINE\r\n"
VERSION = 1
PING_BYTES_MAX = 1024
CREDENTIAL_BYTES_MAX = 1024

Bytes = Union[bytes, bytearray, memoryview]

_HELLO = struct.Struct("<8sHHIII")
_WELCOME = struct.Struct("<8sHHIIII8xI")
_HEADER = struct.Struct("<IIBBHI")
_COUNTS = struct.Struct("<II")
_POOL = struct.Struct("<IIBB6x")
_SHARED_MEMORY = struct.Struct("<QQI4x")
WELCOME_BYTES = _WELCOME.size
HEADER_BYTES = _HEADER.size
COUNTS_BYTES = _COUNTS.size
POOL_BYTES = _POOL.size


class Capability(enum.IntFlag):
    """What a server can grant in the handshake (section 1)."""

    FLOAT16 = 1
    INT16 = 2
    WRITES = 4  # Not where the server or the client's token is for reading only.
    PREFETCH = 8  # Not where the rows are in a packed file.
    SHARED_REPLIES = 16  # On Unix sockets only.


class Operation(enum.IntEnum):
    """Section 4."""

    PING = 0x01
    CREATE_TABLE = 0x02
    OPEN_TABLE = 0x03
    LIST_TABLES = 0x04
    DROP_TABLE = 0x05
    SHARE = 0x06
    PULL = 0x10
    PUSH = 0x11
    ASSIGN = 0x12
    POOL = 0x13
    DELETE = 0x14
    COUNT = 0x15
    SHRINK = 0x16
    ADMIT = 0x17
    PREFETCH = 0x18
    STATS = 0x20
    CHECKPOINT = 0x21


class RowFormat(enum.IntEnum):
    """How rows travel in a reply (section 3)."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT16 = 2

    def row_bytes(self, dimension: int) -> int:
        """Bytes of one row, its scale included."""
        return (4 * dimension, 2 * dimension, 4 + 2 * dimension)[self]


CREATE = 0x10  # An option bit of `pull` and `pool`.
PLACED = 0x20  # Another: the rows go to the place in shared memory that the body begins with.
PLACE_BYTES = 8
PLACE_ALIGNMENT = 64  # A place is a multiple of it.
POOL_MODES = ("sum", "mean", "max")  # The position is the value on the wire.
IF_EXISTS = ("error", "open")  # The position is the value on the wire.


class Header(NamedTuple):
    """The 16 bytes before the body of each request and reply (section 2)."""

    body_bytes: int
    request_id: int
    operation: int
    options: int = 0
    status: int = 0
    table: int = 0

    def encode(self) -> bytes:
        return _HEADER.pack(*self)

    @classmethod
    def decode(cls, encoded: Bytes) -> Header:
        return cls._make(_HEADER.unpack(encoded))


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the server said it accepts.

    Attributes
    ----------
    frame_bytes_max : int
        The longest body of a request or a reply.
    ids_max : int
        The most ids in one request.
    requests_in_flight_max : int
        The most requests without a reply on one connection.
    """

    frame_bytes_max: int
    ids_max: int
    requests_in_flight_max: int


@dataclasses.dataclass(frozen=True)
class Welcome:
    """The server's answer to a hello; its message follows the 40 bytes."""

    version: int
    status: int
    capabilities: int
    limits: Limits
    message_bytes: int

    @classmethod
    def decode(cls, encoded: Bytes) -> Welcome:
        """Reads the 40 bytes; ``ConnectionError`` where they are no welcome."""
        magic, version, status, capabilities, frame_bytes, ids, in_flight, message_bytes = (
            _WELCOME.unpack(encoded))
        if magic != MAGIC:
            raise ConnectionError("the other side does not speak the Thermocline protocol")
        limits = Limits(frame_bytes, ids, in_flight)
        return cls(version, status, capabilities, limits, message_bytes)


class SharedMemory(NamedTuple):
    """How memory is found that the server made for replies: a file that its process has open."""

    byte_count: int
    inode: int
    descriptor: int

    @classmethod
    def decode(cls, encoded: Bytes) -> SharedMemory:
        return cls._make(_SHARED_MEMORY.unpack(encoded))


def encode_hello(
    capabilities: int,
    credential: bytes = b"",
    lowest: int = VERSION,
    highest: int = VERSION,
) -> bytes:
    return _HELLO.pack(MAGIC, lowest, highest, capabilities, len(credential), 0) + credential


def encode_name(name: str) -> bytes:
    """A table's name behind its length. Which names a table can have is for the server to say."""
    encoded = name.encode()
    if len(encoded) > 0xFFFF:
        raise ValueError(f"a table's name has at most 255 bytes, not {len(encoded)}")
    return struct.pack("<H", len(encoded)) + encoded


def encode_create_table(name: str, schema: Schema, if_exists: str) -> bytes:
    if if_exists not in IF_EXISTS:
        raise ValueError(f"if_exists must be one of {', '.join(IF_EXISTS)}, not {if_exists!r}")
    prefix = struct.pack("<B3x", IF_EXISTS.index(if_exists))
    return prefix + encode_name(name) + schema.encode()


def encode_number(number: int) -> bytes:
    """The body of a share, in bytes, and the place in front of that of a pull or pool."""
    return struct.pack("<Q", number)


def encode_counts(ids: int, dimension: int) -> bytes:
    """The start of the body of a push and an assign."""
    return _COUNTS.pack(ids, dimension)


def encode_shrink(min_frequency: int, max_age: int) -> bytes:
    """The body of a shrink; 0 means not by that."""
    return _COUNTS.pack(min_frequency, max_age)


def encode_pool(ids: int, bags: int, mode: str, weighted: bool) -> bytes:
    """The start of the body of a pool."""
    if mode not in POOL_MODES:
        raise ValueError(f"mode must be one of {', '.join(POOL_MODES)}, not {mode!r}")
    return _POOL.pack(ids, bags, POOL_MODES.index(mode), weighted)


def as_bytes(array: np.ndarray) -> memoryview:
    """The bytes of a C-contiguous array, without a copy, to send from or to receive into."""
    return array.reshape(-1).view(np.uint8).data


def decode_tables(body: Bytes) -> list[tuple[int, str, Schema]]:
    """The reply of ``listTables``: number, name and schema of each table."""
    (count,) = struct.unpack_from("<I", body)
    tables, offset = [], 4
    for _ in range(count):
        number, name_bytes = struct.unpack_from("<IH", body, offset)
        offset += 6
        name = bytes(body[offset : offset + name_bytes]).decode()
        offset += name_bytes
        tables.append((number, name, Schema.decode(body[offset : offset + SCHEMA_BYTES])))
        offset += SCHEMA_BYTES
    if offset != len(body):
        raise ValueError(f"{len(body) - offset} bytes too many in a list of tables")
    return tables


def decode_number(body: Bytes) -> int:
    """The reply of ``delete``, ``count``, ``shrink``, ``admit`` and ``prefetch``."""
    (number,) = struct.unpack("<Q", body)
    return int(number)


def decode_json(body: Bytes) -> dict[str, Any]:
    """The reply of ``stats`` and ``checkpoint``."""
    decoded = json.loads(bytes(body))
    if not isinstance(decoded, dict):
        raise ValueError("JSON that is no object")
    return decoded


def decode_error(status: int, body: Bytes) -> ThermoclineError:
    """The error of a reply whose status is not 0 (section 5)."""
    (retry_ms,) = struct.unpack_from("<I", body)
    message = bytes(body[4:]).decode(errors="replace")
    return ThermoclineError.from_status(status, message, retry_ms / 1000)


def rows_per_pull(dimension: int, format: RowFormat, found: bool, limits: Limits) -> int:
    """The most ids of which request and reply both stay within the limits; may be 0.

    Parameters
    ----------
    found : bool
        Whether the reply also says which ids have a row: one bit each, in whole bytes.
    """
    row_bits = 8 * format.row_bytes(dimension) + found
    by_reply = max(0, 8 * limits.frame_bytes_max - 7 * found) // row_bits
    return min(limits.ids_max, limits.frame_bytes_max // 8, by_reply)


def decode_int16(encoded: np.ndarray, scales: np.ndarray, rows: np.ndarray) -> None:
    """Writes ``scales[i] * encoded[i]`` to ``rows``: int16[n, d], float32[n], float32[n, d]."""
    np.multiply(encoded, scales[:, None], out=rows)


def total_bytes(buffers: Sequence[Bytes]) -> int:
    return sum(len(buffer) for buffer in buffers)
