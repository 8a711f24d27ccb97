"""Tables whose rows a network makes, through a real server."""

import numpy as np
import pytest
import thermocline
from live_server import LiveServer
from thermocline import ErrorCode, ThermoclineError

IDS = np.array([0, 1, 2, 77, 2**63, 2**64 - 1], np.uint64)
MANY = np.arange(3000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def create(client, name="t"):
    # Cold rows are int16 by default; a network's parameters are not.
    return client.create_table(
        name, 8, thermocline.Adam(0.01), scheme=thermocline.DeepHash(hashes=48, hidden=24), seed=3)


def train(table, seed, steps):
    random = np.random.default_rng(seed)
    for _ in range(steps):
        ids = random.integers(0, 500, 100)
        table.push(ids, random.normal(size=(100, table.dim)))


@pytest.fixture
def live_client(live_server):
    with thermocline.connect(live_server.address, timeout=60) as client:
        yield client


def test_every_id_has_a_row_and_none_is_created(live_client):
    table = create(live_client)
    assert table.schema.scheme == thermocline.DeepHash(48, 24)
    rows = table.pull(IDS)
    assert len(np.unique(rows, axis=0)) == len(IDS)
    served, found = table.pull(IDS, create=False)
    assert found.all()
    np.testing.assert_array_equal(served, rows)
    assert len(table) == 0


def test_a_row_does_not_depend_on_the_ids_beside_it(live_client):
    table = create(live_client)
    train(table, 1, 3)
    rows = table.pull(MANY)
    np.testing.assert_array_equal(table.pull(MANY[::-1])[::-1], rows)
    np.testing.assert_array_equal(
        np.concatenate([table.pull(MANY[at:at + 7]) for at in range(0, 70, 7)]), rows[:70])
    np.testing.assert_allclose(table.pull(MANY, wire="float16"), rows, atol=2e-3, rtol=1e-3)
    np.testing.assert_allclose(
        table.pool(MANY[:4], [0, 2]), [rows[0] + rows[1], rows[2] + rows[3]], rtol=1e-6)


def test_it_learns(live_client):
    table = create(live_client)
    targets = np.random.default_rng(5).normal(size=(100, 8)).astype(np.float32)
    ids = range(100)
    before = np.square(table.pull(ids) - targets).mean()
    for _ in range(200):
        table.push(ids, (table.pull(ids) - targets) / 8)
    assert np.square(table.pull(ids) - targets).mean() < before / 10


def test_a_pipelined_pull_of_other_ids_sees_the_push_before_it(live_client):
    table = create(live_client)
    with live_client.pipeline() as p:
        for _ in range(20):
            p.push(table, IDS[:3], np.ones((3, 8), np.float32))
            seen = p.pull(table, IDS[3:])
        seen = seen.result()
    np.testing.assert_array_equal(seen, table.pull(IDS[3:]))


def test_what_a_network_cannot_do_is_unsupported(live_client):
    table = create(live_client)
    for refused in (
        lambda: table.assign([1], np.zeros((1, 8))), lambda: table.delete([1]),
    ):
        with pytest.raises(ThermoclineError) as caught:
            refused()
        assert caught.value.code is ErrorCode.UNSUPPORTED
    for scheme in (thermocline.DeepHash(0, 8), thermocline.DeepHash(8, 1)):
        with pytest.raises(ThermoclineError) as caught:
            live_client.create_table("other", 8, scheme=scheme)
        assert caught.value.code is ErrorCode.INVALID_SCHEMA


@pytest.mark.parametrize("ending", ["stopped", "killed"])
def test_rows_and_training_are_the_same_after_a_restart(live_binary, socket_path, ending):
    with LiveServer(socket_path.parent, durability="buffered") as server:
        with thermocline.connect(server.address, timeout=60) as client:
            table, twin = create(client), create(client, "twin")
            train(table, 1, 5)
            rows = table.pull(MANY)
            train(twin, 1, 5)
            train(twin, 2, 5)
        if ending == "stopped":
            assert server.terminate() == 0
        else:
            server.kill()
        server.start()
        with thermocline.connect(server.address, timeout=60) as client:
            table = client.table("t")
            np.testing.assert_array_equal(table.pull(MANY), rows)
            train(table, 2, 5)
            np.testing.assert_array_equal(table.pull(MANY), client.table("twin").pull(MANY))


def test_a_checkpoint_serves_the_same_rows(live_server, live_client, socket_path):
    table = create(live_client)
    train(table, 1, 5)
    rows = table.pull(MANY)
    folder = socket_path.parent / "copy"
    folder.mkdir()
    live_client.checkpoint(str(folder / "data"))
    train(table, 2, 1)
    assert (table.pull(MANY) != rows).any()
    with LiveServer(folder, options=["--read-only"]) as copy:
        with thermocline.connect(copy.address, timeout=60) as other:
            served, found = other.table("t").pull(MANY, create=False)
    assert found.all()
    np.testing.assert_array_equal(served, rows)
