"""One socket with many requests in flight.

The socket never blocks. Whoever waits, to send or for a reply, also reads whatever replies come,
so a server that stops reading until its replies are taken cannot bring both sides to a halt.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import ssl
import struct
import threading
from typing import Any, Generic, Iterator, Sequence, TypeVar

from .access import TLS
from .address import open_stream
from .errors import ErrorCode, ThermoclineError
from .protocol import (
    HEADER_BYTES,
    PLACE_BYTES,
    PLACED,
    VERSION,
    WELCOME_BYTES,
    Bytes,
    Capability,
    Header,
    Limits,
    Operation,
    SharedMemory,
    Welcome,
    decode_error,
    encode_hello,
    encode_number,
    total_bytes,
)
from .replies import DecodedReply, PlacedReply, Reply, RowsReply
from .shared_replies import SharedReplies

T = TypeVar("T")

MESSAGE_BYTES_MAX = 1024  # Of a welcome.
UCRED = struct.Struct("3i")  # Of Linux: process, user, group.
TLS_ALERT = b"\x15\x03"  # What TLS answers to whoever does not speak it.


class Exchange(Generic[T]):
    """A request that was sent and, in time, its value or its error.

    ``part`` is of shared memory, where the rows are placed, if that was asked for.
    """

    __slots__ = ("operation", "reply", "part", "done", "value", "error")

    def __init__(self, operation: Operation, reply: Reply[T]) -> None:
        self.operation = operation
        self.reply = reply
        self.part: range | None = None
        self.done = False
        self.value: T | None = None
        self.error: Exception | None = None

    def result(self) -> T:
        """The value of an exchange that is done without an error."""
        return self.value  # type: ignore[return-value]

    def fail(self, error: Exception) -> None:
        self.error = error
        self.done = True


class Connection:
    """Sends requests and matches replies to them by request id.

    Usable by several threads: ``_lock`` guards every attribute below it in ``__init__``, and a
    thread holds it while it sends or waits. Not usable in the child of a fork.

    A connection that breaks, is silent for longer than ``timeout`` or is interrupted by a signal
    in the middle of a frame is closed for good: the position in the stream is lost. Every exchange
    in flight then fails with the same kind of error.
    """

    def __init__(
        self,
        address: str,
        timeout: float | None,
        credential: bytes = b"",
        tls: TLS | ssl.SSLContext | None = None,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._owner_pid = os.getpid()
        self._socket = open_stream(address, timeout, tls)
        try:
            welcome = self._shake_hands(credential)
        except socket.timeout as error:
            self._socket.close()
            raise TimeoutError(f"{address} did not answer in {timeout} seconds") from error
        except ssl.SSLError as error:
            # A server that asks for a client certificate says so only here.
            self._socket.close()
            raise ConnectionError(f"{address} ended the connection: {error}") from error
        except BaseException:
            self._socket.close()
            raise
        self.limits: Limits = welcome.limits
        self.capabilities = Capability(welcome.capabilities)

        self._lock = threading.Lock()
        self.shared_replies: SharedReplies | None = None
        self._broken: Exception | None = None
        self._in_flight: dict[int, Exchange[Any]] = {}
        self._last_request_id = 0
        # The reply that is being read: what is left of its body, or none and a part of a header.
        self._body: list[memoryview] = []
        self._receiving: tuple[Header, Exchange[Any], Reply[Any]] | None = None
        self._header = memoryview(bytearray(HEADER_BYTES))
        self._header_bytes = 0

        self._socket.setblocking(False)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self._either = select.poll()
        self._either.register(self._socket, select.POLLIN | select.POLLOUT)

    def submit(
        self,
        operation: Operation,
        reply: Reply[T],
        body: Sequence[Bytes] = (),
        table: int = 0,
        options: int = 0,
    ) -> Exchange[T]:
        """Sends a request, whole, and returns before its reply has come.

        Raises
        ------
        ThermoclineError
            ``TOO_LARGE``: the body is longer than the server reads; nothing was sent.
        ConnectionError, TimeoutError
            The connection is lost.
        """
        body_bytes = total_bytes(body)
        if body_bytes > self.limits.frame_bytes_max:
            raise ThermoclineError(
                ErrorCode.TOO_LARGE,
                f"a request of {body_bytes} bytes; the server reads "
                f"{self.limits.frame_bytes_max} at most")
        exchange = Exchange(operation, reply)
        try:
            with self._stream():
                while len(self._in_flight) >= self.limits.requests_in_flight_max:
                    self._await_bytes()
                request_id = self._unused_request_id()
                self._in_flight[request_id] = exchange
                body, options = self._place(exchange, body, options)
                header = Header(total_bytes(body), request_id, operation, options, 0, table)
                self._send([header.encode(), *(part for part in body if len(part))])
        except OSError:
            # A server that refuses a request and closes has said why: that is the better error.
            if not isinstance(exchange.error, ThermoclineError):
                raise
        return exchange

    def wait(self, exchanges: Sequence[Exchange[Any]]) -> None:
        """Reads replies until all of ``exchanges`` are done, in success or in error.

        Raises
        ------
        ConnectionError, TimeoutError
            The connection was lost meanwhile; every exchange that was in flight has failed.
        """
        if all(exchange.done for exchange in exchanges):
            return
        with self._stream():
            for exchange in exchanges:
                while not exchange.done:
                    self._await_bytes()

    def share_replies(self, memory: SharedMemory) -> None:
        """Maps the memory that the server made for this connection, where it can be reached.

        To be called before threads share the connection.
        """
        if isinstance(self._socket, socket.socket):
            peer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
            self.shared_replies = SharedReplies.of_process(UCRED.unpack(peer)[0], memory)

    def close(self) -> None:
        """Closes the socket; what is in flight fails. May be called again, and after a fork."""
        if os.getpid() != self._owner_pid:
            self.shared_replies = None
            self._socket.close()  # The child's descriptor alone; its parent goes on.
            return
        with self._lock:
            self._break(ConnectionError("the client is closed"))

    @property
    def closed(self) -> bool:
        return self._broken is not None

    def _shake_hands(self, credential: bytes) -> Welcome:
        """The handshake, on a socket that still blocks."""
        self._socket.sendall(encode_hello(sum(Capability), credential))  # All that are known here.
        welcome = Welcome.decode(self._read_exactly(WELCOME_BYTES))
        if welcome.message_bytes > MESSAGE_BYTES_MAX:
            raise ConnectionError(f"{self.address} sent a welcome of {welcome.message_bytes} bytes")
        message = self._read_exactly(welcome.message_bytes).decode(errors="replace")
        if welcome.status:
            raise ThermoclineError.from_status(welcome.status, message)
        if welcome.version != VERSION:
            raise ConnectionError(f"{self.address} chose version {welcome.version}")
        return welcome

    def _read_exactly(self, count: int) -> bytes:
        read = bytearray()
        while len(read) < count:
            try:
                part = self._socket.recv(count - len(read))
            except ConnectionResetError:
                part = b""
            if not part:
                if read.startswith(TLS_ALERT):
                    raise ConnectionError(
                        f"{self.address} speaks TLS; with it an address is tls:host:port")
                raise ConnectionError(f"{self.address} closed the connection in the handshake")
            read += part
        return bytes(read)

    @contextlib.contextmanager
    def _stream(self) -> Iterator[None]:
        """Holds the lock and sees to it that a failure half-way through a frame is the last."""
        # Checked before the lock is taken, which another thread may have held during the fork.
        if os.getpid() != self._owner_pid:
            raise RuntimeError(
                f"this client belongs to process {self._owner_pid}; connect again after a fork")
        with self._lock:
            if self._broken is not None:
                raise type(self._broken)(*self._broken.args)
            try:
                yield
            except (ConnectionError, TimeoutError) as error:
                self._break(error)
                raise
            except OSError as error:
                lost = ConnectionError(f"the connection to {self.address} is lost: {error}")
                self._break(lost)
                raise lost from error
            except BaseException:
                self._break(ConnectionError("the client was interrupted during a request"))
                raise

    # The rest is called inside `_stream`, with the lock held.

    def _break(self, error: OSError) -> None:
        if self._broken is not None:
            return
        self._broken = error
        self._socket.close()
        self.shared_replies = None  # Unmapped; the server has its own hold on it.
        for exchange in self._in_flight.values():
            exchange.fail(type(error)(*error.args))
        self._in_flight.clear()

    def _unused_request_id(self) -> int:
        while True:
            self._last_request_id = (self._last_request_id + 1) & 0xFFFFFFFF
            if self._last_request_id not in self._in_flight:
                return self._last_request_id

    def _place(
        self, exchange: Exchange[Any], body: Sequence[Bytes], options: int
    ) -> tuple[Sequence[Bytes], int]:
        """Has rows placed in shared memory where there is some, and enough of it free."""
        if (self.shared_replies is None or not isinstance(exchange.reply, RowsReply)
                or total_bytes(body) + PLACE_BYTES > self.limits.frame_bytes_max):
            return body, options
        exchange.part = self.shared_replies.take(exchange.reply.body_bytes)
        if exchange.part is None:
            return body, options
        return [encode_number(exchange.part.start), *body], options | PLACED

    def _send(self, parts: Sequence[Bytes]) -> None:
        while parts:
            sent = self._send_some(parts)
            if sent:
                parts = _without(parts, sent)
            elif self._poll(self._either) & ~select.POLLOUT:
                self._receive()

    def _send_some(self, parts: Sequence[Bytes]) -> int:
        """Sends what the socket takes now, perhaps nothing; the bytes that were sent."""
        try:
            return self._socket.sendmsg(parts)
        except BlockingIOError:
            return 0
        except (BrokenPipeError, ConnectionResetError) as error:
            closed = error
        # The server closed. What it said before, perhaps why, may still be there to read.
        while self._receive():
            pass
        raise ConnectionError(f"{self.address} closed the connection") from closed

    def _await_bytes(self) -> None:
        """Reads what is there, after waiting for some of it if nothing is."""
        while not self._receive():
            self._poll(self._readable)

    def _poll(self, poll: select.poll) -> int:
        events = poll.poll(None if self._timeout is None else self._timeout * 1000)
        if not events:
            raise TimeoutError(f"{self.address} was silent for {self._timeout} seconds")
        return events[0][1]

    def _receive(self) -> bool:
        """Reads once: the rest of a body and, with it, the header that follows."""
        try:
            count = self._socket.recvmsg_into([*self._body, self._header[self._header_bytes :]])[0]
        except BlockingIOError:
            return False
        except ConnectionResetError as error:
            raise ConnectionError(f"{self.address} closed the connection") from error
        if count == 0:
            raise ConnectionError(f"{self.address} closed the connection")
        if self._receiving is not None:
            body_bytes = total_bytes(self._body)
            self._body = _without(self._body, count)
            if self._body:
                return True
            count -= body_bytes
            self._complete()
        self._header_bytes += count
        if self._header_bytes == HEADER_BYTES:
            self._header_bytes = 0
            self._begin(Header.decode(self._header))
        return True

    def _begin(self, header: Header) -> None:
        exchange = self._in_flight.get(header.request_id)
        if exchange is None or header.operation != exchange.operation:
            raise ConnectionError(f"{self.address} sent a reply to no request: {header}")
        if header.body_bytes > self.limits.frame_bytes_max:
            raise ConnectionError(f"{self.address} sent a frame above its own limit: {header}")
        reply = self._reply(exchange, header.status)
        with self._understanding(header):
            self._body = [part for part in reply.buffers(header.body_bytes) if len(part)]
        self._receiving = (header, exchange, reply)
        if not self._body:
            self._complete()

    def _reply(self, exchange: Exchange[Any], status: int) -> Reply[Any]:
        if status:
            return DecodedReply(lambda body, table: decode_error(status, body))
        if exchange.part is None:
            return exchange.reply
        assert self.shared_replies is not None
        return PlacedReply(exchange.reply, self.shared_replies.read(exchange.part))

    def _complete(self) -> None:
        assert self._receiving is not None
        header, exchange, reply = self._receiving
        with self._understanding(header):
            value = reply.value(header.table)
        self._receiving = None
        del self._in_flight[header.request_id]
        if exchange.part is not None and self.shared_replies is not None:
            self.shared_replies.give_back(exchange.part)
        if header.status:
            exchange.fail(value)
        else:
            exchange.value = value
            exchange.done = True

    @contextlib.contextmanager
    def _understanding(self, header: Header) -> Iterator[None]:
        """A reply that makes no sense: nothing after it can be trusted."""
        try:
            yield
        except (ValueError, struct.error) as error:
            raise ConnectionError(f"{self.address} sent a reply to "
                                  f"{Operation(header.operation).name} of {error}") from error


def _without(parts: Sequence[Bytes], count: int) -> list[memoryview]:
    """What is left of ``parts`` after their first ``count`` bytes."""
    left = []
    for part in parts:
        if count >= len(part):
            count -= len(part)
        else:
            left.append(memoryview(part)[count:])
            count = 0
    return left
