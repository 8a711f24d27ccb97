"""A system that holds a table and can be measured."""

from __future__ import annotations

import abc
import ctypes
import dataclasses
import os
import signal
import time
from pathlib import Path
from typing import Callable

from ..programs import Programs
from ..tables import Load, Table

IDLE_INTERVAL_SECONDS = 0.25
IDLE_SHARE_MAX = 0.1
IDLE_WAIT_SECONDS_MAX = 120


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where systems run: a folder of this run, programs, and this server's binary."""

    folder: Path
    programs: Programs
    binary: Path
    durability: str = "buffered"


@dataclasses.dataclass(frozen=True)
class Sample:
    """One measurement: the rate, and how many batches were asked for."""

    rows_per_second: float
    batches: int


class Running(abc.ABC):
    """A system with its table made."""

    # What its process took before the table was made, and its process.
    base_bytes = 0
    pid = 0

    @abc.abstractmethod
    def measure(self, load: Load, positions: Path, seconds: float) -> Sample:
        """The rate of the batches in the file ``positions``, one after the other, round and round."""

    def warm(self, load: Load, seconds: float, measure: Callable[[float], Sample]) -> None:
        """Brings it to the state in which such a load finds it after a while; most are in it."""

    def settle(self) -> None:
        """Waits until its process has nothing to do."""
        give_up = time.monotonic() + IDLE_WAIT_SECONDS_MAX
        while time.monotonic() < give_up:
            before = processor_seconds(self.pid)
            time.sleep(IDLE_INTERVAL_SECONDS)
            if processor_seconds(self.pid) - before < IDLE_SHARE_MAX * IDLE_INTERVAL_SECONDS:
                return

    def resident_bytes(self) -> int:
        """Memory that the table takes."""
        return resident_bytes(self.pid) - self.base_bytes

    def facts(self) -> dict[str, float]:
        """What else it says of itself, for the report."""
        return {}

    def stop(self) -> dict[str, float]:
        """Stops it well, and returns what can be said of it now."""
        self.kill()
        return {}

    @abc.abstractmethod
    def kill(self) -> None:
        """Ends it at once and removes what it kept; may be called again."""


class System(abc.ABC):
    """Something that can hold a table."""

    name: str
    # Whether it knows of several requests under way and several connections.
    served = False
    # Whether it takes optimizer steps; of one that does not a push is a read, a step in the client and a write.
    steps = False
    operations = ("pull",)

    @abc.abstractmethod
    def version(self, setting: Setting) -> str:
        """Which version it is, where it has one; raises `Unavailable` where it cannot be measured."""

    @abc.abstractmethod
    def open(self, table: Table, setting: Setting) -> Running:
        """Starts it and makes the table, all rows."""

    def takes(self, load: Load) -> bool:
        return load.operation in self.operations and (self.served or load.connections == 1)


def processor_seconds(pid: int) -> float:
    # The name, in parentheses, may have anything in it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_bytes(folder: Path) -> int:
    """What the files in a folder take."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def die_with_parent() -> None:
    """In a child before it becomes a program: it is killed if this process is."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
