"""What the demonstration tells: results on standard output, progress on standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

AUC_DIFFERENCE_MAX = 0.003
BAR_CHARACTERS = 40


@dataclasses.dataclass(frozen=True)
class Tiers:
    """Where a table's rows are, from the server's statistics."""

    memory_limit_bytes: int
    rows: int
    hot_rows: int
    hot_bytes: int
    cold_rows: int
    cold_bytes: int
    hit_ratio: float

    @classmethod
    def of(cls, stats: dict[str, Any], table: str) -> Tiers:
        """The only place that knows the keys of ``client.stats()``."""
        (entry,) = (entry for entry in stats["tables"] if entry["name"] == table)
        return cls(
            memory_limit_bytes=stats["memory"]["limitBytes"],
            rows=entry["rows"],
            hot_rows=entry["hot"]["rows"],
            hot_bytes=entry["hot"]["bytes"],
            cold_rows=entry["cold"]["rows"],
            cold_bytes=entry["cold"]["bytes"],
            hit_ratio=entry["hitRatio"],
        )


@dataclasses.dataclass(frozen=True)
class Result:
    """What came out."""

    data: str
    store_auc: float
    numpy_auc: float
    store_seconds: float
    numpy_seconds: float
    tiers: Tiers

    @property
    def auc_difference(self) -> float:
        return self.store_auc - self.numpy_auc

    @property
    def passed(self) -> bool:
        return abs(self.auc_difference) <= AUC_DIFFERENCE_MAX

    def as_json(self) -> str:
        values = dataclasses.asdict(self)
        values.update(auc_difference=self.auc_difference, passed=self.passed)
        return json.dumps(values, indent=2)

    def as_text(self) -> str:
        t = self.tiers
        verdict = "within" if self.passed else "NOT within"
        lines = [
            ("data", self.data),
            ("test AUC, through the store", f"{self.store_auc:.4f}   {self.store_seconds:6.1f} s"),
            ("test AUC, numpy in memory", f"{self.numpy_auc:.4f}   {self.numpy_seconds:6.1f} s"),
            ("difference", f"{self.auc_difference:+.4f}  {verdict} {AUC_DIFFERENCE_MAX}"),
            ("rows in the table", f"{t.rows:,}"),
            ("memory limit", mebibytes(t.memory_limit_bytes)),
            ("hot tier", f"{mebibytes(t.hot_bytes)}, {t.hot_rows:,} rows"),
            ("cold tier", f"{mebibytes(t.cold_bytes)}, {t.cold_rows:,} rows"),
            ("hit ratio since the restart", f"{t.hit_ratio:.3f}"),
        ]
        width = max(len(label) for label, _ in lines)
        return "\n".join(f"{label:<{width}}  {value}" for label, value in lines)


def mebibytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"


def say(message: str) -> None:
    """A line for a person."""
    print(message, file=sys.stderr, flush=True)


class Progress:
    """A bar on a terminal; nothing elsewhere. Called with what is done so far."""

    def __init__(self, label: str, total: int) -> None:
        self._label = label
        self._total = total
        self._visible = sys.stderr.isatty()

    def __call__(self, done: int) -> None:
        if not self._visible:
            return
        filled = BAR_CHARACTERS * done // self._total
        bar = "#" * filled + "." * (BAR_CHARACTERS - filled)
        end = "\n" if done == self._total else ""
        print(f"\r{self._label} [{bar}] {done}/{self._total}", end=end, file=sys.stderr, flush=True)
