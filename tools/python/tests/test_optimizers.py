"""A hundred pushes with duplicate ids, against the reference vectors and against torch."""

import numpy as np
import pytest
import thermocline
from optimizer_vectors import SplitMix64, assert_close, cases

ROWS, DIMENSION, STEPS = 50, 12, 100


def test_the_generator():
    generator = SplitMix64(1)
    drawn = [generator.draw() for _ in range(3)]
    assert drawn == [0x910A2DEC89025CC1, 0xBEEB8DA1658EEC67, 0xF893A2EEFB32555E]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_reference_vectors(client, case):
    table = client.create_table(
        "t", case.dimension, case.optimizer, thermocline.Zeros(), cold="float32")
    table.assign(case.ids, case.initial)
    np.testing.assert_array_equal(table.pull(case.ids), case.initial)
    checked = 0
    for step, (positions, gradients) in enumerate(case.pushes(), start=1):
        table.push(case.ids[positions], gradients)
        if step in case.rows_after:
            assert_close(table.pull(case.ids), case.rows_after[step])
            checked += 1
    assert checked == len(case.rows_after) == 3


@pytest.mark.parametrize(
    "optimizer, torch_name, arguments",
    [
        (thermocline.SGD(0.1), "SGD", {"lr": 0.1}),
        (thermocline.Adagrad(), "Adagrad", {}),
        (thermocline.Adagrad(0.1, 0.5, 1e-3), "Adagrad",
         {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
        (thermocline.Adam(), "SparseAdam", {}),
        (thermocline.Adam(0.02, 0.7, 0.9, 1e-5), "SparseAdam",
         {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-5}),
    ],
    ids=lambda value: value if isinstance(value, str) else "")
def test_torch(client, optimizer, torch_name, arguments):
    torch = pytest.importorskip("torch", reason="torch is not installed; the vectors stand for it")
    random = np.random.default_rng(7)
    ids = random.integers(0, 2**64, ROWS, dtype=np.uint64)
    start = random.normal(size=(ROWS, DIMENSION)).astype(np.float32)
    table = client.create_table("t", DIMENSION, optimizer, thermocline.Zeros(), cold="float32")
    table.assign(ids, start)
    embedding = torch.nn.Embedding.from_pretrained(torch.tensor(start), freeze=False, sparse=True)
    reference = getattr(torch.optim, torch_name)(embedding.parameters(), **arguments)
    for _ in range(STEPS):
        positions = random.integers(0, ROWS, 64)
        # Multiples of 1/4096 sum exactly, whatever the order in which either side adds them.
        gradients = np.round(random.normal(size=(64, DIMENSION)) * 4096) / 4096
        gradients = gradients.astype(np.float32)
        reference.zero_grad()
        embedding(torch.tensor(positions)).backward(torch.tensor(gradients))
        # SGD alone would add each duplicate by itself and round in between.
        embedding.weight.grad = embedding.weight.grad.coalesce()
        reference.step()
        table.push(ids[positions], gradients)
    assert_close(table.pull(ids), embedding.weight.detach().numpy())
