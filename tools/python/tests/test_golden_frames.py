"""Every golden frame, through the code that a client's calls run through."""

import json
from pathlib import Path

import numpy as np
import pytest
import thermocline
from thermocline import operations
from thermocline.client import Client
from thermocline.connection import Connection, Exchange
from thermocline.protocol import Capability, Header, Limits, Operation, Welcome, encode_hello
from thermocline.replies import EmptyReply
from thermocline.schema import Schema
from thermocline.shared_replies import SharedReplies
from thermocline.table import Table

GOLDEN = Path(__file__).resolve().parents[3] / "Tests" / "Golden" / "frames.json"
FRAMES = json.loads(GOLDEN.read_text())["frames"]


def frames(direction):
    chosen = [frame for frame in FRAMES if frame["direction"] == direction]
    assert chosen, f"no {direction} in {GOLDEN.name}"
    return pytest.mark.parametrize("frame", chosen, ids=[frame["name"] for frame in chosen])


def snake(camel):
    return "".join("_" + c.lower() if c.isupper() else c for c in camel)


OPERATIONS = {op.name.lower(): op for op in Operation}
OPTIMIZERS = {
    "sgd": thermocline.SGD, "momentum": thermocline.Momentum, "adagrad": thermocline.Adagrad,
    "rowwiseAdagrad": thermocline.RowwiseAdagrad, "adam": thermocline.Adam,
    "ftrl": thermocline.FTRL,
}
INITIALIZERS = {
    "zeros": thermocline.Zeros, "constant": thermocline.Constant,
    "uniform": thermocline.Uniform, "normal": thermocline.Normal,
}


def scheme_of(fields, admission_count):
    name, numbers = fields["name"], [int(number) for number in fields["parameters"]]
    combine = ("sum", "concatenate", "multiply")
    score = ("count", "gradient_norm")
    return {
        "full": lambda: thermocline.Full(),
        "hashed": lambda: thermocline.Hashed(*numbers),
        "doubleHashed": lambda: thermocline.DoubleHashed(numbers[0], combine[numbers[1]]),
        "frequencyDoubleHashed": lambda: thermocline.FrequencyDoubleHashed(
            *numbers[:2], admission_count, score[numbers[2]]),
        "frequencyFiltered": lambda: thermocline.FrequencyFiltered(
            admission_count, numbers[0]),
        "quotientRemainder": lambda: thermocline.QuotientRemainder(
            numbers[0], combine[numbers[1]]),
        "deepHash": lambda: thermocline.DeepHash(*numbers),
    }[name]()


def schema_of(fields):
    return Schema(
        dimension=fields["dimension"],
        optimizer=OPTIMIZERS[fields["optimizer"]["name"]](*fields["optimizer"]["parameters"]),
        initializer=INITIALIZERS[fields["initializer"]["name"]](
            *fields["initializer"]["parameters"]),
        hot=fields["hot"],
        cold=fields["cold"],
        scheme=scheme_of(fields["scheme"], fields["admissionCount"]),
        seed=int(fields["seed"]),
        admit_after=fields["admissionCount"],
        state=fields["state"],
        field_bits=fields["fieldBits"],
        time_to_live=fields["timeToLive"],
    )


class GoldenConnection:
    """Stands for a connection: keeps the frame of a request and answers it with a golden reply."""

    def __init__(self, request_id, answer=None):
        self.address = "golden"
        self.capabilities = Capability(15)
        self.limits = Limits(1 << 24, 1 << 16, 256)
        self.request_id = request_id
        self.answer = answer
        self.shared_replies = None
        self.sent = None

    def submit(self, operation, reply, body=(), table=0, options=0):
        exchange = Exchange(operation, reply)
        body, options = Connection._place(self, exchange, body, options)
        parts = b"".join(bytes(part) for part in body)
        self.sent = Header(len(parts), self.request_id, operation, options, 0, table)
        self.sent_frame = self.sent.encode() + parts
        exchange.done = True
        if self.answer is not None:
            header, body = Header.decode(self.answer[:16]), self.answer[16:]
            reply = Connection._reply(self, exchange, header.status)
            assert header.body_bytes == len(body)
            offset = 0
            for buffer in reply.buffers(len(body)):
                buffer[:] = body[offset : offset + len(buffer)]
                offset += len(buffer)
            assert offset == len(body)
            exchange.value = reply.value(header.table)
        return exchange

    def wait(self, exchanges):
        assert all(exchange.done for exchange in exchanges)


def call(connection, fields):
    """Makes the call that a request's fields describe; returns the future of its result."""
    table = Table(connection, fields["table"], "", _schema_of_dimension(fields))
    ids = np.array(fields.get("ids", []), dtype=np.uint64)
    if fields["operation"] == "share":
        return operations.share(connection, int(fields["byteCount"]))
    create, wire = fields.get("create", True), fields.get("format", "float32")
    if fields["operation"] == "pull":
        return operations.pull(table, ids, create, None, wire)
    if fields["operation"] in ("push", "assign"):
        values = fields["gradients" if fields["operation"] == "push" else "rows"]
        rows = np.array(values, np.float32).reshape(len(ids), fields["dimension"])
        return getattr(operations, fields["operation"])(table, ids, rows)
    if fields["operation"] == "pool":
        offsets = np.array(fields["offsets"], np.uint64)
        return operations.pool(
            table, ids, offsets, fields["mode"], fields.get("weights"), create, wire)
    return getattr(operations, fields["operation"])(table, ids)


def _schema_of_dimension(fields):
    return Schema(fields.get("dimension", 1), thermocline.SGD(), thermocline.Zeros())


def call_client(connection, fields):
    """Makes the call of an operation that a client or a table answers itself."""
    client = Client(connection)
    table = Table(connection, fields["table"], "", _schema_of_dimension(fields))
    operation = fields["operation"]
    if operation == "createTable":
        s = schema_of(fields["schema"])
        return client.create_table(
            fields["tableName"], s.dimension, s.optimizer, s.initializer, s.hot, s.cold, s.scheme,
            s.seed, s.admit_after, s.state, s.field_bits, s.time_to_live, fields["ifExists"])
    if operation == "dropTable":
        return operations.request(
            connection, Operation.DROP_TABLE, EmptyReply(), table=fields["table"]).result()
    return {
        "ping": lambda: client.ping(bytes.fromhex(fields["payloadHex"])),
        "openTable": lambda: client.table(fields["tableName"]),
        "listTables": client.tables,
        "count": lambda: len(table),
        "shrink": lambda: table.shrink(
            min_frequency=fields["minFrequency"], max_age=fields["maxAge"] or None),
        "stats": table.stats if fields["table"] else client.stats,
        "checkpoint": lambda: client.checkpoint(fields["path"]),
    }[operation]()


ABOUT_ROWS = ("pull", "push", "assign", "pool", "delete", "admit", "prefetch")


def shared_at(place, memory=b""):
    """Shared memory of which nothing before a place is free."""
    shared = SharedReplies(bytes(place if memory else 0) + memory)
    shared._free = [range(place, place + 4096)]
    return shared


class Sent(Exception):
    """Raised instead of an answer where only the request matters."""


class MuteConnection(GoldenConnection):
    def submit(self, *arguments, **named):
        super().submit(*arguments, **named)
        raise Sent


@frames("request")
def test_request(frame):
    fields = frame["fields"]
    connection = MuteConnection(fields["requestId"])
    if "place" in fields:
        connection.shared_replies = shared_at(int(fields["place"]))
    with pytest.raises(Sent):
        (call if fields["operation"] in (*ABOUT_ROWS, "share") else call_client)(connection, fields)
    assert connection.sent_frame.hex() == frame["hex"]


@frames("reply")
def test_reply(frame):
    fields, encoded = frame["fields"], bytes.fromhex(frame["hex"])
    header = Header.decode(encoded[:16])
    assert Operation(header.operation) is OPERATIONS[snake(fields["operation"])]
    assert header.request_id == fields["requestId"]
    assert header.table == fields["table"]
    assert header.status == fields["status"]
    assert header.body_bytes == len(encoded) - 16
    if fields["status"]:
        check_error(fields, encoded[16:])
    elif "place" in fields:
        check_placed_rows(fields, encoded)
    elif fields["operation"] == "share":
        memory = call(GoldenConnection(fields["requestId"], encoded), fields).result()
        assert memory == (int(fields["byteCount"]), int(fields["inode"]), fields["descriptor"])
    elif fields["operation"] in ABOUT_ROWS:
        check_rows(fields, encoded)
    else:
        check_value(fields, encoded)


def check_error(fields, body):
    error = thermocline.protocol.decode_error(fields["status"], body)
    assert error.code.name == snake(fields["errorName"]).upper()
    assert error.code == fields["status"]
    assert error.message == fields["message"]
    assert error.retry_after == fields["retryAfterMs"] / 1000


def check_rows(fields, encoded):
    """Asks for as many ids or bags as the reply has rows, and compares what comes of it."""
    rows = fields.get("rows", [])
    asked = {"ids": [0] * len(rows), "mode": "sum", "offsets": [0] * len(rows), **fields}
    if fields["operation"] in ("push", "assign"):
        asked.update(ids=[], dimension=1, gradients=[], rows=[])
    result = call(GoldenConnection(fields["requestId"], encoded), asked).result()
    if fields["operation"] in ("push", "assign"):
        assert result is None
    elif fields["operation"] in ("delete", "admit", "prefetch"):
        assert result == int(fields["count"])
    else:
        if fields["operation"] == "pull" and not fields["create"]:
            result, found = result
            assert found.dtype == bool
            assert found.tolist() == fields["found"]
        assert result.dtype == np.float32
        assert result.shape == (len(rows), fields["dimension"])
        expected = np.array(rows, np.float32).reshape(result.shape)
        if fields["format"] == "int16":
            # A product of a scale and 0 has no use for the sign of zero.
            np.testing.assert_array_equal(result, expected)
        else:
            assert result.tobytes() == expected.tobytes()


def check_placed_rows(fields, encoded):
    """Asks for two rows, which lie in the memory and not in the reply."""
    assert fields["create"] and fields["format"] == "float32"
    rows = np.array([[1.5, -0.0], [2.5, 3.5]], np.float32)
    connection = GoldenConnection(fields["requestId"], encoded)
    connection.shared_replies = shared_at(int(fields["place"]), rows.tobytes())
    result = call(connection, {"ids": [1, 2], "dimension": 2, **fields}).result()
    assert result.tobytes() == rows.tobytes()


def check_value(fields, encoded):
    asked = {
        "tableName": "item", "ifExists": "error", "path": "/", "payloadHex": "",
        "minFrequency": 0, "maxAge": 0, **fields}
    connection = GoldenConnection(fields["requestId"], encoded)
    operation = fields["operation"]
    if operation == "count" and int(fields["count"]) > 2**63 - 1:
        with pytest.raises(OverflowError):  # Python's len() ends at 2**63 - 1.
            call_client(connection, asked)
        return
    value = call_client(connection, asked)
    if operation in ("createTable", "openTable"):
        assert value.number == fields["table"]
        assert value.schema == schema_of(fields["schema"])
    elif operation == "listTables":
        listed = [(t.number, t.name, t.schema) for t in value]
        assert listed == [
            (t["table"], t["tableName"], schema_of(t["schema"])) for t in fields["tables"]]
    elif operation in ("stats", "checkpoint"):
        assert value == json.loads(fields["json"])
    elif operation == "ping":
        assert value == bytes.fromhex(fields["payloadHex"])
    elif operation in ("count", "shrink"):
        assert value == int(fields["count"])
    else:
        assert operation == "dropTable" and value is None


@frames("hello")
def test_hello(frame):
    fields = frame["fields"]
    encoded = encode_hello(
        fields["capabilities"], bytes.fromhex(fields["credentialHex"]),
        fields["versionLowest"], fields["versionHighest"])
    assert encoded.hex() == frame["hex"]


@frames("welcome")
def test_welcome(frame):
    fields, encoded = frame["fields"], bytes.fromhex(frame["hex"])
    welcome = Welcome.decode(encoded[:40])
    assert welcome.version == fields["version"]
    assert welcome.status == fields["status"]
    assert welcome.capabilities == fields["capabilities"]
    assert welcome.limits == Limits(
        fields["frameBytesMax"], fields["idsMax"], fields["requestsInFlightMax"])
    assert encoded[40:].decode() == fields["message"]
    assert welcome.message_bytes == len(encoded) - 40


def test_every_frame_has_a_test():
    assert {frame["direction"] for frame in FRAMES} == {"hello", "welcome", "request", "reply"}
    seen = {frame["fields"]["operation"] for frame in FRAMES if frame["direction"] == "request"}
    assert {snake(name) for name in seen} == set(OPERATIONS)
