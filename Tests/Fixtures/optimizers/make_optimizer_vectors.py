"""Writes the reference vectors of the optimizer tests: rows after 1, 10 and 100 pushes.

    pip install torch==2.13.0 numpy
    python make_optimizer_vectors.py            # writes beside this file
    python make_optimizer_vectors.py --check    # compares instead, exits 1 on a difference

SGD, Momentum, Adagrad and Adam come from torch, the others from the formulas below in float64.
README.md describes the format and the generator, precisely enough to write both again in another
language.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

IDS = [0, 1, 2, 3, 7, 42, 1000, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1]
STEPS = 100
KEPT_STEPS = (1, 10, 100)

# (file, optimizer, [(case, dimension, seed, parameters in the order of the wire protocol)]).
# Dimension 4 is less than a vector register; 19 is one of 16 lanes and a tail.
CASES = [
    ("sgd", "SGD", [
        ("defaults", 4, 1, {"learning_rate": 0.001}),
        ("large_rate", 19, 2, {"learning_rate": 0.1}),
    ]),
    ("momentum", "Momentum", [
        ("defaults", 4, 3, {"learning_rate": 0.001, "momentum": 0.9}),
        ("large_rate", 19, 4, {"learning_rate": 0.05, "momentum": 0.5}),
    ]),
    ("adagrad", "Adagrad", [
        ("defaults", 4, 5, {"learning_rate": 0.01, "initial_accumulator": 0.0, "epsilon": 1e-10}),
        ("accumulator", 19, 6,
         {"learning_rate": 0.05, "initial_accumulator": 0.1, "epsilon": 1e-6}),
    ]),
    ("rowwise_adagrad", "RowwiseAdagrad", [
        ("defaults", 4, 7, {"learning_rate": 0.01, "initial_accumulator": 0.0, "epsilon": 1e-10}),
        ("accumulator", 19, 8,
         {"learning_rate": 0.05, "initial_accumulator": 0.1, "epsilon": 1e-6}),
    ]),
    ("adam", "Adam", [
        ("defaults", 4, 9, {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
        ("fast_decay", 19, 10,
         {"learning_rate": 0.01, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-4}),
    ]),
    ("ftrl", "FTRL", [
        ("no_penalty", 4, 11, {"alpha": 0.05, "beta": 1.0, "l1": 0.0, "l2": 0.0}),
        ("sparse", 19, 12, {"alpha": 0.1, "beta": 0.5, "l1": 0.5, "l2": 0.1}),
    ]),
]


class SplitMix64:
    """Sebastiano Vigna's splitmix64: 64 bits of state, 64 bits a draw."""

    def __init__(self, seed):
        self.state = seed

    def draw(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def value(self):
        """A multiple of 2**-15 in [-1, 1), so that duplicates sum exactly in any order."""
        return ((self.draw() >> 48) - 2**15) / 2**15


def pushes(generator, dimension):
    """Yields the pushes of a case, each as (row numbers, gradients), with duplicates."""
    for _ in range(STEPS):
        count = 8 + generator.draw() % 17
        rows = np.array([generator.draw() % len(IDS) for _ in range(count)])
        gradients = np.array(
            [[generator.value() for _ in range(dimension)] for _ in range(count)])
        yield rows, gradients


def summed(rows, gradients):
    """The rows that a push names, each once, with the sum of their gradients."""
    named, position = np.unique(rows, return_inverse=True)
    total = np.zeros((len(named), gradients.shape[1]))
    np.add.at(total, position, gradients)
    return named, total


class TorchSparse:
    """One torch parameter for the table and one sparse gradient a push, which torch coalesces."""

    def __init__(self, initial, make_optimizer):
        self.weight = torch.nn.Parameter(torch.tensor(initial, dtype=torch.float32))
        self.optimizer = make_optimizer([self.weight])

    def push(self, rows, gradients):
        gradient = torch.sparse_coo_tensor(
            torch.tensor(rows)[None], torch.tensor(gradients, dtype=torch.float32),
            self.weight.shape)
        self.weight.grad = gradient.coalesce()
        self.optimizer.step()

    def rows(self):
        return self.weight.detach().numpy().copy()


class TorchRowByRow:
    """One torch parameter and one optimizer a row, stepped only by the pushes that name the row.

    torch.optim.SGD with momentum moves every row that ever had a gradient, at every step, because
    its buffer is a sparse tensor that only grows. A store leaves rows alone that a push does not
    name. With one optimizer a row the arithmetic is still torch's, and equal to the plain use of
    torch wherever every step names every row.
    """

    def __init__(self, initial, make_optimizer):
        self.weights = [
            torch.nn.Parameter(torch.tensor(row, dtype=torch.float32)) for row in initial]
        self.optimizers = [make_optimizer([weight]) for weight in self.weights]

    def push(self, rows, gradients):
        for row, gradient in zip(*summed(rows, gradients)):
            self.weights[row].grad = torch.tensor(gradient, dtype=torch.float32)
            self.optimizers[row].step()

    def rows(self):
        return torch.stack([weight.detach() for weight in self.weights]).numpy()


class RowwiseAdagrad:
    """One accumulator a row: a += mean(g*g); w -= learning_rate / (sqrt(a) + epsilon) * g.

    In float64.
    """

    def __init__(self, initial, learning_rate, initial_accumulator, epsilon):
        self.weight = initial.copy()
        self.accumulator = np.full(len(initial), initial_accumulator)
        self.learning_rate, self.epsilon = learning_rate, epsilon

    def push(self, rows, gradients):
        named, g = summed(rows, gradients)
        self.accumulator[named] += (g * g).mean(axis=1)
        rate = self.learning_rate / (np.sqrt(self.accumulator[named]) + self.epsilon)
        self.weight[named] -= rate[:, None] * g

    def rows(self):
        return self.weight.astype(np.float32)


class FTRL:
    """FTRL-Proximal per coordinate (McMahan et al., KDD 2013, algorithm 1), in float64.

    z and n start at 0.
    """

    def __init__(self, initial, alpha, beta, l1, l2):
        self.weight = initial.copy()
        self.z = np.zeros_like(initial)
        self.n = np.zeros_like(initial)
        self.alpha, self.beta, self.l1, self.l2 = alpha, beta, l1, l2

    def push(self, rows, gradients):
        named, g = summed(rows, gradients)
        w, z, n = self.weight[named], self.z[named], self.n[named]
        s = (np.sqrt(n + g * g) - np.sqrt(n)) / self.alpha
        z = z + g - s * w
        n = n + g * g
        w = (np.sign(z) * self.l1 - z) / ((self.beta + np.sqrt(n)) / self.alpha + self.l2)
        self.weight[named] = np.where(np.abs(z) <= self.l1, 0.0, w)
        self.z[named], self.n[named] = z, n

    def rows(self):
        return self.weight.astype(np.float32)


def table(optimizer, initial, p):
    """The reference table for an optimizer's name and parameters."""
    if optimizer == "SGD":
        return TorchSparse(initial, lambda w: torch.optim.SGD(w, lr=p["learning_rate"]))
    if optimizer == "Momentum":
        return TorchRowByRow(initial, lambda w: torch.optim.SGD(
            w, lr=p["learning_rate"], momentum=p["momentum"]))
    if optimizer == "Adagrad":
        return TorchSparse(initial, lambda w: torch.optim.Adagrad(
            w, lr=p["learning_rate"], initial_accumulator_value=p["initial_accumulator"],
            eps=p["epsilon"]))
    if optimizer == "Adam":
        return TorchSparse(initial, lambda w: torch.optim.SparseAdam(
            w, lr=p["learning_rate"], betas=(p["beta1"], p["beta2"]), eps=p["epsilon"]))
    return {"RowwiseAdagrad": RowwiseAdagrad, "FTRL": FTRL}[optimizer](initial, **p)


def run_case(optimizer, name, dimension, seed, parameters):
    generator = SplitMix64(seed)
    initial = np.array([[generator.value() for _ in range(dimension)] for _ in IDS])
    reference = table(optimizer, initial, parameters)
    kept = {}
    for step, (rows, gradients) in enumerate(pushes(generator, dimension), start=1):
        reference.push(rows, gradients)
        if step in KEPT_STEPS:
            kept[str(step)] = reference.rows()
    return {
        "name": name,
        "dimension": dimension,
        "seed": seed,
        "steps": STEPS,
        "parameters": parameters,
        "ids": [str(i) for i in IDS],
        "initial": initial.astype(np.float32),
        "rows_after": kept,
    }


def encode(value, indent=""):
    """JSON with one row of numbers a line, so that a change shows in a diff.

    A float32 is written as the shortest decimal of the same float64, hence exactly.
    """
    inner = indent + " "
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {encode(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + indent + "}"
    if isinstance(value, np.ndarray):
        return "[\n" + ",\n".join(inner + json.dumps(row) for row in value.tolist()) + "]"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(inner + encode(item, inner) for item in value) + "]"
    return json.dumps(value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the files, write none")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    torch.sparse.check_sparse_tensor_invariants.enable()
    differing = []
    for file, optimizer, cases in CASES:
        results = [run_case(optimizer, *case) for case in cases]
        text = encode({"format": 1, "optimizer": optimizer, "cases": results}) + "\n"
        path = Path(__file__).with_name(file + ".json")
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            differing.append(path.name)
    if differing:
        sys.exit("differs from what this script writes: " + ", ".join(differing))


if __name__ == "__main__":
    main()
