"""What a client knows to be in the store, and how that is compared with what is found there."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Iterable, Iterator, Sequence

import numpy as np
from workload import NAMES, SHARED, Kind, Load, Operation

EXACT_MAX = 2**23  # Sums of whole numbers are exact in float32 below 2**24.


@dataclasses.dataclass
class Sheet:
    """Rows of one table.

    Attributes
    ----------
    rows : float32[n, width]
        Zeros where there is none.
    exists : bool[n]
    """

    rows: np.ndarray
    exists: np.ndarray

    def copy(self) -> Sheet:
        return Sheet(self.rows.copy(), self.exists.copy())


class Ledger:
    """One client's rows as they are after the operations that were applied."""

    def __init__(self, sheets: Sequence[Sheet]) -> None:
        self.sheets = list(sheets)

    @classmethod
    def empty(cls, load: Load) -> Ledger:
        return cls([
            Sheet(np.zeros((ids, load.width(table)), np.float32), np.zeros(ids, bool))
            for table, ids in enumerate(load.ids)
        ])

    def copy(self) -> Ledger:
        return Ledger([sheet.copy() for sheet in self.sheets])

    def apply(self, operation: Operation) -> None:
        sheet, at = self.sheets[operation.table], operation.positions
        if operation.kind is Kind.PUSH:
            np.subtract.at(sheet.rows, at, operation.values)
            sheet.exists[at] = True
            assert np.abs(sheet.rows[at]).max(initial=0) < EXACT_MAX, "sums are not exact any more"
        elif operation.kind is Kind.ASSIGN:
            sheet.rows[at] = operation.values
            sheet.exists[at] = True
        else:
            sheet.rows[at] = 0
            sheet.exists[at] = False


@dataclasses.dataclass(frozen=True)
class Difference:
    """Where a ledger and the store differ first, and how often."""

    table: str
    position: int
    expected: list[float] | None
    found: list[float] | None
    count: int


class Comparison:
    """A ledger beside what was found in the store, and which rows of it differ.

    Operations may be applied and taken back; that costs as much as they have rows. ``ledger`` is
    changed by it.
    """

    def __init__(self, ledger: Ledger, found: Ledger) -> None:
        self.ledger = ledger
        self._found = found
        self._wrong = [
            self._differs(table, slice(None)) for table in range(len(ledger.sheets))]
        self.wrong_count = sum(int(wrong.sum()) for wrong in self._wrong)

    def _differs(self, table: int, at: slice | np.ndarray) -> np.ndarray:
        ours, theirs = self.ledger.sheets[table], self._found.sheets[table]
        if table == SHARED:  # A row that is not ours may be another client's.
            existence = ours.exists[at] & ~theirs.exists[at]
        else:
            existence = ours.exists[at] != theirs.exists[at]
        return existence | (ours.rows[at] != theirs.rows[at]).any(axis=1)

    def apply(self, operation: Operation) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
        """Applies an operation; what ``undo`` takes."""
        table, at = operation.table, np.unique(operation.positions)
        sheet = self.ledger.sheets[table]
        before = (table, at, sheet.rows[at], sheet.exists[at])
        self.ledger.apply(operation)
        self._compare_again(table, at)
        return before

    def undo(self, before: tuple[int, np.ndarray, np.ndarray, np.ndarray]) -> None:
        table, at, rows, exists = before
        sheet = self.ledger.sheets[table]
        sheet.rows[at], sheet.exists[at] = rows, exists
        self._compare_again(table, at)

    def _compare_again(self, table: int, at: np.ndarray) -> None:
        differs = self._differs(table, at)
        self.wrong_count += int(differs.sum()) - int(self._wrong[table][at].sum())
        self._wrong[table][at] = differs

    def matches(self, operations: Sequence[Operation]) -> bool:
        """Whether everything is as found once ``operations`` are applied; they are taken back."""
        if self.wrong_count > sum(len(operation.positions) for operation in operations):
            return False
        undone = [self.apply(operation) for operation in operations]
        matched = self.wrong_count == 0
        for before in reversed(undone):
            self.undo(before)
        return matched

    def difference(self) -> Difference:
        """The first row that differs; there must be one."""
        table = next(at for at, wrong in enumerate(self._wrong) if wrong.any())
        position = int(np.flatnonzero(self._wrong[table])[0])
        expected, found = (
            ledger.sheets[table].rows[position].tolist()
            if ledger.sheets[table].exists[position] else None
            for ledger in (self.ledger, self._found))
        return Difference(NAMES[table], position, expected, found, self.wrong_count)


def closed_subsets(operations: Sequence[Operation]) -> Iterator[tuple[bool, ...]]:
    """Which of a connection's operations may have been applied, without their replies.

    Any of them; but one that names an id of an earlier one only with it, as the server keeps their
    order.
    """
    needs = [
        [earlier for earlier in range(later) if _share_ids(operations[earlier], operations[later])]
        for later in range(len(operations))
    ]
    for chosen in itertools.product([True, False], repeat=len(operations)):
        if all(chosen[earlier] for later, on in enumerate(chosen) if on for earlier in needs[later]):
            yield chosen


def _share_ids(one: Operation, other: Operation) -> bool:
    return one.table == other.table and bool(np.isin(one.positions, other.positions).any())


def applied_of(
    ledger: Ledger, in_flight: Sequence[Operation], found: Ledger
) -> tuple[bool, ...] | Difference:
    """Which of the operations in flight were applied, each whole or not at all.

    Parameters
    ----------
    ledger : Ledger
        With every acknowledged operation; left as it is.

    Returns
    -------
    tuple of bool
        One for each of ``in_flight``.
    Difference
        If what was found is none of the possibilities.
    """
    comparison = Comparison(ledger.copy(), found)
    nearest: tuple[bool, ...] = ()
    nearest_wrong = None
    for chosen in closed_subsets(in_flight):
        undone = [comparison.apply(op) for op, on in zip(in_flight, chosen) if on]
        wrong = comparison.wrong_count
        for before in reversed(undone):
            comparison.undo(before)
        if wrong == 0:
            return chosen
        if nearest_wrong is None or wrong < nearest_wrong:
            nearest, nearest_wrong = chosen, wrong
    for op, on in zip(in_flight, nearest):
        if on:
            comparison.apply(op)
    return comparison.difference()


@dataclasses.dataclass(frozen=True)
class Timed:
    """An operation that was not refused, with seconds of one clock for all processes.

    Attributes
    ----------
    sent : float
        When its sending began.
    acknowledged : float
        When its reply was seen; infinite if never.
    """

    operation: Operation
    sent: float
    acknowledged: float


@dataclasses.dataclass(frozen=True)
class Interval:
    """A stretch of time, both ends included."""

    begin: float
    end: float

    def common(self, other: Interval) -> Interval | None:
        begin, end = max(self.begin, other.begin), min(self.end, other.end)
        return Interval(begin, end) if begin <= end else None


def moments_of(
    base: Ledger, history: Sequence[Timed], found: Ledger, depth: int
) -> list[Interval] | Difference:
    """When the store may have been as found: a client's view of a copy made while it wrote.

    At one instant every operation that was acknowledged before is in the copy, none that was sent
    after, and any of those that were in flight, whole.

    Parameters
    ----------
    base : Ledger
        As it was before ``history``; changed.
    history : sequence of Timed
        In the order of sending.
    depth : int
        How many of them were in flight at most.

    Returns
    -------
    list of Interval
        Not empty.
    Difference
        If there was no such instant.
    """
    comparison = Comparison(base, found)
    moments: set[Interval] = set()
    # Of the state with the fewest differences, for the report.
    nearest = comparison.difference() if comparison.wrong_count else None
    end_of_excluded = _minima_from_behind([timed.acknowledged for timed in history])
    begin_of_included = float("-inf")
    for first in range(len(history) + 1):
        window = history[first : first + depth]
        in_reach = sum(len(timed.operation.positions) for timed in window)
        if comparison.wrong_count <= in_reach:
            for chosen in closed_subsets([timed.operation for timed in window]):
                if comparison.matches([t.operation for t, on in zip(window, chosen) if on]):
                    begin = max([begin_of_included, *(
                        t.sent for t, on in zip(window, chosen) if on)])
                    end = min([end_of_excluded[first + len(window)], *(
                        t.acknowledged for t, on in zip(window, chosen) if not on)])
                    if begin <= end:
                        moments.add(Interval(begin, end))
        if first < len(history):
            comparison.apply(history[first].operation)
            begin_of_included = max(begin_of_included, history[first].sent)
            if nearest is not None and 0 < comparison.wrong_count < nearest.count:
                nearest = comparison.difference()
    if moments:
        return sorted(moments, key=lambda moment: moment.begin)
    # All rows may fit an instant that no clock allows: then the times are the difference.
    return nearest or Difference("times", 0, None, None, 0)


def _minima_from_behind(values: Sequence[float]) -> list[float]:
    """The least of ``values[n:]`` for every n; infinite for none."""
    minima = [float("inf")]
    for value in reversed(values):
        minima.append(min(minima[-1], value))
    return minima[::-1]


def common_moments(views: Iterable[Sequence[Interval]]) -> list[Interval]:
    """When all views can have been at once; empty if never."""
    common = [Interval(float("-inf"), float("inf"))]
    for view in views:
        common = [
            both for ours in common for theirs in view if (both := ours.common(theirs)) is not None]
    return common
