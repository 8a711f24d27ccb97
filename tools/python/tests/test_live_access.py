"""Tokens, rights, TLS and permissions of a real server."""

import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import thermocline
from live_server import LiveServer
from test_access import CLIENT, FIXTURES, ROOT, bare_environment  # noqa: F401
from thermocline import TLS, Capability, ErrorCode, ThermoclineError

TIMEOUT = 20
TOKEN, READ_TOKEN = "open sesame", "one may look"
CERTIFICATE = (
    "--tls-certificate", str(FIXTURES / "server.pem"), "--tls-key", str(FIXTURES / "server.key"))


@pytest.fixture
def secrets(socket_path):
    """Options that make a server ask for tokens."""
    options = []
    for option, secret in (("--token-file", TOKEN), ("--read-token-file", READ_TOKEN)):
        path = socket_path.parent / option.strip("-")
        path.write_text(secret + "\n")
        path.chmod(0o600)
        options += [option, str(path)]
    return options


@pytest.fixture
def guarded(live_binary, socket_path, secrets):
    """A server with tokens, on a Unix socket, a plain port and one with TLS."""
    options = (*secrets, *CERTIFICATE, "--log-level", "trace")
    listen = ("tcp:127.0.0.1:0", "tls:127.0.0.1:0")
    with LiveServer(socket_path.parent, options=options, listen=listen) as server:
        yield server


def code_of(call):
    with pytest.raises(ThermoclineError) as caught:
        call()
    return caught.value.code


def connect(address, token=None, tls=None):
    tls = TLS(ca=ROOT) if tls is None and address.startswith("tls:") else tls
    return thermocline.connect(address, TIMEOUT, token=token, tls=tls)


def test_tokens_and_rights(guarded, socket_path):
    for address in guarded.addresses:
        for wrong in (None, "open sesam", "open sesame\n", "open sesame\0", "x" * 1024):
            assert code_of(lambda: connect(address, wrong)) is ErrorCode.UNAUTHORIZED
    schema = {"dim": 2, "optimizer": thermocline.SGD(1), "hot": "float32", "cold": "float32"}
    one = np.ones((1, 2), np.float32)
    for address in guarded.addresses:
        name = address.partition(":")[0]
        with connect(address, TOKEN) as writer, connect(address, READ_TOKEN) as reader:
            assert Capability.WRITES in writer.capabilities
            known = Capability.FLOAT16 | Capability.INT16 | Capability.PREFETCH
            shared = Capability.SHARED_REPLIES if name == "unix" else Capability(0)
            assert reader.capabilities == known | shared
            table = writer.create_table(name, **schema)
            table.assign([1], 2 * one)
            seen = reader.table(name)
            rows, found = seen.pull([1, 2], create=False)
            assert rows[0].tolist() == [2, 2] and found.tolist() == [True, False]
            for forbidden in (
                lambda: seen.pull([1]), lambda: seen.pull([2]),
                lambda: seen.pool([1], [0], create=True), lambda: seen.push([1], one),
                lambda: seen.assign([1], one), lambda: seen.delete([1]),
                lambda: reader.drop_table(name), lambda: reader.create_table("more", **schema),
                lambda: reader.create_table("more", if_exists="open", **schema),
                lambda: reader.checkpoint(socket_path.parent / "copy"),
            ):
                assert code_of(forbidden) is ErrorCode.READ_ONLY
            assert reader.create_table(name, if_exists="open", **schema).number == table.number
            assert seen.pool([1], [0]).tolist() == [[2, 2]]
            assert len(seen) == 1 and len(reader.tables()) == len(writer.tables())
            assert "more" not in [t.name for t in writer.tables()]
            assert reader.stats()["tables"] and seen.stats()["rows"] == 1
    assert not (socket_path.parent / "copy").exists()
    guarded.terminate()
    for secret in (TOKEN, READ_TOKEN, "open sesam"):
        assert secret not in guarded.log()
        assert str(list(secret.encode()))[1:-1] not in guarded.log()
    assert "unauthorized" in guarded.log()


def test_nothing_secret_in_the_list_of_processes(guarded):
    shown = b"".join(
        Path(f"/proc/{guarded._process.pid}/{file}").read_bytes() for file in ("cmdline", "environ"))
    assert b"--token-file" in shown
    assert TOKEN.encode() not in shown and READ_TOKEN.encode() not in shown


def test_every_address_says_what_protects_it(guarded):
    lines = [line for line in guarded.log().splitlines() if "listening" in line]
    unix, tcp, tls = (
        next(line for line in lines if address in line) for address in guarded.addresses)
    assert "file mode 0600, token" in unix
    assert "this machine only, token" in tcp
    assert "TLS, token" in tls


def test_much_with_tls(guarded):
    """Frames of many records, and more in flight than fits."""
    tls = guarded.addresses[2]
    with connect(tls, TOKEN) as client:
        table = client.create_table(
            "t", 64, optimizer=thermocline.SGD(1), initializer=thermocline.Zeros(),
            hot="float32", cold="float32")
        ids = np.arange(4000, dtype=np.uint64)
        ones = np.ones((4000, 64), np.float32)
        with client.pipeline() as p:
            for _ in range(20):
                p.push(table, ids, ones)
                last = p.pull(table, ids, create=False)
        assert (last.result()[0] == -20).all()


def test_plain_and_tls_do_not_mix(guarded):
    _, tcp, tls = guarded.addresses
    began = time.monotonic()
    with pytest.raises(ConnectionError, match="TLS|closed"):
        connect(tls.replace("tls:", "tcp:"), TOKEN)
    with pytest.raises(ConnectionError, match="SSL"):
        connect(tcp.replace("tcp:", "tls:"), TOKEN)
    assert time.monotonic() - began < TIMEOUT / 2  # Neither waited for its patience to end.
    connect(tls, TOKEN).close()


@pytest.mark.parametrize(
    "name, reason",
    [("expired", "expired"), ("elsewhere", "mismatch"), ("self-signed", "self.signed")])
def test_certificates_of_a_server(live_binary, socket_path, name, reason):
    options = ("--tls-certificate", str(FIXTURES / f"{name}.pem"),
               "--tls-key", str(FIXTURES / f"{name}.key"))
    with LiveServer(socket_path.parent, options=options, listen=["tls:127.0.0.1:0"]) as server:
        with pytest.raises(ConnectionError, match=reason):
            connect(server.addresses[1])
        connect(server.addresses[0]).close()


def test_client_certificates(live_binary, socket_path):
    options = (*CERTIFICATE, "--tls-client-ca", str(ROOT))
    with LiveServer(socket_path.parent, options=options, listen=["tls:127.0.0.1:0"]) as server:
        address = server.addresses[1]
        with connect(address, tls=TLS(ROOT, **CLIENT)) as client:
            assert client.ping(b"x") == b"x"
        with pytest.raises(ConnectionError, match="certificate required|closed|reset"):
            connect(address, tls=TLS(ROOT))
        stranger = TLS(ROOT, FIXTURES / "stranger.pem", FIXTURES / "stranger.key")
        with pytest.raises(ConnectionError):
            connect(address, tls=stranger)
        assert "TLS with client certificates" in server.log()


def test_a_socket_is_its_owners_alone(live_binary, socket_path):
    with LiveServer(socket_path.parent) as server:
        path = server.address.partition(":")[2]
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert "file mode 0600" in server.log()
        server.terminate()
        assert not os.path.exists(path)
        server.options = ("--socket-mode", "0666")  # More than the usual umask leaves.
        server.start()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
        server.kill()  # The file stays, and is replaced.
        server.options = ("--socket-mode", "660")
        server.start()
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        connect(server.address).close()


def refused(folder, *options):
    """What a server that does not start says; its status is that of bad configuration."""
    ended = subprocess.run(
        [os.environ["THERMOCLINE_BINARY"], "serve", "--data", str(folder / "data"), *options],
        capture_output=True, text=True, timeout=60)
    assert ended.returncode == 78, ended.stderr
    assert not (folder / "data").exists()  # Before it does anything.
    return ended.stderr


def test_the_network_is_not_let_in_by_accident(live_binary, socket_path, secrets):
    folder = socket_path.parent
    for address in ("tcp:0.0.0.0:0", "tcp:[::]:0", "tcp:example.invalid:0"):
        said = refused(folder, "--listen", address)
        assert "--token-file" in said and "tls:" in said and "--insecure" in said
    with LiveServer(folder, options=secrets, listen=["tcp:0.0.0.0:0"]) as server:
        assert "in the clear" in server.log()
    with LiveServer(folder, options=CERTIFICATE, listen=["tls:0.0.0.0:0"]) as server:
        assert "anybody on the network may" in server.log()
    with LiveServer(folder, options=["--insecure"], listen=["tcp:0.0.0.0:0"]) as server:
        port = server.addresses[1].rpartition(":")[2]
        connect(f"tcp:127.0.0.1:{port}").close()
        assert "anybody on the network may" in server.log()


def test_configurations_that_are_refused(live_binary, socket_path, secrets):
    folder = socket_path.parent
    wide = folder / "wide"
    wide.write_text(TOKEN)
    wide.chmod(0o644)
    said = refused(folder, "--token-file", str(wide))
    assert f"chmod 600 {wide}" in said and TOKEN not in said
    wide.chmod(0o600)
    assert "token for reading" in refused(folder, *secrets[:2], "--read-token-file", str(wide))
    wide.write_text("")
    assert "empty" in refused(folder, "--read-token-file", str(wide))
    assert str(folder / "none") in refused(folder, "--token-file", str(folder / "none"))
    assert "certificate" in refused(folder, "--listen", "tls:127.0.0.1:0")
    assert "tls:" in refused(folder, *CERTIFICATE)
    said = refused(
        folder, "--listen", "tls:127.0.0.1:0", CERTIFICATE[0], CERTIFICATE[1], "--tls-key",
        str(CLIENT["key"]))
    assert "client.key" in said and "does not belong" in said
    said = refused(
        folder, "--listen", "tls:127.0.0.1:0", "--tls-certificate", str(wide), "--tls-key",
        CERTIFICATE[3])
    assert str(wide) in said


def test_a_client_that_never_speaks_to_tls_holds_nobody_up(guarded):
    host, _, port = guarded.addresses[2].partition(":")[2].rpartition(":")
    with socket.create_connection((host, int(port))):
        with connect(guarded.addresses[2], READ_TOKEN) as client:
            assert client.ping(b"x") == b"x"
