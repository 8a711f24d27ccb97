"""What the clients do: every operation follows from the seed, the client and its number."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np
import thermocline

# The tables: ids of one client alone; ids that all of them push to; and again of one client, each alone in
# its field, so that it has the same values whether it shares the field's row or has earned its own.
OWN, SHARED, ADMITTED = 0, 1, 2
NAMES = ("own", "shared", "admitted")
ADMIT_AFTER = 4
FIELD_BITS = 32
OWN_DIMENSION = 16
SHARED_COLUMNS = 2  # Of each client, in every row of the shared table.

_MASK = 2**64 - 1


class Kind(enum.Enum):
    PUSH = "push"
    ASSIGN = "assign"
    DELETE = "delete"


@dataclasses.dataclass(frozen=True)
class Load:
    """How much there is and how much is asked for at once.

    Attributes
    ----------
    seed : int
        Everything that is drawn follows from it.
    clients : int
    ids : tuple[int, int, int]
        Ids of each table: those of each client alone, or those that all share.
    batch_max : int
        Most ids of an operation; sizes are spread evenly over their logarithms.
    depth_max : int
        Most operations of a client in flight.
    """

    seed: int
    clients: int
    ids: tuple[int, int, int]
    batch_max: int
    depth_max: int

    def width(self, table: int) -> int:
        """Columns of a table's rows that one client sees to."""
        return SHARED_COLUMNS if table == SHARED else OWN_DIMENSION

    def dimension(self, table: int) -> int:
        return SHARED_COLUMNS * self.clients if table == SHARED else OWN_DIMENSION

    def columns(self, table: int, client: int) -> slice:
        """Where the client's columns are.

        In the shared table each client has its own, so that what all of them did to a row can be
        told apart exactly, although it is one row and one record.
        """
        if table != SHARED:
            return slice(0, OWN_DIMENSION)
        return slice(SHARED_COLUMNS * client, SHARED_COLUMNS * (client + 1))

    def ids_at(self, table: int, client: int, positions: np.ndarray) -> np.ndarray:
        """The 64-bit ids that positions in a client's ledger stand for: different ones."""
        if table == ADMITTED:
            fields = positions.astype(np.uint64) + np.uint64(client * self.ids[ADMITTED])
            return fields << np.uint64(64 - FIELD_BITS)
        first = 0 if table == SHARED else self.ids[SHARED] + client * self.ids[OWN]
        return spread(positions.astype(np.uint64) + np.uint64(first))


def spread(numbers: np.ndarray) -> np.ndarray:
    """Spreads numbers over all 64 bits, different ones to different ones (splitmix64's end)."""
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


@dataclasses.dataclass(frozen=True, eq=False)  # Arrays do not compare as one value.
class Operation:
    """One write of one client.

    Attributes
    ----------
    positions : int64[n]
        In the client's ledger of the table; those of a push may come several times.
    values : float32[n, width]
        Gradients or rows, whole numbers; nothing for a delete.
    """

    kind: Kind
    table: int
    positions: np.ndarray
    values: np.ndarray

    def send(
        self, pipeline: thermocline.Pipeline, tables: list[thermocline.Table], load: Load,
        client: int,
    ) -> thermocline.Future[Any]:
        table = tables[self.table]
        ids = load.ids_at(self.table, client, self.positions)
        if self.kind is Kind.DELETE:
            return pipeline.delete(table, ids)
        values = self.values
        if self.table == SHARED:
            values = np.zeros((len(ids), table.dim), np.float32)
            values[:, load.columns(SHARED, client)] = self.values
        write = pipeline.push if self.kind is Kind.PUSH else pipeline.assign
        return write(table, ids, values)


def operation(load: Load, client: int, number: int) -> Operation:
    """The client's operation of a number, the same whenever it is asked for."""
    random = np.random.default_rng([load.seed, client, number])
    count = int(np.exp(random.uniform(0, np.log(load.batch_max + 1))))
    chance = random.random()
    kind = Kind.ASSIGN if 0.80 <= chance < 0.92 else Kind.DELETE if chance >= 0.92 else Kind.PUSH
    table = SHARED if chance < 0.25 else OWN
    # A delete would take an id's own row and leave it the row that it shares.
    if table == OWN and kind is not Kind.DELETE and random.random() < 0.3:
        table = ADMITTED
    positions = _positions(random, load.ids[table], count)
    if kind is not Kind.PUSH:
        positions = np.unique(positions)
    shape = (len(positions), load.width(table))
    if kind is Kind.PUSH:
        # Never 0, so that a push that is lost or applied twice shows.
        values = (random.integers(1, 5, shape) * random.choice([-1, 1], shape)).astype(np.float32)
    elif kind is Kind.ASSIGN:
        values = random.integers(-1000, 1001, shape).astype(np.float32)
    else:
        values = np.empty((0, shape[1]), np.float32)
    return Operation(kind, table, positions, values)


def _positions(random: np.random.Generator, ids: int, count: int) -> np.ndarray:
    """Half of them from a hundredth of the ids, which stay in memory; the rest from all."""
    positions = random.integers(0, ids, count)
    often = random.random(count) < 0.5
    positions[often] %= max(1, ids // 100)
    return positions


def create_tables(client: thermocline.Client, load: Load) -> None:
    """Makes the tables, in float32 and with steps that are exact for whole numbers."""
    for table, name in enumerate(NAMES):
        scheme = (
            {"scheme": thermocline.FrequencyFiltered(ADMIT_AFTER), "field_bits": FIELD_BITS}
            if table == ADMITTED else {})
        client.create_table(
            name, load.dimension(table), thermocline.SGD(learning_rate=1.0), thermocline.Zeros(),
            hot="float32", cold="float32", if_exists="open", **scheme)
