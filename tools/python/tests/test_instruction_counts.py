"""The parts of tools/instruction-counts that need no valgrind."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "instruction_counts.py"
spec = importlib.util.spec_from_file_location("instruction_counts", FILE)
instruction_counts = importlib.util.module_from_spec(spec)
spec.loader.exec_module(instruction_counts)


def test_the_total_of_a_profile_is_read():
    assert instruction_counts.parse("events: Ir\nfn=(1) a\n0 7\n\ntotals: 8192\n") == 8192


@pytest.mark.parametrize("profile", ["", "events: Ir\n\ntotals: 0\n"])
def test_a_function_that_was_not_seen_is_an_error(profile):
    with pytest.raises(SystemExit, match="did not see"):
        instruction_counts.parse(profile)


def test_what_is_within_the_tolerance_is_fine():
    lines, fine = instruction_counts.compare({"pull": 109.0}, {"pull": 100.0}, 0.1)
    assert fine and "+9.0%" in lines[1]


def test_what_is_slower_is_not():
    lines, fine = instruction_counts.compare({"pull": 111.0}, {"pull": 100.0}, 0.1)
    assert not fine and "more than allowed" in lines[1]


def test_what_is_faster_asks_for_an_update():
    lines, fine = instruction_counts.compare({"pull": 80.0}, {"pull": 100.0}, 0.1)
    assert fine and "--update" in lines[1]


@pytest.mark.parametrize("now, before", [({"pull": 1.0}, {}), ({}, {"pull": 1.0})])
def test_paths_must_be_those_of_the_file(now, before):
    _, fine = instruction_counts.compare(now, before, 0.1)
    assert not fine


def test_the_file_is_of_the_paths_that_are_counted():
    known = instruction_counts.json.loads(instruction_counts.FILE.read_text())
    assert tuple(known["instructionsPerRow"]) == instruction_counts.PATHS
