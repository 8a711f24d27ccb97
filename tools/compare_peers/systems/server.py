"""Servers on a Unix socket, and the one client that all of them are measured with."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from ..positions import draw
from ..programs import Unavailable
from ..tables import Load, Table
from .system import Running, Sample, Setting, die_with_parent, resident_bytes

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 300
# Filling a table whose rows go to disk may take minutes.
CLIENT_SECONDS_MAX = 3600
CHECKED_ROWS_MAX = 1 << 16


def program(name: str) -> str:
    """Where a peer's server is."""
    path = shutil.which(name)
    if path is None:
        raise Unavailable(f"{name} is not installed")
    return path


def version_of(command: Sequence[str]) -> str:
    """What it says of itself; empty if it says nothing."""
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


class Server(Running):
    """A server with a socket and a folder of its own.

    Parameters
    ----------
    protocol : str
        As ``socket_load`` calls it.
    table : Table
    setting : Setting
    """

    def __init__(self, protocol: str, table: Table, setting: Setting) -> None:
        self.table, self.setting = table, setting
        self._protocol = protocol
        # Short, as the paths of sockets must be.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{protocol[:2]}-", dir=setting.folder))
        self.socket = self.folder / "s"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, command: Sequence[str]) -> None:
        """Returns when it takes connections."""
        log_path = self.folder / "log"
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen(
                list(command), stdout=log, stderr=log, cwd=self.folder, preexec_fn=die_with_parent)
        self.pid = self._process.pid
        give_up = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                messages = log_path.read_text(errors="replace").strip()
                raise RuntimeError(f"{command[0]} did not start:\n{messages}")
            time.sleep(0.01)
        self.base_bytes = resident_bytes(self.pid)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
            except OSError:
                return False
        return True

    def client(self, **options: Any) -> dict[str, Any]:
        """Runs ``socket_load`` on it."""
        command = [
            str(self.setting.programs.path("socket_load")), f"protocol={self._protocol}",
            f"socket={self.socket}", f"dim={self.table.dim}", f"optimizer={self.table.optimizer}",
            *(f"{name}={value}" for name, value in options.items())]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=CLIENT_SECONDS_MAX,
            preexec_fn=die_with_parent)
        if done.returncode != 0:
            raise RuntimeError(f"{self._protocol}: {done.stderr.strip() or done.returncode}")
        return json.loads(done.stdout)

    def fill(self, tolerance: float = 0) -> None:
        """Writes all rows, and reads some back to see that they are what was written."""
        self.client(mode="fill", rows=self.table.rows)
        self.check(draw("uniform", self.table.rows, min(self.table.rows, CHECKED_ROWS_MAX), 1), tolerance)
        self.settle()

    def check(self, positions: np.ndarray, tolerance: float) -> None:
        """Reads rows and compares them with what was written."""
        path = self.folder / "checked"
        positions.tofile(path)
        self.client(
            mode="check", positions=path, batch=min(len(positions), 4096), tolerance=tolerance)
        path.unlink()

    def measure(self, load: Load, positions: Path, seconds: float) -> Sample:
        answer = self.client(
            mode=load.operation, positions=positions, batch=load.batch, depth=load.depth,
            connections=load.connections, seconds=seconds)
        return Sample(answer["rowsPerSecond"], answer["batches"])

    def terminate(self) -> None:
        """Asks it to stop and waits until it has; raises if it does not."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
