"""Measures what durability costs: pushes at each level, recovery, checkpoints and pulls meanwhile.

All levels are measured in turns, so that a change of the machine's mood hits all alike; figures are
medians of the rounds, and ratios are medians of the ratios of a round.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "crash_test"))

from server import Server  # noqa: E402  (the path comes first)

LEVELS = ("none", "buffered", "synced")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    """``thermocline bench`` with the table and the batches that all measurements share."""

    def __init__(self, binary: Path, rows: int, seconds: float) -> None:
        self.binary, self.rows, self.seconds = binary, rows, seconds

    def __call__(self, server: Server, operation: str, connections: int = 1) -> dict[str, Any]:
        answer = subprocess.run(
            [str(self.binary), "bench", "--server", server.address, "--mix", f"{operation}:1",
             "--rows", str(self.rows), "--batch", "4096", "--depth", "4", "--keep",
             "--connections", str(connections), "--optimizer", "rowwise-adagrad",
             "--seconds", str(self.seconds), "--json"],
            check=True, stdout=subprocess.PIPE)
        return json.loads(answer.stdout)["operations"][operation]

    def preload(self, server: Server) -> None:
        subprocess.run(
            [str(self.binary), "bench", "--server", server.address, "--rows", str(self.rows),
             "--batch", "4096", "--optimizer", "rowwise-adagrad", "--preload", "--keep",
             "--requests", "1", "--warmup", "0"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def checkpoint(self, server: Server, path: Path) -> float:
        started = time.monotonic()
        subprocess.run(
            [str(self.binary), "checkpoint", str(path), "--server", server.address],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - started


def pushes(bench: Bench, servers: dict[str, Server], rounds: int) -> dict[str, Any]:
    """Rows a second at each level, and the ratio to none, for 1 and 8 connections."""
    results: dict[str, Any] = {}
    for connections in (1, 8):
        rates: dict[str, list[float]] = {level: [] for level in LEVELS}
        for number in range(rounds):
            say(f"pushes over {connections} connections, round {number + 1} of {rounds}")
            for level in LEVELS:
                rates[level].append(bench(servers[level], "push", connections)["rowsPerSecond"])
        for level in LEVELS:
            ratios = [rate / none for rate, none in zip(rates[level], rates["none"])]
            results[f"push, {level}, {connections} connections"] = {
                "rowsPerSecond": statistics.median(rates[level]),
                "ofNone": statistics.median(ratios)}
    return results


def checkpoints(bench: Bench, server: Server, folder: Path) -> dict[str, Any]:
    """Seconds of a checkpoint after everything has changed, after little has, and after nothing has."""
    say("checkpoints")
    bench(server, "push")
    whole = bench.checkpoint(server, folder / "whole")
    few = Bench(bench.binary, max(1, bench.rows // 100), 1)
    few(server, "push")
    part = bench.checkpoint(server, folder / "part")
    nothing = bench.checkpoint(server, folder / "nothing")
    return {f"checkpoint of {bench.rows:,} rows":
            {"allChangedSeconds": whole, "oneInAHundredChangedSeconds": part,
             "nothingChangedSeconds": nothing}}


def pulls(bench: Bench, server: Server, folder: Path, rounds: int) -> dict[str, Any]:
    """The 99th percentile of pulls without a checkpoint, and while one after another is made."""
    ratios, quiet = [], []
    for number in range(rounds):
        say(f"pulls beside checkpoints, round {number + 1} of {rounds}")
        before = bench(server, "pull")["p99Us"]
        ended = threading.Event()

        def copy_until_ended() -> None:
            count = 0
            while not ended.is_set():
                bench.checkpoint(server, folder / f"pulls-{number}-{count}")
                count += 1

        thread = threading.Thread(target=copy_until_ended)
        thread.start()
        during = bench(server, "pull")["p99Us"]
        ended.set()
        thread.join()
        quiet.append(before)
        ratios.append(during / before)
    return {"pull p99": {"withoutUs": statistics.median(quiet),
                         "duringACheckpointTimes": statistics.median(ratios)}}


def recovery(bench: Bench, server: Server) -> dict[str, Any]:
    """Rows a second that a start replays after SIGKILL, and its seconds in all."""
    say("recovery")
    bench(server, "push")
    server.kill()
    seconds = server.start()
    line = next(line for line in server.messages().splitlines() if "log replayed" in line)
    rows = int(re.search(r"\brows=(\d+)", line)[1])
    number, unit = re.search(r"took=([\d.]+) (µs|ms|s)\b", line).groups()
    took = float(number) * {"µs": 1e-6, "ms": 1e-3, "s": 1}[unit]
    return {"recovery": {"rows": rows, "rowsPerSecond": rows / took, "startSeconds": seconds}}


def main() -> None:
    parser = argparse.ArgumentParser(prog="tools/durability-cost", description=__doc__)
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table (default: 1000000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (default: 5)")
    parser.add_argument("--memory", default="2GiB", help="of each server (default: 2GiB)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    bench = Bench(options.binary.resolve(), options.rows, options.seconds)
    with tempfile.TemporaryDirectory(prefix="tc-cost-") as name:
        folder = Path(name)
        servers = {
            level: Server(bench.binary, folder / f"data-{level}", folder / level,
                          ["--memory", options.memory, "--durability", level])
            for level in LEVELS}
        try:
            for server in servers.values():
                server.start()
                bench.preload(server)
            results = pushes(bench, servers, options.rounds)
            results |= pulls(bench, servers["buffered"], folder, options.rounds)
            results |= checkpoints(bench, servers["buffered"], folder)
            results |= recovery(bench, servers["buffered"])
        finally:
            for server in servers.values():
                server.kill()
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for what, figures in results.items():
        print(f"{what:40}", *(f"{key} {value:,.3g}" if value < 1000 else f"{key} {value:,.0f}"
                              for key, value in figures.items()), sep="  ")


if __name__ == "__main__":
    main()
