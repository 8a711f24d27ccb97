"""The comparison with peers: what it draws, reads and prints, and a few tiny measurements of the real ones."""

import contextlib
import ctypes
import dataclasses
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))

from compare_peers import __main__ as compare  # noqa: E402
from compare_peers import measuring, positions, programs, report, workloads  # noqa: E402
from compare_peers.measuring import Measuring, Result, pool_of  # noqa: E402
from compare_peers.plot import COLOURS, plot  # noqa: E402
from compare_peers.systems import SYSTEMS, Running, Sample, Setting, System  # noqa: E402
from compare_peers.systems.worker import Worker  # noqa: E402
from compare_peers.tables import Load, Table  # noqa: E402
from compare_peers.workloads import Contender, Section  # noqa: E402

MASK = 2**64 - 1


def mix(number):
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & MASK
    return number ^ number >> 31


class TestPositions:
    def test_in_turn_has_each_once(self):
        drawn = positions.draw("in turn", 1000, 2000, seed=1)
        assert sorted(drawn[:1000]) == list(range(1000))
        np.testing.assert_array_equal(drawn[:1000], drawn[1000:])

    def test_uniform(self):
        drawn = positions.draw("uniform", 10, 100_000, seed=1)
        counts = np.bincount(drawn, minlength=10)
        assert len(counts) == 10 and counts.min() > 9_500 and counts.max() < 10_500

    def test_zipf_has_the_shares_of_its_ranks(self):
        rows, count = 1000, 200_000
        counts = np.sort(np.bincount(positions.draw("zipf", rows, count, seed=1), minlength=rows))[::-1]
        weights = np.arange(1, rows + 1) ** -positions.ZIPF_EXPONENT
        expected = count * weights / weights.sum()
        np.testing.assert_allclose(counts[:5], expected[:5], rtol=0.05)
        assert counts.sum() == count

    def test_popular_rows_are_no_neighbours(self):
        ranks = positions.scattered(np.arange(100), 10**6).astype(np.int64)
        assert np.abs(np.diff(ranks)).min() > 1000

    def test_the_seed_decides(self):
        for distribution in ("uniform", "zipf"):
            one, same, other = (positions.draw(distribution, 500, 1000, seed) for seed in (3, 3, 4))
            assert (one == same).all() and (one != other).any()

    @pytest.mark.parametrize("distribution", positions.DISTRIBUTIONS)
    def test_windows_go_on_and_have_enough_for_what_is_under_way(self, tmp_path, distribution, monkeypatch):
        monkeypatch.setattr(positions, "DRAWN_ROWS", 1 << 22)
        load = Load("pull", distribution, batch=16384, depth=8, connections=8)
        drawn = positions.Positions(tmp_path, 1)
        one, next = (np.fromfile(drawn.window(load, Table(20_000), first), np.uint32) for first in (0, 1000))
        assert len(one) == len(next) == 2 * 16384 * 64 and one.max() < 20_000
        np.testing.assert_array_equal(one[1000:], next[:-1000])
        if distribution == "in turn":
            np.testing.assert_array_equal(np.sort(one[19_990 : 39_990]), np.arange(20_000))
        else:
            assert (one[:1000] != next[:1000]).any()


class CReply(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int), ("request", ctypes.c_uint32), ("count", ctypes.c_size_t),
        ("value_bytes", ctypes.c_size_t), ("output_bytes", ctypes.c_size_t), ("outputs", ctypes.c_void_p),
        ("requests", ctypes.c_uint32), ("stage", ctypes.c_int), ("values", ctypes.c_size_t),
        ("done", ctypes.c_bool), ("busy", ctypes.c_bool), ("left", ctypes.c_size_t), ("error", ctypes.c_char_p)]


class CLayout(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_size_t), ("first", ctypes.c_size_t), ("stride", ctypes.c_size_t)]


IDS = ctypes.POINTER(ctypes.c_uint64)


class CProtocol(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p), ("steps", ctypes.c_bool), ("names_requests", ctypes.c_bool),
        ("beside_rows", ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_size_t)),
        ("place_rows", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64)),
        ("read_layout", ctypes.CFUNCTYPE(CLayout, ctypes.c_size_t)),
        ("encode_read", ctypes.CFUNCTYPE(None, ctypes.c_void_p, IDS, ctypes.c_size_t)),
        ("write_layout", ctypes.CFUNCTYPE(CLayout, ctypes.c_size_t, ctypes.c_size_t)),
        ("encode_write", ctypes.CFUNCTYPE(None, ctypes.c_void_p, IDS, ctypes.c_size_t, ctypes.c_size_t)),
        ("advance", ctypes.CFUNCTYPE(
            ctypes.c_size_t, ctypes.POINTER(CReply), ctypes.c_void_p, ctypes.c_size_t))]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    try:
        return ctypes.CDLL(str(programs.Programs(folder).path("protocols.so")))
    except programs.Unavailable as error:
        pytest.skip(str(error))


READ, WRITE = 0, 1
VALUE_BYTES = 12
VALUES = [b"\r\n$12\r\nEND\r\n", b"abcdefghijkl", bytes(range(VALUE_BYTES))]
ALL_IDS = [1, 2**64 - 1, 0x0A0D_0A0D]
NUMBER = 2  # of the request, of 3 under way


def memcached_key(number):
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
    return "".join(letters[number >> 6 * at & 63] for at in range(11)).encode()


def frame(operation, body, status=0, request=NUMBER):
    return (len(body).to_bytes(4, "little") + request.to_bytes(4, "little") + bytes([operation, 0])
            + status.to_bytes(2, "little") + (1).to_bytes(4, "little") + body)


def mget_reply(values):
    return b"*%d\r\n" % len(values) + b"".join(b"$%d\r\n%s\r\n" % (len(value), value) for value in values)


def get_reply(pairs):
    return b"".join(
        b"VALUE %s 0 %d\r\n%s\r\n" % (memcached_key(number), len(value), value)
        for number, value in pairs) + b"END\r\n"


PAIRS = list(zip(ALL_IDS, VALUES))
REPLIES = {
    "resp": {READ: mget_reply(VALUES), WRITE: b"+OK\r\n"},
    "memcached": {READ: get_reply(PAIRS), WRITE: b"MN\r\n"},
    "thermocline": {READ: frame(0x10, b"".join(VALUES) + b"\x07"), WRITE: frame(0x11, b"")},
}
UNUSABLE = {
    "resp": {
        READ: [b"-ERR no\r\n", b"*2\r\n", b"*3\r\n$-1\r\n", b"*3\r\n$11\r\n", b"*3\r\n+12\r\n", b"*x\r\n",
               b"*\r\n", b"*99999999999999999999"],
        WRITE: [b"-OOM\r\n", b"+NO\r\n"]},
    "memcached": {
        READ: [b"END\r\n", b"SERVER_ERROR out of memory\r\n", get_reply(PAIRS[:2]),
               get_reply(PAIRS + PAIRS[:1]), get_reply([(1, b"short")] * 3), b"VALUE 00000000000 1 12\r\n"],
        WRITE: [b"NS \r\n", b"ERROR\r\n", b"SERVER_ERROR\r\n"]},
    "thermocline": {
        READ: [frame(0x10, b"no such table", status=5), frame(0x10, b"".join(VALUES) + b"\x03"),
               frame(0x10, b"".join(VALUES)), frame(0x10, b"".join(VALUES) + b"\x07", request=3)],
        WRITE: [frame(0x11, b"x"), frame(0x11, b"", request=2**32 - 1)]},
}


class Reader:
    """A reply that is read into an array with a margin behind it."""

    MARGIN = 64

    def __init__(self, library, name, kind):
        self.protocol = CProtocol.in_dll(library, f"{name}_protocol")
        self.output = ctypes.create_string_buffer(3 * len(VALUES) * VALUE_BYTES + self.MARGIN)
        self.reply = CReply(
            kind=kind, request=0 if self.protocol.names_requests else NUMBER, count=len(VALUES),
            value_bytes=VALUE_BYTES, output_bytes=len(VALUES) * VALUE_BYTES,
            outputs=ctypes.addressof(self.output), requests=3)
        self.kept = b""

    def feed(self, data):
        """As a connection does: what was not used comes again, with more behind it."""
        self.kept += data
        # Exactly as long, so that a byte too far is not in it.
        held = (ctypes.c_char * max(1, len(self.kept))).from_buffer_copy(self.kept or b"\0")
        used = self.protocol.advance(ctypes.byref(self.reply), held, len(self.kept))
        assert used <= len(self.kept)
        self.kept = self.kept[used:]
        return bool(self.reply.done)

    @property
    def values(self):
        start = NUMBER * len(VALUES) * VALUE_BYTES
        assert self.output.raw[-self.MARGIN:] == bytes(self.MARGIN)
        return self.output.raw[start : start + len(VALUES) * VALUE_BYTES]


@pytest.mark.parametrize("kind", [READ, WRITE])
@pytest.mark.parametrize("name", REPLIES)
class TestReplies:
    def test_in_two_pieces_wherever_it_is_cut(self, library, name, kind):
        whole = REPLIES[name][kind]
        for cut in range(len(whole)):
            reader = Reader(library, name, kind)
            assert not reader.feed(whole[:cut]), f"done after {cut} of {len(whole)} bytes"
            assert reader.reply.error is None
            assert reader.feed(whole[cut:]) and reader.reply.error is None and reader.kept == b""
            assert reader.reply.request == NUMBER
            assert kind == WRITE or reader.values == b"".join(VALUES)

    def test_byte_by_byte_and_not_a_byte_too_far(self, library, name, kind):
        whole = REPLIES[name][kind]
        reader = Reader(library, name, kind)
        done = [reader.feed(whole[at : at + 1]) for at in range(len(whole))]
        assert done == [False] * (len(whole) - 1) + [True]
        reader = Reader(library, name, kind)
        assert reader.feed(whole + b"next") and reader.kept == b"next"

    def test_what_cannot_be_used_is_an_error(self, library, name, kind):
        for bad in UNUSABLE[name][kind]:
            reader = Reader(library, name, kind)
            assert not reader.feed(bad) or reader.reply.error, bad
            assert reader.reply.error, bad

    def test_bytes_at_random_stay_within_bounds(self, library, name, kind):
        source = random.Random(20261123)
        for _ in range(3000):
            data = bytearray(REPLIES[name][kind])
            for _ in range(source.randint(1, 3)):
                data[source.randrange(len(data))] = source.randrange(256)
            reader = Reader(library, name, kind)
            at = 0
            while at < len(data) and not reader.reply.done and not reader.reply.error:
                step = source.randint(1, 40)
                reader.feed(bytes(data[at : at + step]))
                at += step
            assert reader.values is not None


@pytest.mark.parametrize("kind", [READ, WRITE])
def test_an_overloaded_server_is_asked_again(library, kind):
    whole = frame([0x10, 0x11][kind], b"\x05\0\0\0later", status=12)
    for cut in range(len(whole)):
        reader = Reader(library, "thermocline", kind)
        assert not reader.feed(whole[:cut])
        assert reader.feed(whole[cut:] + b"next") and reader.kept == b"next"
        assert reader.reply.busy and reader.reply.error is None and reader.reply.request == NUMBER


class TestSharedMemory:
    """Rows that this server places where they are to be: its replies are headers alone."""

    @pytest.fixture(autouse=True)
    def sharing(self, library):
        shares = ctypes.c_bool.in_dll(library, "thermocline_shares")
        shares.value = True
        yield
        shares.value = False

    def test_requests_say_where(self, library):
        protocol = CProtocol.in_dll(library, "thermocline_protocol")
        buffer = ctypes.create_string_buffer(protocol.read_layout(3).bytes)
        protocol.encode_read(buffer, (ctypes.c_uint64 * 3)(*ALL_IDS), 3)
        protocol.place_rows(buffer, 640)
        body = (640).to_bytes(8, "little") + b"".join(number.to_bytes(8, "little") for number in ALL_IDS)
        assert buffer.raw[16:] == body and int.from_bytes(buffer.raw[:4], "little") == len(body)
        assert buffer.raw[8:10] == bytes([0x10, 0x20])

    @pytest.mark.parametrize("found", [7, 3])
    def test_replies_are_headers(self, library, found):
        reader = Reader(library, "thermocline", READ)
        rows_bytes = len(VALUES) * VALUE_BYTES
        reader.output[NUMBER * rows_bytes + rows_bytes] = found
        whole = frame(0x10, b"")
        for at in range(len(whole) - 1):
            assert not reader.feed(whole[at : at + 1])
        assert reader.feed(whole[-1:] + b"next") and reader.kept == b"next"
        assert (reader.reply.error is None) == (found == 7)

    def test_rows_in_a_reply_are_an_error(self, library):
        reader = Reader(library, "thermocline", READ)
        reader.feed(REPLIES["thermocline"][READ])
        assert reader.reply.error


class TestRequests:
    def encoded(self, library, name, value_bytes=None):
        protocol = CProtocol.in_dll(library, f"{name}_protocol")
        ids = (ctypes.c_uint64 * 3)(*ALL_IDS)
        layout = protocol.read_layout(3) if value_bytes is None else protocol.write_layout(3, value_bytes)
        buffer = ctypes.create_string_buffer(layout.bytes + 8)
        if value_bytes is None:
            protocol.encode_read(buffer, ids, 3)
        else:
            protocol.encode_write(buffer, ids, 3, value_bytes)
            for at, value in enumerate(VALUES):
                start = layout.first + at * layout.stride
                buffer[start : start + value_bytes] = value
        assert buffer.raw[layout.bytes :] == bytes(8), "longer than it says"
        return buffer.raw[: layout.bytes]

    keys = [number.to_bytes(8, "little") for number in ALL_IDS]

    def test_redis(self, library):
        words = [b"MGET", *self.keys]
        assert self.encoded(library, "resp") == mget_reply(words)
        words = [b"MSET", *(word for pair in zip(self.keys, VALUES) for word in pair)]
        assert self.encoded(library, "resp", VALUE_BYTES) == mget_reply(words)

    def test_memcached(self, library):
        keys = [memcached_key(number) for number in ALL_IDS]
        assert self.encoded(library, "memcached") == b"get " + b" ".join(keys) + b"\r\n"
        assert self.encoded(library, "memcached", VALUE_BYTES) == b"".join(
            b"ms %s 12 q\r\n%s\r\n" % pair for pair in zip(keys, VALUES)) + b"mn\r\n"

    def test_this_server(self, library):
        ctypes.c_uint32.in_dll(library, "thermocline_table").value = 1
        assert self.encoded(library, "thermocline") == frame(0x10, b"".join(self.keys), request=0)
        body = (3).to_bytes(4, "little") * 2 + b"".join(self.keys) + b"".join(VALUES)
        assert self.encoded(library, "thermocline", VALUE_BYTES) == frame(0x11, body, request=0)


PULL, PUSH = Load("pull", "uniform", 4096, 8), Load("push", "uniform", 4096, 8)


def result_of(rates, workload="pull", title="A title", facts=None):
    """A result of ``{load: {label: rates}}``."""
    labels = list(dict.fromkeys(label for of_load in rates.values() for label in of_load))
    contenders = tuple(Contender(label, "redis", Table(1000)) for label in labels)
    return Result(Section(workload, title, contenders, tuple(rates)), rates, facts or {})


class TestResult:
    result = result_of({PULL: {"thermocline": [8e6, 2e6, 6e6], "redis": [1e6, 1e6, 0.5e6]}})

    def test_figures_are_medians(self):
        assert self.result.rate(PULL, "thermocline") == 6e6
        assert self.result.rate(PULL, "redis") == 1e6

    def test_ratios_are_medians_of_the_ratios_of_a_round(self):
        assert self.result.ratio(PULL, "redis") == statistics.median([8, 2, 12])
        assert self.result.ratio(PULL, "thermocline", of="redis") == statistics.median([1 / 8, 1 / 2, 1 / 12])

    def test_what_was_not_measured(self):
        assert self.result.rate(PULL, "torch") is None and self.result.ratio(PUSH, "redis") is None


class TestReport:
    def test_numbers(self):
        assert [report.rate_text(rate) for rate in (None, 999, 12_340, 999_499, 999_500, 12_340_000)] == [
            "–", "0.999k", "12.3k", "999k", "1M", "12.3M"]
        assert [report.ratio_text(ratio) for ratio in (None, 0.123, 1.06, 9.96, 12.34, 123.4)] == [
            "–", "0.12", "1.1", "10", "12.3", "123"]

    def test_columns_line_up(self):
        lines = report.markdown(["what", "a"], [["x", "1"], ["longer", "1,234"]]).splitlines()
        assert len({len(line) for line in lines}) == 1 and all(line.count("|") == 3 for line in lines)
        assert lines[1] == "| ------ | ----: |"

    def test_a_section(self):
        result = result_of({PULL: {"thermocline": [8e6], "redis": [1e6]}, PUSH: {"thermocline": [4e6]}})
        result.missing["torch"] = "is not installed"
        text = report.section_text(result)
        pull, push = text.splitlines()[4:6]
        assert [cell.strip() for cell in pull.split("|")] == [
            "", "pull, uniform, batch 4096, depth 8", "8M", "1M", "8", ""]
        assert [cell.strip() for cell in push.split("|")][2:5] == ["4M", "–", "–"]
        assert "not measured: torch: is not installed" in text

    def test_goals(self):
        results = [
            result_of({PULL: {"thermocline": [7e6], "lookup loop": [14e6]},
                       Load("pull", "uniform", 4096, 1): {"thermocline": [12e6], "lookup loop": [15e6]}},
                      facts={"thermocline": {"hotBytesPerRow": 97}}),
            result_of({PUSH: {"thermocline": [4e6], "torch Adagrad": [1e6]}}, "push", "Push with Adagrad"),
            result_of({PUSH: {"thermocline": [2e6], "torch Adagrad": [1e6]}}, "push",
                      "Push with row-wise Adagrad")]
        goals = {goal.what: goal for goal in report.goals(results)}
        lookup = goals["pull, uniform, batch 4096, to the lookup loop in process"]
        assert lookup.measured == 0.8 and lookup.met  # of the two depths the better
        torch = [goal for what, goal in goals.items() if "torch" in what]
        assert [(goal.measured, goal.met) for goal in torch] == [(4, True), (2, False)]
        memory = goals["bytes of a row in memory, dimension 16, float32 and row-wise Adagrad"]
        assert memory.measured == 97 and memory.met is False
        assert goals["pull, batch 512, depth 8, to Redis MGET"].texts[2:] == ["–", "not measured"]

    def test_growth(self):
        def of_rows(rows, facts):
            contender = Contender("thermocline", "thermocline", Table(rows))
            return Result(Section("growth", "A title", (contender,), (PULL,)), {PULL: {"thermocline": [rows * 10]}},
                          facts)

        text = report.growth_text([
            of_rows(100_000, {"thermocline": {"hotBytesPerRow": 58.04, "startSeconds": 0.5, "startResidentBytes": 3 << 20}}),
            of_rows(1_000_000, {})])
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|"]
        assert lines[2] == ["100,000", "1M", "58.0", "–", "–", "0.50", "3"]
        assert lines[3] == ["1,000,000", "10M", "–", "–", "–", "–", "–"]
        assert report.growth_text([TestResult.result]) == ""

    def test_json(self):
        answer = json.loads(json.dumps(report.as_json([TestResult.result], {"seconds": 1})))
        load = answer["sections"][0]["loads"][0]
        assert answer["seconds"] == 1 and load["batch"] == 4096
        assert load["rounds"]["redis"] == [1e6, 1e6, 0.5e6] and load["ratio"] == {"redis": 8}


class TestPlot:
    def test_every_system_has_a_colour(self):
        assert len(set(COLOURS)) == len(COLOURS) == len(SYSTEMS)

    def dots(self, results):
        tree = ElementTree.fromstring(plot(results, "a < b & c"))
        width = float(tree.get("width"))
        dots = [dot for dot in tree.iter("{http://www.w3.org/2000/svg}circle") if len(dot)]
        assert all(0 < float(dot.get("cx")) < width for dot in dots)
        assert float(tree.get("height")) >= max((float(dot.get("cy")) for dot in dots), default=0)
        return dots

    def test_a_dot_for_each_figure_further_right_the_faster(self):
        result = result_of({PULL: {"<this> & that": [8e6], "redis": [1e6]}, PUSH: {"redis": [2e4]}})
        dots = {dot[0].text: float(dot.get("cx")) for dot in self.dots([result, result])}
        assert len(self.dots([result, result])) == 6
        assert dots["redis: 20k rows/s"] < dots["redis: 1M rows/s"] < dots["<this> & that: 8M rows/s"]

    def test_a_system_has_one_colour_and_two_of_it_have_two(self):
        def colours(*systems):
            contenders = tuple(Contender(f"{at}", system, Table(1000)) for at, system in enumerate(systems))
            rates = {PULL: {contender.label: [1e6] for contender in contenders}}
            result = Result(Section("pull", "A title", contenders, (PULL,)), rates)
            return {dot[0].text[0]: dot.get("fill") for dot in self.dots([result])}

        many, few = colours("thermocline", "thermocline", "redis", "rocksdb"), colours("thermocline", "rocksdb")
        assert len(set(many.values())) == 4
        assert few == {"0": many["0"], "1": many["3"]}

    def test_curves(self):
        def of_rows(rows, rate):
            contender = Contender("thermocline", "thermocline", Table(rows))
            return Result(Section("growth", "A title", (contender,), (PULL,)), {PULL: {"thermocline": [rate]}})

        results = [of_rows(1000, 8e6), of_rows(100_000, 2e6)]
        dots = {dot[0].text: (float(dot.get("cx")), float(dot.get("cy"))) for dot in self.dots(results)}
        few, many = dots["pull: 1,000: 8M rows/s"], dots["pull: 100,000: 2M rows/s"]
        assert few[0] < many[0] and few[1] < many[1]  # to the right, and down
        assert len(dots) == 2
        assert self.dots(results[:1]) == []  # one point is no curve

        loads = {Load("pull", "uniform", batch, 8): {"thermocline": [batch * 1e3]} for batch in (64, 512)}
        assert len(self.dots([result_of(loads)])) == 4  # of the curve, and of the panel
        loads = {Load("pull", "uniform", 512, 8, count): {"redis": [1e6]} for count in (1, 2, 8)}
        assert len(self.dots([result_of(loads, "connections")])) == 6

    def test_nothing_measured(self):
        assert self.dots([]) == [] == self.dots([result_of({PULL: {}})])


class Fake(System):
    """A system whose rates are told, and that notes when it is asked."""

    operations = ("pull",)

    def __init__(self, name, log, fail_at=None):
        self.name, self._log, self._fail_at = name, log, fail_at

    def version(self, setting):
        return "1"

    def open(self, table, setting):
        return FakeRunning(self.name, self._log, self._fail_at)


class FakeRunning(Running):
    pid = os.getpid()

    def __init__(self, name, log, fail_at):
        self._name, self._log, self._fail_at, self._count = name, log, fail_at, 0

    def measure(self, load, path, seconds):
        self._log.append((self._name, load.batch, np.fromfile(path, np.uint32)[0]))
        self._count += 1
        if self._count == self._fail_at:
            raise RuntimeError("it broke")
        return Sample(1000.0 * self._count, 5)

    def kill(self):
        self._log.append((self._name, "killed"))


class TestMeasuring:
    loads = (Load("pull", "uniform", 16), Load("pull", "uniform", 32), Load("pull", "uniform", 16, connections=2))

    def run(self, tmp_path, monkeypatch, rounds, **fail_at):
        log, said = [], []
        # What is drawn says where it was.
        monkeypatch.setattr(positions, "draw", lambda distribution, rows, count, seed: np.arange(
            count, dtype=np.uint32))
        monkeypatch.setattr(measuring, "SYSTEMS", {
            name: Fake(name, log, fail_at.get(name)) for name in ("one", "two", "three")})
        table = Table(20_000)
        section = Section("pull", "title", tuple(
            Contender(name, name, table) for name in ("one", "two", "three")), self.loads)
        setting = Setting(tmp_path, programs.Programs(tmp_path), Path("none"))
        with pool_of(setting, said.append) as pool:
            measure = Measuring(pool, positions.Positions(tmp_path, 1), rounds, 0.1, said.append)
            results = measuring.measure_all([section], pool, measure, said.append)
        return results[0], log, said

    def test_in_turns_each_going_on_where_it_was(self, tmp_path, monkeypatch):
        result, log, _ = self.run(tmp_path, monkeypatch, rounds=2)
        asked = [entry for entry in log if entry[1] != "killed"]
        assert asked[:4] == [("one", 16, 0), ("two", 16, 0), ("three", 16, 0), ("one", 32, 5 * 16)]
        # The second round begins with the second, and goes on in what was drawn.
        first = 5 * 16 + 5 * 32
        assert asked[6:9] == [("two", 16, first), ("three", 16, first), ("one", 16, first)]
        assert result.rates[self.loads[0]]["one"] == [1000.0, 3000.0]
        assert self.loads[2] not in result.rates  # a system in process has no connections
        assert [entry for entry in log if entry[1] == "killed"]

    def test_one_that_fails_is_left_out_and_the_others_go_on(self, tmp_path, monkeypatch):
        result, log, said = self.run(tmp_path, monkeypatch, rounds=2, two=3)
        assert result.missing == {"two": "failed: it broke"} and "FAILED: two: it broke" in said
        assert set(result.rates[self.loads[0]]) == {"one", "three"}
        assert len(result.rates[self.loads[0]]["three"]) == 2
        assert ("two", "killed") in log


def test_what_does_not_start_or_ends_is_said_and_leaves_nothing(socket_path):
    folder = socket_path.parent
    setting = Setting(folder, programs.Programs(folder), Path(shutil.which("false")))
    with pytest.raises(RuntimeError, match="did not start"):
        SYSTEMS["thermocline"].open(Table(20_000), setting)
    assert list(folder.iterdir()) == []
    with pytest.raises(RuntimeError, match="ended: no such table"):
        Worker([shutil.which("sh"), "-c", "echo no such table >&2"])
    worker = Worker([shutil.which("sh"), "-c", """echo '{"baseBytes": 0}'; read line; echo out of memory >&2"""])
    with pytest.raises(RuntimeError, match="ended: out of memory"):
        worker.measure(PULL, folder, 1)
    worker.kill()


class TestOptions:
    @pytest.mark.parametrize("arguments, message", [
        (["--rows", "many"], "not a number"), (["--rows", "10"], "20,000 to"), (["--rows", "9G"], "20,000 to"),
        (["--rounds", "0"], "above 0"), (["--seconds", "-1"], "above 0"), (["--only", "nothing"], "invalid choice"),
        (["--json", "/nowhere/at/all"], "cannot be written")])
    def test_what_makes_no_sense_is_refused(self, arguments, message, capsys):
        with pytest.raises(SystemExit) as exit:
            compare.parse_options(["--binary", sys.executable, *arguments])
        assert exit.value.code == 2 and message in capsys.readouterr().err

    def test_a_binary_that_is_none(self, capsys):
        with pytest.raises(SystemExit):
            compare.parse_options(["--binary", "/nowhere/thermocline"])
        assert "no server at /nowhere/thermocline" in capsys.readouterr().err

    def test_numbers_of_rows(self):
        assert compare.number_of_rows("16M") == 16_000_000 and compare.number_of_rows("20k") == 20_000

    def test_workloads_name_systems_that_are_there(self):
        for scale in (workloads.QUICK, workloads.Scale(rows=1_000_000)):
            sections = workloads.sections_of(list(workloads.WORKLOADS), scale)
            assert {section.workload for section in sections} == set(workloads.WORKLOADS)
            for section in sections:
                labels = [contender.label for contender in section.contenders]
                assert len(set(labels)) == len(labels) and section.loads
                for contender in section.contenders:
                    assert any(SYSTEMS[contender.system].takes(load) for load in section.loads)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """One short measurement of every operation of every system that is here."""
    binary = os.environ.get("THERMOCLINE_BINARY")
    if not binary:
        pytest.skip("the variable THERMOCLINE_BINARY names no server to test against")
    rows = 20_000
    table = Table(rows)
    adagrad = dataclasses.replace(table, optimizer="adagrad")
    section = Section(
        "pull", "Everything, once",
        tuple(Contender(name, name, adagrad if name == "torch" else table) for name in SYSTEMS)
        + (Contender("tiered", "thermocline", dataclasses.replace(table, in_memory=0.2)),),
        tuple(Load(operation, "uniform", 64, 2) for operation in ("pull", "push", "train")), warm_seconds=0.05)
    folder = Path(tempfile.mkdtemp(prefix="tc-"))  # short, for sockets
    try:
        setting = Setting(folder, programs.Programs(folder), Path(binary).resolve())
        with pytest.MonkeyPatch.context() as patch, pool_of(setting, print) as pool:
            # Threads of PyTorch that wait for each other actively are slow where others want the cores.
            patch.setenv("OMP_NUM_THREADS", "1")
            pool.versions(set(SYSTEMS))
            measure = Measuring(pool, positions.Positions(folder, 1), 1, 0.05, print)
            yield measuring.measure_all([section], pool, measure, print)[0]
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", [*SYSTEMS, "tiered"])
def test_every_system_that_is_here_can_be_measured(tiny, name):
    why = tiny.missing.get(name)
    if why is not None and not why.startswith("failed"):
        pytest.skip(f"{name}: {why}")
    assert why is None
    system = SYSTEMS["thermocline" if name == "tiered" else name]
    for load in tiny.section.loads:
        rate = tiny.rate(load, name)
        assert (rate is not None and rate > 0) == system.takes(load)
    facts = tiny.facts[name]
    if name in ("thermocline", "redis", "memcached", "lookup loop", "gather loop", "torch"):
        assert 60 < facts["residentBytesPerRow"] < 2000
    if name == "tiered":
        assert 0 < facts["rowsInMemory"] < 0.8 and 0 < facts["hitRatio"] < 0.99
        assert 40 < facts["compactedBytesPerRow"] < 200


def test_bench_asks_for_the_same_ids(tiny, live_server, tmp_path):
    """`thermocline bench` makes no rows where those of the comparison are."""
    import thermocline

    with thermocline.connect(live_server.address) as client:
        table = client.create_table("rows", dim=16)
        ids = np.array([mix(position + 1) for position in range(500)], np.uint64)
        table.assign(ids, np.zeros((500, 16), np.float32))
        subprocess.run(
            [os.environ["THERMOCLINE_BINARY"], "bench", "--server", live_server.address, "--table", "rows",
             "--rows", "500", "--batch", "100", "--requests", "50", "--warmup", "0"],
            check=True, capture_output=True)
        assert len(table) == 500


def command(binary, *arguments):
    return [sys.executable, "-m", "compare_peers", "--binary", binary, *arguments]


def environment(folder):
    return {**os.environ, "PYTHONPATH": str(ROOT / "tools"), "TMPDIR": str(folder)}


def test_the_command(live_binary, socket_path, tmp_path):
    folder = socket_path.parent
    done = subprocess.run(
        command(live_binary, "--quick", "--rows", "20k", "--seconds", "0.02", "--only", "connections",
                "--json", tmp_path / "out.json", "--plot", tmp_path / "out.svg"),
        capture_output=True, text=True, env=environment(folder))
    assert done.returncode == 0, done.stderr
    assert "8 connections" in done.stdout and "Against" in done.stdout and "round 1 of 1" in done.stderr
    sections = json.loads((tmp_path / "out.json").read_text())["sections"]
    assert all(load["rowsPerSecond"]["thermocline"] > 0 for load in sections[0]["loads"])
    ElementTree.parse(tmp_path / "out.svg")
    assert list(folder.iterdir()) == []


def processes_that_name(folder):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if str(folder).encode() in path.read_bytes():
                found.append(path)
    return found


def test_nothing_is_left_when_it_is_stopped(live_binary, socket_path):
    folder = socket_path.parent
    process = subprocess.Popen(
        command(live_binary, "--quick", "--rows", "20k", "--seconds", "5", "--only", "connections"),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(folder))
    for line in process.stderr:
        if "making 20,000 rows: thermocline" in line:
            break
    while not list(folder.glob("*/th-*/s")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert list(folder.iterdir()) == []
    # One that was just being started dies with its parent, and that may take a moment.
    give_up = time.monotonic() + 10
    while processes_that_name(folder) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert processes_that_name(folder) == []
