"""The client processes: they write until the server is gone, then look for what they wrote."""

from __future__ import annotations

import collections
import dataclasses
import math
import multiprocessing
import time
import traceback
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import thermocline
from ledger import Difference, Interval, Ledger, Sheet, Timed, applied_of, moments_of
from workload import ADMITTED, NAMES, OWN, Kind, Load, Operation, operation

BURST = 48  # Operations between looks at the rows.
LOOK = 256  # Rows of a look.
CHUNK = 2048  # Rows of a pull when all are read.
TIMEOUT_SECONDS = 120.0
PATIENCE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Violation:
    """A promise that was not kept: what one client expected and found.

    ``expected`` and ``found`` are its columns of the row, or None for no row; ``client`` is None
    where it was no client that saw it.
    """

    client: int | None
    what: str
    table: str | None = None
    id: int | None = None
    expected: list[float] | None = None
    found: list[float] | None = None
    rows_wrong: int = 0
    history: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Written:
    """What one client did between a start of the server and its end."""

    acknowledged: int = 0
    rows: int = 0
    refused: int = 0
    in_flight: int = 0
    in_flight_applied: int = 0


@dataclasses.dataclass
class _Sent:
    number: int
    operation: Operation
    sent: float
    future: thermocline.Future[Any] | None = None
    acknowledged: float = math.inf


class Writer:
    """One client, with the ledger of what it wrote."""

    def __init__(self, load: Load, client: int) -> None:
        self._load = load
        self._client = client
        self._ledger = Ledger.empty(load)
        self._next = 0
        # Since the last start of the server: the rows at its beginning, every operation that was
        # not refused, and those of them without a reply.
        self._base = self._ledger.copy()
        self._history: list[_Sent] = []
        self._in_flight: list[_Sent] = []
        self._refused = 0

    def write(self, address: str) -> Violation | None:
        """Writes until the connection is lost."""
        self._base = self._ledger.copy()
        self._history, self._in_flight, self._refused = [], [], 0
        random = np.random.default_rng([self._load.seed, self._client, self._next, 1])
        try:
            with thermocline.connect(address, TIMEOUT_SECONDS) as client:
                tables = [client.table(name) for name in NAMES]
                while True:
                    self._burst(client, tables, int(random.integers(1, self._load.depth_max + 1)))
                    if violation := self._look(tables, random):
                        return violation
        except OSError:
            pass  # The server is gone, as it was meant to be.
        except thermocline.ThermoclineError as error:
            if error.code is not thermocline.ErrorCode.SHUTTING_DOWN:
                return Violation(self._client, f"a request was refused: {error}")
        # Replies that came before the end and had not been looked at.
        for sent in list(self._in_flight):
            if sent.future is not None and sent.future.done() and not sent.future.exception():
                self._settle(sent)
        return None

    def _burst(
        self, client: thermocline.Client, tables: list[thermocline.Table], depth: int
    ) -> None:
        unread: collections.deque[_Sent] = collections.deque()
        with client.pipeline() as pipeline:
            for _ in range(BURST):
                if len(unread) == depth:
                    self._settle(unread.popleft())
                op = operation(self._load, self._client, self._next)
                sent = _Sent(self._next, op, time.monotonic())
                self._next += 1
                self._history.append(sent)
                self._in_flight.append(sent)
                unread.append(sent)
                sent.future = op.send(pipeline, tables, self._load, self._client)
            while unread:
                self._settle(unread.popleft())

    def _settle(self, sent: _Sent) -> None:
        """Waits for a reply and writes down what it says."""
        assert sent.future is not None
        try:
            sent.future.result()
        except thermocline.ThermoclineError as error:
            # Refused: nothing was changed, and nothing may be found of it.
            self._in_flight.remove(sent)
            self._history.remove(sent)
            self._refused += 1
            if error.code is not thermocline.ErrorCode.OVERLOADED:
                raise
            time.sleep(error.retry_after)
            return
        self._in_flight.remove(sent)
        sent.acknowledged = time.monotonic()
        self._ledger.apply(sent.operation)

    def _look(
        self, tables: list[thermocline.Table], random: np.random.Generator
    ) -> Violation | None:
        """Pulls some rows while everybody writes; nothing of this client is in flight."""
        table = int(random.choice([OWN, ADMITTED]))
        at = random.integers(0, self._load.ids[table], LOOK)
        rows, exists = _patiently(
            lambda: tables[table].pull(self._load.ids_at(table, self._client, at), create=False))
        sheet = self._ledger.sheets[table]
        wrong = (exists != sheet.exists[at]) | (rows != sheet.rows[at]).any(axis=1)
        if not wrong.any():
            return None
        first = int(np.flatnonzero(wrong)[0])
        position = int(at[first])
        return self._violation(
            "a pull that follows acknowledged writes does not see them",
            Difference(
                NAMES[table], position,
                sheet.rows[position].tolist() if sheet.exists[position] else None,
                rows[first].tolist() if exists[first] else None, int(wrong.sum())))

    def verify(self, address: str) -> Violation | Written:
        """Reads every row of this client and compares it with what was acknowledged."""
        in_flight = [sent.operation for sent in self._in_flight]
        found = self._read(address)
        if isinstance(found, Violation):
            return found
        applied = applied_of(self._ledger, in_flight, found)
        if isinstance(applied, Difference):
            touched = {
                (NAMES[op.table], int(position)) for op in in_flight for position in op.positions}
            what = (
                "an operation that was in flight was applied in part"
                if (applied.table, applied.position) in touched and applied.count < len(touched)
                else "an acknowledged operation is missing or was applied twice")
            return self._violation(what, applied)
        for operation_, is_applied in zip(in_flight, applied):
            if is_applied:
                self._ledger.apply(operation_)
        settled = [sent.operation for sent in self._history if sent.acknowledged < math.inf]
        return Written(
            acknowledged=len(settled), rows=sum(len(op.positions) for op in settled),
            refused=self._refused, in_flight=len(in_flight), in_flight_applied=sum(applied))

    def moments(self, address: str, called: Interval) -> Violation | list[Interval]:
        """When a checkpoint, taken since the last start of the server, may have been the store.

        Parameters
        ----------
        called : Interval
            When the checkpoint was asked for and when the reply came; it has to be of a moment in
            between.
        """
        history = [Timed(s.operation, s.sent, s.acknowledged) for s in self._history]
        found = self._read(address)
        if isinstance(found, Violation):
            return found
        moments = moments_of(self._base.copy(), history, found, self._load.depth_max)
        if isinstance(moments, Difference):
            return self._violation("a checkpoint is of no instant", moments)
        inside = [both for moment in moments if (both := moment.common(called)) is not None]
        if not inside:
            return Violation(
                self._client,
                f"a checkpoint that was made from {called.begin:.6f} to {called.end:.6f} is of "
                + " or ".join(f"{moment.begin:.6f} to {moment.end:.6f}" for moment in moments))
        return inside

    def _read(self, address: str) -> Ledger | Violation:
        """All rows of this client; a violation where the server does not give them."""
        sheets = []
        try:
            with thermocline.connect(address, TIMEOUT_SECONDS) as client:
                for table, name in enumerate(NAMES):
                    sheets.append(self._read_table(client.table(name), table))
        except (OSError, thermocline.ThermoclineError) as error:
            return Violation(self._client, f"reading what is there failed: {error}")
        return Ledger(sheets)

    def _read_table(self, opened: thermocline.Table, table: int) -> Sheet:
        parts = []
        for first in range(0, self._load.ids[table], CHUNK):
            at = np.arange(first, min(first + CHUNK, self._load.ids[table]))
            ids = self._load.ids_at(table, self._client, at)
            parts.append(_patiently(lambda: opened.pull(ids, create=False)))
        columns = self._load.columns(table, self._client)
        return Sheet(
            np.concatenate([rows[:, columns] for rows, _ in parts]),
            np.concatenate([exists for _, exists in parts]))

    def _violation(self, what: str, difference: Difference) -> Violation:
        table = NAMES.index(difference.table)
        at = np.array([difference.position])
        lines = [
            f"operation {sent.number}: {sent.operation.kind.value} of "
            f"{len(sent.operation.positions)} rows, sent at {sent.sent:.6f}, "
            + ("no reply" if sent.acknowledged == math.inf else f"reply at {sent.acknowledged:.6f}")
            for sent in self._history
            if sent.operation.table == table and difference.position in sent.operation.positions
        ]
        return Violation(
            self._client, what, difference.table,
            int(self._load.ids_at(table, self._client, at)[0]), difference.expected,
            difference.found, difference.count, lines[-8:])


def _patiently(request: Any) -> Any:
    """Repeats a read for as long as the server has no room for it."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return request()
        except thermocline.ThermoclineError as error:
            overloaded = error.code is thermocline.ErrorCode.OVERLOADED
            if not overloaded or time.monotonic() > give_up:
                raise
            time.sleep(error.retry_after)


class Writers:
    """All clients, each in a process of its own."""

    def __init__(self, load: Load) -> None:
        # Started afresh rather than forked: none shares its parent's threads or clients.
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for client in range(load.clients):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, load, client), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def __enter__(self) -> Writers:
        return self

    def __exit__(self, kind: object, raised: object, trace: object) -> None:
        for pipe in self._pipes:
            pipe.close()  # A process ends when its pipe does.
        for process in self._processes:
            process.join(TIMEOUT_SECONDS)

    def ask(self, method: str, *arguments: Any) -> None:
        """Has every writer call one of its methods."""
        for pipe in self._pipes:
            pipe.send((method, arguments))

    def answered(self, seconds: float) -> bool:
        """Whether a writer has answered, within some seconds; while all write, none should."""
        return bool(wait(self._pipes, max(0.0, seconds)))

    def answers(self) -> list[Any]:
        """What each has returned, in order."""
        answers = []
        for client, pipe in enumerate(self._pipes):
            try:
                failed, answer = pipe.recv()
            except EOFError:
                raise RuntimeError(f"client {client} ended by itself") from None
            if failed:
                raise RuntimeError(f"client {client} failed:\n{answer}")
            answers.append(answer)
        return answers


def _serve(pipe: Connection, load: Load, client: int) -> None:
    writer = Writer(load, client)
    while True:
        try:
            method, arguments = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            pipe.send((False, getattr(writer, method)(*arguments)))
        except Exception:
            pipe.send((True, traceback.format_exc()))
        except KeyboardInterrupt:
            return
