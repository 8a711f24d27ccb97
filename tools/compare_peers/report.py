"""Tables for people, JSON for programs, and how far the goals are met."""

from __future__ import annotations

import dataclasses
from typing import Any, Sequence

from .measuring import Result
from .systems import SYSTEMS
from .tables import Load, Table


def rate_text(rate: float | None) -> str:
    if rate is None:
        return "–"
    # Three digits, and never 1000k.
    return f"{rate / 1e6:.3g}M" if rate >= 999_500 else f"{rate / 1e3:.3g}k"


def ratio_text(ratio: float | None) -> str:
    if ratio is None:
        return "–"
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2g}" if ratio < 10 else f"{ratio:.3g}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns also line up as plain text; the first is left-aligned."""
    widths = [max(len(line[at]) for line in (head, *rows)) for at in range(len(head))]
    widths = [max(width, 3) for width in widths]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths))]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if at == 0 else "-" * (width - 1) + ":" for at, width in enumerate(widths)]
    return "\n".join([line(head), line(rule), *(line(row) for row in rows)])


def load_text(load: Load, loads: Sequence[Load]) -> str:
    """What tells it from the other loads of its section."""
    parts = [load.operation] if len({other.operation for other in loads}) > 1 else []
    if load.distribution != "in turn":
        parts.append("Zipf 1.05" if load.distribution == "zipf" else load.distribution)
    parts += [f"batch {load.batch}", f"depth {load.depth}"]
    if any(other.connections > 1 for other in loads):
        parts.append(f"{load.connections} connection{'s' * (load.connections > 1)}")
    return ", ".join(parts)


def section_text(result: Result) -> str:
    """Rows a second, behind each the ratio of the first contender to it, and what is to be known of them."""
    labels = [
        contender.label for contender in result.section.contenders
        if any(contender.label in rates for rates in result.rates.values())]
    table = [_rates(result, labels), ""] if labels else []
    return "\n".join([result.section.title, "", *table, *_notes(result, labels)])


def _rates(result: Result, labels: Sequence[str]) -> str:
    section = result.section
    first = section.contenders[0].label
    head, rows = ["rows/s"], [[load_text(load, section.loads)] for load in section.loads]
    for label in labels:
        head += [label] if label == first else [label, "ratio"]
        for load, row in zip(section.loads, rows):
            row.append(rate_text(result.rate(load, label)))
            if label != first:
                row.append(ratio_text(result.ratio(load, label)))
    return markdown(head, rows)


def _notes(result: Result, labels: Sequence[str]) -> list[str]:
    section = result.section
    notes = [f"ratio: {section.contenders[0].label} to the system before it"]
    systems = {contender.label: SYSTEMS[contender.system] for contender in section.contenders}
    in_process = [label for label in labels if not systems[label].served]
    if in_process:
        notes.append(f"in process, where a depth means nothing: {', '.join(in_process)}")
    writes = [rates for load, rates in result.rates.items() if load.operation != "pull"]
    without_steps = [label for label in labels if not systems[label].steps and any(label in rates for rates in writes)]
    if without_steps:
        notes.append(f"read and written back, the step taken in the client, not atomically, and once for an id "
                     f"that comes twice in a batch: {', '.join(without_steps)}")
    for label, facts in result.facts.items():
        if facts.get("hitRatio", 1) < 1:
            notes.append(f"{label}: {facts['rowsInMemory']:.1%} of the rows were in memory, "
                         f"{facts['hitRatio']:.1%} of those that were pulled")
    return notes + [f"not measured: {label}: {why}" for label, why in result.missing.items()]


def growth_text(results: Sequence[Result]) -> str:
    """What this server does and takes with more and more rows; empty if that was not measured."""
    results = [result for result in results if result.section.workload == "growth"]
    if not results:
        return ""
    loads = results[0].section.loads
    head = ["rows", *(f"{load.operation}, rows/s" for load in loads),
            "bytes a row in memory", "resident", "on disk", "start, s", "resident then, MiB"]
    rows, missing = [], []
    for result in results:
        contender, = result.section.contenders
        facts = result.facts.get(contender.label, {})

        def text(key: str, form: str = ".1f", scale: float = 1) -> str:
            return format(facts[key] / scale, form) if key in facts else "–"

        rows.append([
            f"{contender.table.rows:,}", *(rate_text(result.rate(load, contender.label)) for load in loads),
            text("hotBytesPerRow"), text("residentBytesPerRow"), text("diskBytesPerRow"),
            text("startSeconds", ".2f"), text("startResidentBytes", ".0f", 1 << 20)])
        missing += [f"not measured: {contender.table.rows:,} rows: {why}" for why in result.missing.values()]
    return "\n".join([
        f"How cost grows, dimension {results[0].section.contenders[0].table.dim}, rows in memory as int16, "
        f"uniform, batch {loads[0].batch}, depth {loads[0].depth}", "", markdown(head, rows), "",
        "start: once more after a clean stop, with memory for a twentieth of the rows, until it takes connections;",
        "resident then: of the process, when it has read what was in memory", *missing])


BYTES = {"resident": "residentBytesPerRow", "in memory": "hotBytesPerRow", "on disk": "diskBytesPerRow",
         "compacted": "compactedBytesPerRow"}


def bytes_text(results: Sequence[Result]) -> str:
    """Bytes of a row for each system and table."""
    rows: dict[tuple[str, Table], list[str]] = {}
    for result in results:
        for contender in result.section.contenders:
            table, facts = contender.table, result.facts.get(contender.label)
            if facts is None or contender.system in ("memcpy", "thermocline bench"):
                continue  # the same tables again
            numbers = [facts.get(key) for key in BYTES.values()]
            rows[contender.system, table] = [
                contender.system, f"{table.rows:,}", str(table.dim),
                table.optimizer if contender.system not in ("lookup loop", "gather loop") else "none",
                f"{table.in_memory:.0%} {table.hot}" if contender.system == "thermocline" else "–",
                str(4 * (table.dim + table.state_floats)),
                *("–" if number is None else f"{number:.1f}" for number in numbers)]
    head = ["system", "rows", "dim", "optimizer", "fits", "row and state", *BYTES]
    return "\n".join([
        "Bytes a row", "", markdown(head, list(rows.values())), "",
        "resident: growth of the process while the table was made; in memory: of a row there with its part of",
        "the index, as the server counts it; on disk: all files after a clean stop; compacted: after",
        "`thermocline compact`"])


@dataclasses.dataclass(frozen=True)
class Goal:
    """A figure to reach: at least, or at most."""

    what: str
    to_reach: float
    measured: float | None
    at_least: bool = True

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.to_reach if self.at_least else self.measured <= self.to_reach

    @property
    def texts(self) -> list[str]:
        sign = "≥" if self.at_least else "≤"
        met = {None: "not measured", True: "yes", False: "no"}[self.met]
        return [self.what, f"{sign} {self.to_reach:g}",
                "–" if self.measured is None else f"{self.measured:.3g}", met]


def goals(results: Sequence[Result]) -> list[Goal]:
    """The numbers to reach that are ratios or bytes of what is measured here."""

    def ratio(workload: str, load: Load, label: str, of: str | None = None, title: str = "") -> float | None:
        for result in results:
            if result.section.workload == workload and title in result.section.title:
                return result.ratio(load, label, of)
        return None

    def fact(workload: str, label: str, key: str) -> float | None:
        for result in results:
            if result.section.workload == workload and label in result.facts:
                return result.facts[label].get(key)
        return None

    def best(values: Sequence[float | None]) -> float | None:
        return max((value for value in values if value is not None), default=None)

    def loads(operation: str, distribution: str, batch: int) -> list[Load]:
        return [Load(operation, distribution, batch, depth) for depth in (1, 8)]

    return [
        Goal("pull, uniform, batch 4096, to the lookup loop in process", 0.7,
             best([ratio("pull", load, "lookup loop") for load in loads("pull", "uniform", 4096)])),
        Goal("the same, with rows in memory that is shared", 0.7,
             best([ratio("pull", load, "lookup loop", "thermocline shared")
                   for load in loads("pull", "uniform", 4096)])),
        Goal("pull, batch 512, depth 8, to Redis MGET", 8,
             ratio("pull", Load("pull", "uniform", 512, 8), "redis")),
        Goal("push, batch 4096, Adagrad, to torch sparse Adagrad", 2,
             best([ratio("push", load, "torch Adagrad", title="with Adagrad")
                   for load in loads("push", "uniform", 4096)])),
        Goal("push, batch 4096, row-wise Adagrad, to torch sparse Adagrad", 3,
             best([ratio("push", load, "torch Adagrad", title="with row-wise Adagrad")
                   for load in loads("push", "uniform", 4096)])),
        Goal("cold pull, batch 4096, to RocksDB MultiGet", 2,
             best([ratio("cold", load, "rocksdb") for load in loads("pull", "in turn", 4096)])),
        Goal("Zipf, a tenth of the rows in memory, batch 4096, to all in memory", 0.5,
             ratio("tiered", Load("pull", "zipf", 4096, 8), "all in memory")),
        Goal("bytes of a row in memory, dimension 16, float32 and row-wise Adagrad", 96,
             fact("pull", "thermocline", "hotBytesPerRow"), at_least=False),
        Goal("bytes of a row in memory, int16 and row-wise Adagrad", 60,
             fact("int16", "int16", "hotBytesPerRow"), at_least=False),
        Goal("bytes of a row on disk, compacted, int16 and row-wise Adagrad", 60,
             fact("cold", "thermocline", "compactedBytesPerRow"), at_least=False),
    ]


def goals_text(results: Sequence[Result]) -> str:
    return "Against the numbers to reach (of depths, the better)\n\n" + markdown(
        ["what", "to reach", "measured", "reached"], [goal.texts for goal in goals(results)])


def as_json(results: Sequence[Result], about: dict[str, Any]) -> dict[str, Any]:
    def load_json(result: Result, load: Load) -> dict[str, Any]:
        labels = result.rates.get(load, {})
        return dataclasses.asdict(load) | {
            "rowsPerSecond": {label: result.rate(load, label) for label in labels},
            "rounds": labels,
            "ratio": {label: result.ratio(load, label) for label in labels
                      if label != result.section.contenders[0].label}}

    return about | {
        "sections": [{
            "workload": result.section.workload,
            "title": result.section.title,
            "contenders": [dataclasses.asdict(contender) for contender in result.section.contenders],
            "loads": [load_json(result, load) for load in result.section.loads],
            "facts": result.facts,
            "missing": result.missing} for result in results],
        "goals": [dataclasses.asdict(goal) | {"met": goal.met} for goal in goals(results)]}
