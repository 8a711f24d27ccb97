"""The arithmetic of the demonstration: a wrong AUC would prove nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest
import thermocline
from fake_store import FakeTable

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "flights_demo"))

import dataset  # noqa: E402
import factorization_machine as fm  # noqa: E402
import numpy_training  # noqa: E402


def test_auc_counts_pairs():
    random = np.random.default_rng(3)
    predicted = random.integers(0, 10, 200).astype(np.float32)  # Many ties.
    labels = (random.random(200) < 0.3).astype(np.float32)
    pairs = [
        (p > n) + (p == n) / 2 for p in predicted[labels == 1] for n in predicted[labels == 0]]
    assert fm.auc(predicted, labels) == pytest.approx(np.mean(pairs), abs=1e-12)


def test_scores_sum_all_pairs():
    rows = np.random.default_rng(4).normal(size=(5, 4, 7))
    expected = [
        example[:, 0].sum()
        + sum(example[i, 1:] @ example[j, 1:] for i in range(4) for j in range(i))
        for example in rows
    ]
    np.testing.assert_allclose(fm.scores(rows), expected)


def test_gradients_are_those_of_the_loss():
    random = np.random.default_rng(5)
    rows, labels = random.normal(size=(3, 4, 6)), np.array([0.0, 1.0, 1.0])

    def loss(rows):
        signed = np.where(labels > 0, 1, -1) * fm.scores(rows)
        return np.log1p(np.exp(-signed)).sum()

    gradients, step = fm.gradients(rows, labels), 1e-6
    for position in np.ndindex(rows.shape):
        moved = np.zeros_like(rows)
        moved[position] = step
        numeric = (loss(rows + moved) - loss(rows - moved)) / (2 * step)
        assert gradients[position] == pytest.approx(numeric, abs=1e-7)


def test_workers_share_an_epoch():
    alone = list(dataset.batches(1000, 64, epoch=2, worker=0, workers=1))
    first, second = (list(dataset.batches(1000, 64, 2, worker, 2)) for worker in (0, 1))
    assert len(first) + len(second) == len(alone)
    for batch, expected in zip(alone, [b for pair in zip(first, second) for b in pair]):
        np.testing.assert_array_equal(batch, expected)
    assert sorted(np.concatenate(alone)) == list(range(1000))


def test_ids_differ_between_fields_and_values():
    values = np.arange(1000)
    ids = dataset.field_ids([values, values, dataset.crossed(values, values[::-1])])
    assert len(np.unique(ids)) == ids.size


def test_the_table_in_memory_is_a_store_with_adagrad():
    random = np.random.default_rng(6)
    optimizer = thermocline.Adagrad(0.1)
    schema = thermocline.Schema(4, optimizer, thermocline.Uniform(-1, 1))
    store, ids = FakeTable("t", schema), np.arange(20, dtype=np.uint64)
    table = numpy_training.NumpyTable(ids, store.pull(ids, create=True)[0], optimizer)
    for _ in range(10):
        batch = random.integers(0, 20, (8, 3)).astype(np.uint64)
        gradients = random.normal(size=(8, 3, 4)).astype(np.float32)
        store.push(batch.reshape(-1), gradients.reshape(-1, 4))
        table.push(table.positions(batch), gradients)
    expected = store.pull(ids, create=True)[0]
    np.testing.assert_allclose(table.pull(table.positions(ids)), expected, rtol=0, atol=1e-6)
    assert (table.pull(table.positions(np.array([99], np.uint64))) == 0).all()
