"""The same training in one numpy array: what the store's result is compared with."""

from __future__ import annotations

from typing import Callable

import factorization_machine
import numpy as np
import thermocline
from dataset import Dataset, batches


class NumpyTable:
    """All rows of the training ids in memory, with Adagrad.

    Parameters
    ----------
    ids : uint64[n], ascending
    rows : float32[n, dimension]
        What the rows start with; changed by `push`.
    """

    def __init__(self, ids: np.ndarray, rows: np.ndarray, optimizer: thermocline.Adagrad) -> None:
        self._ids = ids
        self._optimizer = optimizer
        # Behind the last row is one for all unknown ids: zeros, the mean of the initializer.
        self._rows = np.concatenate([rows, np.zeros((1, rows.shape[1]), np.float32)])
        self._accumulators = np.full_like(self._rows, optimizer.initial_accumulator)

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """Where the rows of ``ids`` are."""
        found = np.searchsorted(self._ids, ids)
        known = self._ids[np.minimum(found, len(self._ids) - 1)] == ids
        return np.where(known, found, len(self._ids))

    def pull(self, positions: np.ndarray) -> np.ndarray:
        return self._rows[positions]

    def push(self, positions: np.ndarray, gradients: np.ndarray) -> None:
        """One step of Adagrad with the sum of each row's gradients."""
        flat = positions.reshape(-1)
        order = np.argsort(flat, kind="stable")
        ordered = flat[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        g = np.add.reduceat(gradients.reshape(len(flat), -1)[order], starts, axis=0)
        named = ordered[starts]
        self._accumulators[named] += g * g
        scale = np.sqrt(self._accumulators[named]) + np.float32(self._optimizer.epsilon)
        self._rows[named] -= np.float32(self._optimizer.learning_rate) * g / scale


def train(
    table: NumpyTable, dataset: Dataset, epochs: int, batch_size: int,
    progress: Callable[[int], None],
) -> None:
    """Trains on the batches that the workers had, one after the other."""
    positions, done = table.positions(dataset.train_ids), 0
    for epoch in range(epochs):
        for batch in batches(len(positions), batch_size, epoch, worker=0, workers=1):
            rows = table.pull(positions[batch])
            gradient = factorization_machine.gradients(rows, dataset.train_labels[batch])
            table.push(positions[batch], gradient)
            done += 1
            progress(done)


def predict(table: NumpyTable, ids: np.ndarray, batch_size: int) -> np.ndarray:
    """Scores of examples."""
    positions = table.positions(ids)
    return np.concatenate([
        factorization_machine.scores(table.pull(positions[start : start + batch_size]))
        for start in range(0, len(ids), batch_size)
    ])
