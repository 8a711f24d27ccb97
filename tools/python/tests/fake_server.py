"""Servers for tests: one that serves a `FakeStore`, and ones that do what a test tells them."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from typing import NamedTuple

import numpy as np
from fake_store import FakeStore, Refused

HELLO_BYTES = 24
HEADER = struct.Struct("<IIBBHI")
WELCOME = struct.Struct("<8sHHIIII8xI")
MAGIC = b"TCLINE\r\n"


class Request(NamedTuple):
    request_id: int
    operation: int
    options: int
    table: int
    body: bytes


class Peer:
    """The server's end of one connection."""

    def __init__(self, accepted, frame_bytes_max, ids_max, in_flight_max):
        self.socket = accepted
        self.limits = (frame_bytes_max, ids_max, in_flight_max)
        self.credential = None

    def read(self, count):
        read = b""
        while len(read) < count:
            part = self.socket.recv(count - len(read))
            if not part:
                raise EOFError
            read += part
        return read

    def shake_hands(self, magic=MAGIC, version=1, status=0, capabilities=15, message=b""):
        hello = self.read(HELLO_BYTES)
        assert hello[:8] == MAGIC
        self.credential = self.read(int.from_bytes(hello[16:20], "little"))
        welcome = WELCOME.pack(magic, version, status, capabilities, *self.limits, len(message))
        self.socket.sendall(welcome + message)

    def read_request(self):
        body_bytes, request_id, operation, options, status, table = HEADER.unpack(self.read(16))
        assert status == 0
        assert body_bytes <= self.limits[0]
        return Request(request_id, operation, options, table, self.read(body_bytes))

    def frame(self, request, body=b"", status=0, table=None):
        number = request.table if table is None else table
        return HEADER.pack(
            len(body), request.request_id, request.operation, request.options, status, number
        ) + body

    def reply(self, request, body=b"", status=0, table=None):
        self.socket.sendall(self.frame(request, body, status, table))

    def refuse(self, request, status, message="", retry_ms=0):
        self.reply(request, struct.pack("<I", retry_ms) + message.encode(), status)


class FakeServer:
    """Listens on a Unix socket and runs ``behave(peer)`` in a thread for every connection.

    With ``tcp`` it listens on a TCP port instead, and so it does with ``tls``, an
    ``ssl.SSLContext``. An assertion that fails in ``behave`` is raised again when the server is closed.
    """

    def __init__(
        self, path, behave, frame_bytes_max=1 << 20, ids_max=65536, in_flight_max=64, tls=None,
        tcp=False,
    ):
        self._behave = behave
        self._limits = (frame_bytes_max, ids_max, in_flight_max)
        self._tls = tls
        if tls is None and not tcp:
            self.address = f"unix:{path}"
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self._listener.listen()
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            port = self._listener.getsockname()[1]
            self.address = f"{'tls' if tls else 'tcp'}:127.0.0.1:{port}"
        self._threads = []
        self._failures = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return  # The listener was shut down by `close`.
            thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted):
        with contextlib.ExitStack() as stack:
            try:
                if self._tls is not None:
                    accepted = self._tls.wrap_socket(accepted, server_side=True)
                stack.enter_context(accepted)
                self._behave(Peer(accepted, *self._limits))
            except (EOFError, ConnectionError, ssl.SSLError):
                pass  # The client left, which is how most tests end.
            except Exception as failure:
                self._failures.append(failure)

    def __enter__(self):
        return self

    def __exit__(self, kind, raised, traceback):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._acceptor.join()
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive(), "the fake server hangs"
        if self._failures and raised is None:
            raise self._failures[0]


def serving(store):
    """A behaviour that serves the store; threads take turns by its lock."""
    lock = threading.Lock()

    def behave(peer):
        peer.shake_hands()
        while True:
            request = peer.read_request()
            try:
                with lock:
                    body, table = answer(store, request)
            except Refused as refused:
                peer.refuse(request, refused.status, refused.message)
            else:
                peer.reply(request, body, table=table)

    return behave


def answer(store, request):
    """The body of the reply to a request, and the table number in its header."""
    body, number = request.body, request.table
    if request.operation == 0x01:
        return body, number
    if request.operation == 0x02:
        name_bytes = int.from_bytes(body[4:6], "little")
        name, schema = body[6 : 6 + name_bytes].decode(), body[6 + name_bytes :]
        number, table = store.create(name, schema, body[0] == 1)
        return table.schema.encode(), number
    if request.operation == 0x03:
        number, table = store.named(body[2:].decode())
        return table.schema.encode(), number
    if request.operation == 0x04:
        entries = [
            struct.pack("<IH", number, len(table.name)) + table.name.encode()
            + table.schema.encode()
            for number, table in store.tables.items()
        ]
        return struct.pack("<I", len(entries)) + b"".join(entries), 0
    if request.operation == 0x20 and number == 0:
        return json.dumps({"tables": [t.name for t in store.tables.values()]}).encode(), 0
    return answer_about_rows(store.numbered(number), store, request), number


def answer_about_rows(table, store, request):
    body, dimension = request.body, table.schema.dimension
    if request.operation == 0x05:
        del store.tables[request.table]
        return b""
    if request.operation == 0x10:
        create = bool(request.options & 0x10)
        rows, found = table.pull(np.frombuffer(body, "<u8"), create)
        encoded = encode_rows(rows, request.options & 0x0F)
        return encoded if create else encoded + np.packbits(found, bitorder="little").tobytes()
    if request.operation in (0x11, 0x12):
        count, given = struct.unpack_from("<II", body)
        if given != dimension:
            raise Refused(6, f"dimension {given}, not {dimension}")
        rows = np.frombuffer(body, "<f4", offset=8 + 8 * count).reshape(count, dimension)
        if not np.isfinite(rows).all():
            raise Refused(7, "not finite")
        (table.push if request.operation == 0x11 else table.assign)(
            np.frombuffer(body, "<u8", count, 8), rows)
        return b""
    if request.operation == 0x13:
        count, bags, mode, weighted = struct.unpack_from("<IIBB", body)
        ids = np.frombuffer(body, "<u8", count, 16)
        offsets = np.frombuffer(body, "<u8", bags, 16 + 8 * count)
        weights = np.frombuffer(body, "<f4", offset=16 + 8 * (count + bags)) if weighted else None
        pooled = table.pool(
            ids, offsets.tolist(), ("sum", "mean", "max")[mode], weights,
            bool(request.options & 0x10))
        return encode_rows(pooled, request.options & 0x0F)
    if request.operation == 0x14:
        return struct.pack("<Q", table.delete(np.frombuffer(body, "<u8")))
    if request.operation == 0x15:
        return struct.pack("<Q", len(table.rows))
    if request.operation == 0x20:
        return json.dumps({"name": table.name, "rows": len(table.rows)}).encode()
    raise Refused(3, f"operation {request.operation:#x}")


def encode_rows(rows, format):
    """Rows as section 3 of Protocol.md has them."""
    if format == 0:
        return rows.astype("<f4").tobytes()
    if format == 1:
        return rows.astype("<f2").tobytes()
    scales = (np.abs(rows).max(axis=1, initial=0) / 32767).astype("<f4")
    divisors = np.where(scales == 0, 1, scales)[:, None]
    return scales.tobytes() + np.rint(rows / divisors).astype("<i2").tobytes()


def fake_store_server(path, **limits):
    """A `FakeServer` that serves an empty store."""
    return FakeServer(path, serving(FakeStore()), **limits)
