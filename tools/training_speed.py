"""Measures samples a second of FM and DeepFM: through the store in process and through a Unix socket,
and in PyTorch on the CPU with sparse embeddings.

All train on one synthetic click log in batches of the same size, with the same sizes of model and the
same rules: Adagrad for rows, Adam for the network. They take turns, so that a change of the machine's
mood hits all alike; figures are medians of the rounds, ratios medians of the ratios of a round. Time
counts training alone: not the reading of the log, not evaluation. The server keeps no log of writes
unless --durability says so, as the store in process and PyTorch keep none.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parent / "flights_demo"))

from server import Server  # noqa: E402  (the path comes first)

MODELS = ("fm", "deepfm")
HIDDEN = (400, 400, 400)
TRAINING_SHARE = 0.9


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Thermocline:
    """``thermocline train`` on the log."""

    def __init__(self, options: argparse.Namespace, log: Path) -> None:
        self.options, self.log, self.tables = options, log, 0

    def __call__(self, model: str, server: Server | None = None) -> float:
        self.tables += 1
        options = self.options
        where = ["--server", server.address, "--table", f"t{self.tables}"] if server else []
        answer = subprocess.run(
            [str(options.binary), "train", str(self.log), "--model", model, "--dim", str(options.dim),
             "--hidden", ",".join(map(str, HIDDEN)), "--batch", str(options.batch),
             "--epochs", str(options.epochs), "--patience", str(options.epochs), "--decay", "1",
             "--split", f"sequential:{TRAINING_SHARE},0.05,0.05", "--optimizer", "adagrad:lr=0.01",
             "--json", *where],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return float(json.loads(answer.stdout)["samplesPerSecond"])


def torch_training(options: argparse.Namespace, log: Path) -> Callable[[str], float] | None:
    """The same training in PyTorch; None where it is not installed."""
    try:
        import numpy as np
        import torch
    except ImportError as error:
        say(f"SKIPPED: PyTorch: {error}; TORCH_PYTHON names a Python that has it")
        return None
    from torch import nn

    with open(log, encoding="utf-8") as file:
        fields = len(file.readline().split(",")) - 1
        text = np.array([line.rstrip("\n").split(",") for line in file])
    count = int(len(text) * TRAINING_SHARE)
    labels = torch.tensor(text[:count, 0].astype(np.float32))
    # Ids of different fields are different ids.
    columns, ids = [], 0
    for field in range(fields):
        values, places = np.unique(text[:count, field + 1], return_inverse=True)
        columns.append(places + ids)
        ids += len(values)
    places = torch.tensor(np.stack(columns, axis=1))
    dim = options.dim

    class Network(nn.Module):
        def __init__(self, model: str) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(1))
            layers: list[nn.Module] = []
            width = fields * dim
            for size in HIDDEN if model == "deepfm" else ():
                layers += [nn.Linear(width, size), nn.ReLU()]
                width = size
            self.deep = nn.Sequential(*layers, nn.Linear(width, 1)) if layers else None

        def forward(self, rows: Any) -> Any:
            vectors, weights = rows[:, :, :dim], rows[:, :, dim]
            sums = vectors.sum(1)
            pairs = 0.5 * (sums * sums - (vectors * vectors).sum(1)).sum(1)
            logits = self.bias + weights.sum(1) + pairs
            if self.deep is not None:
                logits = logits + self.deep(vectors.reshape(len(rows), -1))[:, 0]
            return logits

    def train(model: str) -> float:
        torch.manual_seed(1)
        table = nn.Embedding(ids, dim + 1, sparse=True)
        nn.init.uniform_(table.weight, -0.01, 0.01)
        network = Network(model)
        rows_step = torch.optim.Adagrad(table.parameters(), lr=0.01)
        network_step = torch.optim.Adam(network.parameters(), lr=0.001, fused=True)
        loss_of = nn.BCEWithLogitsLoss()
        started = time.perf_counter()
        for _ in range(options.epochs):
            order = torch.randperm(count)
            for start in range(0, count, options.batch):
                batch = order[start:start + options.batch]
                loss = loss_of(network(table(places[batch])), labels[batch])
                rows_step.zero_grad()
                network_step.zero_grad()
                loss.backward()
                rows_step.step()
                network_step.step()
        return options.epochs * count / (time.perf_counter() - started)

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--fields", type=int, default=26)
    parser.add_argument("--ids", type=int, default=100_000, help="ids of a field")
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--durability", default="none", help="of the server's writes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    rates: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="tc-") as name:
        folder = Path(name)
        log = folder / "log.csv"
        fields = [part for field in range(options.fields)
                  for part in ("--field", f"f{field}:{options.ids}:1.05")]
        subprocess.run(
            [str(options.binary), "generate", "-o", str(log), "--rows", str(options.rows), *fields],
            check=True, stdout=subprocess.DEVNULL)
        store, torch = Thermocline(options, log), torch_training(options, log)
        with Server(
                options.binary, folder, "2GiB", "--durability", options.durability) as server:
            for number in range(options.rounds):
                for model in MODELS:
                    say(f"{model}, round {number + 1} of {options.rounds}")
                    rates.setdefault((model, "in process"), []).append(store(model))
                    rates.setdefault((model, "socket"), []).append(store(model, server))
                    if torch:
                        rates.setdefault((model, "torch"), []).append(torch(model))

    def ratio(model: str, one: str, other: str) -> float:
        return statistics.median(
            a / b for a, b in zip(rates[model, one], rates[model, other]))

    result: dict[str, Any] = {
        model: {where: round(statistics.median(rates[model, where]))
                for where in ("in process", "socket", "torch") if (model, where) in rates}
        for model in MODELS}
    for model in MODELS:
        result[model]["socket / in process"] = round(ratio(model, "socket", "in process"), 2)
        if torch:
            result[model]["in process / torch"] = round(ratio(model, "in process", "torch"), 2)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{'model':8} {'in process':>12} {'socket':>12} {'torch':>12} {'of in process':>14} "
          f"{'times torch':>12}")
    for model in MODELS:
        row = result[model]
        print(f"{model:8} {row['in process']:12,} {row['socket']:12,} {row.get('torch', '–'):>12} "
              f"{row['socket / in process']:14} {row.get('in process / torch', '–'):>12}")


if __name__ == "__main__":
    main()
