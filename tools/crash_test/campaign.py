"""Kills a server again and again, and has its clients look for what they wrote."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
from pathlib import Path
from typing import Callable

import numpy as np
import thermocline
from checkpoints import Checkpoints, Taken
from ledger import common_moments
from server import Server
from unsynced import Layer
from workload import Load, create_tables
from writer import Violation, Writers, Written

KILL_AT_START_CHANCE = 0.15
KILL_AT_START_SECONDS_MAX = 0.4
CHECKPOINTS_CHECKED_MAX = 2  # After one kill.


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is done how often.

    Attributes
    ----------
    kills : int
        Clean stops count too.
    stop_chance : float
        Of a clean stop in place of a kill.
    seconds_max : float
        After so many no further kill begins.
    life_seconds : tuple[float, float]
        How long clients write before a kill: at least and at most.
    checkpoint_pause_seconds : float or None
        Between two checkpoints; None for no checkpoints.
    """

    load: Load
    kills: int
    stop_chance: float
    seconds_max: float
    life_seconds: tuple[float, float]
    binary: Path
    folder: Path
    options: tuple[str, ...]
    checkpoint_pause_seconds: float | None


@dataclasses.dataclass
class Tally:
    """What has been done."""

    kills: int = 0
    stops: int = 0
    kills_at_start: int = 0
    acknowledged: int = 0
    rows: int = 0
    refused: int = 0
    in_flight: int = 0
    in_flight_applied: int = 0
    demotions: int = 0
    checkpoints: int = 0
    checkpoints_checked: int = 0
    log_bytes_max: int = 0
    start_seconds_max: float = 0.0
    unsynced_undone: int = 0
    seconds: float = 0.0

    def add(self, written: Written) -> None:
        self.acknowledged += written.acknowledged
        self.rows += written.rows
        self.refused += written.refused
        self.in_flight += written.in_flight
        self.in_flight_applied += written.in_flight_applied


class Campaign:
    """One run; ``run`` returns the first violation, or None.

    Parameters
    ----------
    layer : Layer or None
        Drops what was not synced at every kill.
    say : callable
        Is told what happens.
    """

    def __init__(self, plan: Plan, layer: Layer | None, say: Callable[[str], None]) -> None:
        self.tally = Tally()
        self._plan = plan
        self._layer = layer
        self._say = say
        self._random = np.random.default_rng([plan.load.seed, 2**32])
        self._data = plan.folder / "data"
        self._server = Server(
            plan.binary, self._data, plan.folder / "server", plan.options,
            layer.environment if layer else {})

    def run(self) -> Violation | None:
        began = time.monotonic()
        try:
            with Writers(self._plan.load) as writers:
                self._start()
                with thermocline.connect(self._server.address) as client:
                    create_tables(client, self._plan.load)
                violation = None
                while violation is None and self._ended < self._plan.kills:
                    if time.monotonic() - began > self._plan.seconds_max:
                        self._say("the time is over")
                        break
                    violation = self._life(writers)
                    self.tally.seconds = time.monotonic() - began
                return violation
        except RuntimeError as error:  # A server that does not start, stop or stay.
            return Violation(None, str(error))
        finally:
            self._server.kill()

    @property
    def _ended(self) -> int:
        return self.tally.kills + self.tally.stops

    def _life(self, writers: Writers) -> Violation | None:
        """Writes, an end, a start, and every look at what is there then."""
        copies = self._plan.folder / f"copies-{self._ended}"
        copies.mkdir()
        writers.ask("write", self._server.address)
        checkpoints = None
        if self._plan.checkpoint_pause_seconds is not None:
            checkpoints = Checkpoints(
                self._server.address, copies, self._plan.checkpoint_pause_seconds)
        ended_early = writers.answered(self._random.uniform(*self._plan.life_seconds))
        if ended_early and not self._server.runs:
            raise RuntimeError(f"the server ended by itself:\n{self._server.messages()}")
        self._count()
        how = self._end()
        found = writers.answers()
        taken = checkpoints.taken() if checkpoints else []
        if violation := _first(found):
            return violation
        if ended_early:
            raise RuntimeError("a client lost its connection to a server that runs")
        undone = self._lose_power()

        at_start = self._start()
        writers.ask("verify", self._server.address)
        found = writers.answers()
        if violation := _first(found):
            return violation
        for written in found:
            self.tally.add(written)
        sums = Tally()
        for written in found:
            sums.add(written)
        self._say(
            f"{how}{undone}{at_start}: {sums.acknowledged} writes of {sums.rows} rows are there, "
            f"{sums.in_flight_applied} of {sums.in_flight} in flight too; "
            f"log {_mebibytes(self._log_bytes)}")
        for line in self._server.messages().splitlines():
            self._say(f"    {line}")
        violation = self._check(taken, writers)
        if violation is None:
            shutil.rmtree(copies)
        return violation

    def _start(self) -> str:
        """Starts the server, sometimes only after it was killed while it started."""
        killed = 0
        while self._ended and self._random.random() < KILL_AT_START_CHANCE:
            patience = self._random.uniform(0, KILL_AT_START_SECONDS_MAX)
            answered = self._server.start(kill_after=patience)
            self._server.kill()
            self._lose_power()
            self.tally.kills_at_start += 1
            killed += 1
            if answered is not None:
                break
        seconds = self._server.start()
        assert seconds is not None
        self.tally.start_seconds_max = max(self.tally.start_seconds_max, seconds)
        again = f", killed {killed} times while it started" if killed else ""
        return f"{again}, up in {seconds:.2f} s"

    def _end(self) -> str:
        """Ends the server; what to call it."""
        self._log_bytes = _bytes_of(self._data / "log")
        self.tally.log_bytes_max = max(self.tally.log_bytes_max, self._log_bytes)
        if self._random.random() < self._plan.stop_chance:
            self._server.stop()
            self.tally.stops += 1
            return f"stop {self._ended}"
        self._server.kill()
        self.tally.kills += 1
        return f"kill {self._ended}"

    def _lose_power(self) -> str:
        if self._layer is None:
            return ""
        undone = self._layer.lose_power()
        self.tally.unsynced_undone += undone
        return f", {undone} unsynced changes undone"

    def _count(self) -> None:
        """Reads the counters of a server that is about to end."""
        try:
            with thermocline.connect(self._server.address) as client:
                self.tally.demotions += client.stats()["demotions"]
        except OSError:
            pass  # It ended by itself, and whoever waits for its clients says so.

    def _check(self, taken: list[Taken], writers: Writers) -> Violation | None:
        """Opens some of the checkpoints and looks whether each is the store of one instant."""
        self.tally.checkpoints += len(taken)
        # The last is the one that an end may have met half-way.
        chosen = taken[-1:]
        if len(taken) > 1:
            chosen.append(taken[self._random.integers(0, len(taken) - 1)])
        for copy in chosen[:CHECKPOINTS_CHECKED_MAX]:
            # The folder may have been lost with the power, if nobody was told that it is there.
            if copy.called.end == math.inf and not copy.path.exists():
                continue
            options = ["--memory", "64MiB"]
            if self._random.random() < 0.5:
                options.append("--read-only")
            server = Server(
                self._plan.binary, copy.path, self._plan.folder / "copy-server", options)
            try:
                server.start()
                writers.ask("moments", server.address, copy.called)
                found = writers.answers()
            finally:
                server.kill()
            if violation := _first(found):
                return violation
            if not common_moments(found):
                views = "; ".join(
                    f"client {client}: " + " or ".join(
                        f"{moment.begin:.6f} to {moment.end:.6f}" for moment in moments)
                    for client, moments in enumerate(found))
                return Violation(
                    None, f"a checkpoint is of no instant: what clients see of it is of {views}")
            self.tally.checkpoints_checked += 1
            self._say(f"    {copy.path.name} is the store of one instant")
        return None


def _first(found: list[object]) -> Violation | None:
    return next((one for one in found if isinstance(one, Violation)), None)


def _bytes_of(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    # Files come and go while this looks; blocks, as they may be longer than what is in them.
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            pass
    return total


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
