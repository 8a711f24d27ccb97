"""Loads a server as fully as it goes and watches its memory, which must stay flat.

Pulls, pushes and assigns of ids of which more are on disk than in memory, to a table of whole rows
and to one that admits frequent ids; a checkpoint is made and removed every five minutes. Prints a
line a minute. Rows in memory may fill what `--memory` gives them; exit status 1 if what else the
server takes grows, or if a load fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "crash_test"))

import thermocline  # noqa: E402  (the path comes first)
from server import Server  # noqa: E402

CHECKPOINT_SECONDS = 300
SAMPLE_SECONDS = 5
# Beside rows, from the second quarter of the time to the last; in the first caches fill. As a share of
# all that is resident.
GROWTH_MAX = 0.05

LOADS = {
    "whole": ["--connections", "4", "--mix", "pull:60,push:35,assign:5", "--batch", "1024"],
    "admitted": ["--connections", "2", "--mix", "pull:60,push:40", "--batch", "512", "--scheme",
                 "frequency-double-hashed:own=1000000,shared=100000,admit-after=3"],
}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def start_load(binary: Path, server: Server, table: str, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(binary), "bench", "--server", server.address, "--table", table, *LOADS[table],
         "--rows", options.rows, "--distribution", "zipf:1.05", "--optimizer", "rowwise-adagrad",
         "--seconds", str(options.minutes * 60), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@dataclasses.dataclass(frozen=True)
class Sample:
    """Bytes: all that are resident, and those of rows in memory with their index."""

    resident: int
    rows: int


def watch(server: Server, loads: list[subprocess.Popen[bytes]], binary: Path, folder: Path) -> list[Sample]:
    """Samples while the loads run; a line a minute."""
    samples: list[Sample] = []
    client = thermocline.connect(server.address)
    started = time.monotonic()
    minutes, checkpoints = 0, 0
    while all(load.poll() is None for load in loads):
        time.sleep(SAMPLE_SECONDS)
        samples.append(Sample(server.resident_bytes, client.stats()["memory"]["hotBytes"]))
        passed = time.monotonic() - started
        if passed // 60 > minutes:
            minutes = int(passed // 60)
            say(f"{minutes} min: {mebibytes(samples[-1].resident)} resident, "
                f"{mebibytes(samples[-1].rows)} of it rows and index")
        if passed // CHECKPOINT_SECONDS > checkpoints:
            checkpoints += 1
            path = folder / "checkpoint"
            subprocess.run(
                [str(binary), "checkpoint", str(path), "--server", server.address],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            shutil.rmtree(path)
    client.close()
    return samples


def mebibytes(count: float) -> str:
    return f"{count / 2**20:,.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/soak", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rows", default="20M", help="ids of each table (default: 20M)")
    parser.add_argument("--memory", default="512MiB", help="of the server (default: 512MiB)")
    parser.add_argument("--durability", default="buffered")
    options = parser.parse_args()
    binary = options.binary.resolve()
    with tempfile.TemporaryDirectory(prefix="tc-") as name:
        folder = Path(name)
        server = Server(
            binary, folder / "data", folder / "serve",
            ["--memory", options.memory, "--durability", options.durability])
        server.start()
        try:
            loads = [start_load(binary, server, table, options) for table in LOADS]
            samples = watch(server, loads, binary, folder)
            for table, load in zip(LOADS, loads):
                output, _ = load.communicate()
                if load.returncode != 0:
                    sys.exit(f"the load on table {table} ended with status {load.returncode}")
                for operation, figures in json.loads(output)["operations"].items():
                    print(f"{table} {operation}: {figures['rowsPerSecond']:,.0f} rows/s, "
                          f"p99 {figures['p99Us'] / 1000:,.1f} ms")
            server.stop()
        finally:
            server.kill()
    quarter = len(samples) // 4
    second, last = samples[quarter:2 * quarter], samples[3 * quarter:]
    for name, part in (("second", second), ("last", last)):
        resident = statistics.median(sample.resident for sample in part)
        beside = statistics.median(sample.resident - sample.rows for sample in part)
        print(f"{name} quarter: {mebibytes(resident)} resident, {mebibytes(beside)} beside rows and index")
    growth = (statistics.median(sample.resident - sample.rows for sample in last)
              - statistics.median(sample.resident - sample.rows for sample in second))
    peak = max(sample.resident for sample in samples)
    print(f"at most: {mebibytes(peak)} resident")
    if growth > GROWTH_MAX * peak:
        sys.exit(f"memory beside rows grew by {mebibytes(growth)}")


if __name__ == "__main__":
    main()
