"""A disk that is really full: a tmpfs of a fixed size, which takes root to mount."""

import subprocess
import time

import numpy as np
import pytest
import thermocline
from live_server import LiveServer
from thermocline import ErrorCode, ThermoclineError

DIM = 64
ROWS = 1000
SIZE_MIB = 192
# Within which writes are taken again once there is room.
RESUME_SECONDS_MAX = 60


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True, text=True)


@pytest.fixture
def small_disk(live_binary, socket_path):
    """The folder of a server whose data is on a small disk of its own."""
    data = socket_path.parent / "data"
    data.mkdir()
    mounted = mount("-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(data))
    if mounted.returncode != 0:
        pytest.skip(f"NOT TESTED: a disk that is full; no tmpfs: {mounted.stderr.strip()}")
    try:
        yield socket_path.parent
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def ids_of(batch):
    return np.arange(batch * ROWS, (batch + 1) * ROWS, dtype=np.uint64)


def assign(table, batch):
    table.assign(ids_of(batch), np.full((ROWS, DIM), batch + 1, np.float32))


def expect(table, batches):
    """Every row of the first ``batches`` is there as it was written, and none of the next."""
    for batch in range(batches):
        rows, found = table.pull(ids_of(batch), create=False)
        assert found.all(), f"{(~found).sum()} rows of batch {batch} are gone"
        assert (rows == batch + 1).all(), f"rows of batch {batch} are others"
    _, found = table.pull(ids_of(batches), create=False)
    assert not found.any(), "a write that was refused is there in part"


def test_a_full_disk_stops_writes_alone_and_loses_nothing(small_disk):
    options = ("--log-size", "16MiB")
    with LiveServer(small_disk, memory="4MiB", durability="buffered", options=options) as server:
        with thermocline.connect(server.address, timeout=60) as client:
            table = client.create_table("rows", DIM, hot="float32", cold="float32")
            batches = 0
            failure = None
            # More than the disk has. Merging files may make room again; then it is filled again.
            while failure is None and batches * ROWS * DIM * 4 < 2 * SIZE_MIB << 20:
                try:
                    assign(table, batches)
                    batches += 1
                except ThermoclineError as error:
                    assert error.code == ErrorCode.STORAGE_FULL
                    failure = client.stats().get("diskFailure")
            assert batches > 20
            assert failure and ("storage" in failure or "free" in failure)
            expect(table, batches)

            remounted = mount("-o", f"remount,size={3 * SIZE_MIB}m", str(small_disk / "data"))
            assert remounted.returncode == 0, remounted.stderr
            deadline = time.monotonic() + RESUME_SECONDS_MAX
            more = batches + 50
            while batches < more:
                try:
                    assign(table, batches)
                    batches += 1
                except ThermoclineError as error:
                    assert error.code == ErrorCode.STORAGE_FULL
                    assert time.monotonic() < deadline, "writes are not taken though there is room"
                    time.sleep(0.1)
        server.kill()
        server.start()
        with thermocline.connect(server.address, timeout=60) as client:
            table = client.table("rows")
            assert len(table) == batches * ROWS
            expect(table, batches)
            assert "diskFailure" not in client.stats()
