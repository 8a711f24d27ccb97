"""The crash test: that it finds what it looks for, and a few kills of the real server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "crash_test"))

import ledger as ledgers  # noqa: E402
import workload  # noqa: E402
from ledger import Difference, Interval, Ledger, Timed  # noqa: E402
from unsynced import Layer, Unavailable  # noqa: E402
from workload import (  # noqa: E402
    ADMITTED, FIELD_BITS, OWN, SHARED, Kind, Load, Operation)

LOAD = Load(seed=5, clients=2, ids=(40, 20, 40), batch_max=16, depth_max=4)


def push(positions, value, table=OWN):
    shape = (len(positions), LOAD.width(table))
    return Operation(Kind.PUSH, table, np.array(positions), np.full(shape, value, np.float32))


def delete(positions):
    return Operation(
        Kind.DELETE, OWN, np.array(positions), np.empty((0, LOAD.width(OWN)), np.float32))


def after(*operations):
    ledger = Ledger.empty(LOAD)
    for operation in operations:
        ledger.apply(operation)
    return ledger


class TestWhatIsApplied:
    acknowledged = [push([1, 2, 3], 4), push([2, 3], -1), delete([3])]
    in_flight = [push([1, 5], 2), push([7, 8, 9], 3, SHARED), push([5, 6], 1)]

    def applied(self, *found):
        return ledgers.applied_of(after(*self.acknowledged), self.in_flight, after(*found))

    def test_any_operation_in_flight_may_be_there_or_not(self):
        first, second, third = self.in_flight
        for chosen in ([], [first], [second], [first, third], [first, second, third]):
            expected = tuple(op in chosen for op in self.in_flight)
            assert self.applied(*self.acknowledged, *chosen) == expected

    def test_one_that_names_an_id_of_an_earlier_one_needs_it(self):
        difference = self.applied(*self.acknowledged, self.in_flight[2])
        assert isinstance(difference, Difference) and difference.count == 2

    def test_an_acknowledged_push_that_is_missing(self):
        difference = self.applied(self.acknowledged[0], self.acknowledged[2])
        assert (difference.table, difference.position, difference.count) == ("own", 2, 1)
        assert difference.expected[0] == -3 and difference.found[0] == -4

    def test_a_push_that_was_applied_twice(self):
        assert isinstance(
            self.applied(*self.acknowledged, self.in_flight[0], self.in_flight[0]), Difference)

    def test_a_push_that_was_applied_in_part(self):
        difference = self.applied(*self.acknowledged, push([8], 3, SHARED))
        assert isinstance(difference, Difference) and difference.table == "shared"

    def test_a_delete_that_was_undone(self):
        difference = self.applied(*self.acknowledged[:2])
        assert difference.expected is None and difference.found[0] == -3

    def test_a_row_of_another_client_in_the_shared_table_is_none_of_ours(self):
        found = after(*self.acknowledged)
        found.sheets[SHARED].exists[4] = True
        assert ledgers.applied_of(after(*self.acknowledged), [], found) == ()
        found.sheets[OWN].exists[30] = True
        assert isinstance(ledgers.applied_of(after(*self.acknowledged), [], found), Difference)


class TestMoments:
    """What a copy tells of the instant that it was made at."""

    operations = [push([1, 2], 1), push([3], 1), push([1], 1), push([4, 2], 1), push([9], 1)]
    # Each is sent at 10 n and acknowledged at 10 n + 15: two are in flight at once.
    history = [Timed(op, 10.0 * at, 10.0 * at + 15) for at, op in enumerate(operations)]

    def moments(self, *found, depth=2):
        return ledgers.moments_of(Ledger.empty(LOAD), self.history, after(*found), depth)

    def test_a_prefix(self):
        assert Interval(20, 45) in self.moments(*self.operations[:3])
        assert self.moments() == [Interval(-np.inf, 15)]
        assert self.moments(*self.operations)[-1].end == np.inf

    def test_of_two_in_flight_the_second(self):
        first, second, *_ = self.operations
        assert self.moments(second) == [Interval(10, 15)]
        assert isinstance(self.moments(second, depth=1), Difference)

    def test_a_later_one_without_an_earlier_one_that_was_acknowledged(self):
        assert isinstance(self.moments(self.operations[0], self.operations[4]), Difference)

    def test_a_part_of_one(self):
        assert isinstance(self.moments(*self.operations[:3], push([4], 1)), Difference)

    def test_all_clients_see_one_instant(self):
        early, late = [Interval(0, 10)], [Interval(5, 7), Interval(20, 30)]
        assert ledgers.common_moments([early, late]) == [Interval(5, 7)]
        assert ledgers.common_moments([early, late, [Interval(8, 25)]]) == []


def test_operations_are_the_same_again_and_of_every_kind():
    kinds = set()
    for number in range(200):
        once, again = (workload.operation(LOAD, 1, number) for _ in range(2))
        np.testing.assert_array_equal(once.positions, again.positions)
        np.testing.assert_array_equal(once.values, again.values)
        assert 1 <= len(once.positions) <= LOAD.batch_max
        kinds.add((once.kind, once.table))
    assert kinds == {
        (Kind.PUSH, OWN), (Kind.PUSH, SHARED), (Kind.ASSIGN, OWN), (Kind.DELETE, OWN),
        (Kind.PUSH, ADMITTED), (Kind.ASSIGN, ADMITTED)}


def test_ids_of_clients_differ():
    ids = [LOAD.ids_at(SHARED, 0, np.arange(LOAD.ids[SHARED]))] + [
        LOAD.ids_at(OWN, client, np.arange(LOAD.ids[OWN])) for client in range(LOAD.clients)]
    assert len(np.unique(np.concatenate(ids))) == 20 + 2 * 40
    np.testing.assert_array_equal(LOAD.ids_at(SHARED, 1, np.arange(3)), ids[0][:3])
    fields = [
        LOAD.ids_at(ADMITTED, client, np.arange(LOAD.ids[ADMITTED])) >> np.uint64(64 - FIELD_BITS)
        for client in range(LOAD.clients)]
    assert len(np.unique(np.concatenate(fields))) == 2 * 40


@pytest.fixture
def layer(socket_path):
    try:
        return Layer(socket_path.parent, "all", "strict", seed=1)
    except Unavailable as error:
        pytest.skip(str(error))


def crash(layer, folder, script):
    """Runs Python in ``folder`` over the layer, killed at the end."""
    killed = subprocess.run(
        [sys.executable, "-S", "-c",
         f"import os, signal\n{script}\nos.kill(os.getpid(), signal.SIGKILL)"],
        cwd=folder, env={**os.environ, **layer.environment})
    assert killed.returncode == -9
    return layer.lose_power()


def written(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*") if path.is_file() and "unsynced" not in path.parts}


OPEN = "f = os.open('a', os.O_RDWR | os.O_CREAT)\n"
SYNC_FOLDER = "d = os.open('.', os.O_RDONLY); os.fsync(d)\n"


class TestLayer:
    def test_what_is_synced_lasts(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "os.write(f, b'12345'); os.fdatasync(f)\n" + SYNC_FOLDER)
        assert written(folder) == {"a": b"12345"}

    def test_what_is_not_synced_is_gone(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "os.write(f, b'12345'); os.fsync(f)\n" + SYNC_FOLDER
              + "os.pwrite(f, b'xy', 1); os.pwritev(f, [b'6', b'7'], 5); os.ftruncate(f, 3)\n"
              "os.posix_fallocate(f, 0, 100)")
        assert written(folder) == {"a": b"12345"}

    def test_a_later_sync_of_the_same_file_only(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "g = os.open('b', os.O_RDWR | os.O_CREAT)\n" + SYNC_FOLDER
              + "os.write(f, b'kept'); os.write(g, b'lost'); os.fsync(f); os.write(f, b'lost')")
        assert written(folder) == {"a": b"kept", "b": b""}

    def test_what_lasted_once_lasts_in_the_next_life(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "os.write(f, b'1'); os.fsync(f)\n" + SYNC_FOLDER)
        crash(layer, folder, OPEN + "os.pwrite(f, b'22', 0)")
        crash(layer, folder, "os.unlink('a')")
        assert written(folder) == {"a": b"1"}

    def test_entries_last_with_their_folder(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "os.write(f, b'1'); os.fsync(f)")
        assert written(folder) == {}
        crash(layer, folder, OPEN + SYNC_FOLDER + "os.rename('a', 'b')")
        assert list(written(folder)) == ["a"]
        crash(layer, folder, "os.rename('a', 'b')\n" + SYNC_FOLDER + "os.link('b', 'c')")
        assert list(written(folder)) == ["b"]

    def test_entries_last_with_anything_where_there_is_a_journal(self, layer, socket_path):
        folder = socket_path.parent
        layer._entries = "journaled"
        crash(layer, folder, OPEN + "os.write(f, b'1'); os.fsync(f); os.rename('a', 'b')")
        assert written(folder) == {"a": b"1"}

    def test_a_replaced_file_comes_back(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "os.write(f, b'old'); os.fsync(f)\n" + SYNC_FOLDER)
        crash(layer, folder, "f = os.open('n', os.O_WRONLY | os.O_CREAT); os.write(f, b'new')\n"
              "os.fsync(f); os.rename('n', 'a')")
        assert written(folder) == {"a": b"old"}

    def test_a_truncated_file_comes_back(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, OPEN + "os.write(f, b'old'); os.fsync(f)\n" + SYNC_FOLDER)
        crash(layer, folder, "f = os.open('a', os.O_WRONLY | os.O_TRUNC); os.write(f, b'n')")
        assert written(folder) == {"a": b"old"}

    def test_folders(self, layer, socket_path):
        folder = socket_path.parent
        crash(layer, folder, "os.mkdir('x')\n" + SYNC_FOLDER + "os.mkdir('y'); os.rename('x', 'z')")
        assert (folder / "x").is_dir() and not (folder / "y").exists()
        assert not (folder / "z").exists()

    def test_a_random_loss_keeps_whole_pages(self, layer, socket_path):
        folder = socket_path.parent
        layer._losses = "random"
        pages = 64
        crash(layer, folder, OPEN + f"os.write(f, b'o' * 4096 * {pages}); os.fsync(f)\n"
              + SYNC_FOLDER + f"os.pwrite(f, b'n' * 4096 * {pages}, 0)")
        content = written(folder)["a"]
        kept = [content[at : at + 4096] for at in range(0, len(content), 4096)]
        assert set(kept) == {b"o" * 4096, b"n" * 4096} and len(kept) == pages

    def test_a_file_that_is_written_through_a_mapping_is_refused(self, layer, socket_path):
        process = subprocess.run(
            [sys.executable, "-c", "import mmap, os\n" + OPEN
             + "os.ftruncate(f, 4096); mmap.mmap(f, 4096)"],
            cwd=socket_path.parent, env={**os.environ, **layer.environment}, capture_output=True)
        assert process.returncode == -6 and b"mapping" in process.stderr


class TestKills:
    """The real server. With no durability the test has to fail, or it shows nothing."""

    def run(self, binary, folder, *options):
        """Exit status, result and messages."""
        process = subprocess.run(
            [sys.executable, ROOT / "tools" / "crash_test", "--binary", binary, "--json",
             "--folder", folder, "--seed", "20261122", "--own-ids", "8000", "--shared-ids", "4000",
             "--memory", "1MiB", "--clients", "3", "--life", "0.6", *options],
            capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tools" / "python" / "src")})
        if "not available yet" in process.stdout + process.stderr:
            pytest.skip("this server has no log")
        assert process.stdout, process.stderr
        return process.returncode, json.loads(process.stdout), process.stderr

    @pytest.fixture
    def folder(self, socket_path):
        folder = socket_path.parent / "crash"
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    def test_nothing_is_lost_by_clean_stops(self, live_binary, folder):
        status, result, messages = self.run(
            live_binary, folder, "--durability", "none", "--stops", "1", "--kills", "2")
        assert status == 0, messages
        assert result["passed"] and result["acknowledged"] > 0 and result["demotions"] > 0

    def test_what_is_lost_without_a_log_is_seen(self, live_binary, folder):
        status, result, messages = self.run(
            live_binary, folder, "--durability", "none", "--stops", "0", "--kills", "5")
        assert status == 1, messages
        assert result["violation"]["rows_wrong"] > 0 and "id" in result["violation"]
        assert (folder / "data" / "STORE").exists()

    def test_nothing_is_lost_by_kills(self, live_binary, folder):
        status, result, messages = self.run(
            live_binary, folder, "--durability", "buffered", "--kills", "5")
        assert status == 0, messages
        assert result["kills"] + result["stops"] == 5

    def test_checkpoints_are_of_one_instant(self, live_binary, folder):
        status, result, messages = self.run(
            live_binary, folder, "--durability", "buffered", "--kills", "3", "--checkpoints", "0.05")
        assert status == 0, messages
        assert result["checkpoints_checked"] > 0

    @pytest.mark.parametrize("losses", ["all", "random"])
    def test_nothing_that_is_synced_is_lost_with_the_power(self, live_binary, folder, losses):
        status, result, messages = self.run(
            live_binary, folder, "--durability", "synced", "--kills", "3", "--unsynced", losses)
        assert status == 0, messages
        assert result["unsynced_undone"] > 0

    def test_what_the_power_takes_without_a_sync_is_seen(self, live_binary, folder):
        status, result, messages = self.run(
            live_binary, folder, "--durability", "buffered", "--stops", "0", "--kills", "5",
            "--unsynced", "all")
        assert status == 1, messages
