"""Fixtures shared by the tests."""

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # For the fakes beside the tests.


@pytest.fixture
def socket_path():
    """A path short enough for a Unix socket (108 bytes), which pytest's own folders may not be."""
    folder = tempfile.mkdtemp(prefix="tc-")
    yield Path(folder) / "s"
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def repository():
    """The root of the repository that this file lies in."""
    return Path(__file__).resolve().parents[3]
