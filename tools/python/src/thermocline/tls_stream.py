"""A TLS connection that is used like a plain socket that does not block."""

from __future__ import annotations

import ssl
from typing import Sequence

from .protocol import Bytes

RECORD_BYTES = 16384  # The most that TLS encrypts in one piece.


class TLSStream:
    """The calls of a socket that a connection makes, over ``ssl.SSLSocket``, which lacks some.

    Where TLS wants to wait, these raise ``BlockingIOError`` as a plain socket does.
    """

    def __init__(self, tls: ssl.SSLSocket) -> None:
        self._tls = tls
        self.fileno = tls.fileno
        self.close = tls.close
        self.setblocking = tls.setblocking
        self.sendall = tls.sendall
        self.recv = tls.recv

    def sendmsg(self, parts: Sequence[Bytes]) -> int:
        """Sends some of the bytes of all parts; how many."""
        try:
            return self._tls.send(_first_record(parts))
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError from error

    def recvmsg_into(self, buffers: Sequence[Bytes]) -> tuple[int]:
        """Fills buffers with what is there; how many bytes, 0 at the end of the stream."""
        received = 0
        for buffer in buffers:
            filled = 0
            while filled < len(buffer):
                try:
                    count = self._tls.recv_into(memoryview(buffer)[filled:])
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
                    if received:
                        return (received,)
                    raise BlockingIOError from error
                except OSError:
                    if received:
                        return (received,)  # It comes again when more is asked for.
                    raise
                if count == 0:
                    return (received,)
                filled += count
                received += count
        return (received,)


def _first_record(parts: Sequence[Bytes]) -> Bytes:
    """The beginning of all parts, as much as makes one record; the same bytes for the same parts,
    as TLS asks of whoever tries again."""
    if len(parts[0]) >= RECORD_BYTES or len(parts) == 1:
        return memoryview(parts[0])[:RECORD_BYTES]
    record = bytearray()
    for part in parts:
        record += memoryview(part)[: RECORD_BYTES - len(record)]
        if len(record) == RECORD_BYTES:
            break
    return record
