"""Checkpoints that are taken one after the other while clients write."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from pathlib import Path

import thermocline
from ledger import Interval


@dataclasses.dataclass(frozen=True)
class Taken:
    """A checkpoint, and when it was asked for and came; without an end if nobody heard of it."""

    path: Path
    called: Interval


class Checkpoints:
    """Takes checkpoints through a client of its own until the server is gone."""

    def __init__(self, address: str, folder: Path, pause_seconds: float) -> None:
        self._address = address
        self._folder = folder
        self._pause_seconds = pause_seconds
        self._taken: list[Taken] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        path, begin = self._folder, 0.0
        try:
            with thermocline.connect(self._address, timeout=None) as client:
                for number in range(2**62):
                    time.sleep(self._pause_seconds)
                    path, begin = self._folder / f"checkpoint-{number}", time.monotonic()
                    client.checkpoint(str(path))
                    self._taken.append(Taken(path, Interval(begin, time.monotonic())))
        except OSError:
            # Under its final name it has to be whole, whether or not the reply came.
            if begin and path.exists():
                self._taken.append(Taken(path, Interval(begin, math.inf)))
        except thermocline.ThermoclineError as error:
            if error.code is not thermocline.ErrorCode.SHUTTING_DOWN:
                self._error = error

    def taken(self) -> list[Taken]:
        """All of them, once the server is gone; raises what the server refused one with."""
        self._thread.join()
        if self._error is not None:
            raise RuntimeError(f"a checkpoint was refused: {self._error}")
        return self._taken
