"""The programs in C that are measured with, compiled for this machine."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

NATIVE = Path(__file__).resolve().parent / "native"
LIMITS = NATIVE.parents[2] / "Benchmarks" / "CLimits"
FLAGS = ("-std=gnu11", "-O2", "-march=native", "-Wall", "-Wextra")

SOURCES = {
    "socket_load": (
        "socket_load.c", "connection.c", "fail.c", "resp.c", "memcached.c", "thermocline.c"),
    "memory_worker": ("memory_worker.c", "worker.c", "fail.c"),
    "rocksdb_worker": ("rocksdb_worker.c", "worker.c", "fail.c"),
    "protocols.so": ("resp.c", "memcached.c", "thermocline.c"),
}
LIBRARIES = {
    "socket_load": ("-lpthread", "-lm"),
    "memory_worker": ("-lm",),
    "rocksdb_worker": ("-lrocksdb", "-lm"),
    "protocols.so": ("-shared", "-fPIC"),
}


class Unavailable(Exception):
    """A system that cannot be measured here, and why."""


class Programs:
    """Compiles each program once, into a folder, when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = functools.lru_cache(maxsize=None)(self._compile)

    def _compile(self, name: str) -> Path:
        path = self._folder / name
        sources = [str(NATIVE / source) for source in SOURCES[name]]
        command = [
            os.environ.get("CC", "cc"), *FLAGS, "-I", str(LIMITS), "-o", str(path), *sources,
            *LIBRARIES[name]]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            raise Unavailable(f"a C compiler is needed: {error}") from None
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise Unavailable(f"{name} does not compile here: {lines[0]}")
        return path
