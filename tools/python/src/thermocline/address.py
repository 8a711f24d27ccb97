"""Where a server listens: ``unix:/path/to.sock``, ``tcp:host:port`` or ``tls:host:port``."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Union

from .access import TLS
from .tls_stream import TLSStream

VARIABLE = "THERMOCLINE_SERVER"

Stream = Union[socket.socket, TLSStream]


def resolve(address: str | None) -> str:
    """The address that was given or, without one, that of the environment.

    Raises
    ------
    ValueError
        There is neither.
    """
    resolved = address or os.environ.get(VARIABLE)
    if not resolved:
        raise ValueError(f"no address given, and the variable {VARIABLE} is not set")
    return resolved


def open_stream(
    address: str, timeout: float | None, tls: TLS | ssl.SSLContext | None
) -> Stream:
    """A connected socket, blocking with the timeout, with TLS where the address says so.

    Raises
    ------
    ValueError
        An address of another form, one without TLS where ``tls`` is given, or files for TLS that
        cannot be used.
    ConnectionError, TimeoutError
        Nobody listens there, or does not answer in time, or one side does not trust the other.
    """
    kind, _, rest = address.partition(":")
    if tls is not None and kind in ("unix", "tcp"):
        raise ValueError(f"{address} is without TLS; with it an address is tls:host:port")
    try:
        if kind == "unix" and rest:
            return _open_unix(rest, timeout)
        host, _, port = rest.rpartition(":")
        if kind in ("tcp", "tls") and host and port.isdecimal():
            host = host.strip("[]")
            if kind == "tcp":
                return _open_tcp(host, int(port), timeout)
            return _open_tls(host, int(port), timeout, _context(tls))
    except socket.timeout as error:
        raise TimeoutError(f"{address} did not answer in {timeout} seconds") from error
    except OSError as error:
        raise ConnectionError(f"cannot reach a server at {address}: {error}") from error
    raise ValueError(
        f"an address is unix:/path, tcp:host:port or tls:host:port, not {address!r}")


def _open_unix(path: str, timeout: float | None) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(path)
    except BaseException:
        connected.close()
        raise
    return connected


def _open_tcp(host: str, port: int, timeout: float | None) -> socket.socket:
    connected = socket.create_connection((host, port), timeout)
    # A request is one sendmsg and wants to leave at once, not to wait for company.
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connected


def _context(tls: TLS | ssl.SSLContext | None) -> ssl.SSLContext:
    if isinstance(tls, ssl.SSLContext):
        return tls
    return (TLS.of_environment() if tls is None else tls).context()


def _open_tls(
    host: str, port: int, timeout: float | None, context: ssl.SSLContext
) -> TLSStream:
    connected = _open_tcp(host, port, timeout)
    try:
        return TLSStream(context.wrap_socket(connected, server_hostname=host))
    except BaseException:
        connected.close()
        raise
