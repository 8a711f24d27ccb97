"""Rows in memory that server and client share: its free parts, and what comes through it."""

import fcntl
import mmap
import os
import random
import socket
import struct
import threading

import numpy as np
import pytest
import thermocline
from fake_server import FakeServer
from live_server import LiveServer
from test_connection import rows_for, table_of
from thermocline import ErrorCode, ThermoclineError
from thermocline.protocol import PLACED, Operation, SharedMemory
from thermocline.shared_replies import SharedReplies

SHARED_BYTES = 1 << 20
IDS = np.arange(1000, dtype=np.uint64)


def free_bytes(client):
    return sum(len(free) for free in client._connection.shared_replies._free)


# Free parts.


def test_the_first_part_that_fits():
    shared = SharedReplies(bytes(1024))
    first, second, third = shared.take(100), shared.take(64), shared.take(1)
    assert (first, second, third) == (range(0, 100), range(128, 192), range(192, 193))
    shared.give_back(first)
    shared.give_back(third)
    assert shared.take(129) == range(192, 321)  # Not the 128 bytes before.
    assert shared.take(65) == range(0, 65)
    assert shared.take(1024) is None


def test_parts_against_a_model():
    seed = random.randrange(1 << 32)
    print("seed", seed)
    source, lines = random.Random(seed), 32
    shared, taken, refused = SharedReplies(bytes(64 * lines)), [], 0
    for _ in range(3000):
        if taken and source.random() < 0.5:
            shared.give_back(taken.pop(source.randrange(len(taken))))
        else:
            byte_count = source.choice([0, 1, 64, 65, 300, 640])
            used = {line for part in taken for line in range(part.start // 64, end(part))}
            wanted = max(1, -(-byte_count // 64))
            starts = (line for line in range(lines - wanted + 1)
                      if used.isdisjoint(range(line, line + wanted)))
            start = next(starts, None)
            part = shared.take(byte_count)
            assert part == (None if start is None else range(64 * start, 64 * start + byte_count))
            if part is None:
                refused += 1
            else:
                taken.append(part)
        assert all(a.stop < b.start for a, b in zip(shared._free, shared._free[1:]))
    assert refused
    for part in taken:
        shared.give_back(part)
    assert shared._free == [range(64 * lines)]


def end(part):
    return part.start // 64 + max(1, -(-len(part) // 64))


# A server that is this process.


@pytest.fixture
def memory():
    yield from made(fcntl.F_SEAL_SHRINK)


@pytest.fixture
def memory_that_may_shrink():
    yield from made(fcntl.F_SEAL_GROW)


def made(seals):
    file = os.memfd_create("replies", os.MFD_ALLOW_SEALING)
    os.ftruncate(file, mmap.PAGESIZE)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    yield SharedMemory(mmap.PAGESIZE, os.fstat(file).st_ino, file)
    os.close(file)


def share(peer, memory):
    peer.shake_hands(capabilities=31)
    request = peer.read_request()
    assert request.operation == Operation.SHARE
    peer.reply(request, struct.pack("<QQII", *memory, 0))


@pytest.mark.parametrize("change", [{"byte_count": 2048}, {"byte_count": 8192}, {"inode": 1},
                                    {"descriptor": 1 << 20}])
def test_memory_that_is_not_what_the_server_says(socket_path, memory, change):
    expect_none_is_used(socket_path, memory._replace(**change))


def test_memory_that_may_shrink(socket_path, memory_that_may_shrink):
    expect_none_is_used(socket_path, memory_that_may_shrink)


def expect_none_is_used(socket_path, memory):
    def behave(peer):
        share(peer, memory)
        request = peer.read_request()
        assert request.operation == Operation.SHARE and request.body == bytes(8)  # It is given back.
        peer.reply(request, bytes(24))
        request = peer.read_request()
        assert not request.options & PLACED
        peer.reply(request, rows_for(request, 2))

    with FakeServer(socket_path, behave) as server:
        with thermocline.connect(server.address, shared_reply_bytes=1) as client:
            assert not client.shares_replies
            np.testing.assert_array_equal(table_of(client).pull([3]), [[3, 3]])


def test_a_server_that_knows_no_shared_memory(socket_path):
    def behave(peer):
        peer.shake_hands(capabilities=15)
        request = peer.read_request()
        assert request.operation == Operation.PING
        peer.reply(request, request.body)

    with FakeServer(socket_path, behave) as server:
        with thermocline.connect(server.address, shared_reply_bytes=1) as client:
            assert not client.shares_replies
            assert client.ping(b"x") == b"x"


def test_a_part_is_in_use_until_its_reply_has_come(socket_path, memory):
    may_reply = threading.Event()

    def behave(peer):
        share(peer, memory)
        placed, refused, sent = [peer.read_request() for _ in range(3)]
        places = [struct.unpack_from("<Q", request.body)[0] for request in (placed, refused)]
        assert [bool(r.options & PLACED) for r in (placed, refused, sent)] == [True, True, False]
        assert places == [0, 2048]
        peer.reply(sent, rows_for(sent, 2))
        assert may_reply.wait(10)
        peer.refuse(refused, ErrorCode.UNKNOWN_TABLE)
        os.pwrite(memory.descriptor, rows_for(placed._replace(body=placed.body[8:]), 2), places[0])
        peer.reply(placed)

    ids = np.arange(256)  # Of which the rows take half of the memory.
    with FakeServer(socket_path, behave) as server:
        with thermocline.connect(server.address, shared_reply_bytes=1) as client:
            table, pipeline = table_of(client), client.pipeline()
            placed, refused, sent = [pipeline.pull(table, ids) for _ in range(3)]
            sent.result()
            assert free_bytes(client) == 0
            may_reply.set()
            np.testing.assert_array_equal(placed.result()[:, 0], ids)
            with pytest.raises(ThermoclineError, match="unknown_table"):
                refused.result()
            assert free_bytes(client) == mmap.PAGESIZE


def test_a_placed_reply_with_a_body(socket_path, memory):
    def behave(peer):
        share(peer, memory)
        peer.reply(peer.read_request(), b"rows")

    with FakeServer(socket_path, behave) as server:
        with thermocline.connect(server.address, shared_reply_bytes=1) as client:
            with pytest.raises(ConnectionError, match="4 bytes where none belong"):
                table_of(client).pull([1])
            assert client.closed and not client.shares_replies


def test_a_request_that_a_place_would_make_too_long(socket_path, memory):
    def behave(peer):
        share(peer, memory)
        request = peer.read_request()
        assert len(request.body) == peer.limits[0] and not request.options & PLACED
        peer.reply(request, rows_for(request, 2))

    with FakeServer(socket_path, behave, frame_bytes_max=64) as server:
        with thermocline.connect(server.address, shared_reply_bytes=1) as client:
            np.testing.assert_array_equal(table_of(client).pull(range(8))[:, 0], range(8))


@pytest.mark.parametrize("byte_count", [-1, 2**64])
def test_no_number_of_bytes(byte_count):
    with pytest.raises(ValueError, match="shared_reply_bytes"):
        thermocline.connect("unix:/nowhere", shared_reply_bytes=byte_count)


# The real server.


@pytest.fixture
def plain(live_server):
    with thermocline.connect(live_server.address, timeout=20) as client:
        table = client.create_table("item", 5, thermocline.SGD(1.0), hot="float32", cold="float32")
        table.assign(IDS[::2], np.random.default_rng(7).normal(size=(500, 5)))
        assert not client.shares_replies
        yield client


@pytest.fixture
def sharing(live_server, plain):
    with thermocline.connect(
            live_server.address, timeout=20, shared_reply_bytes=SHARED_BYTES) as client:
        assert client.shares_replies
        yield client


@pytest.fixture
def placed(sharing, monkeypatch):
    """How many replies were read out of shared memory."""
    parts = []
    read = SharedReplies.read
    monkeypatch.setattr(
        SharedReplies, "read", lambda self, part: parts.append(part) or read(self, part))
    return parts


@pytest.mark.parametrize("wire", ["float32", "float16", "int16"])
def test_rows_are_the_same_both_ways(plain, sharing, placed, wire):
    for ids in (IDS, IDS[:1], IDS[:0], IDS.reshape(10, 100)):
        rows, found = sharing.table("item").pull(ids, create=False, wire=wire)
        expected, expected_found = plain.table("item").pull(ids, create=False, wire=wire)
        assert rows.tobytes() == expected.tobytes() and rows.shape == expected.shape
        np.testing.assert_array_equal(found, expected_found)
        np.testing.assert_array_equal(found, ids % 2 == 0)
        assert rows.flags.owndata and rows.flags.writeable
    out = np.empty((1000, 5), np.float32)
    assert sharing.table("item").pull(IDS, out=out, wire=wire) is out
    assert out.tobytes() == plain.table("item").pull(IDS, wire=wire).tobytes()
    for mode in ("sum", "mean", "max"):
        pooled, expected = [
            client.table("item").pool(IDS, [0, 3, 3, 700], mode, wire=wire)
            for client in (sharing, plain)]
        assert pooled.tobytes() == expected.tobytes()
    assert len(placed) == 8
    assert free_bytes(sharing) == SHARED_BYTES


def test_what_does_not_fit_comes_through_the_socket(plain, sharing, placed):
    table = sharing.table("item")
    expected = plain.table("item").pull(IDS)  # 20,000 bytes; 52 of them fit.
    with sharing.pipeline() as p:
        futures = [p.pull(table, IDS) for _ in range(200)]
    assert all(future.result().tobytes() == expected.tobytes() for future in futures)
    assert 52 <= len(placed) < 200
    assert free_bytes(sharing) == SHARED_BYTES

    placed.clear()
    many = np.resize(IDS, 60_000)  # 1,200,000 bytes.
    assert table.pull(many).tobytes() == plain.table("item").pull(many).tobytes()
    assert not placed


def test_writes_between_pulls_in_a_pipeline(sharing, placed):
    table = sharing.table("item")
    ones = np.ones((1000, 5), np.float32)
    first = table.pull(IDS)
    with sharing.pipeline() as p:
        futures = []
        for _ in range(20):
            p.push(table, IDS, ones)
            futures.append(p.pull(table, IDS))
    for steps, future in enumerate(futures, 1):
        np.testing.assert_allclose(future.result(), first - steps, rtol=1e-5, atol=1e-5)
    assert len(placed) == 21


def test_an_error_gives_its_part_back(plain, sharing):
    table = sharing.table("item")
    plain.drop_table("item")
    for ask in (lambda: table.pull(IDS), lambda: table.pool(IDS, [0])):
        with pytest.raises(ThermoclineError) as caught:
            ask()
        assert caught.value.code is ErrorCode.UNKNOWN_TABLE
        assert free_bytes(sharing) == SHARED_BYTES


def test_threads(plain, sharing, placed):
    table, expected = sharing.table("item"), plain.table("item").pull(IDS, wire="float16")
    wrong = []

    def pull(seed):
        source = np.random.default_rng(seed)
        for _ in range(100):
            order = source.permutation(1000)[: source.integers(1, 1000)]
            if table.pull(IDS[order], wire="float16").tobytes() != expected[order].tobytes():
                wrong.append(order)

    threads = [threading.Thread(target=pull, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(placed) == 400
    assert free_bytes(sharing) == SHARED_BYTES


@pytest.mark.parametrize("byte_count", [1 << 40, 2**64 - 1])
def test_more_than_the_server_gives(live_server, plain, byte_count):
    with thermocline.connect(live_server.address, shared_reply_bytes=byte_count) as client:
        assert not client.shares_replies
        assert client.table("item").pull(IDS).shape == (1000, 5)


def test_tcp_shares_nothing(live_binary, socket_path):
    with LiveServer(socket_path.parent, listen=["tcp:127.0.0.1:0"]) as server:
        tcp = next(a for a in server.addresses if a.startswith("tcp:"))
        with thermocline.connect(tcp, shared_reply_bytes=SHARED_BYTES) as client:
            assert not client.shares_replies
            table = client.create_table("item", 5)
            assert table.pull(IDS).shape == (1000, 5)
            assert table.pool(IDS, [0, 4]).shape == (2, 5)


def traces():
    """Of shared memory in this process."""
    files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
             if os.path.lexists(f"/proc/self/fd/{fd}")]
    with open("/proc/self/maps") as maps:
        return sum("thermocline-replies" in name for name in [*files, *maps])


@pytest.mark.parametrize("lost", [False, True], ids=["closed", "lost"])
def test_nothing_stays_mapped(live_server, plain, lost):
    before = traces()
    client = thermocline.connect(live_server.address, shared_reply_bytes=SHARED_BYTES)
    assert traces() > before
    with client.pipeline() as p:
        kept = p.pull(client.table("item"), IDS)
    if lost:
        client._connection._socket.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ConnectionError):
            client.ping()
    client.close()
    assert traces() == before
    assert not client.shares_replies
    assert kept.result().shape == (1000, 5)


def test_a_child_that_closes_leaves_its_parents_memory(sharing, placed):
    child = os.fork()
    if child == 0:
        sharing.close()
        os._exit(0 if traces() == 0 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert sharing.table("item").pull(IDS).shape == (1000, 5)
    assert placed
