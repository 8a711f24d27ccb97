"""Where a server listens: ``unix:/path/to.sock`` or ``tcp:host:port``."""

from __future__ import annotations

import os
import socket

VARIABLE = "THERMOCLINE_SERVER"


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


def open_socket(address: str, timeout: float | None) -> socket.socket:
    """A connected socket, blocking with the timeout.

    Raises
    ------
    ValueError
        An address of another form.
    ConnectionError, TimeoutError
        Nobody listens there, or does not answer in time.
    """
    kind, _, rest = address.partition(":")
    try:
        if kind == "unix" and rest:
            return _open_unix(rest, timeout)
        host, _, port = rest.rpartition(":")
        if kind == "tcp" and host and port.isdecimal():
            return _open_tcp(host.strip("[]"), int(port), timeout)
    except socket.timeout as error:
        raise TimeoutError(f"{address} did not answer in {timeout} seconds") from error
    except OSError as error:
        raise ConnectionError(f"cannot reach a server at {address}: {error}") from error
    raise ValueError(f"an address is unix:/path or tcp:host:port, not {address!r}")


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
