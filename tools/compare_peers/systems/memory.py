"""What memory allows: the gather loop over an array in process, and a plain copy of as many bytes."""

from __future__ import annotations

from ..tables import Table
from .system import Running, Setting, System
from .worker import Worker


class Gather(System):
    name = "gather loop"
    operation = "gather"

    def version(self, setting: Setting) -> str:
        setting.programs.path("memory_worker")
        return ""

    def open(self, table: Table, setting: Setting) -> Running:
        command = [str(setting.programs.path("memory_worker")), str(table.rows), str(table.dim)]
        return Worker(command, operation=self.operation)


class Copy(Gather):
    name = "memcpy"
    operation = "copy"
