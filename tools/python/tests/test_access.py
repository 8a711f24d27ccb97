"""Tokens and TLS: what the client shows, what it accepts, and what it says when it is not let in."""

import os
import socket
import ssl
from pathlib import Path

import numpy as np
import pytest
import thermocline
from fake_server import FakeServer, fake_store_server, serving
from fake_store import FakeStore
from thermocline import TLS, ErrorCode, ThermoclineError
from thermocline.access import find_token
from thermocline.tls_stream import RECORD_BYTES, TLSStream

FIXTURES = Path(__file__).resolve().parents[3] / "Tests" / "Fixtures" / "tls"
ROOT = FIXTURES / "root.pem"
CLIENT = {"certificate": FIXTURES / "client.pem", "key": FIXTURES / "client.key"}
TIMEOUT = 10


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for variable in ("TOKEN_FILE", "TLS_CA", "TLS_CERTIFICATE", "TLS_KEY"):
        monkeypatch.delenv(f"THERMOCLINE_{variable}", raising=False)


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_bytes(b"open sesame\n")
    path.chmod(0o600)
    return path


def certificate(name="server", client_ca=None):
    """What a server with this certificate accepts connections with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FIXTURES / f"{name}.pem", FIXTURES / f"{name}.key")
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def greeting(peer):
    peer.shake_hands()


# Tokens


def credential_sent(socket_path, **access):
    seen = []

    def behave(peer):
        peer.shake_hands()
        seen.append(peer.credential)

    with FakeServer(socket_path, behave) as server:
        thermocline.connect(server.address, TIMEOUT, **access).close()
    return seen[0]


def test_the_token_is_sent(socket_path, token_file, monkeypatch):
    assert credential_sent(socket_path.parent / "a") == b""
    assert credential_sent(socket_path.parent / "b", token="geheim ü") == "geheim ü".encode()
    assert credential_sent(socket_path.parent / "c", token=b"\0\xff\n") == b"\0\xff\n"
    assert credential_sent(socket_path.parent / "d", token_file=token_file) == b"open sesame"
    monkeypatch.setenv("THERMOCLINE_TOKEN_FILE", str(token_file))
    assert credential_sent(socket_path.parent / "e") == b"open sesame"
    assert credential_sent(socket_path.parent / "f", token="other") == b"other"


@pytest.mark.parametrize("content", [b"x" * 1024, b"x" * 1024 + b"\n", b"\n\n", b" a ", b"\r\n"])
def test_one_newline_is_no_part_of_a_token(token_file, content):
    token_file.write_bytes(content)
    assert find_token(None, token_file) == (content[:-1] if content[-1:] == b"\n" else content)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"x" * 1025, b"x" * 1025 + b"\n", b"x" * 1024 + b"\n\n", b"x" * 9999])
def test_files_that_hold_no_token(token_file, content):
    token_file.write_bytes(content)
    with pytest.raises(ValueError, match="empty|1024") as caught:
        find_token(None, token_file)
    assert "xx" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644])
def test_a_token_file_that_others_may_use(token_file, mode):
    token_file.chmod(mode)
    with pytest.raises(ValueError, match=f"chmod 600 {token_file}") as caught:
        find_token(None, token_file)
    assert "sesame" not in str(caught.value)


def test_token_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="cannot use"):
            find_token(None, path)


def test_tokens_that_no_server_has(token_file):
    for token in ("", b"", "x" * 1025, "ü" * 513):
        with pytest.raises(ValueError, match="1024"):
            find_token(token, None)
    with pytest.raises(ValueError, match="not both"):
        find_token("x", token_file)


def test_a_token_that_is_refused(socket_path):
    def behave(peer):
        peer.shake_hands(version=0, status=19, capabilities=0, message=b"not the server's")

    with FakeServer(socket_path, behave) as server:
        with pytest.raises(ThermoclineError, match="not the server's") as caught:
            thermocline.connect(server.address, TIMEOUT, token="open sesame")
    assert caught.value.code is ErrorCode.UNAUTHORIZED
    assert "sesame" not in str(caught.value)


# TLS


def test_a_conversation_with_tls(socket_path):
    with fake_store_server(socket_path, tls=certificate()) as server:
        with thermocline.connect(server.address, TIMEOUT, tls=TLS(ca=ROOT)) as client:
            table = client.create_table("t", 64, initializer=thermocline.Zeros())
            ids = np.arange(3000, dtype=np.uint64)
            rows = np.arange(3000 * 64, dtype=np.float32).reshape(3000, 64)
            table.assign(ids, rows)
            np.testing.assert_array_equal(table.pull(ids), rows)
            with client.pipeline() as p:
                futures = [p.pull(table, ids[i : i + 7]) for i in range(0, 2100, 7)]
            for i, future in enumerate(futures):
                np.testing.assert_array_equal(future.result(), rows[7 * i : 7 * i + 7])
            with pytest.raises(ThermoclineError):
                table.push([1], np.full((1, 64), np.nan))
            assert client.ping(b"x") == b"x"


def test_back_pressure_with_tls(socket_path):
    """More is sent both ways than the sockets hold, and the server reads only what it answers."""
    count, ids = 40, np.arange(3000, dtype=np.uint64)
    with fake_store_server(socket_path, tls=certificate(), in_flight_max=2 * count) as server:
        with thermocline.connect(server.address, TIMEOUT, tls=TLS(ca=ROOT)) as client:
            table = client.create_table(
                "t", 64, optimizer=thermocline.SGD(1), initializer=thermocline.Zeros())
            gradients = np.ones((len(ids), 64), np.float32)
            with client.pipeline() as p:
                futures = [
                    p.pull(table, ids) if i % 2 else p.push(table, ids, gradients)
                    for i in range(count)
                ]
            for i, future in enumerate(futures):
                if i % 2:
                    assert (future.result() == -(i // 2 + 1)).all()


def test_silence_with_tls(socket_path):
    def behave(peer):
        peer.shake_hands()
        peer.read(1000)

    with FakeServer(socket_path, behave, tls=certificate()) as server:
        client = thermocline.connect(server.address, 0.2, tls=TLS(ca=ROOT))
        with pytest.raises(TimeoutError, match="silent"):
            client.ping()


def test_a_disconnect_with_tls(socket_path):
    def behave(peer):
        peer.shake_hands()
        peer.read_request()

    with FakeServer(socket_path, behave, tls=certificate()) as server:
        with thermocline.connect(server.address, TIMEOUT, tls=TLS(ca=ROOT)) as client:
            with pytest.raises(ConnectionError):
                client.ping()
            assert client.closed


@pytest.mark.parametrize(
    "name, reason",
    [("expired", "expired"), ("elsewhere", "mismatch"), ("self-signed", "self.signed")])
def test_certificates_that_are_not_accepted(socket_path, name, reason):
    def behave(peer):
        raise AssertionError("something was sent to a server that is not trusted")

    with FakeServer(socket_path, behave, tls=certificate(name)) as server:
        with pytest.raises(ConnectionError, match=reason):
            thermocline.connect(server.address, TIMEOUT, token="secret", tls=TLS(ca=ROOT))


def test_system_roots_are_the_default(socket_path):
    with FakeServer(socket_path, greeting, tls=certificate()) as server:
        with pytest.raises(ConnectionError, match="certificate verify failed"):
            thermocline.connect(server.address, TIMEOUT)


def test_the_name_of_the_host_counts(socket_path):
    with FakeServer(socket_path, greeting, tls=certificate()) as server:
        port = server.address.rpartition(":")[2]
        thermocline.connect(f"tls:localhost:{port}", TIMEOUT, tls=TLS(ca=ROOT)).close()
    with FakeServer(socket_path, greeting, tls=certificate("elsewhere")) as server:
        port = server.address.rpartition(":")[2]
        with pytest.raises(ConnectionError, match="mismatch"):
            thermocline.connect(f"tls:localhost:{port}", TIMEOUT, tls=TLS(ca=ROOT))


def test_client_certificates(socket_path, monkeypatch):
    with FakeServer(socket_path, greeting, tls=certificate(client_ca=ROOT)) as server:
        thermocline.connect(server.address, TIMEOUT, tls=TLS(ROOT, **CLIENT)).close()
        stranger = TLS(ROOT, FIXTURES / "stranger.pem", FIXTURES / "stranger.key")
        for tls in (TLS(ROOT), stranger):
            with pytest.raises(ConnectionError):
                thermocline.connect(server.address, TIMEOUT, tls=tls)
        thermocline.connect(
            server.address, TIMEOUT, tls=TLS(ROOT, **CLIENT).context()).close()
        monkeypatch.setenv("THERMOCLINE_TLS_CA", str(ROOT))
        monkeypatch.setenv("THERMOCLINE_TLS_CERTIFICATE", str(CLIENT["certificate"]))
        monkeypatch.setenv("THERMOCLINE_TLS_KEY", str(CLIENT["key"]))
        thermocline.connect(server.address, TIMEOUT).close()


def test_tls_to_a_server_without(socket_path):
    def behave(peer):
        peer.socket.sendall(b"TCLINE\r\n")  # As a refusal of what TLS begins with does.
        peer.read(10000)

    with FakeServer(socket_path, behave, tcp=True) as server:
        with pytest.raises(ConnectionError, match="cannot reach"):
            thermocline.connect(
                server.address.replace("tcp:", "tls:"), TIMEOUT, tls=TLS(ca=ROOT))


def test_tls_to_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(TimeoutError):
            thermocline.connect(f"tls:127.0.0.1:{listener.getsockname()[1]}", 0.2)


def test_no_tls_to_a_server_with(socket_path):
    with FakeServer(socket_path, greeting, tls=certificate()) as server:
        with pytest.raises(ConnectionError, match="TLS|closed"):
            thermocline.connect(server.address.replace("tls:", "tcp:"), TIMEOUT)


def test_files_that_tls_cannot_use(tmp_path):
    text = tmp_path / "text"
    text.write_text("no PEM")
    for tls in (
        TLS(ca="/no/such/file"), TLS(ca=text), TLS(certificate=text, key=CLIENT["key"]),
        TLS(certificate=CLIENT["certificate"], key=text),
        TLS(certificate=CLIENT["certificate"], key=FIXTURES / "server.key"),
        TLS(key=CLIENT["key"]),
    ):
        with pytest.raises(ValueError, match="cannot use|comes with"):
            tls.context()


def test_tls_is_not_left_out_where_it_was_asked_for():
    for address in ("tcp:localhost:1", "unix:/s"):
        with pytest.raises(ValueError, match="without TLS"):
            thermocline.connect(address, tls=TLS())


class SomeTLS:
    """Stands for ``ssl.SSLSocket``: takes and gives what it is told to."""

    def __init__(self, steps):
        self.steps = list(steps)
        self.sent = []

    def fileno(self):
        return -1

    close = setblocking = sendall = recv = None

    def _step(self):
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    def send(self, data):
        self.sent.append(bytes(data))
        return self._step()

    def recv_into(self, buffer):
        data = self._step()
        buffer[: len(data)] = data
        return len(data)


def test_what_is_tried_again_is_the_same():
    tls = SomeTLS([ssl.SSLWantWriteError(), 10])
    stream, parts = TLSStream(tls), [b"head", b"x" * 5, b"y" * 3 * RECORD_BYTES]
    with pytest.raises(BlockingIOError):
        stream.sendmsg(parts)
    assert stream.sendmsg(parts) == 10
    assert tls.sent[0] == tls.sent[1] == b"".join(parts)[:RECORD_BYTES]


def test_what_was_read_is_told_before_what_went_wrong():
    for end in (ssl.SSLWantReadError(), ConnectionResetError(), b""):
        stream = TLSStream(SomeTLS([b"abc", b"de", end, end]))
        first, second = bytearray(4), bytearray(4)
        tls_buffers = [memoryview(first), memoryview(second)]
        stream._tls.steps[1] = b"d"
        stream._tls.steps.insert(2, b"e")
        assert stream.recvmsg_into(tls_buffers) == (5,)
        assert (bytes(first), bytes(second)) == (b"abcd", b"e\0\0\0")
        if end == b"":
            assert stream.recvmsg_into([memoryview(first)]) == (0,)
        else:
            with pytest.raises((BlockingIOError, ConnectionResetError)):
                stream.recvmsg_into([memoryview(first)])
