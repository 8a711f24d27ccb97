"""The whole API of a client and its tables, against the fake store and the real server."""

import numpy as np
import pytest
import thermocline
from fake_store import pooled
from thermocline import ErrorCode, ThermoclineError

EXTREME_IDS = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
EXACT = {"hot": "float32", "cold": "float32"}


@pytest.fixture
def table(client):
    return client.create_table(
        "item", 8, thermocline.SGD(0.5), thermocline.Uniform(-1, 1), seed=3, **EXACT)


@pytest.fixture
def random():
    return np.random.default_rng(20260101)


def code_of(call):
    with pytest.raises(ThermoclineError) as caught:
        call()
    return caught.value.code


def test_ping(client):
    assert client.ping() == b""
    assert client.ping(bytes(range(256)) * 4) == bytes(range(256)) * 4
    with pytest.raises(ValueError, match="1025"):
        client.ping(b"\0" * 1025)


def test_tables(client):
    assert client.tables() == []
    schema = dict(
        optimizer=thermocline.Adam(0.01, 0.8, 0.99, 1e-7),
        initializer=thermocline.Normal(0.5, 0.25), hot="float16", cold="int8", seed=2**64 - 1,
        admit_after=1)
    created = client.create_table("ads/user-2.v_1", 3, **schema)
    client.create_table("b", 5)
    assert (created.name, created.dim) == ("ads/user-2.v_1", 3)
    listed = {table.name: table for table in client.tables()}
    assert set(listed) == {"ads/user-2.v_1", "b"}
    for table in (listed["ads/user-2.v_1"], client.table("ads/user-2.v_1")):
        assert table.number == created.number
        assert table.schema == created.schema == thermocline.Schema(3, **schema)
    client.drop_table("b")
    assert [table.name for table in client.tables()] == ["ads/user-2.v_1"]
    assert code_of(lambda: client.table("b")) is ErrorCode.UNKNOWN_TABLE


def test_a_table_that_exists(client):
    made = client.create_table("t", 4, thermocline.SGD(0.5))
    again = client.create_table("t", 4, thermocline.SGD(0.5), if_exists="open")
    assert again.number == made.number
    assert code_of(lambda: client.create_table("t", 4, thermocline.SGD(0.5))) is (
        ErrorCode.TABLE_EXISTS)
    other = lambda: client.create_table("t", 4, thermocline.SGD(0.25), if_exists="open")  # noqa
    assert code_of(other) is ErrorCode.TABLE_EXISTS
    with pytest.raises(ValueError, match="if_exists"):
        client.create_table("t", 4, if_exists="replace")


def test_a_new_row_depends_on_seed_and_id_alone(client, table):
    first = table.pull(EXTREME_IDS)
    assert (np.abs(first) <= 1).all()
    assert len(np.unique(first)) == first.size
    np.testing.assert_array_equal(table.pull(EXTREME_IDS[::-1]), first[::-1])
    same = client.create_table("same", 8, thermocline.SGD(), thermocline.Uniform(-1, 1), seed=3)
    np.testing.assert_array_equal(same.pull(EXTREME_IDS[1:]), first[1:])
    other = client.create_table("other", 8, thermocline.SGD(), thermocline.Uniform(-1, 1), seed=4)
    assert not (other.pull(EXTREME_IDS) == first).any()


@pytest.mark.parametrize(
    "initializer, default",
    [
        (thermocline.Zeros(), 0.0),
        (thermocline.Constant(0.75), 0.75),
        (thermocline.Uniform(1.0, 2.0), 1.5),
        (thermocline.Normal(-2.0, 0.5), -2.0),
    ],
    ids=str)
def test_initializers(client, initializer, default):
    table = client.create_table("t", 16, initializer=initializer, **EXACT)
    ids = np.arange(500)
    rows, found = table.pull(ids, create=False)
    assert not found.any() and len(table) == 0
    np.testing.assert_array_equal(rows, np.full((500, 16), default, np.float32))
    rows = table.pull(ids)
    assert len(table) == 500
    if isinstance(initializer, thermocline.Uniform):
        assert rows.min() >= 1 and rows.max() < 2 and abs(rows.mean() - 1.5) < 0.02
    elif isinstance(initializer, thermocline.Normal):
        assert abs(rows.mean() + 2) < 0.05 and abs(rows.std() - 0.5) < 0.02
    else:
        np.testing.assert_array_equal(rows, np.full((500, 16), default, np.float32))


def test_pull_without_create(table):
    table.pull(EXTREME_IDS)
    rows, found = table.pull([5, 0, 6, 2**64 - 1], create=False)
    assert found.tolist() == [False, True, False, True]
    np.testing.assert_array_equal(rows[0], np.zeros(8))
    np.testing.assert_array_equal(rows[1::2], table.pull([0, 2**64 - 1]))
    assert len(table) == 4


def test_pull_of_any_shape_and_into_an_array(table):
    ids = np.arange(12, dtype=np.int32).reshape(3, 4)
    rows = table.pull(ids)
    assert rows.shape == (3, 4, 8)
    np.testing.assert_array_equal(rows.reshape(12, 8), table.pull(ids.reshape(-1)))
    out = np.full((3, 4, 8), np.nan, np.float32)
    assert table.pull(ids, out=out) is out
    np.testing.assert_array_equal(out, rows)
    again, found = table.pull(ids, create=False, out=out)
    assert again is out and found.shape == (3, 4) and found.all()
    assert table.pull(7).shape == (8,)


def test_assign_and_push(table, random):
    rows = random.normal(size=(4, 8)).astype(np.float32)
    table.assign(EXTREME_IDS, rows)
    np.testing.assert_array_equal(table.pull(EXTREME_IDS), rows)
    gradients = random.normal(size=(4, 8)).astype(np.float32)
    table.push(EXTREME_IDS, gradients)
    expected = rows - np.float32(0.5) * gradients
    np.testing.assert_array_equal(table.pull(EXTREME_IDS), expected)


def test_the_last_row_of_an_id_is_assigned(table):
    table.assign([7, 8, 7], np.arange(3)[:, None] * np.ones(8))
    np.testing.assert_array_equal(table.pull([7, 8])[:, 0], [2, 1])


def test_a_push_creates_rows(table):
    start = table.pull([1])
    table.delete([1])
    table.push([1, 2], np.ones((2, 8)))
    np.testing.assert_allclose(table.pull([1]), start - 0.5, rtol=0, atol=1e-6)
    assert len(table) == 2


def test_arrays_of_other_forms(table):
    ids = np.arange(16, dtype=np.uint64)[::2]
    wide = np.arange(64, dtype=np.float64).reshape(8, 8).T
    table.assign(ids, wide)
    np.testing.assert_array_equal(table.pull(list(range(0, 16, 2))), wide)
    table.push(ids.reshape(2, 4), np.ones((2, 4, 8), np.float16))
    np.testing.assert_array_equal(table.pull(ids), wide - 0.5)


def test_one_id_ten_thousand_times(table):
    table.assign([42], np.zeros((1, 8)))
    table.push([42] * 10_000, np.full((10_000, 8), 2.0**-7, np.float32))
    np.testing.assert_array_equal(table.pull([42]), np.full((1, 8), -10_000 / 256))
    assert len(table) == 1
    rows = table.pull(np.full(10_000, 42))
    assert (rows == rows[0]).all()


def test_empty_batches(table):
    assert table.pull([]).shape == (0, 8)
    rows, found = table.pull(np.empty((0,), np.uint64), create=False)
    assert rows.shape == (0, 8) and found.shape == (0,)
    table.push([], np.empty((0, 8)))
    table.assign([], np.empty((0, 8)))
    assert table.pool([], []).shape == (0, 8)
    assert table.delete([]) == 0
    assert len(table) == 0


def test_delete(table):
    table.pull(range(10))
    assert table.delete([3, 4, 99, 2**64 - 1]) == 2
    assert len(table) == 8
    assert table.pull([3, 5], create=False)[1].tolist() == [False, True]


@pytest.mark.parametrize(
    "limits", [{"min_frequency": -1}, {"min_frequency": 2**32}, {"max_age": 0}, {"max_age": 2**32}])
def test_shrink_out_of_range(table, limits):
    table.pull(range(10))
    with pytest.raises(ValueError):
        table.shrink(**limits)
    assert len(table) == 10


@pytest.mark.parametrize("wire, tolerance", [("float16", 2**-11), ("int16", 2**-16)])
def test_narrow_rows(table, random, wire, tolerance):
    rows = random.uniform(-1, 1, (300, 8)).astype(np.float32)
    table.assign(range(300), rows)
    narrow = table.pull(range(300), wire=wire)
    assert narrow.dtype == np.float32
    assert 0 < np.abs(narrow - rows).max() <= tolerance
    served, found = table.pull(range(301), create=False, wire=wire)
    np.testing.assert_array_equal(served[:300], narrow)
    assert found.tolist() == [True] * 300 + [False]
    bags = table.pool(range(300), range(300), wire=wire)
    assert np.abs(bags - rows).max() <= tolerance


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_pool(table, random, mode):
    ids = random.integers(0, 40, 200)
    offsets = np.sort(random.integers(0, 201, 30))
    offsets[0] = 0
    rows = table.pull(ids)
    bags = table.pool(ids, offsets, mode=mode)
    np.testing.assert_allclose(bags, pooled(rows, offsets, mode), rtol=1e-5, atol=1e-6)
    empty = np.append(offsets[1:], 200) == offsets
    assert empty.any()
    np.testing.assert_array_equal(bags[empty], 0)


def test_pool_with_weights(table, random):
    ids, weights = random.integers(0, 9, 50), random.normal(size=50)
    offsets = [0, 0, 20, 50]
    bags = table.pool(ids, offsets, weights=weights, create=True)
    expected = pooled(table.pull(ids), offsets, "sum", weights)
    np.testing.assert_allclose(bags, expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="weights"):
        table.pool(ids, offsets, mode="mean", weights=weights)
    with pytest.raises(ValueError, match="mode"):
        table.pool(ids, offsets, mode="median")


def test_pool_creates_only_when_asked(client):
    table = client.create_table("t", 2, initializer=thermocline.Constant(3), **EXACT)
    np.testing.assert_array_equal(table.pool([1, 2, 3], [0, 1]), [[3, 3], [6, 6]])
    assert len(table) == 0
    table.pool([1, 2, 3], [0, 1], create=True)
    assert len(table) == 3


def test_wrong_arguments_change_nothing(table):
    table.assign([1], np.ones((1, 8)))
    assert code_of(lambda: table.push([1], np.ones((1, 7)))) is ErrorCode.DIMENSION_MISMATCH
    for bad in (np.nan, np.inf, -np.inf):
        gradients = np.ones((3, 8))
        gradients[2, 7] = bad
        assert code_of(lambda: table.push([1, 1, 2], gradients)) is ErrorCode.NON_FINITE
        assert code_of(lambda: table.assign([1, 1, 2], gradients)) is ErrorCode.NON_FINITE
    with pytest.raises(ValueError):
        table.push([1, 2], np.ones((1, 8)))
    with pytest.raises(TypeError):
        table.push([1.0], np.ones((1, 8)))
    np.testing.assert_array_equal(table.pull([1]), np.ones((1, 8)))
    assert len(table) == 1


def test_a_table_that_was_dropped(client, table):
    client.drop_table("item")
    assert code_of(lambda: table.pull([1])) is ErrorCode.UNKNOWN_TABLE
    assert code_of(lambda: len(table)) is ErrorCode.UNKNOWN_TABLE
    assert client.ping(b"x") == b"x"


def test_a_pipeline_over_two_tables(client, table):
    other = client.create_table("user", 4, thermocline.SGD(1.0), thermocline.Zeros(), **EXACT)
    ids = np.arange(100)
    with client.pipeline() as p:
        before = p.pull(table, ids)
        p.push(table, ids, np.ones((100, 8)))
        after = p.pull(table, ids)
        p.assign(other, [1, 2], np.ones((2, 4)))
        bags = p.pool(other, [1, 2], [0])
        gone = p.delete(other, [1, 2, 3])
        served = p.pull(other, [1], create=False)
    assert gone.result() == 2
    np.testing.assert_array_equal(after.result(), before.result() - np.float32(0.5))
    np.testing.assert_array_equal(bags.result(), [[2, 2, 2, 2]])
    assert not served.result()[1].any()


def test_stats(client, table):
    table.pull(range(10))
    assert table.stats()["name"] == "item"
    assert client.stats()["tables"]
    assert bool(table)
    assert "item" in repr(table)
