"""Redis: MGET and MSET of batches, pipelined, keys of 8 bytes; nothing written to disk."""

from __future__ import annotations

from ..tables import Table
from .server import Server, program, version_of
from .system import Running, Setting, System


class Redis(System):
    name = "redis"
    served = True
    operations = ("pull", "push", "train")

    def version(self, setting: Setting) -> str:
        return version_of([program("redis-server"), "--version"]).partition(" sha")[0]

    def open(self, table: Table, setting: Setting) -> Running:
        server = Server("redis", table, setting)
        try:
            # Without snapshots and log: what this server does for `--durability buffered` Redis need not.
            server.start([
                program("redis-server"), "--port", "0", "--unixsocket", str(server.socket),
                "--save", "", "--appendonly", "no", "--dir", str(server.folder)])
            server.fill()
        except BaseException:
            server.kill()
            raise
        return server
