"""Training through the store, by processes that each take a part of every epoch."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection, wait
from typing import Callable

import factorization_machine
import numpy as np
import thermocline
from dataset import Dataset, batches

REPORT_BATCHES = 5  # A worker reports its progress after so many.
NO_EXAMPLES = np.empty(0, np.intp)  # What follows a worker's last batch.
PATIENCE_SECONDS = 30.0  # How long a request is repeated that the server has no room for.


class Workers:
    """Processes that train one table through clients of their own.

    Parameters
    ----------
    count : int
        How many.
    address, table : str
        Where the table is.
    dataset : Dataset
        Handed to each when it starts.
    """

    def __init__(
        self, count: int, address: str, table: str, dataset: Dataset, batch_size: int
    ) -> None:
        # Started afresh rather than forked: no worker shares the parent's threads or client.
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for number in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work,
                args=(theirs, address, table, dataset.train_ids, dataset.train_labels, batch_size,
                      number, count))
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: object, raised: object, traceback: object) -> None:
        for pipe in self._pipes:
            pipe.close()  # A worker ends when its pipe does.
        for process in self._processes:
            process.join()

    def train(self, epoch: int, progress: Callable[[int], None]) -> None:
        """Has all workers train their parts of an epoch at once and waits for them.

        Each connects at the start and closes at the end. ``progress`` is called with the number of
        batches that are behind them all together.
        """
        for pipe in self._pipes:
            pipe.send(epoch)
        done, training = 0, list(self._pipes)
        while training:
            for pipe in wait(training):
                try:
                    count, finished = pipe.recv()
                except EOFError:
                    raise RuntimeError("a worker ended early; its reason is above") from None
                done += count
                progress(done)
                if finished:
                    training.remove(pipe)


def _work(
    pipe: Connection, address: str, table: str, ids: np.ndarray, labels: np.ndarray,
    batch_size: int, worker: int, workers: int,
) -> None:
    while True:
        try:
            epoch = pipe.recv()
        except EOFError:
            return
        mine = list(batches(len(labels), batch_size, epoch, worker, workers))
        with thermocline.connect(address) as client:
            unreported = 0
            for _ in _train(client, client.table(table), ids, labels, mine):
                unreported += 1
                if unreported == REPORT_BATCHES:
                    pipe.send((unreported, False))
                    unreported = 0
        pipe.send((unreported, True))


def _train(client, table, ids, labels, mine):
    """Trains on each of the batches ``mine`` and yields after each."""
    rows = _insist(lambda: table.pull(ids[mine[0]]))
    for batch, following in zip(mine, [*mine[1:], NO_EXAMPLES]):
        gradients = factorization_machine.gradients(rows, labels[batch])
        # One round trip: the pull of the next batch sees the push before it.
        with client.pipeline() as p:
            pushed = p.push(table, ids[batch], gradients)
            pulled = p.pull(table, ids[following])
            _insist(lambda: table.push(ids[batch], gradients), pushed)
            rows = _insist(lambda: table.pull(ids[following]), pulled)
        yield


def _insist(request, first=None):
    """Repeats a request for as long as the server has no room for it at the moment.

    What is refused has changed nothing, so it may be sent again. ``first`` is the future of an
    attempt that is under way.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return request() if first is None else first.result()
        except thermocline.ThermoclineError as error:
            overloaded = error.code is thermocline.ErrorCode.OVERLOADED
            if not overloaded or time.monotonic() > give_up:
                raise
            first = None
            time.sleep(error.retry_after)


def predict(table: thermocline.Table, ids: np.ndarray, batch_size: int) -> np.ndarray:
    """Scores of examples, as inference pulls: no row is created."""
    return np.concatenate([
        factorization_machine.scores(table.pull(ids[start : start + batch_size], create=False)[0])
        for start in range(0, len(ids), batch_size)
    ])
