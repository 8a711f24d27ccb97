"""A click log drawn at random, for when the flights cannot be had."""

from __future__ import annotations

import numpy as np
from dataset import Dataset, field_ids

EXAMPLES = 300_000
VALUES_PER_FIELD = (10, 100, 1_000, 5_000, 20_000, 50_000, 100_000, 200_000)
ZIPF_EXPONENT = 1.05


def synthetic(seed: int = 1) -> Dataset:
    """Zipf-distributed ids whose clicks follow a hidden weight for each value."""
    random = np.random.default_rng(seed)
    fields, logits = [np.zeros(EXAMPLES, np.uint64)], np.full(EXAMPLES, -1.5)
    for count in VALUES_PER_FIELD:
        share = np.arange(1, count + 1) ** -ZIPF_EXPONENT
        values = np.searchsorted(np.cumsum(share / share.sum()), random.random(EXAMPLES))
        values = np.minimum(values, count - 1)
        fields.append(values)
        logits += random.normal(scale=1.0, size=count)[values]
    clicks = random.random(EXAMPLES) < 1 / (1 + np.exp(-logits))
    return Dataset.split("synthetic click log", field_ids(fields), clicks)
