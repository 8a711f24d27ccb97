"""What only a real server can show: raw bytes, limits, restarts, checkpoints, memory."""

import socket
import struct
import time

import numpy as np
import pytest
import thermocline
from fake_server import HEADER, MAGIC, WELCOME
from live_server import LiveServer
from thermocline import ErrorCode, ThermoclineError
from thermocline.protocol import encode_hello

EXACT = {"hot": "float32", "cold": "float32"}


class RawConnection:
    """Bytes to and from the server, with no client in between."""

    def __init__(self, server, shake_hands=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(server.address.partition(":")[2])
        if shake_hands:
            self.socket.sendall(encode_hello(7))
            assert self.read_welcome()[2] == 0

    def __enter__(self):
        return self

    def __exit__(self, kind, raised, traceback):
        self.socket.close()

    def read(self, count):
        read = b""
        while len(read) < count:
            part = self.socket.recv(count - len(read))
            assert part, f"the server closed after {len(read)} of {count} bytes"
            read += part
        return read

    def read_welcome(self):
        fields = WELCOME.unpack(self.read(WELCOME.size))
        self.read(fields[-1])
        return fields

    def request(self, operation, body=b"", table=0, options=0, body_bytes=None, status=0):
        length = len(body) if body_bytes is None else body_bytes
        self.socket.sendall(HEADER.pack(length, 5, operation, options, status, table) + body)

    def status(self):
        """The status of the next reply, whose body is read and left."""
        body_bytes, request_id, _, _, status, _ = HEADER.unpack(self.read(16))
        assert request_id == 5
        self.read(body_bytes)
        return status

    def assert_closed(self):
        assert self.socket.recv(1) == b""


@pytest.fixture
def client(live_server):
    with thermocline.connect(live_server.address, timeout=20) as connected:
        yield connected


@pytest.fixture
def table(client):
    return client.create_table(
        "item", 2, thermocline.SGD(1.0), thermocline.Zeros(), **EXACT)


def push_body(ids, gradients):
    gradients = np.asarray(gradients, "<f4")
    return (struct.pack("<II", len(ids), gradients.shape[1]) + struct.pack(f"<{len(ids)}Q", *ids)
            + gradients.tobytes())


@pytest.mark.parametrize(
    "operation, body, options, code",
    [
        pytest.param(0x11, push_body([1], [[1, 2, 3]]), 0, "DIMENSION_MISMATCH", id="dimension"),
        pytest.param(0x11, push_body([1], [[1, np.nan]]), 0, "NON_FINITE", id="nan"),
        pytest.param(0x12, push_body([1], [[1, np.inf]]), 0, "NON_FINITE", id="infinite"),
        pytest.param(0x11, push_body([1], [[1, 2]])[:-1], 0, "MALFORMED", id="short push"),
        pytest.param(0x11, push_body([1], [[1, 2]]) + b"\0", 0, "MALFORMED", id="long push"),
        pytest.param(0x10, b"\0" * 9, 0, "MALFORMED", id="pull of 9 bytes"),
        pytest.param(0x14, b"\0" * 7, 0, "MALFORMED", id="delete of 7 bytes"),
        pytest.param(0x7F, b"", 0, "UNKNOWN_OPERATION", id="operation"),
        pytest.param(0x10, b"\0" * 8, 0x80, "UNKNOWN_OPERATION", id="options"),
        pytest.param(0x13, struct.pack("<IIBB6xQQ", 1, 1, 0, 0, 9, 1), 0, "MALFORMED",
                     id="offset not from 0"),
        pytest.param(0x13, struct.pack("<IIBB6x3Q", 1, 2, 3, 0, 9, 0, 1), 0, "MALFORMED",
                     id="pool mode"),
    ])
def test_bad_requests_are_answered_and_change_nothing(
        live_server, client, table, operation, body, options, code):
    with RawConnection(live_server) as raw:
        raw.request(operation, body, table.number, options)
        assert raw.status() == ErrorCode[code]
        raw.request(0x01, b"still here")
        assert raw.status() == 0
    assert len(table) == 0


def test_an_unknown_table_number(live_server, client):
    with RawConnection(live_server) as raw:
        raw.request(0x10, b"\0" * 8, table=4711)
        assert raw.status() == ErrorCode.UNKNOWN_TABLE


def test_too_many_ids(live_server, client, table):
    ids_max = client.limits.ids_max
    if 8 * (ids_max + 1) > client.limits.frame_bytes_max:
        pytest.skip("no frame can hold more ids than the server's limit")
    with RawConnection(live_server) as raw:
        raw.request(0x10, bytes(8 * (ids_max + 1)), table.number, options=0x10)
        assert raw.status() == ErrorCode.TOO_MANY_IDS
    assert len(table) == 0


def test_a_frame_too_large_is_refused_before_its_body_is_read(live_server, client, table):
    with RawConnection(live_server) as raw:
        raw.request(0x11, b"", table.number, body_bytes=client.limits.frame_bytes_max + 1)
        assert raw.status() == ErrorCode.TOO_LARGE
        raw.assert_closed()
    assert client.ping(b"x") == b"x"


@pytest.mark.parametrize(
    "greeting",
    [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 24, b"\xff" * 4096, b"TCLINE\n\n" * 3],
    ids=["http", "zeros", "ones", "line ends"])
def test_a_wrong_magic(live_server, client, greeting):
    with RawConnection(live_server, shake_hands=False) as raw:
        raw.socket.sendall(greeting)
        welcome = raw.read_welcome()
        assert welcome[0] == MAGIC and welcome[1] == 0 and welcome[2] == ErrorCode.MALFORMED
    assert client.ping(b"x") == b"x"


def test_no_common_version(live_server, client):
    with RawConnection(live_server, shake_hands=False) as raw:
        raw.socket.sendall(encode_hello(0, lowest=40, highest=50))
        welcome = raw.read_welcome()
        assert welcome[1] == 0 and welcome[2] == ErrorCode.UNSUPPORTED_VERSION
        raw.assert_closed()


def test_garbage_after_the_handshake(live_server, client, table):
    garbage = np.random.default_rng(1).bytes(65536)
    with RawConnection(live_server) as raw:
        try:
            raw.socket.sendall(garbage)
            raw.socket.shutdown(socket.SHUT_WR)
            while raw.socket.recv(65536):
                pass
        except ConnectionError:
            pass  # Closing on us is what a server may do with garbage.
    assert client.ping(b"x") == b"x"
    assert len(table) == 0


def test_a_truncated_push_is_not_applied(live_server, client, table):
    body = push_body([1, 2, 3], np.ones((3, 2)))
    for cut in (0, 1, 15, 20, len(body) - 1):
        with RawConnection(live_server) as raw:
            raw.request(0x11, body[:cut], table.number, body_bytes=len(body))
    assert client.ping(b"x") == b"x"
    assert len(table) == 0


def test_schemas_that_no_table_can_have(client):
    def code(**arguments):
        with pytest.raises(ThermoclineError) as caught:
            client.create_table(**{"name": "t", "dim": 4, **arguments})
        return caught.value.code

    for arguments in (
        {"dim": 0}, {"dim": 4097}, {"name": ""}, {"name": "with space"}, {"name": "ü"},
        {"admit_after": 0}, {"optimizer": thermocline.SGD(float("nan"))},
        {"optimizer": thermocline.SGD(-1.0)}, {"initializer": thermocline.Uniform(1.0, -1.0)},
    ):
        assert code(**arguments) in (ErrorCode.INVALID_SCHEMA, ErrorCode.MALFORMED), arguments
    assert client.tables() == []


@pytest.mark.parametrize(
    "scheme",
    [
        thermocline.Hashed(100), thermocline.DoubleHashed(100, "concatenate"),
        thermocline.FrequencyDoubleHashed(100, 10, 3), thermocline.FrequencyFiltered(3),
        thermocline.QuotientRemainder(100), thermocline.DeepHash(64, 32),
    ],
    ids=lambda scheme: type(scheme).__name__)
def test_a_scheme_is_served_or_unsupported(client, scheme):
    try:
        table = client.create_table("t", 4, scheme=scheme)
    except ThermoclineError as error:
        assert error.code is ErrorCode.UNSUPPORTED
        assert client.tables() == []
    else:
        assert table.schema.scheme == scheme
        assert table.pull([1, 2, 3]).shape == (3, 4)


OPTIMIZERS = [
    thermocline.SGD(0.1), thermocline.Momentum(0.1), thermocline.Adagrad(0.1),
    thermocline.RowwiseAdagrad(0.1), thermocline.Adam(0.1), thermocline.FTRL(0.1),
]


def train(table, random, steps):
    for _ in range(steps):
        ids = random.integers(0, 500, 200)
        table.push(ids, random.normal(size=(200, table.dim)))


@pytest.mark.parametrize("durability", ["none", "buffered"])
def test_training_goes_on_after_a_restart_as_if_there_was_none(
        live_binary, socket_path, durability):
    """Rows, optimizer states and Adam's step: all show in the rows that later pushes lead to."""
    with LiveServer(socket_path.parent, durability=durability) as server:
        with thermocline.connect(server.address) as client:
            for optimizer in OPTIMIZERS:
                for name in ("stopped", "straight"):
                    client.create_table(
                        f"{type(optimizer).__name__}/{name}", 8, optimizer,
                        thermocline.Normal(0, 1), seed=9, **EXACT)
            before = {}
            for table in client.tables():
                train(table, np.random.default_rng(1), 10)
                before[table.name] = table.pull(range(600))
                if table.name.endswith("straight"):
                    train(table, np.random.default_rng(2), 10)
                    before[table.name] = table.pull(range(600))
        assert server.terminate() == 0
        server.start()
        with thermocline.connect(server.address) as client:
            assert {table.name for table in client.tables()} == set(before)
            for table in client.tables():
                np.testing.assert_array_equal(table.pull(range(600)), before[table.name])
            for optimizer in OPTIMIZERS:
                kind = type(optimizer).__name__
                stopped, straight = (client.table(f"{kind}/{n}") for n in ("stopped", "straight"))
                train(stopped, np.random.default_rng(2), 10)
                np.testing.assert_array_equal(
                    stopped.pull(range(600)), straight.pull(range(600)), err_msg=kind)


def test_new_rows_are_the_same_after_a_restart(live_server):
    def rows_of(name):
        with thermocline.connect(live_server.address) as client:
            table = client.create_table(
                name, 16, initializer=thermocline.Normal(0, 1), seed=5, **EXACT)
            return table.pull([0, 1, 2**63, 2**64 - 1])

    first = rows_of("first")
    assert live_server.terminate() == 0
    live_server.start()
    np.testing.assert_array_equal(rows_of("second"), first)


def test_a_clean_stop_while_a_client_is_connected(live_server):
    client = thermocline.connect(live_server.address, timeout=20)
    client.ping()
    assert live_server.terminate() == 0
    with pytest.raises((ConnectionError, ThermoclineError)):
        for _ in range(3):  # At most one request may still be answered that it is shutting down.
            client.ping()


def test_a_checkpoint_opens_as_a_store(live_server, client, table, socket_path):
    table.assign(range(100), np.arange(200).reshape(100, 2))
    folder = socket_path.parent / "copy"
    folder.mkdir()
    written = client.checkpoint(str(folder / "data"))
    assert written["rows"] == 100 and written["bytes"] > 0
    table.assign(range(100), np.zeros((100, 2)))
    with pytest.raises(ThermoclineError) as caught:
        client.checkpoint(str(folder / "data"))
    assert caught.value.code is ErrorCode.CANNOT_CREATE
    with LiveServer(folder) as copy, thermocline.connect(copy.address) as other:
        rows, found = other.table("item").pull(range(100), create=False)
    assert found.all()
    np.testing.assert_array_equal(rows, np.arange(200).reshape(100, 2))


def test_a_read_only_server(live_server, client, table, socket_path):
    table.assign([1], [[1, 2]])
    client.close()
    assert live_server.terminate() == 0
    live_server.options = ("--read-only",)
    live_server.start()
    with thermocline.connect(live_server.address) as reader:
        assert thermocline.Capability.WRITES not in reader.capabilities
        served = reader.table("item")
        for write in (
            lambda: served.push([1], [[1, 1]]),
            lambda: served.assign([1], [[1, 1]]),
            lambda: served.delete([1]),
            lambda: served.shrink(min_frequency=2),
            lambda: reader.create_table("other", 2),
            lambda: reader.drop_table("item"),
        ):
            with pytest.raises(ThermoclineError) as caught:
                write()
            assert caught.value.code is ErrorCode.READ_ONLY
        rows, found = served.pull([1, 2], create=False)
        assert found.tolist() == [True, False]
        np.testing.assert_array_equal(rows[0], [1, 2])


def test_shrink_by_frequency(table):
    table.assign(range(100), np.ones((100, 2)))
    for _ in range(3):
        table.pull(range(10))
    assert table.shrink() == 0
    assert table.shrink(min_frequency=3) == 90
    assert len(table) == 10
    assert table.pull(range(100), create=False)[1].tolist() == [True] * 10 + [False] * 90
    assert table.stats()["evictions"] == 90
    with pytest.raises(ThermoclineError) as caught:
        table.shrink(max_age=60)
    assert caught.value.code is ErrorCode.UNSUPPORTED


def test_statistics_of_limits(live_binary, socket_path):
    options = ["--request-memory", "256MiB", "--requests-queued-max", "7", "--connections-max", "2"]
    with LiveServer(socket_path.parent, options=options) as server:
        with thermocline.connect(server.address) as client:
            with thermocline.connect(server.address):
                with pytest.raises(ThermoclineError) as caught:
                    thermocline.connect(server.address)
                assert caught.value.code is ErrorCode.TOO_MANY_CONNECTIONS
            stats = client.stats()
            assert stats["requestMemory"]["limitBytes"] == 256 << 20
            assert 0 <= stats["requestMemory"]["heldBytes"] < 4096
            assert stats["diskQueue"] == {"limit": 7, "requests": 0}
            assert stats["refused"] == {"connections": 1, "overloaded": 0}
            assert stats["cutOff"] == {"handshake": 0, "idle": 0, "receive": 0, "send": 0}


def patiently(call, seconds=30):
    """Repeats a call for as long as the server says that it has no room and to try again."""
    give_up = time.monotonic() + seconds
    while True:
        try:
            return call()
        except ThermoclineError as error:
            if error.code is not ErrorCode.OVERLOADED or time.monotonic() > give_up:
                raise
            assert error.retry_after > 0
            time.sleep(error.retry_after)


def test_a_table_larger_than_memory(live_binary, socket_path):
    """Every row keeps what was assigned to it, wherever it lies."""
    count, batch = 200_000, 2_000
    with LiveServer(socket_path.parent, memory="8MiB") as server:
        with thermocline.connect(server.address) as client:
            table = client.create_table(
                "t", 16, thermocline.Adagrad(), thermocline.Zeros(), **EXACT)
            for start in range(0, count, batch):
                ids = np.arange(start, start + batch)
                rows = np.repeat(ids[:, None], 16, axis=1)
                patiently(lambda: table.assign(ids, rows))
            assert len(table) == count
            for start in range(0, count, batch):
                ids = np.arange(start, start + batch)
                rows, found = patiently(lambda: table.pull(ids, create=False))
                assert found.all()
                np.testing.assert_array_equal(rows, np.repeat(ids[:, None], 16, axis=1))


def test_announced_rows_stay_in_memory(live_binary, socket_path):
    with LiveServer(socket_path.parent, memory="1MiB") as server:
        with thermocline.connect(server.address) as client:
            table = client.create_table("big", dim=64, **EXACT)
            everything = np.arange(20_000, dtype=np.uint64)
            for start in range(0, len(everything), 1000):
                patiently(lambda: table.pull(everything[start : start + 1000]))
            with client.pipeline() as p:
                coming = [p.prefetch(table, everything[at : at + 100]) for at in range(0, 300, 100)]
            assert [batch.result() for batch in coming] == [100, 100, 100]
            # Rows that are used as often go.
            for _ in range(3):
                for start in range(10_000, 20_000, 1000):
                    patiently(lambda: table.pull(everything[start : start + 1000]))
            before = table.stats()
            assert before["announced"]["held"] == 300
            table.pull(everything[:300])
            after = table.stats()
            assert after["misses"] == before["misses"]
            assert after["announced"]["held"] == 0
            assert after["announced"]["hits"] - before["announced"]["hits"] == 300
            # Ids without a row are passed over, and get none.
            assert table.prefetch([1, 10**9]) == 1
            assert len(table) == 20_000


def test_a_large_pull_is_split(client, table):
    ids = np.arange(3 * client.limits.ids_max + 1)
    rows, found = table.pull(ids, create=False)
    assert rows.shape == (len(ids), 2) and not found.any()


def test_tcp(live_binary, socket_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ("--listen", f"tcp:127.0.0.1:{port}")
    with LiveServer(socket_path.parent, options=options):
        with thermocline.connect(f"tcp:127.0.0.1:{port}") as client:
            assert client.ping(b"over tcp") == b"over tcp"


def test_statistics_by_field(client):
    table = client.create_table("fields", 2, field_bits=8)
    table.pull([1, 2, (5 << 56) + 1])
    fields = table.stats()["hotFields"]
    assert [(f["field"], f["rows"], f["uses"]) for f in fields["listed"]] == [(0, 2, 2), (5, 1, 1)]
    assert fields["otherFields"] == 0
    # The report of the whole server does not look at every row.
    assert all("hotFields" not in entry for entry in client.stats()["tables"])
