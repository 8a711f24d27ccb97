"""Ids of strings against the vectors that the Swift tests read too."""

import json
import pathlib

import numpy as np
import pytest

import thermocline
from thermocline.string_ids import hash_bytes

VECTORS = json.loads(
    (pathlib.Path(__file__).parents[3] / "Tests/Fixtures/string-ids.json").read_text())


def test_published_vectors_of_xxh64():
    vectors = VECTORS["published"]
    hashes = hash_bytes([bytes.fromhex(vector["hex"]) for vector in vectors])
    assert [int(hash) for hash in hashes] == [int(vector["id"], 16) for vector in vectors]


def test_strings():
    strings = [vector["string"] for vector in VECTORS["strings"]]
    ids = thermocline.hash_ids(strings)
    assert ids.dtype == np.uint64
    assert ids.tolist() == [int(vector["id"], 16) for vector in VECTORS["strings"]]
    assert ids.tolist() == [thermocline.string_id(string) for string in strings]
    assert thermocline.hash_ids([]).shape == (0,)


def test_fields():
    for vector in VECTORS["fields"]:
        assert thermocline.string_id(
            vector["string"], vector["field"], vector["fieldBits"]) == int(vector["id"], 16)


@pytest.mark.parametrize("field, bits", [(2, 1), (-1, 8), (0, 33), (None, 8), (1, 0)])
def test_fields_that_do_not_fit(field, bits):
    with pytest.raises(ValueError):
        thermocline.string_id("abc", field, bits)


@pytest.mark.parametrize("strings", ["abc", [b"abc"], [1]])
def test_what_is_no_list_of_strings(strings):
    with pytest.raises(TypeError):
        thermocline.hash_ids(strings)
