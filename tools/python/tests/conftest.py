"""Fixtures shared by the tests."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import thermocline

sys.path.insert(0, str(Path(__file__).parent))  # For what lies beside the tests.

from fake_server import fake_store_server  # noqa: E402
from live_server import BINARY, LiveServer  # noqa: E402


@pytest.fixture
def socket_path():
    """A path short enough for a Unix socket (108 bytes), which pytest's own folders may not be."""
    folder = tempfile.mkdtemp(prefix="tc-")
    yield Path(folder) / "s"
    shutil.rmtree(folder)


@pytest.fixture(params=["fake", "live"])
def server_address(request, socket_path):
    """A server to test the API against: the dictionary beside the tests, then the real one."""
    if request.param == "live":
        request.getfixturevalue("live_binary")
        with LiveServer(socket_path.parent) as server:
            yield server.address
    else:
        with fake_store_server(socket_path) as server:
            yield server.address


@pytest.fixture
def client(server_address):
    with thermocline.connect(server_address, timeout=20) as connected:
        yield connected


@pytest.fixture
def live_binary():
    """The binary of the real server; without it the test is skipped."""
    if not BINARY:
        pytest.skip("the variable THERMOCLINE_BINARY names no server to test against")
    return BINARY


@pytest.fixture
def live_server(live_binary, socket_path):
    with LiveServer(socket_path.parent) as server:
        yield server
