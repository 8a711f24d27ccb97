"""RocksDB alone, in process, with default options: batched MultiGet, and WriteBatch."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..tables import Table
from .server import version_of
from .system import Running, Setting, System, disk_bytes
from .worker import Worker


READ_BYTES = 16 << 20


class RunningRocksDB(Worker):
    def __init__(self, table: Table, setting: Setting) -> None:
        self._table = table
        self._folder = Path(tempfile.mkdtemp(prefix="rdb-", dir=setting.folder))
        super().__init__([
            str(setting.programs.path("rocksdb_worker")), str(self._folder), str(table.rows),
            str(table.dim), table.optimizer, str(table.value_bytes)])
        # Until pages that were just written are read once, a read of a row from them takes ten times as long.
        for path in self._folder.glob("*.sst"):
            with open(path, "rb") as file:
                while file.read(READ_BYTES):
                    pass

    def stop(self) -> dict[str, float]:
        self.end()
        return {"diskBytesPerRow": disk_bytes(self._folder) / self._table.rows}

    def kill(self) -> None:
        super().kill()
        shutil.rmtree(self._folder, ignore_errors=True)


class RocksDB(System):
    name = "rocksdb"
    operations = ("pull", "push", "train")

    def version(self, setting: Setting) -> str:
        setting.programs.path("rocksdb_worker")
        return version_of(["pkg-config", "--modversion", "rocksdb"])

    def open(self, table: Table, setting: Setting) -> Running:
        return RunningRocksDB(table, setting)
