"""Systems in a process of their own, that measure what they are asked on standard input."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Sequence

from ..tables import Load
from .system import Running, Sample, die_with_parent

# Making a table may take a minute.
ANSWER_SECONDS_MAX = 900


class Worker(Running):
    """A process that says when its table is made, and then answers each line with one of JSON.

    Parameters
    ----------
    command : sequence of str
    operation : str, optional
        What it is asked for instead of the load's operation.
    """

    def __init__(self, command: Sequence[str], operation: str | None = None) -> None:
        self._name, self._operation = Path(command[0]).name, operation
        self._messages = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
            text=True, preexec_fn=die_with_parent)
        self.pid = self._process.pid
        try:
            self.base_bytes = self._answer()["baseBytes"]
        except BaseException:
            self.kill()
            raise

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # Nothing is buffered: an answer is one line, and comes only when it is asked for.
        if not select.select([self._process.stdout], [], [], ANSWER_SECONDS_MAX)[0]:
            raise RuntimeError(f"{self._name} did not answer in {ANSWER_SECONDS_MAX} seconds")
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._messages.seek(0)
            text = self._messages.read().decode(errors="replace").strip()
            raise RuntimeError(f"{self._name} ended: {text or self._process.returncode}")
        return json.loads(line)

    def measure(self, load: Load, positions: Path, seconds: float) -> Sample:
        assert self._process.stdin is not None
        operation = self._operation or load.operation
        with contextlib.suppress(BrokenPipeError):  # why it ended is in what it said
            self._process.stdin.write(f"{operation} {load.batch} {seconds} {positions}\n")
            self._process.stdin.flush()
        answer = self._answer()
        return Sample(answer["rowsPerSecond"], answer["batches"])

    def end(self) -> None:
        """Lets it end by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(ANSWER_SECONDS_MAX)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._messages.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
