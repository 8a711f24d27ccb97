"""What is compared with what, under which loads."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Callable, Iterable, Sequence

from .tables import Load, Table

# The dimension that the number of rows is meant for; of longer rows there are fewer, so that they take as much memory.
DIM = 16
# Of a table that does not fit in memory: rows that go to disk as they are made take their time.
TIERED_ROWS_MAX = 4_000_000
IN_MEMORY_OF_COLD = 0.05
GROWTH_ROWS_MIN = 100_000


@dataclasses.dataclass(frozen=True)
class Contender:
    """A system with a table, and what it is called in the report."""

    label: str
    system: str
    table: Table


@dataclasses.dataclass(frozen=True)
class Section:
    """Contenders under loads, in turns. Ratios are of the first one to each of the others.

    Parameters
    ----------
    workload, title : str
    contenders : sequence of Contender
    loads : sequence of Load
    warm_seconds : float
        How long each is brought to the state that it is measured in, before; 0: not at all.
    times_longer : float
        Than other sections its measurements are, where batches are slow.
    """

    workload: str
    title: str
    contenders: tuple[Contender, ...]
    loads: tuple[Load, ...]
    warm_seconds: float = 0
    times_longer: float = 1


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rows: int
    batches: tuple[int, ...] = (64, 512, 4096, 16384)
    depths: tuple[int, ...] = (1, 8)
    dims: tuple[int, ...] = (8, 16, 64, 128)
    connections: tuple[int, ...] = (1, 2, 8)
    rows_in_memory_max: int = 10**9
    warm_seconds: float = 10
    # Enough to write as much as the log of this server holds.
    log_seconds: float = 5

    def of_batches(self, *batches: int) -> tuple[int, ...]:
        """Those of ``batches`` that are measured at this scale; at least one."""
        return tuple(batch for batch in batches if batch in self.batches) or self.batches[-1:]


QUICK = Scale(rows=200_000, batches=(512, 4096), dims=(16, 64), connections=(1, 8), warm_seconds=1,
              log_seconds=0.5)


def among(systems: Iterable[str], table: Table) -> tuple[Contender, ...]:
    return tuple(Contender(system, system, table) for system in systems)


def described(table: Table) -> str:
    return f"{table.rows:,} rows of dimension {table.dim}"


def pull(scale: Scale) -> list[Section]:
    table = Table(scale.rows, DIM)
    alone = replace(table, optimizer="none")
    return [Section(
        "pull", f"Pull, {described(table)}, all in memory; peers keep the rows without optimizer state",
        among(["thermocline", "thermocline shared", "thermocline bench"], table)
        + among(["redis", "memcached", "rocksdb", "torch", "lookup loop", "gather loop", "memcpy"], alone),
        tuple(
            Load("pull", distribution, batch, depth)
            for distribution in ("uniform", "zipf")
            for batch in scale.batches for depth in scale.depths))]


def push(scale: Scale) -> list[Section]:
    loads = tuple(
        Load("push", "uniform", batch, depth)
        for batch in scale.of_batches(512, 4096) for depth in scale.depths)
    sections = []
    for optimizer, name in (("rowwise-adagrad", "row-wise Adagrad"), ("adagrad", "Adagrad")):
        table = Table(scale.rows, DIM, optimizer)
        torch = Contender("torch Adagrad", "torch", replace(table, optimizer="adagrad"))
        sections.append(Section(
            "push", f"Push with {name}, {described(table)}, all in memory",
            among(["thermocline", "redis", "memcached", "rocksdb"], table) + (torch,), loads,
            scale.log_seconds))
    return sections


def train(scale: Scale) -> list[Section]:
    table = Table(scale.rows, DIM)
    torch = Contender("torch Adagrad", "torch", replace(table, optimizer="adagrad"))
    return [Section(
        "train", f"Pull, then push of the same ids, row-wise Adagrad, {described(table)}, all in memory",
        among(["thermocline", "redis", "memcached", "rocksdb"], table) + (torch,),
        tuple(
            Load("train", distribution, batch, depth)
            for distribution in ("uniform", "zipf")
            for batch in scale.of_batches(512, 4096) for depth in scale.depths),
        scale.log_seconds)]


def cold(scale: Scale) -> list[Section]:
    table = Table(min(scale.rows, TIERED_ROWS_MAX), DIM, in_memory=IN_MEMORY_OF_COLD)
    # As many bytes as a row of int16 with its state has on this server's disk.
    peer = replace(table, in_memory=1, value_bytes=12 + 2 * DIM)
    return [Section(
        "cold", f"Pull of rows on disk, each once before any comes again, {described(table)}; files in the page cache",
        among(["thermocline"], table) + among(["rocksdb"], peer),
        tuple(Load("pull", "in turn", batch, depth)
              for batch in scale.of_batches(512, 4096) for depth in scale.depths),
        scale.warm_seconds, times_longer=3)]


def tiered(scale: Scale) -> list[Section]:
    table = Table(min(scale.rows, TIERED_ROWS_MAX), DIM)
    return [Section(
        "tiered", f"Pull, Zipf, a tenth of the rows in memory, {described(table)}",
        (Contender("a tenth in memory", "thermocline", replace(table, in_memory=0.1)),
         Contender("all in memory", "thermocline", table))
        + among(["redis"], replace(table, optimizer="none")),
        tuple(Load("pull", "zipf", batch, scale.depths[-1]) for batch in scale.of_batches(512, 4096)),
        scale.warm_seconds)]


def int16(scale: Scale) -> list[Section]:
    table = Table(scale.rows, DIM)
    return [Section(
        "int16", f"Rows in memory as int16, {described(table)}",
        (Contender("int16", "thermocline", replace(table, hot="int16")),
         Contender("float32", "thermocline", table)),
        tuple(Load(operation, "uniform", batch, scale.depths[-1])
              for operation in ("pull", "push") for batch in scale.of_batches(512, 4096)),
        scale.log_seconds)]


def connections(scale: Scale) -> list[Section]:
    table = Table(scale.rows, DIM)
    return [Section(
        "connections", f"Pull over several connections, {described(table)}, all in memory",
        among(["thermocline"], table) + among(["redis", "memcached"], replace(table, optimizer="none")),
        tuple(Load("pull", "uniform", batch, scale.depths[-1], count)
              for batch in scale.of_batches(512) for count in scale.connections))]


def dimension(scale: Scale) -> list[Section]:
    sections = []
    for dim in scale.dims:
        table = Table(max(1, scale.rows * DIM // dim), dim)
        adagrad = replace(table, optimizer="adagrad")
        batch = scale.of_batches(4096)[0]
        sections.append(Section(
            "dimension", f"Dimension {dim}, {described(table)}, all in memory, row-wise Adagrad",
            among(["thermocline", "redis", "memcached"], table)
            + (Contender("torch Adagrad", "torch", adagrad),)
            + among(["gather loop"], replace(table, optimizer="none")),
            tuple(Load(operation, "uniform", batch, scale.depths[-1]) for operation in ("pull", "push")),
            scale.log_seconds))
    return sections


def growth(scale: Scale) -> list[Section]:
    sections, rows = [], GROWTH_ROWS_MIN
    while rows <= min(10 * scale.rows, scale.rows_in_memory_max):
        table = Table(rows, DIM, hot="int16", restarted=True)
        batch = scale.of_batches(4096)[0]
        sections.append(Section(
            "growth", f"{described(table)}, in memory as int16", among(["thermocline"], table),
            tuple(Load(operation, "uniform", batch, scale.depths[-1]) for operation in ("pull", "push")),
            scale.log_seconds))
        rows *= 10
    return sections


WORKLOADS: dict[str, Callable[[Scale], list[Section]]] = {
    workload.__name__: workload
    for workload in (pull, connections, tiered, int16, push, train, cold, dimension, growth)}


def sections_of(names: Sequence[str], scale: Scale) -> list[Section]:
    return [section for name in WORKLOADS if name in names for section in WORKLOADS[name](scale)]
