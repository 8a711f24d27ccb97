"""memcached: its multi-get, and quiet sets; threads as it chooses."""

from __future__ import annotations

import os

from ..tables import Table
from .server import Server, program, version_of
from .system import Running, Setting, System

# Of an item beside its numbers, and of the slabs' sizes, so that nothing is evicted.
ITEM_BYTES_BESIDE = 96
ROOM = 1.5


class Memcached(System):
    name = "memcached"
    served = True
    operations = ("pull", "push", "train")

    def version(self, setting: Setting) -> str:
        return version_of([program("memcached"), "--version"])

    def open(self, table: Table, setting: Setting) -> Running:
        value_bytes = 4 * (table.dim + table.state_floats)
        mebibytes = 64 + int(ROOM * table.rows * (value_bytes + ITEM_BYTES_BESIDE)) // 2**20
        server = Server("memcached", table, setting)
        try:
            server.start([
                program("memcached"), "-s", str(server.socket), "-m", str(mebibytes),
                *(["-u", "root"] if os.geteuid() == 0 else [])])
            server.fill()
        except BaseException:
            server.kill()
            raise
        return server
