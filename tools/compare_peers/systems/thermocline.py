"""This server, over its socket: with the client that the others are measured with, and with its own."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np

from .. import positions as drawn
from ..tables import Load, Table
from .server import CLIENT_SECONDS_MAX, Server, version_of
from .system import Running, Sample, Setting, System, die_with_parent, disk_bytes, resident_bytes

# What int16 leaves of numbers up to 0.01.
INT16_TOLERANCE = 1e-6
MEMORY_BYTES_MIN = 1 << 20
BENCH_SECONDS_MAX = 30
IN_MEMORY_AFTER_RESTART = 0.05
TABLE = "rows"


class RunningThermocline(Server):
    def __init__(self, table: Table, setting: Setting) -> None:
        # The server keeps the optimizer state: there is no table without.
        optimizer = "rowwise-adagrad" if table.optimizer == "none" else table.optimizer
        table = dataclasses.replace(table, optimizer=optimizer)
        super().__init__("thermocline", table, setting)
        # Twice what is needed where all rows shall fit.
        memory = 2 * table.hot_bytes if table.in_memory >= 1 else int(table.in_memory * table.hot_bytes)
        self._store = self.folder / "store"
        try:
            self._serve(memory)
            self.command(
                "table", "create", TABLE, "--dim", str(table.dim), "--optimizer", f"{optimizer}:lr=0.01",
                "--hot", table.hot)
            exact = table.in_memory >= 1 and table.hot == "float32"
            self.fill(0 if exact else INT16_TOLERANCE)
        except BaseException:
            self.kill()
            raise
        self._counted = self._hits_and_misses()
        self._log_written = False

    def _serve(self, memory: int) -> None:
        self.start([
            str(self.setting.binary), "serve", "--data", str(self._store), "--listen", self.address,
            "--memory", str(max(memory, MEMORY_BYTES_MIN)), "--durability", self.setting.durability])

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"

    def offline(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.setting.binary), *arguments], capture_output=True, text=True,
            timeout=CLIENT_SECONDS_MAX, preexec_fn=die_with_parent)
        if done.returncode != 0:
            raise RuntimeError(f"thermocline {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def command(self, *arguments: str) -> str:
        return self.offline(*arguments, "--server", self.address)

    def statistics(self) -> dict[str, Any]:
        return json.loads(self.command("stats", "--json"))

    def _hits_and_misses(self) -> tuple[int, int]:
        statistics = self.statistics()
        return statistics["hits"], statistics["misses"]

    def warm(self, load: Load, seconds: float, measure: Callable[[float], Sample]) -> None:
        if load.operation != "pull":
            # Files of the log are written more slowly the first time, and then used again and again.
            if not self._log_written:
                measure(seconds)
                self._log_written = True
        elif self.table.in_memory < 1 and load.distribution == "in turn":
            # Every row once: the first reads of files are many times slower than the rest.
            self.check(np.arange(self.table.rows, dtype=np.uint32), INT16_TOLERANCE)
        elif self.table.in_memory < 1:
            give_up = time.monotonic() + seconds
            while time.monotonic() < give_up:
                measure(min(1.0, seconds))  # so short that no row comes for having been drawn once
        else:
            return
        self.settle()
        self._counted = self._hits_and_misses()

    def facts(self) -> dict[str, float]:
        """Bytes of a row in memory, and what share of the pulled rows was there since the warm-up."""
        table = self.statistics()["tables"][0]
        hits, misses = (now - then for now, then in zip(self._hits_and_misses(), self._counted))
        facts = {"rowsInMemory": table["hot"]["rows"] / self.table.rows}
        if hits + misses > 0:
            facts["hitRatio"] = hits / (hits + misses)
        if table["hot"]["rows"] > 0:
            facts["hotBytesPerRow"] = table["hot"]["bytes"] / table["hot"]["rows"]
        return facts

    def stop(self) -> dict[str, float]:
        """Bytes of a row on disk after a clean stop; of a table that does not fit in memory also compacted."""
        self.terminate()
        facts = {"diskBytesPerRow": disk_bytes(self._store) / self.table.rows}
        if self.table.restarted:
            facts |= self._restart()
        if self.table.in_memory < 1:
            compacted = self.folder / "compacted"
            self.offline("compact", "--data", str(self._store), "--table", TABLE, "--output", str(compacted))
            facts["compactedBytesPerRow"] = disk_bytes(compacted) / self.table.rows
        return facts


    def _restart(self) -> dict[str, float]:
        """How long a start takes with most rows on disk, and the memory that it has taken then."""
        began = time.monotonic()
        self._serve(int(IN_MEMORY_AFTER_RESTART * self.table.hot_bytes))
        seconds = time.monotonic() - began
        self.settle()
        resident = resident_bytes(self.pid)
        self.terminate()
        return {"startSeconds": seconds, "startResidentBytes": resident}


class Thermocline(System):
    name = "thermocline"
    served = True
    steps = True
    operations = ("pull", "push", "train")

    def version(self, setting: Setting) -> str:
        root = Path(__file__).resolve().parents[3]
        return version_of(["git", "-C", str(root), "describe", "--always", "--dirty"]) or "unknown"

    def open(self, table: Table, setting: Setting) -> Running:
        return RunningThermocline(table, setting)


class RunningShared(RunningThermocline):
    """The same client, and rows that the server places in memory which both share."""

    def client(self, **options: Any) -> dict[str, Any]:
        return super().client(shared=1, **options)


class Shared(Thermocline):
    name = "thermocline shared"
    operations = ("pull",)

    def open(self, table: Table, setting: Setting) -> Running:
        return RunningShared(table, setting)


class RunningBench(RunningThermocline):
    """``thermocline bench``, which draws ids of the same rows itself."""

    _measured = 0

    def measure(self, load: Load, positions: Path, seconds: float) -> Sample:
        self._measured += 1
        distribution = f"zipf:{drawn.ZIPF_EXPONENT}" if load.distribution == "zipf" else "uniform"
        answer = json.loads(self.command(
            "bench", "--table", TABLE, "--rows", str(self.table.rows), "--distribution", distribution,
            "--batch", str(load.batch), "--depth", str(load.depth), "--connections",
            str(load.connections), "--mix", f"{load.operation}:1", "--no-create", "--seconds",
            str(seconds), "--warmup", str(0.2 * seconds), "--load-seed", str(self._measured),
            "--json"))
        if load.operation not in answer["operations"]:
            # No request was both sent and answered in the time.
            if seconds > BENCH_SECONDS_MAX:
                raise RuntimeError(f"no request was answered in {seconds:g} seconds")
            return self.measure(load, positions, 4 * seconds)
        return Sample(answer["operations"][load.operation]["rowsPerSecond"], 1)


class Bench(Thermocline):
    name = "thermocline bench"
    operations = ("pull", "push")

    def takes(self, load: Load) -> bool:
        return super().takes(load) and load.distribution != "in turn"

    def open(self, table: Table, setting: Setting) -> Running:
        return RunningBench(table, setting)
