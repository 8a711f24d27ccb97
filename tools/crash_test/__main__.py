"""Kills a server under load and looks whether everything that it acknowledged is there.

Clients in processes of their own push, assign and delete rows of whole numbers and keep ledgers.
At random moments the server is killed (SIGKILL) and started again; every acknowledged write must
be there exactly once, and of those in flight each must be there whole or not at all. Exit status 1
at the first row that is not so, with the data left where it is.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from campaign import Campaign, Plan, Tally
from unsynced import ENTRIES, LOSSES, Layer, Unavailable
from workload import Load
from writer import Violation


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/crash-test", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, required=True, help="the server")
    parser.add_argument("--kills", type=int, default=200, help="how often (default: 200)")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="begin no kill after so many")
    parser.add_argument("--seed", type=int, help="what everything is drawn from (default: any)")
    parser.add_argument(
        "--durability", default="buffered", choices=["none", "buffered", "synced"])
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--memory", default="4MiB", help="of the hot tier (default: 4MiB)")
    parser.add_argument(
        "--own-ids", type=int, default=50_000,
        help="of each client alone; half as many where ids earn rows (default: 50000)")
    parser.add_argument(
        "--shared-ids", type=int, default=25_000, help="of all together (default: 25000)")
    parser.add_argument("--batch", type=int, default=4096, help="most ids at once (default: 4096)")
    parser.add_argument("--depth", type=int, default=4, help="most writes in flight (default: 4)")
    parser.add_argument(
        "--life", type=float, default=2.0, help="most seconds between kills (default: 2)")
    parser.add_argument(
        "--stops", type=float, default=0.1, metavar="CHANCE",
        help="of a clean stop in place of a kill (default: 0.1)")
    parser.add_argument(
        "--checkpoints", type=float, metavar="SECONDS",
        help="take checkpoints while clients write, with so many seconds between them")
    parser.add_argument(
        "--unsynced", choices=LOSSES,
        help="at a kill, drop what was not synced as a machine without power does: all of it, or "
             "what a random draw says")
    parser.add_argument(
        "--entries", choices=ENTRIES, default="strict",
        help="with --unsynced: a folder's entries last once the folder is synced (strict), or once "
             "anything is (journaled, as ext4 and xfs do)")
    parser.add_argument(
        "--option", action="append", default=[], help="another option of serve; may come again")
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args()


def say(message: str) -> None:
    """A line for a person."""
    print(message, file=sys.stderr, flush=True)


def as_text(tally: Tally, seed: int, violation: Violation | None) -> str:
    lines = [("seed", str(seed))]
    lines += [
        (name.replace("_", " "), f"{value:.2f}" if isinstance(value, float) else f"{value:,}")
        for name, value in dataclasses.asdict(tally).items()]
    if violation is None:
        lines.append(("passed", "every acknowledged write was there exactly once"))
    else:
        lines += [
            (name.replace("_", " "), str(value))
            for name, value in dataclasses.asdict(violation).items() if name != "history"]
        lines += [("", line) for line in violation.history]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def main() -> int:
    arguments = parse()
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    say(f"seed {seed}")
    # A socket's path must be short.
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="tc-crash-", dir="/tmp"))
    folder.mkdir(parents=True, exist_ok=True)
    layer = None
    if arguments.unsynced:
        try:
            layer = Layer(folder, arguments.unsynced, arguments.entries, seed)
        except Unavailable as error:
            say(f"tools/crash-test: {error}")
            return 2
    campaign = Campaign(
        Plan(
            load=Load(
                seed, arguments.clients,
                (arguments.own_ids, arguments.shared_ids, arguments.own_ids // 2),
                arguments.batch, arguments.depth),
            kills=arguments.kills,
            stop_chance=arguments.stops,
            seconds_max=60 * arguments.minutes,
            life_seconds=(min(0.1, arguments.life), arguments.life),
            binary=arguments.binary.resolve(),
            folder=folder,
            options=(
                "--memory", arguments.memory, "--durability", arguments.durability,
                *arguments.option),
            checkpoint_pause_seconds=arguments.checkpoints),
        layer, say)
    violation = campaign.run()
    result = {
        **dataclasses.asdict(campaign.tally), "seed": seed, "passed": violation is None,
        "violation": violation and dataclasses.asdict(violation)}
    text = as_text(campaign.tally, seed, violation)
    print(json.dumps(result, indent=2) if arguments.json else text)
    if violation is not None:
        say(f"{violation.what}; the data are in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
