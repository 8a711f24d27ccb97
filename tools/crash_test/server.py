"""The server that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Mapping, Sequence

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 120
WAIT_SECONDS = 0.01


class Server:
    """``thermocline serve``; its messages go to the file ``log`` in ``folder``.

    Parameters
    ----------
    binary : Path
    data : Path
        The store.
    folder : Path
        For the socket and the log; its path must be short, as sockets' must.
    options : sequence of str
        Of ``serve``.
    environment : mapping
        Variables to set.
    """

    def __init__(
        self, binary: Path, data: Path, folder: Path, options: Sequence[str] = (),
        environment: Mapping[str, str] = {},
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.address = f"unix:{folder / 's'}"
        self._ready = folder / "ready"
        self._log = folder / "log"
        self._command = [
            str(binary), "serve", "--data", str(data), "--listen", self.address,
            "--ready-file", str(self._ready), *options]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_bytes = 0

    def start(self, kill_after: float | None = None) -> float | None:
        """Starts the server and waits until it answers.

        Parameters
        ----------
        kill_after : float, optional
            Seconds after which it is killed if it does not answer by then.

        Returns
        -------
        float or None
            Seconds that it took; None if it was killed before.
        """
        self._ready.unlink(missing_ok=True)
        self._log_bytes = self._log.stat().st_size if self._log.exists() else 0
        started = time.monotonic()
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=self._environment)
        while not self._ready.exists():
            waited = time.monotonic() - started
            if self._process.poll() is not None:
                status, self._process = self._process.returncode, None
                raise RuntimeError(
                    f"the server did not start; exit status {status}:\n{self.messages()}")
            if kill_after is not None and waited > kill_after:
                self.kill()
                return None
            if waited > START_SECONDS_MAX:
                self.kill()
                raise RuntimeError(
                    f"the server did not start in {START_SECONDS_MAX} seconds:\n{self.messages()}")
            time.sleep(WAIT_SECONDS)
        return time.monotonic() - started

    def messages(self) -> str:
        """What the server has said since it was last started."""
        with open(self._log, "rb") as log:
            log.seek(self._log_bytes)
            return log.read().decode(errors="replace").strip()

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def resident_bytes(self) -> int:
        """Memory that it takes now."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def kill(self) -> None:
        """SIGKILL; may be called again."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.wait()

    def stop(self) -> None:
        """SIGTERM; raises if the server does not end well."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the server did not stop in {STOP_SECONDS_MAX} seconds") from None
        self._process = None
        if status != 0:
            raise RuntimeError(f"the server stopped with status {status}:\n{self.messages()}")
