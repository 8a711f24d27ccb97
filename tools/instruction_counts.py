"""Counts instructions of the hot paths under callgrind, and compares them with a file.

Counts do not depend on what else the machine does, and hardly on the machine; they do on the
compiler and on the instructions that the kernels use, so that others of those are not compared.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "Benchmarks" / "instruction-counts.json"
KERNELS = "avx2"
# As HotPaths names them.
PATHS = ("pull", "pull-int16", "push-sgd", "push-rowwise-adagrad", "push-rowwise-adagrad-int16",
         "push-adagrad", "decode-push")
# Rows that each path handles: 8 requests of 4096.
ROWS = 8 * 4096
TOLERANCE = 0.10
EXIT_SLOWER = 1
EXIT_USAGE = 64
EXIT_CANNOT = 75


def swift_version():
    text = subprocess.run(
        ["swift", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Swift version (\S+)", text)
    return found.group(1) if found else "unknown"


def processor_flags():
    try:
        return set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text()))
    except OSError:
        return set()


def parse(profile):
    """Instructions that were counted, from the text of a profile of callgrind.

    Parameters
    ----------
    profile : str

    Returns
    -------
    int
    """
    found = re.search(r"^totals: (\d+)$", profile, re.MULTILINE)
    if not found or not int(found.group(1)):
        sys.exit("callgrind did not see the function that is to be counted")
    return int(found.group(1))


def count(binary):
    """Instructions a row of each path, as callgrind counts them."""
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile")
        # Names are enough; of newer debugging information valgrind makes nothing.
        stripped = os.path.join(folder, "HotPaths")
        subprocess.run(["strip", "--strip-debug", "-o", stripped, binary], check=True)
        for path in PATHS:
            run = subprocess.run(
                ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
                 "--toggle-collect=*counted_path*", stripped, path],
                env={**os.environ, "THERMOCLINE_KERNELS": KERNELS, "TMPDIR": folder},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if run.returncode != 0:
                sys.exit(f"{run.stdout}\n{path}: valgrind ended with {run.returncode}")
            counts[path] = round(parse(profile.read_text()) / ROWS, 1)
    return counts


def compare(now, before, tolerance):
    """One line for each path, and whether none is slower than the tolerance allows."""
    lines = [f"{'INSTRUCTIONS A ROW':<28} {'NOW':>9} {'BEFORE':>9} {'CHANGE':>8}"]
    fine = True
    for path in [*now, *(path for path in before if path not in now)]:
        if path not in now:
            lines.append(f"{path:<28} {'–':>9} {before[path]:>9.1f}  is not counted any more")
            fine = False
        elif path not in before:
            lines.append(f"{path:<28} {now[path]:>9.1f} {'–':>9}  is new: --update")
            fine = False
        else:
            change = now[path] / before[path] - 1
            mark = ""
            if change > tolerance:
                mark, fine = "  more than allowed", False
            elif change < -tolerance:
                mark = "  less: --update"
            lines.append(
                f"{path:<28} {now[path]:>9.1f} {before[path]:>9.1f} {change:>+8.1%}{mark}")
    return lines, fine


def main():
    parser = argparse.ArgumentParser(
        prog="tools/instruction-counts", description=__doc__.split("\n")[0],
        epilog=f"Exits with {EXIT_SLOWER} where a path takes over {TOLERANCE:.0%} more "
        "instructions than Benchmarks/instruction-counts.json says.")
    parser.add_argument("--binary", help=argparse.SUPPRESS)
    parser.add_argument(
        "--update", action="store_true", help="write the counts down instead of comparing them")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--can-count", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()

    if not {"avx2", "fma"} <= processor_flags():
        print(f"NOT COUNTED: this processor cannot run the {KERNELS} kernels", file=sys.stderr)
        return EXIT_CANNOT if options.can_count else 0
    version = swift_version()
    known = json.loads(FILE.read_text()) if FILE.exists() else None
    if not options.update and known and known["swift"] != version:
        print(f"NOT COUNTED: the counts are of Swift {known['swift']}, this is {version}",
              file=sys.stderr)
        return EXIT_CANNOT if options.can_count else 0
    if options.can_count:
        return 0
    now = count(options.binary)
    if options.update:
        known = {"swift": version, "kernels": KERNELS, "instructionsPerRow": now}
        FILE.write_text(json.dumps(known, indent=2) + "\n")
    if not known:
        print(f"{FILE} is missing: --update", file=sys.stderr)
        return EXIT_USAGE
    lines, fine = compare(now, known["instructionsPerRow"], TOLERANCE)
    print(json.dumps(now) if options.json else "\n".join(lines))
    return 0 if fine else EXIT_SLOWER


if __name__ == "__main__":
    sys.exit(main())
