"""The process of `pytorch.py`, run by a Python that has PyTorch; it needs nothing else of this package.

``pytorch_worker.py ROWS DIM OPTIMIZER``. Rows are found by position: there are no ids to look up.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Callable

import numpy as np
import torch

WARMUP_SHARE = 0.2
THREADS = torch.get_num_threads()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    rows, dim, rule = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    torch.sparse.check_sparse_tensor_invariants.disable()
    torch.manual_seed(1)
    # What PyTorch takes as soon as it is used is none of the table's.
    tiny = torch.nn.Embedding(64, dim, sparse=True)
    tiny(torch.arange(64)).sum().backward()
    torch.optim.Adagrad(tiny.parameters()).step()
    base_bytes = resident_bytes()
    weight = torch.empty(rows, dim).uniform_(-0.01, 0.01)
    table = torch.nn.Embedding.from_pretrained(weight, freeze=False, sparse=True)
    optimizer = torch.optim.Adagrad(table.parameters(), lr=0.01) if rule != "none" else None

    def pull(ids: torch.Tensor, gradients: torch.Tensor) -> None:
        with torch.inference_mode():
            table(ids)

    def push(ids: torch.Tensor, gradients: torch.Tensor) -> None:
        # What the backward pass leaves.
        table.weight.grad = torch.sparse_coo_tensor(
            ids[None], gradients, table.weight.shape)
        optimizer.step()

    def train(ids: torch.Tensor, gradients: torch.Tensor) -> None:
        optimizer.zero_grad()
        table(ids).backward(gradients)
        optimizer.step()

    operations: dict[str, Callable[[torch.Tensor, torch.Tensor], None]] = {
        "pull": pull, "push": push, "train": train}
    print(json.dumps({"baseBytes": base_bytes}), flush=True)
    for line in sys.stdin:
        operation, batch, seconds, path = line.rstrip("\n").split(" ", 3)
        print(json.dumps(measure(operations[operation], path, int(batch), float(seconds), dim)), flush=True)


def measure(
    operation: Callable[[torch.Tensor, torch.Tensor], None], path: str, batch: int, seconds: float, dim: int,
) -> dict[str, float]:
    positions = torch.from_numpy(np.fromfile(path, np.uint32).astype(np.int64))
    batches = positions[: len(positions) // batch * batch].view(-1, batch)
    gradients = torch.empty(batch, dim).uniform_(-0.01, 0.01)
    used = 0

    def rate_for(seconds: float) -> float:
        nonlocal used
        first, started = used, time.perf_counter()
        while True:
            operation(batches[used % len(batches)], gradients)
            used += 1
            passed = time.perf_counter() - started
            if passed >= seconds:
                return (used - first) * batch / passed

    # The warm-up finds out which is faster: threads cost more than they give in small batches, and on busy machines.
    rates = {}
    for threads in (1, THREADS):
        torch.set_num_threads(threads)
        operation(batches[used % len(batches)], gradients)
        rates[threads] = rate_for(WARMUP_SHARE / 2 * seconds)
    torch.set_num_threads(max(rates, key=rates.__getitem__))
    return {"rowsPerSecond": rate_for(seconds), "batches": used}


if __name__ == "__main__":
    main()
