"""Schemas as values and as bytes."""

import struct

import pytest
import thermocline
from thermocline.schema import Schema

GOOD = Schema(4, thermocline.Adam(), thermocline.Normal(0, 0.1))


@pytest.mark.parametrize("offset, value", [(4, 4), (5, 4), (6, 6), (7, 4), (8, 7)])
def test_codes_that_are_not_known(offset, value):
    encoded = bytearray(GOOD.encode())
    encoded[offset] = value
    with pytest.raises(ValueError, match=f"unknown .* {value}"):
        Schema.decode(encoded)


def test_a_combine_that_is_not_known():
    schema = Schema(
        4, thermocline.SGD(), thermocline.Zeros(), scheme=thermocline.DoubleHashed(8))
    encoded = bytearray(schema.encode())
    encoded[96:104] = struct.pack("<Q", 3)
    with pytest.raises(ValueError, match="combine"):
        Schema.decode(encoded)


@pytest.mark.parametrize("length", [0, 111, 113])
def test_lengths_that_no_schema_has(length):
    with pytest.raises(ValueError, match=str(length)):
        Schema.decode(b"\0" * length)


@pytest.mark.parametrize(
    "arguments",
    [{"hot": "float64"}, {"cold": "int4"}, {"seed": -1}, {"seed": 2**64}, {"admit_after": 2**32}],
    ids=str)
def test_values_that_cannot_be_sent(arguments):
    with pytest.raises(ValueError):
        Schema(4, thermocline.SGD(), thermocline.Zeros(), **arguments).encode()


def test_a_scheme_by_frequency_sets_the_admission_count():
    scheme = thermocline.FrequencyFiltered(admit_after=7)
    assert Schema(4, thermocline.SGD(), thermocline.Zeros(), scheme=scheme).admit_after == 7
    with pytest.raises(ValueError, match="7 sightings"):
        Schema(4, thermocline.SGD(), thermocline.Zeros(), scheme=scheme, admit_after=3)


def test_combine_is_checked_when_a_scheme_is_made():
    with pytest.raises(ValueError, match="product"):
        thermocline.QuotientRemainder(8, combine="product")


def test_defaults_are_those_of_torch():
    assert thermocline.SGD().learning_rate == 1e-3
    assert thermocline.Adagrad() == thermocline.Adagrad(1e-2, 0.0, 1e-10)
    assert thermocline.Adam() == thermocline.Adam(1e-3, 0.9, 0.999, 1e-8)
