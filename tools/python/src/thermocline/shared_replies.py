"""Memory that a server on this machine places the rows of replies in."""

from __future__ import annotations

import fcntl
import mmap
import os

from .protocol import PLACE_ALIGNMENT, Bytes, SharedMemory


class SharedReplies:
    """The memory, and which parts of it no request has been given.

    Guarded by the lock of its connection. Who reads a part waits for the reply that says that it is
    written.

    Parameters
    ----------
    memory : mmap or bytes
        Whole multiples of 64 bytes.
    """

    def __init__(self, memory: mmap.mmap | Bytes) -> None:
        self._memory = memory
        self._free = [range(len(memory))]  # In ascending order, and no two touch.

    @classmethod
    def of_process(cls, process: int, memory: SharedMemory) -> SharedReplies | None:
        """Maps what the server, as that process, has made.

        None where it cannot be reached: in a container of its own, or of another user.
        """
        path = f"/proc/{process}/fd/{memory.descriptor}"
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            status = os.fstat(file)
            if (status.st_ino, status.st_size) != (memory.inode, memory.byte_count):
                return None
            # Or reading could end this process.
            if not fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
                return None
            return cls(mmap.mmap(file, memory.byte_count, access=mmap.ACCESS_READ))
        except (OSError, ValueError):
            return None
        finally:
            os.close(file)

    def take(self, byte_count: int) -> range | None:
        """The first part of so many bytes that is free; None when there is none."""
        length = _whole(byte_count)
        for at, free in enumerate(self._free):
            if len(free) >= length:
                self._free[at] = free[length:]  # Perhaps empty, till its neighbours come back.
                return free[:byte_count]
        return None

    def give_back(self, part: range) -> None:
        """A part whose reply has come, and been read, can be taken again."""
        start, stop = part.start, part.start + _whole(len(part))
        apart = []
        for free in self._free:
            if free.stop < start or free.start > stop:
                apart.append(free)
            else:
                start, stop = min(start, free.start), max(stop, free.stop)
        self._free = sorted([*apart, range(start, stop)], key=lambda free: free.start)

    def read(self, part: range) -> memoryview:
        """What the server has written there."""
        return memoryview(self._memory)[part.start : part.stop]


def _whole(byte_count: int) -> int:
    """What so many bytes take; something even for none, which have a place too."""
    return -(-max(1, byte_count) // PLACE_ALIGNMENT) * PLACE_ALIGNMENT
