"""Undoes what a server that was killed had not synced, as if the machine had lost its power.

``unsynced.c`` says how the journal is written; this reads it backwards.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Iterator

import numpy as np

LOSSES = ("all", "random")
ENTRIES = ("strict", "journaled")
PAGE = 4096

WRITE, SIZE, SYNC, CREATE, UNLINK, RENAME, SYNC_FOLDER, MAKE_FOLDER, REMOVE_FOLDER = range(1, 10)

_HEADER = struct.Struct("<IIQQQQQHHI")  # 56 bytes, as `struct record`.


class Unavailable(Exception):
    """The layer cannot be had on this machine; the message says why."""


@dataclasses.dataclass(frozen=True)
class Record:
    """One change, or one sync; `struct record` says what the fields mean for each kind."""

    at: int
    kind: int
    inode: int
    first: int
    second: int
    third: int
    fourth: int
    name: bytes
    to: bytes
    old: bytes

    def folders(self) -> set[int]:
        """Inodes of the folders whose entries this changes."""
        if self.kind == RENAME:
            return {self.first, self.second}
        if self.kind in (CREATE, UNLINK, MAKE_FOLDER, REMOVE_FOLDER):
            return {self.first}
        return set()


def records(journal: Path) -> Iterator[Record]:
    """The journal from its beginning; a record that was cut short never came to pass."""
    data = journal.read_bytes()
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, inode, first, second, third, fourth, name, to, old = _HEADER.unpack_from(
            data, at)
        if at + length > len(data):
            return
        body = data[at + _HEADER.size : at + length]
        yield Record(
            at, kind, inode, first, second, third, fourth, body[:name], body[name : name + to],
            body[name + to : name + to + old])
        at += length


class Layer:
    """A shared library under the server that remembers what was not synced.

    Parameters
    ----------
    folder : Path
        All below it is watched, but for the layer's own folder in it.
    losses : {"all", "random"}
        Whether everything that was not synced is lost, or each page, and each entry of a folder
        from some point on, by a random draw.
    entries : {"strict", "journaled"}
        Whether an entry lasts only once its folder is synced, or once anything is.
    """

    def __init__(self, folder: Path, losses: str, entries: str, seed: int) -> None:
        self._root = folder.resolve()
        self._own = self._root / "unsynced"
        self._losses = losses
        self._entries = entries
        self._random = np.random.default_rng([seed, 2**33])
        self._own.mkdir()
        library = self._own / "unsynced.so"
        source = Path(__file__).with_name("unsynced.c")
        compiler = shutil.which("cc") or shutil.which("clang")
        if compiler is None:
            raise Unavailable("there is no C compiler to build the layer with")
        built = subprocess.run(
            [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", library, source, "-ldl",
             "-lpthread"],
            capture_output=True, text=True)
        if built.returncode:
            raise Unavailable(f"the layer does not compile here:\n{built.stderr}")
        self.environment = {
            "LD_PRELOAD": str(library), "UNSYNCED_ROOT": str(self._root),
            "UNSYNCED_JOURNAL": str(self._own)}
        self._files = self._own / "files"
        self._files.mkdir()

    def lose_power(self) -> int:
        """Undoes what was not synced; returns how many changes those were.

        The process must be gone. What is left counts as synced from then on.
        """
        journal = self._own / "journal"
        if not journal.exists():
            return 0
        undo = list(_lost(list(records(journal)), self._entries))
        undo = self._spare_entries(undo)
        contents = self._contents(undo) if self._losses == "random" else {}
        places = _Places(self._root)
        for record in reversed(undo):
            self._undo(record, places)
        self._spare_pages(undo, contents)
        journal.unlink()
        shutil.rmtree(self._files)
        self._files.mkdir()
        return len(undo)

    def _spare_entries(self, undo: list[Record]) -> list[Record]:
        """Of the changes of each folder, a random number of the first are kept."""
        if self._losses == "all":
            return undo
        entries = [record for record in undo if record.folders()]
        # One order for all folders, as a journal has.
        kept = set(record.at for record in entries[: self._random.integers(0, len(entries) + 1)])
        return [record for record in undo if record.at not in kept]

    def _contents(self, undo: list[Record]) -> dict[int, bytes]:
        return {
            inode: (self._files / str(inode)).read_bytes()
            for inode in {record.inode for record in undo if record.kind in (WRITE, SIZE)}}

    def _spare_pages(self, undo: list[Record], contents: dict[int, bytes]) -> None:
        """Puts back what some pages held before: those that the disk had written by itself."""
        pages = collections.defaultdict(set)
        for record in undo:
            if record.kind == WRITE:
                last = (record.first + record.second - 1) // PAGE
                pages[record.inode].update(range(record.first // PAGE, last + 1))
        for inode, content in contents.items():
            with open(self._files / str(inode), "r+b") as file:
                for page in sorted(pages[inode]):
                    if self._random.random() < 0.5:
                        file.seek(page * PAGE)
                        file.write(content[page * PAGE : (page + 1) * PAGE])

    def _undo(self, record: Record, places: _Places) -> None:
        saved = self._files / str(record.inode)
        if record.kind == WRITE or record.kind == SIZE:
            with open(saved, "r+b") as file:
                # Also cuts a file that grew, and lets one grow again that was cut.
                file.truncate(record.third)
                if record.old:
                    file.seek(record.first)
                    file.write(record.old)
                elif record.fourth:  # So many zeros.
                    file.seek(record.first)
                    file.write(bytes(record.fourth))
            return
        name, to = os.fsdecode(record.name), os.fsdecode(record.to)
        place = places.of(record.first)
        if place is None:
            return  # The folder itself was never there.
        path = place / name
        if record.kind == CREATE:
            if _inode(path) == record.inode:
                path.unlink()
        elif record.kind == UNLINK:
            if _inode(path) is None:
                os.link(saved, path)
        elif record.kind == MAKE_FOLDER:
            if _inode(path) == record.inode:
                shutil.rmtree(path)  # With what lasted in it: nothing leads there.
                places.forget()
        elif record.kind == REMOVE_FOLDER:
            if _inode(path) is None:
                path.mkdir()
                places.rename(record.inode, path)
        elif record.kind == RENAME:
            target = places.of(record.second)
            if target is None or _inode(target / to) != record.inode:
                return
            os.rename(target / to, path)
            if record.third:  # What was at the new name before.
                os.link(self._files / str(record.third), target / to)
            places.forget()


def _lost(journal: list[Record], entries: str) -> Iterator[Record]:
    """Those changes that no later sync made last."""
    # From behind, so that a change knows the syncs that follow it. A sync makes last what was
    # written down before it began.
    files: dict[int, int] = collections.defaultdict(int)
    folders: dict[int, int] = collections.defaultdict(int)
    anything = 0
    for record in journal:
        if record.kind == SYNC:
            files[record.inode] = max(files[record.inode], record.first)
            anything = max(anything, record.first)
        elif record.kind == SYNC_FOLDER:
            folders[record.inode] = max(folders[record.inode], record.first)
            anything = max(anything, record.first)
    for record in journal:
        if record.kind in (WRITE, SIZE):
            if record.at >= files[record.inode]:
                yield record
        elif changed := record.folders():
            synced = anything if entries == "journaled" else min(folders[f] for f in changed)
            if record.at >= synced:
                yield record


class _Places:
    """Where the folders of a tree are, by inode, while they are moved about."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[int, Path] | None = None
        self._made: dict[int, Path] = {}  # Folders that were made again under another inode.

    def of(self, inode: int) -> Path | None:
        if self._known is None:
            self._known = {
                os.stat(folder).st_ino: Path(folder) for folder, _, _ in os.walk(self._root)}
        return self._known.get(inode) or self._made.get(inode)

    def forget(self) -> None:
        self._known = None

    def rename(self, inode: int, path: Path) -> None:
        self._made[inode] = path
        self.forget()


def _inode(path: Path) -> int | None:
    try:
        return os.lstat(path).st_ino
    except FileNotFoundError:
        return None
