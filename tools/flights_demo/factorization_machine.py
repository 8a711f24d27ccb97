"""A factorization machine with logistic loss (Rendle, ICDM 2010).

A row holds an id's weight and then its vector. An example's score is the sum of its weights and of
the inner products of all pairs of its vectors.
"""

from __future__ import annotations

import numpy as np


def scores(rows: np.ndarray) -> np.ndarray:
    """float32[batch] from the rows of each example's ids, float32[batch, fields, 1 + k]."""
    weights, vectors = rows[..., 0], rows[..., 1:]
    total = vectors.sum(axis=1)
    pairs = (total * total).sum(axis=1) - (vectors * vectors).sum(axis=(1, 2))
    return weights.sum(axis=1) + pairs / 2


def gradients(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the summed loss by each row, in the shape of ``rows``."""
    error = 1 / (1 + np.exp(-scores(rows))) - labels
    gradient = np.empty_like(rows)
    gradient[..., 0] = error[:, None]
    vectors = rows[..., 1:]
    np.subtract(vectors.sum(axis=1, keepdims=True), vectors, out=gradient[..., 1:])
    gradient[..., 1:] *= error[:, None, None]
    return gradient


def auc(predicted: np.ndarray, labels: np.ndarray) -> float:
    """The exact area under the ROC curve; pairs with equal scores count half."""
    _, position, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(counts)
    ranks = (last_rank - (counts - 1) / 2)[position]
    positives = labels > 0
    count = int(positives.sum())
    negatives = len(labels) - count
    return float((ranks[positives].sum() - count * (count + 1) / 2) / (count * negatives))
