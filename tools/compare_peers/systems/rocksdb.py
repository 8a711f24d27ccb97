"""RocksDB alone, in process, with default options: batched MultiGet, and WriteBatch."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..tables import Load, Table
from .system import Running, Setting, System
from .worker import Worker


class RunningRocksDB(Worker):
    def warm(self, load: Load, positions: Path, seconds: float) -> None:
        """All that the load names, once: the first reads of a file are many times slower."""
        batches = positions.stat().st_size // 4 // load.batch
        read = 0
        while read < batches:
            read += self.measure(load, positions, seconds, read).batches
        self.settle()


class RocksDB(System):
    name = "rocksdb"
    operations = ("pull", "push", "train")

    def version(self, setting: Setting) -> str:
        return setting.programs.path("rocksdb_worker").name

    def open(self, table: Table, setting: Setting) -> Running:
        folder = Path(tempfile.mkdtemp(prefix="rdb-", dir=setting.folder))
        return RunningRocksDB(
            [str(setting.programs.path("rocksdb_worker")), str(folder), str(table.rows), str(table.dim),
             table.optimizer, str(table.value_bytes)], data=folder)
