"""Loads a server as fully as it goes and watches its memory, which must stay flat.

Pulls, pushes and assigns of ids of which more are on disk than in memory, to a table of whole rows
and to one that admits frequent ids; a checkpoint is made and removed every five minutes. Prints a
line a minute. Exit status 1 if a load fails or memory grows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "crash_test"))

from server import Server  # noqa: E402  (the path comes first)

CHECKPOINT_SECONDS = 300
# Of the median of the second quarter of the time; in the first the cache of the disk tier fills.
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


def watch(server: Server, loads: list[subprocess.Popen[bytes]], binary: Path, folder: Path) -> list[float]:
    """Bytes resident, sampled every two seconds while the loads run; a line a minute."""
    samples: list[float] = []
    started = time.monotonic()
    minutes, checkpoints = 0, 0
    while all(load.poll() is None for load in loads):
        time.sleep(2)
        samples.append(server.resident_bytes)
        passed = time.monotonic() - started
        if passed // 60 > minutes:
            minutes = int(passed // 60)
            say(f"{minutes} min: {samples[-1] / 2**20:,.0f} MiB resident")
        if passed // CHECKPOINT_SECONDS > checkpoints:
            checkpoints += 1
            path = folder / "checkpoint"
            subprocess.run(
                [str(binary), "checkpoint", str(path), "--server", server.address],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            shutil.rmtree(path)
    return samples


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
    second = statistics.median(samples[quarter:2 * quarter])
    last = statistics.median(samples[3 * quarter:])
    growth = last / second - 1
    print(f"resident: {second / 2**20:,.0f} MiB in the second quarter, {last / 2**20:,.0f} MiB in the "
          f"last ({growth:+.1%}), at most {max(samples) / 2**20:,.0f} MiB")
    if growth > GROWTH_MAX:
        sys.exit(f"memory grew by more than {GROWTH_MAX:.0%}")


if __name__ == "__main__":
    main()
