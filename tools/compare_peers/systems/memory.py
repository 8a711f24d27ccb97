"""What memory allows, in process: rows looked up in the plainest hash table, rows gathered by position out of an array,
and a plain copy of as many bytes."""

from __future__ import annotations

from ..tables import Table
from .system import Running, Setting, System
from .worker import Worker


class Gather(System):
    name = "gather loop"
    operation = "gather"
    kind = "array"

    def version(self, setting: Setting) -> str:
        setting.programs.path("memory_worker")
        return ""

    def open(self, table: Table, setting: Setting) -> Running:
        command = [str(setting.programs.path("memory_worker")), str(table.rows), str(table.dim), self.kind]
        return Worker(command, operation=self.operation)


class Lookup(Gather):
    name = "lookup loop"
    operation = "lookup"
    kind = "table"


class Copy(Gather):
    name = "memcpy"
    operation = "copy"
