"""How rates change with the number of rows, ids in a request, and connections."""

from __future__ import annotations

import dataclasses
from typing import Callable, Sequence

from .measuring import Result
from .tables import Load


@dataclasses.dataclass(frozen=True)
class Curves:
    """Lines of points ``(x, rows/s)`` by label, each with the system whose colour it has; at least two values of x."""

    title: str
    lines: dict[str, list[tuple[int, float]]]
    systems: dict[str, str]


def curves_of(results: Sequence[Result]) -> list[Curves]:
    found = [_growth([result for result in results if result.section.workload == "growth"])]
    for result in results:
        loads = result.section.loads
        if result.section.workload == "pull":
            depth = max(load.depth for load in loads)
            chosen = [load for load in loads if load.distribution == "uniform" and load.depth == depth]
            found.append(_of_loads(result, f"Ids in a request: pull, uniform, depth {depth}", chosen,
                                   lambda load: load.batch))
        elif result.section.workload == "connections":
            found.append(_of_loads(result, "Connections: pull, uniform, batch 512, depth 8", loads,
                                   lambda load: load.connections))
    return [curves for curves in found if len({x for line in curves.lines.values() for x, _ in line}) > 1]


def _growth(results: Sequence[Result]) -> Curves:
    lines: dict[str, list[tuple[int, float]]] = {}
    for result in results:
        contender = result.section.contenders[0]
        for load in result.section.loads:
            if rate := result.rate(load, contender.label):
                lines.setdefault(load.operation, []).append((contender.table.rows, rate))
    colours = dict(zip(lines, ("thermocline", "thermocline bench")))
    return Curves("Rows of the table, in memory as int16: uniform, batch 4096, depth 8", lines, colours)


def _of_loads(result: Result, title: str, loads: Sequence[Load], x: Callable[[Load], int]) -> Curves:
    lines = {
        contender.label: [(x(load), rate) for load in loads if (rate := result.rate(load, contender.label))]
        for contender in result.section.contenders}
    return Curves(title, {label: line for label, line in lines.items() if line},
                  {contender.label: contender.system for contender in result.section.contenders})
