"""The server that the demonstration starts, stops and starts again."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


class Server:
    """``thermocline serve`` on a Unix socket in ``folder``, with its data and its log beside.

    ``options`` are more of ``serve``.
    """

    def __init__(
        self, binary: Path, folder: Path, memory: str, *options: str
    ) -> None:
        self.address = f"unix:{folder / 'thermocline.sock'}"
        self._command = [
            str(binary), "serve", "--data", str(folder / "data"), "--listen", self.address,
            "--memory", memory, "--ready-file", str(folder / "ready"), *options]
        self._ready = folder / "ready"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, kind: object, raised: object, traceback: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the server and returns once it answers."""
        if self._ready.exists():
            self._ready.unlink()
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        give_up = time.monotonic() + START_SECONDS_MAX
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{self._log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(
                f"the server did not stop in {STOP_SECONDS_MAX} seconds") from None
