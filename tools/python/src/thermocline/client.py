"""A client of one server."""

from __future__ import annotations

import contextlib
import os
import ssl
from types import TracebackType
from typing import Any

from . import address as addresses
from . import operations, schemes
from .access import TLS, find_token
from .connection import Connection
from .errors import ThermoclineError
from .initializers import Initializer, Uniform
from .optimizers import Adagrad, Optimizer
from .pipeline import Pipeline
from .protocol import (
    PING_BYTES_MAX,
    Bytes,
    Capability,
    Limits,
    Operation,
    decode_json,
    decode_tables,
    encode_create_table,
    encode_name,
)
from .replies import DecodedReply, EmptyReply
from .schema import Schema
from .schemes import Scheme
from .table import Table


def connect(
    address: str | None = None,
    timeout: float | None = 30.0,
    *,
    token: str | bytes | None = None,
    token_file: str | os.PathLike[str] | None = None,
    tls: TLS | ssl.SSLContext | None = None,
    shared_reply_bytes: int = 0,
) -> Client:
    """Connects to a server.

    Parameters
    ----------
    address : str, optional
        ``unix:/path/to.sock``, ``tcp:host:port`` or with TLS ``tls:host:port``; without it that
        of the variable ``THERMOCLINE_SERVER``.
    timeout : float or None
        Seconds of silence after which the server is given up, now and in every later request;
        None waits for ever.
    token : str or bytes, optional
        The secret that is shared with the server, where it asks for one.
    token_file : str, optional
        A file with it that its owner alone can use; without either that of the variable
        ``THERMOCLINE_TOKEN_FILE``. One newline at its end is no part of the token.
    tls : TLS or ssl.SSLContext, optional
        For addresses with TLS; without it what the variables ``THERMOCLINE_TLS_CA``,
        ``THERMOCLINE_TLS_CERTIFICATE`` and ``THERMOCLINE_TLS_KEY`` name, or the system's roots.
    shared_reply_bytes : int
        Memory that a server on this machine is asked to place pulled and pooled rows in, which
        saves copying them through the socket; 0 for none. They come through the socket where it
        cannot be had (`Client.shares_replies`), and while all of it is in use.

    Raises
    ------
    ValueError
        No address, or one of another form; a file with a token or a certificate that cannot be
        used; less than no memory.
    ThermoclineError
        The server refuses the connection; ``UNAUTHORIZED`` where it does not know the token.
    ConnectionError, TimeoutError
        There is no server, it is no Thermocline, it does not answer, or one side does not trust
        the other's certificate.
    """
    credential = find_token(token, token_file)
    if not 0 <= shared_reply_bytes < 2**64:
        raise ValueError(f"shared_reply_bytes must be 0 to 2**64 - 1, not {shared_reply_bytes}")
    connection = Connection(addresses.resolve(address), timeout, credential, tls)
    if shared_reply_bytes and Capability.SHARED_REPLIES in connection.capabilities:
        with contextlib.suppress(ThermoclineError):  # Where it is refused, the socket is there.
            connection.share_replies(operations.share(connection, shared_reply_bytes).result())
            if connection.shared_replies is None:
                operations.share(connection, 0).result()  # It need not be kept for nothing.
    return Client(connection)


class Client:
    """A connection to a server and what can be asked of it. Made by `connect`.

    Threads may share a client; their requests then wait for each other. A process that was forked
    must connect anew.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection. May be called again."""
        self._connection.close()

    @property
    def closed(self) -> bool:
        """Whether the connection was closed or lost."""
        return self._connection.closed

    @property
    def limits(self) -> Limits:
        """What the server accepts in one request."""
        return self._connection.limits

    @property
    def capabilities(self) -> Capability:
        """What the server granted."""
        return self._connection.capabilities

    @property
    def shares_replies(self) -> bool:
        """Whether pulled and pooled rows come in memory that the server shares with this client."""
        return self._connection.shared_replies is not None

    def create_table(
        self,
        name: str,
        dim: int,
        optimizer: Optimizer = Adagrad(),
        initializer: Initializer = Uniform(-0.01, 0.01),
        hot: str = "float32",
        cold: str = "int16",
        scheme: Scheme = schemes.Full(),
        seed: int = 0,
        admit_after: int = 1,
        state: str = "float32",
        field_bits: int = 0,
        time_to_live: int = 0,
        if_exists: str = "error",
    ) -> Table:
        """Creates a table.

        Parameters
        ----------
        name : str
            Letters, digits, ``_``, ``-``, ``.`` and ``/`` of ASCII.
        dim : int
            Floats in a row, 1 to 4096.
        hot, cold : {"float32", "float16", "int16", "int8"}
            Precision in memory and on disk.
        seed : int
            A new row depends on the seed and its id alone.
        admit_after : int
            How often an id must be seen to earn a row of its own, with a scheme that goes by frequency.
        state : {"float32", "float16"}
            Precision of the optimizer state.
        field_bits : int
            High bits of an id that say its field, 0 to 32: ids that share a default row share
            that of their field.
        time_to_live : int
            Seconds after its last use when a row is gone; 0: never.
        if_exists : {"error", "open"}
            ``"open"`` opens a table that is there with the same schema.

        Raises
        ------
        ValueError
            An argument that cannot be sent.
        ThermoclineError
            ``TABLE_EXISTS``; ``INVALID_SCHEMA``; ``UNSUPPORTED`` for a scheme that the server has
            not; ``READ_ONLY``.
        """
        schema = Schema(dim, optimizer, initializer, hot, cold, scheme, seed, admit_after, state,
                        field_bits, time_to_live)
        body = encode_create_table(name, schema, if_exists)
        return self._table_of_reply(Operation.CREATE_TABLE, name, body)

    def table(self, name: str) -> Table:
        """The table of a name; ``ThermoclineError`` with ``UNKNOWN_TABLE`` if there is none."""
        return self._table_of_reply(Operation.OPEN_TABLE, name, encode_name(name))

    def tables(self) -> list[Table]:
        """All tables."""
        reply = DecodedReply(lambda body, number: decode_tables(body))
        listed = operations.request(self._connection, Operation.LIST_TABLES, reply).result()
        return [Table(self._connection, *entry) for entry in listed]

    def drop_table(self, name: str) -> None:
        """Removes a table with all its rows."""
        number = self.table(name).number
        operations.request(
            self._connection, Operation.DROP_TABLE, EmptyReply(), table=number).result()

    def pipeline(self) -> Pipeline:
        """A block in which several requests are in flight."""
        return Pipeline()

    def ping(self, payload: Bytes = b"") -> bytes:
        """Sends up to 1024 bytes and returns what comes back: the same."""
        if len(payload) > PING_BYTES_MAX:
            raise ValueError(f"a ping has at most {PING_BYTES_MAX} bytes, not {len(payload)}")
        reply = DecodedReply(lambda body, number: bytes(body))
        return operations.request(self._connection, Operation.PING, reply, [payload]).result()

    def stats(self) -> dict[str, Any]:
        """The server's statistics."""
        return self._json(Operation.STATS, b"")

    def checkpoint(self, path: str) -> dict[str, Any]:
        """Writes a consistent copy of the store, which can be opened as a store.

        The reply comes when the copy is complete: connect with a ``timeout`` that is longer than
        that, or with None.

        Parameters
        ----------
        path : str
            An absolute path on the server's machine where nothing is yet.

        Returns
        -------
        dict
            ``path``, ``rows``, ``bytes`` and ``seconds``.
        """
        return self._json(Operation.CHECKPOINT, str(path).encode())

    def _json(self, operation: Operation, body: bytes) -> dict[str, Any]:
        reply = DecodedReply(lambda encoded, number: decode_json(encoded))
        return operations.request(self._connection, operation, reply, [body]).result()

    def _table_of_reply(self, operation: Operation, name: str, body: bytes) -> Table:
        reply = DecodedReply(lambda encoded, number: (number, Schema.decode(encoded)))
        number, schema = operations.request(
            self._connection, operation, reply, [body]).result()
        return Table(self._connection, number, name, schema)
