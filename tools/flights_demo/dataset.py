"""Examples made of ids, and the order in which workers see them."""

from __future__ import annotations

import dataclasses
from typing import Iterator

import numpy as np

_GAMMA = 0x9E3779B97F4A7C15


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Labelled examples.

    Attributes
    ----------
    name : str
        What a report calls it.
    train_ids, test_ids : uint64[n, fields]
    train_labels, test_labels : float32[n], 0 or 1
    """

    name: str
    train_ids: np.ndarray
    train_labels: np.ndarray
    test_ids: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def split(cls, name: str, ids: np.ndarray, labels: np.ndarray, seed: int = 1) -> Dataset:
        """Holds a random fifth of the examples back for the test."""
        held_back = np.random.default_rng(seed).random(len(labels)) < 0.2
        labels = labels.astype(np.float32)
        return cls(name, ids[~held_back], labels[~held_back], ids[held_back], labels[held_back])


def batches(count: int, size: int, epoch: int, worker: int, workers: int) -> Iterator[np.ndarray]:
    """The positions of each batch that a worker has in an epoch.

    All workers shuffle alike and take turns, so together they see every example once. One worker
    of one sees the same batches in sequence.
    """
    order = np.random.default_rng(epoch).permutation(count)
    for start in range(worker * size, count, workers * size):
        yield order[start : start + size]


def field_ids(fields: list[np.ndarray]) -> np.ndarray:
    """One 64-bit id for each value of each field: uint64[n, fields] from integers[n] each."""
    return np.stack(
        [mixed(values.astype(np.uint64), number) for number, values in enumerate(fields)], axis=1)


def mixed(values: np.ndarray, salt: int) -> np.ndarray:
    """A bijective mix of 64-bit values (the finish of splitmix64), other for each salt."""
    z = values + np.uint64((salt + 1) * _GAMMA % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def crossed(*parts: np.ndarray) -> np.ndarray:
    """One 64-bit value for each combination of integer values."""
    combined = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        combined = mixed(combined ^ part.astype(np.uint64), 0)
    return combined
