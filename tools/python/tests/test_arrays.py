"""What callers may pass."""

import numpy as np
import pytest
import thermocline
from thermocline.arrays import as_ids, as_out, as_rows, as_weights

LARGE = 2**64 - 1


@pytest.mark.parametrize(
    "ids, expected",
    [
        ([], []),
        ([0, LARGE], [0, LARGE]),
        ([1, 2**63], [1, 2**63]),
        (range(3), [0, 1, 2]),
        (np.array([1, 2], np.int32), [1, 2]),
        (np.array([1, 2], ">u8"), [1, 2]),
        (np.array([1, 2, 3, 4], np.uint64)[::2], [1, 3]),
        ([[1, 2], [3, LARGE]], [[1, 2], [3, LARGE]]),
        (7, 7),
    ],
    ids=str)
def test_ids(ids, expected):
    array = as_ids(ids)
    assert array.dtype == np.dtype("<u8")
    assert array.flags.c_contiguous
    assert array.tolist() == expected


def test_ids_that_need_no_copy_are_not_copied():
    ids = np.arange(4, dtype=np.uint64)
    assert np.shares_memory(as_ids(ids), ids)


@pytest.mark.parametrize(
    "ids, error",
    [
        ([-1], ValueError),
        ([-1, 2**63], ValueError),
        ([2**64], ValueError),
        (np.array([-1]), ValueError),
        ([1.0], TypeError),
        ([1, "2"], TypeError),
        ([True], TypeError),
        (np.array([], np.float32), TypeError),
        (np.array([1.0]), TypeError),
    ],
    ids=str)
def test_what_is_no_id(ids, error):
    with pytest.raises(error, match="ids must"):
        as_ids(ids)


def test_rows_are_narrowed_and_straightened():
    wide = np.arange(12, dtype=np.float64).reshape(3, 4).T
    rows = as_rows(wide, as_ids(range(4)), 3, "rows")
    assert rows.dtype == np.float32 and rows.flags.c_contiguous
    np.testing.assert_array_equal(rows, wide)


def test_rows_that_need_no_copy_are_not_copied():
    rows = np.ones((4, 3), np.float32)
    assert np.shares_memory(as_rows(rows, as_ids(range(4)), 3, "rows"), rows)


def test_a_float64_beyond_float32_is_infinite_for_the_server_to_refuse():
    assert np.isinf(as_rows([[1e300]], as_ids([1]), 1, "rows")).all()


@pytest.mark.parametrize("shape", [(3, 4), (5, 4), (4,), ()], ids=str)
def test_rows_of_another_number(shape):
    with pytest.raises(ValueError, match="shape"):
        as_rows(np.ones(shape), as_ids(range(4)), 4, "rows")


def test_rows_of_another_dimension():
    with pytest.raises(thermocline.ThermoclineError) as caught:
        as_rows(np.ones((4, 3)), as_ids(range(4)), 4, "rows")
    assert caught.value.code is thermocline.ErrorCode.DIMENSION_MISMATCH


def test_rows_that_are_no_numbers():
    with pytest.raises(TypeError):
        as_rows([["a"]], as_ids([1]), 1, "rows")


def test_weights():
    assert as_weights([1, 2], 2).dtype == np.float32
    with pytest.raises(ValueError):
        as_weights([1, 2], 3)
    with pytest.raises(TypeError):
        as_weights(["a", "b"], 2)


@pytest.mark.parametrize(
    "out, error",
    [
        (np.empty((2, 3)), TypeError),
        ([[0.0]], TypeError),
        (np.empty((3, 2), np.float32), ValueError),
        (np.empty((3, 2), np.float32).T, ValueError),
    ],
    ids=["float64", "list", "shape", "transposed"])
def test_an_out_that_does_not_fit(out, error):
    with pytest.raises(error, match="out must"):
        as_out(out, (2, 3))
