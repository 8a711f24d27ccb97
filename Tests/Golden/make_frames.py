#!/usr/bin/env python3
"""Writes frames.json: one example, byte for byte, of every message in Protocol.md.

Written from the protocol page alone with `struct`, so that a mistake in the Swift or the Python
codec cannot hide in the examples it is checked against. Run it again after a change of the page:

    python3 Tests/Golden/make_frames.py            # rewrites frames.json beside this file
    python3 Tests/Golden/make_frames.py --check    # exit status 1 if frames.json would change

README.md beside this file names the fields.
"""

import json
import pathlib
import struct
import sys

MAGIC = bytes.fromhex("54434C494E450D0A")
OPERATIONS = {
    "ping": 0x01, "createTable": 0x02, "openTable": 0x03, "listTables": 0x04, "dropTable": 0x05,
    "share": 0x06,
    "pull": 0x10, "push": 0x11, "assign": 0x12, "pool": 0x13, "delete": 0x14, "count": 0x15,
    "shrink": 0x16, "admit": 0x17, "prefetch": 0x18,
    "stats": 0x20, "checkpoint": 0x21,
}
FORMATS = {"float32": 0, "float16": 1, "int16": 2}
PRECISIONS = {"float32": 0, "float16": 1, "int16": 2, "int8": 3}
OPTIMIZERS = {"sgd": 0, "momentum": 1, "adagrad": 2, "rowwiseAdagrad": 3, "adam": 4, "ftrl": 5}
INITIALIZERS = {"zeros": 0, "constant": 1, "uniform": 2, "normal": 3}
SCHEMES = {
    "full": 0, "hashed": 1, "doubleHashed": 2, "frequencyDoubleHashed": 3, "frequencyFiltered": 4,
    "quotientRemainder": 5, "deepHash": 6,
}
MODES = {"sum": 0, "mean": 1, "max": 2}
IF_EXISTS = {"error": 0, "open": 1}
ERRORS = {
    1: "malformed", 2: "unsupportedVersion", 3: "unknownOperation", 4: "unknownTable",
    5: "tableExists", 6: "dimensionMismatch", 7: "nonFinite", 8: "tooLarge", 9: "tooManyIds",
    10: "invalidSchema", 11: "readOnly", 12: "overloaded", 13: "storageFailed", 14: "damaged",
    15: "unsupported", 16: "shuttingDown", 17: "cannotCreate", 18: "tooManyConnections",
    19: "unauthorized", 20: "internal", 21: "storageFull",
}
ID_MAX = str(2**64 - 1)


def u64s(texts):
    return struct.pack(f"<{len(texts)}Q", *(int(text) for text in texts))


def floats(rows):
    flat = [value for row in rows for value in row]
    return struct.pack(f"<{len(flat)}f", *flat)


def name_bytes(name):
    encoded = name.encode("utf-8")
    return struct.pack("<H", len(encoded)) + encoded


def padded(values, count):
    return list(values) + [0] * (count - len(values))


def schema_bytes(schema):
    encoded = struct.pack(
        "<I7BxIQ6d2d3QI4x",
        schema["dimension"],
        PRECISIONS[schema["hot"]],
        PRECISIONS[schema["cold"]],
        OPTIMIZERS[schema["optimizer"]["name"]],
        INITIALIZERS[schema["initializer"]["name"]],
        SCHEMES[schema["scheme"]["name"]],
        PRECISIONS[schema["state"]],
        schema["fieldBits"],
        schema["admissionCount"],
        int(schema["seed"]),
        *padded(schema["optimizer"]["parameters"], 6),
        *padded(schema["initializer"]["parameters"], 2),
        *(int(value) for value in padded(schema["scheme"]["parameters"], 3)),
        schema["timeToLive"],
    )
    assert len(encoded) == 120
    return encoded


def frame(fields, body, status=0):
    options = FORMATS[fields.get("format", "float32")] | (0x10 if fields.get("create") else 0)
    options |= 0x20 if "place" in fields else 0
    operation = OPERATIONS[fields["operation"]]
    header = struct.pack(
        "<IIBBHI", len(body), fields["requestId"], operation, options, status, fields["table"])
    assert len(header) == 16
    return header + body


def schema(**changes):
    fields = {
        "dimension": 16, "hot": "float32", "cold": "int16",
        "optimizer": {"name": "adagrad", "parameters": [0.05, 0.0, 1e-10]},
        "initializer": {"name": "uniform", "parameters": [-0.01, 0.01]},
        "scheme": {"name": "full", "parameters": []},
        "admissionCount": 1, "seed": "0", "state": "float32", "fieldBits": 0, "timeToLive": 0,
    }
    fields.update(changes)
    return fields


def request_body(fields):
    place = u64s([fields["place"]]) if "place" in fields else b""
    return place + operands(fields)


def operands(fields):
    operation = fields["operation"]
    if operation == "ping":
        return bytes.fromhex(fields["payloadHex"])
    if operation == "createTable":
        return (struct.pack("<B3x", IF_EXISTS[fields["ifExists"]]) + name_bytes(fields["tableName"])
                + schema_bytes(fields["schema"]))
    if operation == "openTable":
        return name_bytes(fields["tableName"])
    if operation == "share":
        return u64s([fields["byteCount"]])
    if operation in ("pull", "delete", "admit", "prefetch"):
        return u64s(fields["ids"])
    if operation == "push" or operation == "assign":
        rows = fields["gradients" if operation == "push" else "rows"]
        return (struct.pack("<II", len(fields["ids"]), fields["dimension"]) + u64s(fields["ids"])
                + floats(rows))
    if operation == "pool":
        weights = fields.get("weights")
        return (struct.pack("<IIBB6x", len(fields["ids"]), len(fields["offsets"]),
                            MODES[fields["mode"]], 0 if weights is None else 1)
                + u64s(fields["ids"]) + u64s(fields["offsets"])
                + (b"" if weights is None else floats([weights])))
    if operation == "shrink":
        return struct.pack("<II", fields["minFrequency"], fields["maxAge"])
    if operation == "checkpoint":
        return fields["path"].encode("utf-8")
    return b""


def reply_body(fields):
    operation = fields["operation"]
    if fields["status"] != 0:
        return struct.pack("<I", fields["retryAfterMs"]) + fields["message"].encode("utf-8")
    if operation == "ping":
        return bytes.fromhex(fields["payloadHex"])
    if operation in ("createTable", "openTable"):
        return schema_bytes(fields["schema"])
    if operation == "listTables":
        entries = (struct.pack("<I", entry["table"]) + name_bytes(entry["tableName"])
                   + schema_bytes(entry["schema"]) for entry in fields["tables"])
        return struct.pack("<I", len(fields["tables"])) + b"".join(entries)
    if operation == "share":
        return (u64s([fields["byteCount"], fields["inode"]])
                + struct.pack("<II", fields["descriptor"], 0))
    if "place" in fields:
        return b""
    if operation in ("pull", "pool"):
        return rows_body(fields) + found_body(fields)
    if operation in ("delete", "count", "shrink", "admit", "prefetch"):
        return struct.pack("<Q", int(fields["count"]))
    if operation in ("stats", "checkpoint"):
        return fields["json"].encode("utf-8")
    return b""


def rows_body(fields):
    if fields["format"] == "float32":
        return floats(fields["rows"])
    flat = [value for row in fields["rows"] for value in row]
    if fields["format"] == "float16":
        return struct.pack(f"<{len(flat)}e", *flat)
    quantized = [value for row in fields["quantized"] for value in row]
    scales = fields["scales"]
    return struct.pack(f"<{len(scales)}f", *scales) + struct.pack(f"<{len(quantized)}h", *quantized)


def found_body(fields):
    bits = bytearray((len(fields.get("found", [])) + 7) // 8)
    for index, found in enumerate(fields.get("found", [])):
        if found:
            bits[index // 8] |= 1 << (index % 8)
    return bytes(bits)


FRAMES = []


def add(name, direction, encoded, fields):
    FRAMES.append({"name": name, "direction": direction, "hex": encoded.hex(), "fields": fields})


def request(name, operation, request_id, table=0, **fields):
    fields = {"operation": operation, "requestId": request_id, "table": table, **fields}
    add(name, "request", frame(fields, request_body(fields)), fields)


def reply(name, operation, request_id, table=0, status=0, **fields):
    fields = {
        "operation": operation, "requestId": request_id, "table": table, "status": status, **fields}
    add(name, "reply", frame(fields, reply_body(fields), status), fields)


def hello(name, lowest, highest, capabilities, credential=b""):
    encoded = MAGIC + struct.pack("<HHIII", lowest, highest, capabilities, len(credential), 0)
    assert len(encoded) == 24
    add(name, "hello", encoded + credential, {
        "versionLowest": lowest, "versionHighest": highest, "capabilities": capabilities,
        "credentialHex": credential.hex()})


def welcome(name, version, status, capabilities, frame_bytes, ids, in_flight, message=""):
    text = message.encode("utf-8")
    encoded = MAGIC + struct.pack("<HHIIIIIII", version, status, capabilities, frame_bytes, ids,
                                  in_flight, 0, 0, len(text))
    assert len(encoded) == 40
    add(name, "welcome", encoded + text, {
        "version": version, "status": status, "capabilities": capabilities,
        "frameBytesMax": frame_bytes, "idsMax": ids, "requestsInFlightMax": in_flight,
        "message": message})


def handshakes():
    hello("hello", 1, 1, 0b11111)
    hello("hello-credential", 1, 3, 0, b"sesame\x00\xff")
    welcome("welcome", 1, 0, 0b11111, 16 << 20, 65536, 256)
    welcome("welcome-read-only", 1, 0, 0b1011, 2**32 - 1, 2**32 - 1, 1)
    welcome("welcome-unsupported-version", 0, 2, 0, 16 << 20, 65536, 256,
            "versions 1 to 1 are spoken here")
    welcome("welcome-malformed", 0, 1, 0, 16 << 20, 65536, 256, "not a Thermocline client \u2603")
    welcome("welcome-unauthorized", 0, 19, 0, 16 << 20, 65536, 256, "the server asks for a token")
    welcome("welcome-too-many-connections", 0, 18, 0, 16 << 20, 65536, 256, "1024 are connected")


def tables():
    request("ping", "ping", 1, payloadHex="00ff10")
    request("ping-empty", "ping", 2**32 - 1, payloadHex="")
    reply("ping-reply", "ping", 1, payloadHex="00ff10")
    reply("ping-empty-reply", "ping", 2**32 - 1, payloadHex="")

    request("create-table", "createTable", 2, ifExists="error", tableName="item", schema=schema())
    request("create-table-open", "createTable", 3, ifExists="open", tableName="ads/user-2.v_1",
            schema=schema(dimension=4096, hot="float16", cold="int8", seed=ID_MAX))
    for index, (optimizer, parameters) in enumerate([
            ("sgd", [0.1]), ("momentum", [0.1, 0.9]), ("adagrad", [0.05, 0.1, 1e-10]),
            ("rowwiseAdagrad", [0.05, 0.0, 1e-8]), ("adam", [0.001, 0.9, 0.999, 1e-8]),
            ("ftrl", [0.1, 1.0, 0.25, 0.5])]):
        request(f"create-table-{optimizer}", "createTable", 10 + index, ifExists="error",
                tableName=optimizer,
                schema=schema(optimizer={"name": optimizer, "parameters": parameters}))
    for index, (initializer, parameters) in enumerate([
            ("zeros", []), ("constant", [0.5]), ("uniform", [-0.25, 0.75]),
            ("normal", [0.0, 0.01])]):
        request(f"create-table-{initializer}", "createTable", 20 + index, ifExists="error",
                tableName=initializer,
                schema=schema(initializer={"name": initializer, "parameters": parameters}))
    for index, (scheme, parameters, admission) in enumerate([
            ("hashed", ["1000"], 1), ("doubleHashed", ["1000", "0"], 1),
            ("doubleHashed", ["1000", "1"], 1),
            ("frequencyDoubleHashed", ["5000", "1000", "0"], 5),
            ("frequencyFiltered", ["0"], 2**32 - 1), ("quotientRemainder", [ID_MAX, "1"], 1),
            ("deepHash", ["1024", "512"], 1),
            ("frequencyDoubleHashed", ["5000", "1000", "1"], 5),
            ("frequencyFiltered", ["65536"], 2), ("quotientRemainder", ["1000", "2"], 1)]):
        request(f"create-table-scheme-{index}-{scheme}", "createTable", 30 + index,
                ifExists="error", tableName=scheme,
                schema=schema(scheme={"name": scheme, "parameters": parameters},
                              admissionCount=admission))
    request("create-table-longest-name", "createTable", 40, ifExists="error", tableName="n" * 255,
            schema=schema(hot="int16", cold="float32", dimension=1))
    request("create-table-state-fields-lives", "createTable", 41, ifExists="error", tableName="t",
            schema=schema(state="float16", fieldBits=12, timeToLive=2**32 - 1))
    reply("create-table-reply", "createTable", 2, table=1, schema=schema())

    request("open-table", "openTable", 4, tableName="item")
    reply("open-table-reply", "openTable", 4, table=2**32 - 1, schema=schema(hot="int8"))
    request("list-tables", "listTables", 5)
    reply("list-tables-none-reply", "listTables", 5, tables=[])
    reply("list-tables-reply", "listTables", 5, tables=[
        {"table": 1, "tableName": "item", "schema": schema()},
        {"table": 7, "tableName": "user", "schema": schema(
            dimension=3, optimizer={"name": "sgd", "parameters": [1.0]}, seed="12345678901234567")}])
    request("drop-table", "dropTable", 6, table=7)
    reply("drop-table-reply", "dropTable", 6, table=7)


def rows():
    ids = ["0", ID_MAX, "42"]
    values = [[0.0, -1.5], [0.25, 1024.0], [-0.0, 6.103515625e-05]]
    quantized = [[0, -32767], [1, 32767], [-32768, 7]]
    scales = [0.5, 0.0009765625, 2.0]
    scaled = [[scale * q for q in row] for scale, row in zip(scales, quantized)]

    request("pull-create", "pull", 100, table=3, create=True, format="float32", ids=ids)
    reply("pull-create-reply", "pull", 100, table=3, create=True, format="float32", dimension=2,
          rows=values)
    request("pull", "pull", 101, table=3, create=False, format="float32", ids=ids)
    reply("pull-reply", "pull", 101, table=3, create=False, format="float32", dimension=2,
          rows=values, found=[True, False, True])
    request("pull-float16", "pull", 102, table=3, create=False, format="float16", ids=ids)
    reply("pull-float16-reply", "pull", 102, table=3, create=False, format="float16", dimension=2,
          rows=values, found=[False, False, False])
    request("pull-int16", "pull", 103, table=3, create=True, format="int16", ids=ids)
    reply("pull-int16-reply", "pull", 103, table=3, create=True, format="int16", dimension=2,
          rows=scaled, scales=scales, quantized=quantized)
    reply("pull-int16-found-reply", "pull", 103, table=3, create=False, format="int16", dimension=2,
          rows=scaled, scales=scales, quantized=quantized, found=[True, True, False])
    request("pull-no-ids", "pull", 104, table=3, create=False, format="float32", ids=[])
    reply("pull-no-ids-reply", "pull", 104, table=3, create=False, format="float32", dimension=2,
          rows=[], found=[])
    nine = [str(value) for value in range(2**63 - 4, 2**63 + 5)]
    request("pull-nine", "pull", 105, table=3, create=False, format="float32", ids=nine)
    reply("pull-nine-reply", "pull", 105, table=3, create=False, format="float32", dimension=1,
          rows=[[float(value)] for value in range(9)],
          found=[True, False, False, True, True, False, False, False, True])

    request("pull-placed", "pull", 106, table=3, create=True, format="float32", place="4096",
            ids=ids)
    reply("pull-placed-reply", "pull", 106, table=3, create=True, format="float32", place="4096")
    request("pull-placed-no-ids", "pull", 107, table=3, create=False, format="int16",
            place=str(2**64 - 64), ids=[])

    request("push", "push", 110, table=3, dimension=2, ids=ids, gradients=values)
    request("push-no-ids", "push", 111, table=3, dimension=2, ids=[], gradients=[])
    reply("push-reply", "push", 110, table=3)
    request("assign", "assign", 112, table=3, dimension=2, ids=["42", "42"], rows=values[:2])
    reply("assign-reply", "assign", 112, table=3)

    bags = {"ids": ids + ["42"], "offsets": ["0", "1", "1"]}
    request("pool-sum", "pool", 120, table=3, create=False, format="float32", mode="sum", **bags)
    request("pool-mean-create", "pool", 121, table=3, create=True, format="float16", mode="mean",
            **bags)
    request("pool-max", "pool", 122, table=3, create=False, format="int16", mode="max", **bags)
    request("pool-weighted", "pool", 123, table=3, create=False, format="float32", mode="sum",
            weights=[1.0, -0.5, 2.0, 0.0], **bags)
    request("pool-placed", "pool", 125, table=3, create=False, format="float16", mode="sum",
            place="64", **bags)
    request("pool-no-bags", "pool", 124, table=3, create=False, format="float32", mode="sum",
            ids=[], offsets=[])
    for index, form in enumerate(FORMATS):
        extra = {"scales": scales, "quantized": quantized} if form == "int16" else {}
        reply(f"pool-{form}-reply", "pool", 120 + index, table=3, create=form == "float16",
              format=form, dimension=2, rows=scaled if form == "int16" else values, **extra)

    request("delete", "delete", 130, table=3, ids=ids)
    reply("delete-reply", "delete", 130, table=3, count="2")
    request("count", "count", 131, table=3)
    reply("count-reply", "count", 131, table=3, count=ID_MAX)
    request("admit", "admit", 134, table=3, ids=ids)
    reply("admit-reply", "admit", 134, table=3, count="1")
    request("prefetch", "prefetch", 135, table=3, ids=ids)
    reply("prefetch-reply", "prefetch", 135, table=3, count="2")
    request("shrink", "shrink", 132, table=3, minFrequency=3, maxAge=2**32 - 1)
    request("shrink-expired", "shrink", 133, table=3, minFrequency=0, maxAge=0)
    reply("shrink-reply", "shrink", 132, table=3, count="1000000")


def administration():
    request("stats-server", "stats", 140)
    request("stats-table", "stats", 141, table=3)
    reply("stats-reply", "stats", 141, table=3, json='{"name":"item","rows":2}')
    request("share", "share", 143, byteCount="67108864")
    reply("share-reply", "share", 143, byteCount="67108864", inode=ID_MAX, descriptor=17)
    request("checkpoint", "checkpoint", 142, path="/var/backup/caf\u00e9-1")
    reply("checkpoint-reply", "checkpoint", 142,
          json='{"path":"/var/backup/caf\u00e9-1","rows":2,"bytes":4096,"seconds":0.25}')


def errors():
    for code, name in ERRORS.items():
        reply(f"error-{name}", "pull", 200 + code, table=3, status=code, create=True,
              format="float16", retryAfterMs=250 if name == "overloaded" else 0, errorName=name,
              message=f"the reason, for a person: {name} \u2192 {code}")
    reply("error-no-message", "push", 230, table=3, status=12, retryAfterMs=2**32 - 1,
          errorName="overloaded", message="")


def main():
    handshakes()
    tables()
    rows()
    administration()
    errors()
    lines = ",\n".join(
        "    " + json.dumps(entry, ensure_ascii=False, separators=(", ", ": ")) for entry in FRAMES)
    text = '{"frames": [\n' + lines + "\n]}\n"
    path = pathlib.Path(__file__).with_name("frames.json")
    if "--check" in sys.argv[1:]:
        sys.exit(0 if path.read_text(encoding="utf-8") == text else "frames.json is out of date")
    path.write_text(text, encoding="utf-8")
    print(f"{len(FRAMES)} frames written to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
