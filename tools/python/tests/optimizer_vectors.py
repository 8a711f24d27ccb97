"""Reads ``Tests/Fixtures/optimizers`` and draws the pushes it describes."""

import json
from pathlib import Path

import numpy as np
import thermocline

FOLDER = Path(__file__).resolve().parents[3] / "Tests" / "Fixtures" / "optimizers"
MASK = 2**64 - 1


class SplitMix64:
    """The generator of the fixtures' README."""

    def __init__(self, seed):
        self.state = seed

    def draw(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def values(self, rows, dimension):
        drawn = [(self.draw() >> 48) - 32768 for _ in range(rows * dimension)]
        return np.array(drawn, np.float32).reshape(rows, dimension) / np.float32(32768)


class Case:
    """One case of a file: a table's optimizer, its pushes and its rows after some of them."""

    def __init__(self, optimizer, fields):
        self.name = f"{optimizer}-{fields['name']}"
        self.dimension = fields["dimension"]
        self.steps = fields["steps"]
        self.seed = fields["seed"]
        self.optimizer = getattr(thermocline, optimizer)(**fields["parameters"])
        self.ids = np.array([int(i) for i in fields["ids"]], np.uint64)
        self.initial = np.array(fields["initial"], np.float32)
        self.rows_after = {
            int(step): np.array(rows, np.float32) for step, rows in fields["rows_after"].items()}

    def pushes(self):
        """Yields (positions in `ids`, gradients) of each push."""
        generator = SplitMix64(self.seed)
        initial = generator.values(len(self.ids), self.dimension)
        np.testing.assert_array_equal(initial, self.initial)
        for _ in range(self.steps):
            count = 8 + generator.draw() % 17
            positions = np.array([generator.draw() % len(self.ids) for _ in range(count)])
            yield positions, generator.values(count, self.dimension)


def cases():
    """All cases of all files."""
    read = []
    for path in sorted(FOLDER.glob("*.json")):
        fields = json.loads(path.read_text())
        assert fields["format"] == 1
        read.extend(Case(fields["optimizer"], case) for case in fields["cases"])
    assert {type(case.optimizer).__name__ for case in read} == {
        "SGD", "Momentum", "Adagrad", "RowwiseAdagrad", "Adam", "FTRL"}
    return read


def assert_close(rows, reference):
    """The tolerance of the fixtures' README."""
    reference = np.asarray(reference, np.float64)
    error = np.abs(rows - reference) / np.maximum(1, np.abs(reference))
    worst = np.unravel_index(error.argmax(), error.shape)
    assert error.max() <= 1e-6, f"row {worst[0]}, element {worst[1]}: off by {error.max():.2g}"
