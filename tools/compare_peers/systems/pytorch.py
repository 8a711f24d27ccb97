"""PyTorch in process, on the CPU: `nn.Embedding`, and Adagrad with sparse gradients (it has no row-wise one).

On one thread or on as many as it chooses, whichever is faster.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..programs import Unavailable
from ..tables import Table
from .system import Running, Setting, System
from .worker import Worker

# Importing it takes seconds.
VERSIONS = "from importlib.metadata import version; version('numpy'); print(version('torch'))"
WORKER = Path(__file__).with_name("pytorch_worker.py")


class Torch(System):
    name = "torch"
    steps = True
    operations = ("pull", "push", "train")

    @property
    def _python(self) -> str:
        return os.environ.get("TORCH_PYTHON", sys.executable)

    def version(self, setting: Setting) -> str:
        try:
            done = subprocess.run(
                [self._python, "-c", VERSIONS], capture_output=True, text=True)
        except OSError as error:
            raise Unavailable(f"TORCH_PYTHON: {error}") from None
        if done.returncode != 0:
            raise Unavailable("PyTorch is not installed; TORCH_PYTHON names a Python that has it")
        return done.stdout.strip()

    def open(self, table: Table, setting: Setting) -> Running:
        return Worker([self._python, str(WORKER), str(table.rows), str(table.dim), table.optimizer])
