"""What is measured: a table, and a load on it."""

from __future__ import annotations

import dataclasses

# Of a row in memory with its part of the index, beside its numbers; only to choose how much of a table fits.
HOT_ROW_BYTES_BESIDE = 25


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows, all of which are there before anything is measured.

    Parameters
    ----------
    rows, dim : int
    optimizer : str
        ``rowwise-adagrad``, ``adagrad``, or ``none``: then a peer keeps no state with its rows.
    hot : str
        Precision of rows in memory, of this server.
    in_memory : float
        Share of the rows that fit in memory, of this server; 1 for all.
    value_bytes : int
        Length of a peer's value where it is not that of the row and its state; 0.
    restarted : bool
        Whether this server is started once more at the end, with most rows on disk.
    """

    rows: int
    dim: int = 16
    optimizer: str = "rowwise-adagrad"
    hot: str = "float32"
    in_memory: float = 1
    value_bytes: int = 0
    restarted: bool = False

    @property
    def state_floats(self) -> int:
        return {"none": 0, "rowwise-adagrad": 1, "adagrad": self.dim}[self.optimizer]

    @property
    def hot_bytes(self) -> int:
        """About what this server's rows take in memory when all are there."""
        return self.rows * (4 * (self.dim + self.state_floats) + HOT_ROW_BYTES_BESIDE)


@dataclasses.dataclass(frozen=True)
class Load:
    """Requests of ``batch`` rows over and over: ``depth`` under way on each of the connections.

    ``operation`` is pull, push or train (pull, then push of the same rows); ``distribution`` is one
    of `positions.DISTRIBUTIONS`.
    """

    operation: str
    distribution: str
    batch: int
    depth: int = 1
    connections: int = 1

    def __str__(self) -> str:
        parts = [self.operation, self.distribution, f"batch {self.batch}", f"depth {self.depth}"]
        if self.connections > 1:
            parts.append(f"{self.connections} connections")
        return ", ".join(parts)
