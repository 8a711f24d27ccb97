"""What is compared, one file each."""

from __future__ import annotations

from .memcached import Memcached
from .memory import Copy, Gather, Lookup
from .pytorch import Torch
from .redis import Redis
from .rocksdb import RocksDB
from .system import Running, Sample, Setting, System
from .thermocline import Bench, Shared, Thermocline

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        Thermocline(), Shared(), Bench(), Redis(), Memcached(), RocksDB(), Torch(), Lookup(), Gather(), Copy())}

__all__ = ["SYSTEMS", "Running", "Sample", "Setting", "System"]
