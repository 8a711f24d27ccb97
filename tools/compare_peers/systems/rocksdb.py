"""RocksDB alone, in process, with default options: batched MultiGet, and WriteBatch."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from ..tables import Load, Table
from .server import version_of
from .system import Running, Setting, System, disk_bytes
from .worker import Worker


class RunningRocksDB(Worker):
    def __init__(self, table: Table, setting: Setting) -> None:
        self._table = table
        self._folder = Path(tempfile.mkdtemp(prefix="rdb-", dir=setting.folder))
        super().__init__([
            str(setting.programs.path("rocksdb_worker")), str(self._folder), str(table.rows),
            str(table.dim), table.optimizer, str(table.value_bytes)])

    def warm(self, load: Load, positions: Path, seconds: float) -> None:
        """All that the load names, once: the first reads of a file are many times slower."""
        batches = positions.stat().st_size // 4 // load.batch
        read = 0
        while read < batches:
            read += self.measure(load, positions, seconds, read).batches
        self.settle()

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
