"""The real server, started for a test."""

import os
import signal
import subprocess
import time

import pytest

BINARY = os.environ.get("THERMOCLINE_BINARY")
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


class LiveServer:
    """The binary that THERMOCLINE_BINARY names, on a Unix socket in ``folder``.

    ``listen`` are further addresses; ``addresses`` are all, with the ports that they got. Its messages go to ``folder/log``, and into the failure if it does not start.
    """

    def __init__(self, folder, memory="64MiB", durability="none", options=(), listen=()):
        self.folder = folder
        self.memory = memory
        self.durability = durability
        self.options = options
        self.listen = listen
        self.addresses = []
        self.address = f"unix:{folder}/live.sock"
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, raised, traceback):
        if self._process is not None:
            self.kill()

    def start(self):
        assert self._process is None
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    BINARY, "serve", "--data", str(self.folder / "data"),
                    "--listen", self.address, "--memory", self.memory,
                    "--durability", self.durability, "--ready-file", str(ready), *self.options,
                    *(part for address in self.listen for part in ("--listen", address)),
                ],
                stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                if "not available yet" in self.log():
                    pytest.skip(f"the server says: {self.log().strip()}")
                raise AssertionError(f"the server did not start: {self.log()}")
            time.sleep(0.01)
        self.addresses = ready.read_text().split()

    def terminate(self):
        """SIGTERM; the exit status."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(STOP_SECONDS_MAX)
        self._process = None
        return status

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process = None

    def log(self):
        return (self.folder / "log").read_text(errors="replace")
