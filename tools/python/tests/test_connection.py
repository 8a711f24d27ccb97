"""The connection against servers that behave in every way a socket allows."""

import os
import socket
import struct
import threading
import time

import numpy as np
import pytest
import thermocline
from fake_server import FakeServer, fake_store_server
from thermocline import ErrorCode, ThermoclineError
from thermocline.schema import Schema
from thermocline.table import Table

def connected(server, timeout=10.0):
    return thermocline.connect(server.address, timeout)


def table_of(client, dimension=2):
    """A table as a client gets it, for servers that have none."""
    schema = Schema(dimension, thermocline.SGD(), thermocline.Zeros())
    return Table(client._connection, 1, "t", schema)


def rows_for(request, dimension):
    """Rows whose elements are their ids, with every id found."""
    ids = np.frombuffer(request.body, "<u8")
    rows = np.repeat(ids.astype("<f4")[:, None], dimension, axis=1)
    bits = np.packbits(np.ones(len(ids), bool), bitorder="little")
    return rows.tobytes() + (b"" if request.options & 0x10 else bits.tobytes())


def test_replies_out_of_order(socket_path):
    def behave(peer):
        peer.shake_hands()
        requests = [peer.read_request() for _ in range(5)]
        for request in reversed(requests):
            peer.reply(request, rows_for(request, 2))

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with client.pipeline() as p:
            futures = [p.pull(table_of(client), [10 * i, 10 * i + 1]) for i in range(5)]
            assert not futures[0].done()
        for i, future in enumerate(futures):
            assert future.done()
            np.testing.assert_array_equal(future.result()[:, 0], [10 * i, 10 * i + 1])


@pytest.mark.parametrize("create", [True, False])
def test_replies_byte_by_byte(socket_path, create):
    def behave(peer):
        peer.shake_hands()
        for _ in range(2):
            request = peer.read_request()
            for byte in peer.frame(request, rows_for(request, 2)):
                peer.socket.sendall(bytes([byte]))
                time.sleep(0.0005)

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with client.pipeline() as p:
            futures = [p.pull(table_of(client), [5, 6], create=create) for _ in range(2)]
        for future in futures:
            rows = future.result() if create else future.result()[0]
            np.testing.assert_array_equal(rows, [[5, 5], [6, 6]])


def test_several_replies_in_one_segment(socket_path):
    def behave(peer):
        peer.shake_hands()
        requests = [peer.read_request() for _ in range(4)]
        peer.socket.sendall(b"".join(peer.frame(r, r.body) for r in requests))

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with client.pipeline() as p:
            futures = [p.delete(table_of(client), [7]) for _ in range(4)]
        assert [future.result() for future in futures] == [7] * 4


def test_an_error_reply_leaves_the_connection_usable(socket_path):
    def behave(peer):
        peer.shake_hands()
        peer.refuse(peer.read_request(), 12, "come again ☃", retry_ms=1500)
        peer.refuse(peer.read_request(), 999, "from the future")
        request = peer.read_request()
        peer.reply(request, request.body)

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ThermoclineError) as caught:
            client.ping()
        assert caught.value.code is ErrorCode.OVERLOADED
        assert caught.value.message == "come again ☃"
        assert caught.value.retry_after == 1.5
        with pytest.raises(ThermoclineError, match="999") as caught:
            client.ping()
        assert caught.value.code is ErrorCode.INTERNAL
        assert client.ping(b"still here") == b"still here"
        assert not client.closed


def test_a_pipelined_error_fails_only_its_own_request(socket_path):
    def behave(peer):
        peer.shake_hands()
        for position in range(4):
            request = peer.read_request()
            if position % 2:
                peer.refuse(request, 4, f"number {position}")
            else:
                peer.reply(request, rows_for(request, 2))

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ThermoclineError, match="number 3"):
            with client.pipeline() as p:
                futures = [p.pull(table_of(client), [i]) for i in range(4)]
                with pytest.raises(ThermoclineError, match="number 1"):
                    futures[1].result()
        np.testing.assert_array_equal(futures[2].result(), [[2, 2]])


def test_an_exception_in_the_block_goes_before_error_replies(socket_path):
    def behave(peer):
        peer.shake_hands()
        peer.refuse(peer.read_request(), 4)

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(KeyError):
            with client.pipeline() as p:
                future = p.pull(table_of(client), [1])
                raise KeyError
        assert future.done()


def test_a_disconnect_in_the_middle_of_a_reply(socket_path):
    def behave(peer):
        peer.shake_hands()
        requests = [peer.read_request() for _ in range(3)]
        peer.reply(requests[1], rows_for(requests[1], 2))
        peer.socket.sendall(peer.frame(requests[0], rows_for(requests[0], 2))[:-3])

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ConnectionError, match="closed the connection"):
            with client.pipeline() as p:
                futures = [p.pull(table_of(client), [i]) for i in range(3)]
        np.testing.assert_array_equal(futures[1].result(), [[1, 1]])
        for lost in (futures[0], futures[2]):
            with pytest.raises(ConnectionError):
                lost.result()
        assert client.closed
        with pytest.raises(ConnectionError):
            client.ping()


def test_a_disconnect_while_sending(socket_path):
    def behave(peer):
        peer.shake_hands()
        peer.read(1000)

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ConnectionError):
            table_of(client, 64).push(range(2000), np.ones((2000, 64)))
        assert client.closed


def test_why_a_server_closes_is_heard_while_sending(socket_path):
    def behave(peer):
        peer.shake_hands()
        header = struct.unpack("<IIBBHI", peer.read(16))
        message = struct.pack("<I", 0) + b"too long for me"
        peer.socket.sendall(
            struct.pack("<IIBBHI", len(message), header[1], header[2], 0, 8, 1) + message)

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ThermoclineError, match="too long for me"):
            table_of(client, 64).push(range(2000), np.ones((2000, 64)))


def test_silence(socket_path):
    finished = threading.Event()

    def behave(peer):
        peer.shake_hands()
        peer.read_request()
        finished.wait(10)

    with FakeServer(socket_path, behave) as server:
        client = connected(server, timeout=0.1)
        with pytest.raises(TimeoutError, match="silent"):
            client.ping()
        assert client.closed
        with pytest.raises(TimeoutError):
            client.ping()
        finished.set()


def test_back_pressure(socket_path):
    """The server reads the next request only once it has written the reply to the last."""
    count, ids = 40, np.arange(3000, dtype=np.uint64)

    def behave(peer):
        peer.shake_hands()
        for _ in range(count):
            request = peer.read_request()
            if request.operation == 0x11:
                peer.reply(request)
            else:
                peer.reply(request, rows_for(request, 64))

    with FakeServer(socket_path, behave, in_flight_max=2 * count) as server:
        with connected(server) as client:
            table = table_of(client, 64)
            gradients = np.ones((len(ids), 64), np.float32)
            with client.pipeline() as p:
                futures = [
                    p.pull(table, ids) if i % 2 else p.push(table, ids, gradients)
                    for i in range(count)
                ]
            for future in futures[1::2]:
                np.testing.assert_array_equal(future.result()[:, 63], ids)


def test_no_more_requests_in_flight_than_allowed(socket_path):
    def behave(peer):
        peer.shake_hands()
        for _ in range(5):
            requests = [peer.read_request() for _ in range(3)]
            peer.socket.settimeout(0.05)
            with pytest.raises(socket.timeout):  # Not yet TimeoutError in Python 3.9.
                peer.read(1)
            peer.socket.settimeout(None)
            for request in requests:
                peer.reply(request, rows_for(request, 2))

    with FakeServer(socket_path, behave, in_flight_max=3, ids_max=2) as server:
        with connected(server) as client:
            rows = table_of(client).pull(range(30))
            np.testing.assert_array_equal(rows[:, 1], range(30))


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    "limits", [{"ids_max": 7}, {"frame_bytes_max": 200}, {"frame_bytes_max": 64}], ids=str)
def test_a_large_pull_is_split(socket_path, limits, create):
    sizes = []

    def behave(peer):
        peer.shake_hands()
        while True:
            request = peer.read_request()
            body = rows_for(request, 3)
            assert len(body) <= peer.limits[0]
            sizes.append(len(request.body) // 8)
            peer.reply(request, body)

    with FakeServer(socket_path, behave, **limits) as server, connected(server) as client:
        pulled = table_of(client, 3).pull(range(100), create=create)
    rows = pulled if create else pulled[0]
    np.testing.assert_array_equal(rows, np.repeat(np.arange(100)[:, None], 3, axis=1))
    if not create:
        assert pulled[1].all()
    assert sum(sizes) == 100 and len(sizes) > 4


def test_an_error_in_one_part_of_a_split_pull(socket_path):
    def behave(peer):
        peer.shake_hands()
        for position in range(4):
            request = peer.read_request()
            if position == 1:
                peer.refuse(request, 14, "damaged")
            else:
                peer.reply(request, rows_for(request, 2))
        request = peer.read_request()
        peer.reply(request, request.body)

    with FakeServer(socket_path, behave, ids_max=5) as server, connected(server) as client:
        with pytest.raises(ThermoclineError) as caught:
            table_of(client).pull(range(20))
        assert caught.value.code is ErrorCode.DAMAGED
        assert client.ping(b"x") == b"x"


def test_a_row_longer_than_a_frame(socket_path):
    with fake_store_server(socket_path, frame_bytes_max=256) as server:
        with connected(server) as client, pytest.raises(ThermoclineError) as caught:
            table_of(client, 65).pull([1])
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_writes_above_the_limits_are_not_sent(socket_path):
    def behave(peer):
        peer.shake_hands()
        request = peer.read_request()
        assert request.operation == 0x01
        peer.reply(request)

    limits = {"ids_max": 10, "frame_bytes_max": 1000}
    with FakeServer(socket_path, behave, **limits) as server, connected(server) as client:
        table = table_of(client, 100)
        for write in (table.push, table.assign):
            with pytest.raises(ThermoclineError) as caught:
                write(range(11), np.ones((11, 100)))
            assert caught.value.code is ErrorCode.TOO_MANY_IDS
            with pytest.raises(ThermoclineError) as caught:
                write(range(10), np.ones((10, 100)))
            assert caught.value.code is ErrorCode.TOO_LARGE
        for call in (table.delete, lambda ids: table.pool(ids, [0])):
            with pytest.raises(ThermoclineError) as caught:
                call(range(11))
            assert caught.value.code is ErrorCode.TOO_MANY_IDS
        with pytest.raises(ThermoclineError) as caught:
            table.pool([1], [0, 1, 1, 1])
        assert caught.value.code is ErrorCode.TOO_LARGE
        client.ping()


def test_a_format_that_was_not_granted(socket_path):
    def behave(peer):
        peer.shake_hands(capabilities=1)
        peer.read_request()

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        assert client.capabilities == thermocline.Capability.FLOAT16
        with pytest.raises(ThermoclineError) as caught:
            table_of(client).pull([1], wire="int16")
        assert caught.value.code is ErrorCode.UNSUPPORTED
        with pytest.raises(ValueError, match="float8"):
            table_of(client).pull([1], wire="float8")


def test_limits_are_those_of_the_welcome(socket_path):
    limits = {"frame_bytes_max": 1234, "ids_max": 56, "in_flight_max": 7}
    with fake_store_server(socket_path, **limits) as server, connected(server) as client:
        assert client.limits == thermocline.Limits(1234, 56, 7)


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda p, r: p.frame(r, b"\0" * 15), id="short body"),
        pytest.param(lambda p, r: p.frame(r, b"\0" * 17), id="long body"),
        pytest.param(lambda p, r: p.frame(r._replace(request_id=77), b"\0" * 16), id="unknown id"),
        pytest.param(lambda p, r: p.frame(r._replace(operation=1), b"\0" * 16), id="operation"),
        pytest.param(lambda p, r: p.frame(r, b"\0" * 3, status=5), id="short error"),
        pytest.param(lambda p, r: struct.pack("<I", 2**31) + p.frame(r)[4:], id="huge body"),
    ])
def test_replies_that_break_the_protocol(socket_path, tamper):
    def behave(peer):
        peer.shake_hands()
        peer.socket.sendall(tamper(peer, peer.read_request()))

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ConnectionError, match="sent a "):
            table_of(client).pull([1, 2])
        assert client.closed


def test_a_reply_that_is_no_json(socket_path):
    def behave(peer):
        peer.shake_hands()
        peer.reply(peer.read_request(), b"{")

    with FakeServer(socket_path, behave) as server, connected(server) as client:
        with pytest.raises(ConnectionError, match="STATS"):
            client.stats()


def test_not_a_thermocline(socket_path):
    with FakeServer(socket_path, lambda peer: peer.shake_hands(magic=b"HTTP/1.1")) as server:
        with pytest.raises(ConnectionError, match="does not speak"):
            connected(server)


def test_a_handshake_cut_short(socket_path):
    with FakeServer(socket_path, lambda peer: peer.read(24)) as server:
        with pytest.raises(ConnectionError, match="handshake"):
            connected(server)


def test_silence_in_the_handshake(socket_path):
    with FakeServer(socket_path, lambda peer: peer.read(25)) as server:
        with pytest.raises(TimeoutError, match="did not answer"):
            connected(server, timeout=0.1)


def test_a_refusal(socket_path):
    def behave(peer):
        peer.shake_hands(version=0, status=18, capabilities=0, message=b"1024 are connected")

    with FakeServer(socket_path, behave) as server:
        with pytest.raises(ThermoclineError, match="1024 are connected") as caught:
            connected(server)
    assert caught.value.code is ErrorCode.TOO_MANY_CONNECTIONS


def test_no_server(socket_path):
    with pytest.raises(ConnectionError, match="cannot reach"):
        thermocline.connect(f"unix:{socket_path}")


@pytest.mark.parametrize("address", ["unix:", "tcp:host", "tcp::1", "tcp:host:http", "http://x"])
def test_addresses_that_are_none(address):
    with pytest.raises(ValueError, match="address"):
        thermocline.connect(address)


def test_the_address_of_the_environment(socket_path, monkeypatch):
    with fake_store_server(socket_path) as server:
        monkeypatch.setenv("THERMOCLINE_SERVER", server.address)
        with thermocline.connect() as client:
            assert client.ping(b"x") == b"x"
    monkeypatch.delenv("THERMOCLINE_SERVER")
    with pytest.raises(ValueError, match="THERMOCLINE_SERVER"):
        thermocline.connect()


def test_a_fork_may_not_use_the_client(socket_path):
    with fake_store_server(socket_path) as server, connected(server) as client:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                client.ping()
            except RuntimeError as error:
                status = 0 if "fork" in str(error) else 2
            client.close()
            os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert client.ping(b"parent") == b"parent"


def test_a_closed_client(socket_path):
    with fake_store_server(socket_path) as server:
        client = connected(server)
        client.close()
        client.close()
        with pytest.raises(ConnectionError, match="client is closed"):
            client.ping()


def test_threads_share_a_client(socket_path):
    failures = []

    def work(client, table, base):
        try:
            for i in range(50):
                ids = np.arange(base + i, base + i + 20)
                table.assign(ids, np.repeat(ids[:, None], 2, axis=1))
                with client.pipeline() as p:
                    futures = [p.pull(table, ids[k:]) for k in range(3)]
                for k, future in enumerate(futures):
                    np.testing.assert_array_equal(future.result()[:, 0], ids[k:])
        except Exception as failure:
            failures.append(failure)

    with fake_store_server(socket_path, in_flight_max=4) as server, connected(server) as client:
        table = client.create_table("t", 2, thermocline.SGD(), thermocline.Zeros())
        threads = [
            threading.Thread(target=work, args=(client, table, 1000 * t)) for t in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in threads)
    assert not failures


def test_an_interrupt_closes_the_connection(socket_path, monkeypatch):
    def behave(peer):
        peer.shake_hands()
        peer.read_request()
        peer.read(1)

    with FakeServer(socket_path, behave) as server:
        client = connected(server)

        def interrupt(poll):
            raise KeyboardInterrupt

        monkeypatch.setattr(client._connection, "_poll", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.ping()
        assert client.closed
        with pytest.raises(ConnectionError, match="interrupted"):
            client.ping()
