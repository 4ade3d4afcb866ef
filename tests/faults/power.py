"""What a disk may hold after a power cut: a log of the steps of a program, and the states that are left of it.

The disk promises no more than POSIX does. What is written to a file is there after `fsync` of that file; before, each
of its sectors may be old or new. A name is there after `fsync` of its folder; before, each change of a name (made,
removed, replaced, moved: one change) may have reached the disk or not, whatever came of the ones before it.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Tree = dict[str, bytes | None]  # by path below the root; None is a folder
Names = Literal["lost", "kept", "some"]
ROOT, SEED = 0, 20261124
DROPPED, KEPT = 0, None  # what is left of data that was not synced
PLAIN: tuple[tuple[Names, int | None], ...] = (
    ("lost", DROPPED),
    ("lost", KEPT),
    ("kept", DROPPED),
    ("kept", KEPT),
)
TORN: tuple[tuple[Names, int | None], ...] = (("some", 512), ("some", 4096), ("some", DROPPED), ("kept", 512))


@dataclass(frozen=True)
class Step:
    """One change: the name of the call, the nodes it is about, and how it changes a disk."""

    what: str
    apply: Callable[["Disk"], None]


@dataclass
class File:
    synced: bytes = b""
    pending: list[tuple[int, bytes]] = field(default_factory=list)  # places and what was written there since


@dataclass
class Folder:
    synced: dict[str, int] = field(default_factory=dict)
    pending: list[dict[str, int | None]] = field(default_factory=list)  # changes of names since


@dataclass
class Disk:
    """Files and folders by number; 0 is the root."""

    files: dict[int, File] = field(default_factory=dict)
    folders: dict[int, Folder] = field(default_factory=lambda: {ROOT: Folder()})

    def crash(self, draw: np.random.Generator, names: Names, sector: int | None) -> Tree:
        """What is left.

        Args:
            names: of changes of names that were not synced, none, all or some are there.
            sector: of data that was not synced nothing is there (0), everything (None), or some sectors of this size.
        """
        tree: Tree = {}
        self._walk(ROOT, "", tree, draw, (names, sector))
        return tree

    def _walk(
        self, number: int, path: str, tree: Tree, draw: np.random.Generator, how: tuple[Names, int | None]
    ) -> None:
        for name, inside in self._names(self.folders[number], draw, how[0]).items():
            if inside in self.folders:
                tree[path + name] = None
                self._walk(inside, f"{path}{name}/", tree, draw, how)
            else:
                tree[path + name] = _content(self.files[inside], draw, how[1])

    @staticmethod
    def _names(folder: Folder, draw: np.random.Generator, names: Names) -> dict[str, int]:
        found: dict[str, int | None] = dict(folder.synced)
        for change in folder.pending:
            if names == "kept" or (names == "some" and draw.random() < 0.5):
                found |= change
        return {name: number for name, number in found.items() if number is not None}


def _content(file: File, draw: np.random.Generator, sector: int | None) -> bytes:
    content = bytearray(file.synced)
    for place, written in file.pending:
        if sector is None:
            _put(content, place, written)
        elif sector:
            for at in range(0, len(written), sector):
                if draw.random() < 0.5:
                    _put(content, place + at, written[at : at + sector])
    return bytes(content)


def _put(content: bytearray, place: int, written: bytes) -> None:
    content.extend(bytes(max(0, place + len(written) - len(content))))
    content[place : place + len(written)] = written


class Recorder:
    """An `os` that does what it is told and notes every step below one folder, whose content counts as synced."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, list[Step]()
        self._numbers: dict[Path, int] = {root: ROOT}
        self._handles: dict[int, int] = {}
        self._places: dict[int, int] = {}
        self._unused = itertools.count(ROOT + 1)
        self.base = Disk()
        for path in sorted(root.rglob("*")):
            number, parent = self._new(path), self.base.folders[self._numbers[path.parent]]
            parent.synced[path.name] = number
            if path.is_dir():
                self.base.folders[number] = Folder()
            else:
                self.base.files[number] = File(path.read_bytes())

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def disks(self) -> Iterator[Disk]:
        """The disk before the first step and after each one; the same object, changed."""
        disk = self.base
        yield disk
        for step in self.log:
            step.apply(disk)
            yield disk

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        handle = os.open(path, flags, mode)
        if path not in self._numbers:
            number = self._new(path)
            self._note(f"make {path.name}", lambda disk: disk.files.setdefault(number, File()))
            self._name(path, {path.name: number})
        self._handles[handle], self._places[handle] = self._numbers[path], 0
        return handle

    def write(self, handle: int, data: Any) -> int:
        written = os.write(handle, data)
        number, place, content = self._handles[handle], self._places[handle], bytes(data)[:written]
        self._places[handle] += written
        self._note("write", lambda disk: disk.files[number].pending.append((place, content)))
        return written

    def lseek(self, handle: int, place: int, whence: int) -> int:
        self._places[handle] = os.lseek(handle, place, whence)
        return self._places[handle]

    def fsync(self, handle: int) -> None:
        os.fsync(handle)
        number = self._handles[handle]
        self._note("sync", lambda disk: sync(disk, number))

    def close(self, handle: int) -> None:
        os.close(handle)
        self._handles.pop(handle, None)

    def mkdir(self, path: Path, mode: int = 0o777) -> None:
        os.mkdir(path, mode)  # noqa: PTH102
        number = self._new(path)
        self._note(f"make {path.name}", lambda disk: disk.folders.setdefault(number, Folder()))
        self._name(path, {path.name: number})

    def rename(self, source: Path, target: Path) -> None:
        os.rename(source, target)  # noqa: PTH104
        self._moved(source, target)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)  # noqa: PTH105
        self._moved(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)  # noqa: PTH108
        del self._numbers[path]
        self._name(path, {path.name: None})

    def rmtree(self, path: Path) -> None:
        """As `shutil.rmtree`: one name after the other."""
        for inside in sorted(path.iterdir()):
            if inside.is_dir():
                self.rmtree(inside)
            else:
                self.unlink(inside)
        os.rmdir(path)  # noqa: PTH106
        del self._numbers[path]
        self._name(path, {path.name: None})

    def _moved(self, source: Path, target: Path) -> None:
        assert source.parent == target.parent, "a move between folders is two changes"
        number = self._numbers[source]
        moved = {path: found for path, found in self._numbers.items() if path == source or source in path.parents}
        for path, found in moved.items():
            del self._numbers[path]
            self._numbers[target / path.relative_to(source)] = found
        self._name(target, {source.name: None, target.name: number})

    def _new(self, path: Path) -> int:
        self._numbers[path] = number = next(self._unused)
        return number

    def _name(self, path: Path, change: dict[str, int | None]) -> None:
        folder = self._numbers[path.parent]
        self._note(f"name {path.name}", lambda disk: disk.folders[folder].pending.append(change))

    def _note(self, what: str, apply: Callable[[Disk], Any]) -> None:
        self.log.append(Step(what, apply))


def sync(disk: Disk, number: int) -> None:
    if number in disk.files:
        file = disk.files[number]
        content = bytearray(file.synced)
        for place, written in file.pending:
            _put(content, place, written)
        disk.files[number] = File(bytes(content))
        return
    folder = disk.folders[number]
    for change in folder.pending:
        for name, inside in change.items():
            if inside is None:
                folder.synced.pop(name, None)
            else:
                folder.synced[name] = inside
    folder.pending = []


def put_back(tree: Tree, root: Path) -> None:
    """Writes a state into an empty folder."""
    for path, content in tree.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)


@dataclass(frozen=True)
class State:
    """What a disk held, after how many steps of how many."""

    tree: Tree
    after: int
    of: int
    how: str


def states(recorder: Recorder, draws: int, promised: Callable[[int], object] | None = None) -> Iterator[State]:
    """Every prefix in every plain way, and `draws` times in each of those that chance decides; none twice.

    Args:
        promised: what must hold after so many steps, where that is not just the end: what looks the same and must hold
            more is another state.
    """
    draw, seen = np.random.default_rng(SEED), set[bytes]()
    for after, disk in enumerate(recorder.disks()):
        owed = promised(after) if promised else after == len(recorder.log)
        for names, sector in (*PLAIN, *(how for how in TORN for _ in range(draws))):
            tree = disk.crash(draw, names, sector)
            print_ = hashlib.sha256(repr((owed, sorted(tree.items()))).encode()).digest()
            if print_ not in seen:
                seen.add(print_)
                what = recorder.log[after - 1].what if after else "the beginning"
                how = f"seed {SEED}, names {names}, unsynced data {sector}, after step {after} ({what})"
                yield State(tree, after, len(recorder.log), how)
