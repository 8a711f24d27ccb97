"""Which rows are asked for: positions below the number of rows, drawn beforehand.

An id is a function of the position (``id_of`` in ``native/rows.h``), so that a system that has no
ids, such as an array, is asked for the same rows.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from .tables import Load, Table

DISTRIBUTIONS = ("uniform", "zipf", "in turn")
ZIPF_EXPONENT = 1.05
DRAWN_ROWS = 1 << 24
# So many numbers are in the rows of one measurement: one that is as fast as to see a batch again has had as many bytes
# since as no cache holds.
WINDOW_NUMBERS = 1 << 24
# Rows are scattered by a prime above every number of rows, so that popular ones are no neighbours.
SCATTERING = 2_654_435_761
ROWS_MAX = 1 << 31


@functools.lru_cache(maxsize=1)
def _zipf_sums(rows: int) -> np.ndarray:
    return np.cumsum(np.arange(1, rows + 1, dtype=np.float64) ** -ZIPF_EXPONENT)


def scattered(ranks: np.ndarray, rows: int) -> np.ndarray:
    """Another position for each rank."""
    return (ranks.astype(np.uint64) * np.uint64(SCATTERING) % np.uint64(rows)).astype(np.uint32)


def draw(distribution: str, rows: int, count: int, seed: int) -> np.ndarray:
    """``count`` positions, uint32. ``in turn`` has each row once before any comes again."""
    random = np.random.default_rng(seed)
    if distribution == "uniform":
        return random.integers(0, rows, count, dtype=np.uint32)
    if distribution == "zipf":
        sums = _zipf_sums(rows)
        return scattered(np.searchsorted(sums, random.random(count) * sums[-1], "right"), rows)
    assert distribution == "in turn", distribution
    return scattered(np.arange(count) % rows, rows)


class Positions:
    """Positions that are drawn once, of which each measurement gets the next ones in a file.

    Traffic goes on from one measurement to the next: were the same few rows asked for again and
    again, a store with tiers would soon have just those in memory.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._path = folder / "positions"
        self._drawn = functools.lru_cache(maxsize=2)(
            lambda distribution, rows: draw(
                distribution, rows, rows if distribution == "in turn" else DRAWN_ROWS, seed))

    def window(self, load: Load, table: Table, first: int) -> Path:
        """The file, with what is drawn from number ``first`` on, round and round."""
        drawn = self._drawn(load.distribution, table.rows)
        count = max(WINDOW_NUMBERS // table.dim, 2 * load.batch * load.depth * load.connections)
        np.take(drawn, np.arange(first, first + count), mode="wrap").tofile(self._path)
        return self._path
