"""Measures this server beside what a user would pick instead, on the same rows, ids and batches.

All take turns in every round, and figures are medians of the rounds. Prints rows a second with the
ratio of this server to each of the others, bytes a row, and how far the numbers to reach are
reached; tells on standard error what it is at.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from .measuring import Measuring, measure_all, pool_of
from .plot import plot
from .positions import ROWS_MAX, Positions
from .programs import Programs
from .report import as_json, bytes_text, goals_text, growth_text, section_text
from .systems import Setting
from .workloads import QUICK, WORKLOADS, Scale, sections_of

SUFFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
# Fewer than the largest batches would be the same rows again and again.
ROWS_MIN = 20_000
# Of free memory, for the server and the system's cache of its files.
BYTES_OF_ROW_THAT_FITS = 130
# The folder's path is the beginning of sockets' paths, which have 107 characters at most.
FOLDER_CHARACTERS_MAX = 70


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def number_of_rows(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; k, M, G may follow it")
    rows = round(float(match[1]) * SUFFIXES[match[2]])
    if not ROWS_MIN <= rows <= ROWS_MAX:
        raise argparse.ArgumentTypeError(f"{ROWS_MIN:,} to {ROWS_MAX:,} rows can be compared, not {rows:,}")
    return rows


def positive(kind: type) -> object:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e6:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
        return value
    return parse


def output_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written: no folder for it, or it is one")
    return path


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="TORCH_PYTHON names a Python that has PyTorch. Peers that are missing are skipped.")
    parser.add_argument("--binary", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=number_of_rows, metavar="N",
                        help="of a table of dimension 16; k, M may follow (default: 1M); of those that do "
                             "not fit in memory there are at most 4M; growth goes up to ten times as many")
    parser.add_argument("--quick", action="store_true",
                        help="200k rows, one short round, fewer loads: to see that it works")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), metavar="NAME",
                        help=f"a workload, may be given more than once: {', '.join(WORKLOADS)}")
    parser.add_argument("--rounds", type=positive(int), metavar="N", help="(default: 3)")
    parser.add_argument("--seconds", type=positive(float), metavar="S",
                        help="of each measurement (default: 0.3)")
    parser.add_argument("--seed", type=int, default=1, help="decides the rows asked for (default: 1)")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="write every figure of every round")
    parser.add_argument("--plot", type=output_file, metavar="FILE", help="write a picture, SVG")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (0.1 if options.quick else 0.3)
    options.binary = options.binary.resolve()
    if not os.access(options.binary, os.X_OK):
        parser.error(f"no server at {options.binary}")
    return options


def scale_of(options: argparse.Namespace) -> Scale:
    scale = QUICK if options.quick else Scale(rows=1_000_000)
    free = memory_bytes("MemAvailable")
    return dataclasses.replace(
        scale, rows=options.rows or scale.rows, rows_in_memory_max=free // BYTES_OF_ROW_THAT_FITS)


def memory_bytes(name: str) -> int:
    """One of the kernel's figures of memory."""
    figures = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return 1024 * int(figures[name].split()[0])


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine() -> dict[str, object]:
    return {"processor": processor(), "cores": os.cpu_count(), "memoryBytes": memory_bytes("MemTotal"),
            "system": platform.platform()}


def main() -> int:
    options = parse_options()
    # As an exception, so that servers are stopped and folders removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda signum, frame: sys.exit(128 + signum))
    started, load_before = time.monotonic(), os.getloadavg()[0]
    if load_before > 0.5 * (os.cpu_count() or 1):
        say(f"other processes are at work (load average {load_before:.1f}): figures will be low, ratios uncertain")
    sections = sections_of(options.only or list(WORKLOADS), scale_of(options))
    temporary = tempfile.gettempdir()
    if len(temporary) > FOLDER_CHARACTERS_MAX:
        sys.exit(f"TMPDIR is too long for the paths of sockets: {temporary}")
    with tempfile.TemporaryDirectory(prefix="tc-compare-") as name:
        folder = Path(name)
        setting = Setting(folder, Programs(folder), options.binary)
        with pool_of(setting, say) as pool:
            names = {contender.system for section in sections for contender in section.contenders}
            versions = pool.versions(names)
            positions = Positions(folder, options.seed)
            measuring = Measuring(pool, positions, options.rounds, options.seconds, say)
            results = measure_all(sections, pool, measuring, say)
    seconds = time.monotonic() - started
    about = {
        "machine": machine(), "versions": versions, "rounds": options.rounds,
        "secondsEach": options.seconds, "seed": options.seed,
        "loadAverageBefore": load_before, "seconds": seconds}
    caption = (f"{processor()}, {os.cpu_count()} cores; load average before {load_before:.2f}; "
               f"{options.rounds} rounds of {options.seconds:g} s")
    for result in results:
        if result.section.workload != "growth":
            print(section_text(result), end="\n\n")
    if text := growth_text(results):
        print(text, end="\n\n")
    print(bytes_text(results), end="\n\n")
    print(goals_text(results), end="\n\n")
    print(f"tools/compare {' '.join(sys.argv[3:])}".rstrip())
    print(f"{caption}; {seconds:.0f} s in all")
    for system, version in versions.items():
        if version:
            print(f"{system}: {version}")
    if options.json:
        options.json.write_text(json.dumps(as_json(results, about), indent=1) + "\n")
    if options.plot:
        options.plot.write_text(plot(results, caption))
    failed = [label for result in results for label, why in result.missing.items() if why.startswith("failed")]
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
