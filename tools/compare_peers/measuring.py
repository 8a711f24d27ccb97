"""Measures the contenders of a section in turns, so that a change of the machine's mood hits all alike."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
from typing import Callable, Iterator

from .positions import Positions
from .programs import Unavailable
from .systems import SYSTEMS, Running, Sample, Setting
from .tables import Load, Table
from .workloads import Contender, Section

Say = Callable[[str], None]


@dataclasses.dataclass
class Result:
    """Rows a second of each contender under each load, one number a round, and what else was seen."""

    section: Section
    rates: dict[Load, dict[str, list[float]]] = dataclasses.field(default_factory=dict)
    facts: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)

    def rate(self, load: Load, label: str) -> float | None:
        """The median of the rounds."""
        rates = self.rates.get(load, {}).get(label)
        return statistics.median(rates) if rates else None

    def ratio(self, load: Load, label: str, of: str | None = None) -> float | None:
        """Of the first contender (or another) to this one: the median of the ratios of a round."""
        of = of or self.section.contenders[0].label
        rates = self.rates.get(load, {})
        pairs = list(zip(rates.get(of, []), rates.get(label, [])))
        return statistics.median(one / other for one, other in pairs) if pairs else None


class Pool:
    """Systems that run, each with one table. They are kept while a later section needs them."""

    def __init__(self, setting: Setting, say: Say) -> None:
        self._setting, self._say = setting, say
        self._running: dict[tuple[str, Table], Running] = {}
        self._resident: dict[tuple[str, Table], int] = {}
        self._unavailable: dict[str, str] = {}

    def versions(self, names: set[str]) -> dict[str, str]:
        """Of the systems that are there; the others are skipped, and said so once."""
        versions = {}
        for name, system in SYSTEMS.items():
            if name not in names:
                continue
            try:
                versions[name] = system.version(self._setting)
            except Unavailable as error:
                self._unavailable[name] = str(error)
                self._say(f"SKIPPED: {name}: {error}")
        return versions

    def running(self, contender: Contender) -> Running:
        """The contender's system, started where it does not run; raises if it cannot."""
        if contender.system in self._unavailable:
            raise Unavailable(self._unavailable[contender.system])
        key = contender.system, contender.table
        if key not in self._running:
            self._say(f"making {contender.table.rows:,} rows: {contender.label}")
            running = SYSTEMS[contender.system].open(contender.table, self._setting)
            self._running[key] = running
            self._resident[key] = running.resident_bytes()
        return self._running[key]

    def facts(self, contender: Contender) -> dict[str, float]:
        key = contender.system, contender.table
        resident = self._resident[key] / contender.table.rows
        return {"residentBytesPerRow": resident} | self._running[key].facts()

    def drop(self, contender: Contender) -> None:
        """Ends one that has failed."""
        running = self._running.pop((contender.system, contender.table), None)
        if running is not None:
            running.kill()

    def stop_all_but(self, needed: set[tuple[str, Table]]) -> dict[tuple[str, Table], dict[str, float]]:
        """Stops the others, and returns what was found out about each."""
        facts = {}
        for key in [key for key in self._running if key not in needed]:
            running = self._running[key]
            try:
                facts[key] = running.stop()
            except Exception as error:
                self._say(f"FAILED: {key[0]} did not stop well: {error}")
            finally:
                running.kill()
                del self._running[key]
        return facts

    def kill_all(self) -> None:
        for running in self._running.values():
            running.kill()
        self._running.clear()


@contextlib.contextmanager
def pool_of(setting: Setting, say: Say) -> Iterator[Pool]:
    pool = Pool(setting, say)
    try:
        yield pool
    finally:
        pool.kill_all()


class Measuring:
    """Measures sections with systems of a pool."""

    def __init__(self, pool: Pool, positions: Positions, rounds: int, seconds: float, say: Say) -> None:
        self._pool, self._positions = pool, positions
        self._rounds, self._seconds, self._say = rounds, seconds, say
        # Where each goes on in the rows that were drawn.
        self._next: dict[tuple[str, Table, str], int] = {}

    def measure(self, section: Section) -> Result:
        self._say(section.title)
        result = Result(section)
        taking = []
        for contender in section.contenders:
            try:
                running = self._pool.running(contender)
                if section.warm_seconds > 0:
                    # With the first load that reads only, and the first that writes.
                    for load in {load.operation == "pull": load for load in reversed(section.loads)}.values():
                        self._warm(running, contender, load, section.warm_seconds)
                taking.append(contender)
            except Unavailable as error:
                result.missing[contender.label] = str(error)
            except Exception as error:  # whatever it is, it must not cost the others their figures
                self._fail(result, contender, error)
        for number in range(self._rounds):
            for load in section.loads:
                said = []
                turn = number % max(1, len(taking))
                for contender in taking[turn:] + taking[:turn]:
                    if not SYSTEMS[contender.system].takes(load):
                        continue
                    seconds = self._seconds * section.times_longer
                    try:
                        rate = self._sample(contender, load, seconds).rows_per_second
                    except Exception as error:
                        self._fail(result, contender, error)
                        taking.remove(contender)
                        continue
                    result.rates.setdefault(load, {}).setdefault(contender.label, []).append(rate)
                    said.append(f"{contender.label} {rate / 1e6:.2f}M")
                self._say(f"round {number + 1} of {self._rounds}: {load}: {', '.join(said)}")
        for contender in list(taking):
            try:
                result.facts[contender.label] = self._pool.facts(contender)
            except Exception as error:
                self._fail(result, contender, error)
        return result

    def _warm(self, running: Running, contender: Contender, load: Load, seconds: float) -> None:
        running.warm(load, seconds, lambda seconds: self._sample(contender, load, seconds))

    def _sample(self, contender: Contender, load: Load, seconds: float) -> Sample:
        key = contender.system, contender.table, load.distribution
        first = self._next.get(key, 0)
        path = self._positions.window(load, contender.table, first)
        sample = self._pool.running(contender).measure(load, path, seconds)
        self._next[key] = first + sample.batches * load.batch
        return sample

    def _fail(self, result: Result, contender: Contender, error: BaseException) -> None:
        self._say(f"FAILED: {contender.label}: {error or type(error).__name__}")
        result.missing[contender.label] = f"failed: {error or type(error).__name__}"
        # Its rounds would have no partner.
        for rates in result.rates.values():
            rates.pop(contender.label, None)
        self._pool.drop(contender)


def measure_all(
    sections: list[Section], pool: Pool, measuring: Measuring, say: Say
) -> list[Result]:
    """All sections; each system is stopped when no later section needs it."""
    results = []
    for number, section in enumerate(sections):
        results.append(measuring.measure(section))
        needed = {
            (contender.system, contender.table)
            for later in sections[number + 1:] for contender in later.contenders}
        stopped = pool.stop_all_but(needed)
        for result in results:
            for contender in result.section.contenders:
                if contender.label in result.facts:
                    key = contender.system, contender.table
                    result.facts[contender.label].update(stopped.get(key, {}))
    return results
