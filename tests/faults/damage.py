"""Damages snapshots in every way and asks who notices: `python -m tests.faults.damage FOLDER SEED COUNT`.

A process of its own, which must live to the end. Version 1 is whole and served; version 2 was verified, noted as such
and then damaged by an ordinary write. Prints one JSON object: how many of each kind, and what was wrong.
"""

import hashlib
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from index import publishing
from index.layout import CURRENT, Current, move_current
from index.live import LiveSnapshot
from index.manifest import MANIFEST, read_manifest
from index.publishing import publish
from index.snapshot import Snapshot
from index.trust import vouch
from tests.faults.snapshots import contents, differences
from tests.verifier_here import VerifierHere

LONGEST_S = 30  # of one damage, then the process is ended: reading a pipe, say, would never end
WRONG_SHA256 = "a CURRENT with a wrong sha256"
V1, V2 = "v00000001", "v00000002"
SHARES = {"flip": 2000, "truncation": 200, "header": 50, "other": 100}  # of the plan's 2,250, and what it only names


@dataclass
class Scene:
    """An index folder, a whole copy of its second version, and what was read by FAISS or mapped."""

    root: Path
    pristine: Path
    manifest_sha256: str
    opened: list[str] = field(default_factory=list)

    def afresh(self) -> None:
        """Both versions whole, the first one served, the second one noted as verified."""
        second = self.root / V2
        if second.is_symlink():
            second.unlink()
        shutil.rmtree(second, ignore_errors=True)
        shutil.copytree(self.pristine, second)
        for path in second.iterdir():
            path.chmod(0o644)
        current = self.root / CURRENT
        current.rmdir() if current.is_dir() else current.unlink(missing_ok=True)
        shutil.rmtree(self.root / "aside", ignore_errors=True)
        move_current(self.root, Current(1, hashlib.sha256((self.root / V1 / MANIFEST).read_bytes()).hexdigest()))
        manifest, _ = read_manifest(second)
        Snapshot.open(second, manifest)
        vouch(second, manifest)

    def serve_second(self) -> None:
        move_current(self.root, Current(2, self.manifest_sha256))

    def files(self) -> list[Path]:
        return sorted((self.root / V2).iterdir())


def overwrite(path: Path, content: bytes) -> None:
    """An ordinary write in place, by somebody who hides its time."""
    times = path.stat()
    with path.open("r+b") as file:
        file.write(content)
        file.truncate(len(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def flip(scene: Scene, draw: np.random.Generator) -> None:
    path = scene.files()[draw.integers(len(scene.files()))]
    content = bytearray(path.read_bytes())
    content[draw.integers(len(content))] ^= 1 << int(draw.integers(8))
    overwrite(path, bytes(content))


def truncation(scene: Scene, draw: np.random.Generator) -> None:
    path = scene.files()[draw.integers(len(scene.files()))]
    content = path.read_bytes()
    overwrite(path, content[: draw.integers(len(content))])


def header(scene: Scene, draw: np.random.Generator) -> None:
    """Another header of the same length, sometimes a plausible one: more rows, other numbers."""
    path = [path for path in scene.files() if path.name != MANIFEST][draw.integers(len(scene.files()) - 1)]
    content = bytearray(path.read_bytes())
    if path.suffix == ".faiss":
        place = int(draw.choice([4, 8, 16, 24, 32, 33, 37]))
        content[place : place + 4] = int(draw.choice([0, 1, 7, 2**31 - 1, 2**32 - 1])).to_bytes(4, "little")
    else:
        old, new = [(b"<i8", b"<f8"), (b"(", b"(9"), (b"False", b"True "), (b"NUMPY", b"NUMPX"), (b"<", b">")][
            draw.integers(5)
        ]
        content[:128] = bytes(content[:128]).replace(old, new, 1)[:128].ljust(128, b"\n")
    if bytes(content) == path.read_bytes():
        content[0] ^= 1
    overwrite(path, bytes(content))


def _from_the_other(scene: Scene, name: str) -> None:
    overwrite(scene.root / V2 / name, (scene.root / V1 / name).read_bytes())


def _swapped(scene: Scene) -> None:
    one, two = scene.root / V2 / "poster.ids.npy", scene.root / V2 / "poster.norms.npy"
    first, second = one.read_bytes(), two.read_bytes()
    overwrite(one, second)
    overwrite(two, first)


def _linked(scene: Scene, name: str) -> None:
    path, aside = scene.root / V2 / name, scene.root / "aside"
    aside.mkdir()
    shutil.move(path, aside / name)
    path.symlink_to(aside / name)


def _folder_linked(scene: Scene) -> None:
    shutil.move(scene.root / V2, scene.root / "aside")
    (scene.root / V2).symlink_to("aside")


def _note_forged(scene: Scene, note: bytes) -> None:
    """Somebody claims that the damaged file was verified."""
    flip_one = scene.root / V2 / "poster.values.npy"
    overwrite(flip_one, flip_one.read_bytes()[:-1] + b"\x55")
    (scene.root / f".verified-{V2}").write_bytes(note)


def _piped(scene: Scene, name: str) -> None:
    (scene.root / V2 / name).unlink()
    os.mkfifo(scene.root / V2 / name)


def _stated(scene: Scene, **changes: Any) -> None:
    path = scene.root / V2 / MANIFEST
    overwrite(path, json.dumps({**json.loads(path.read_bytes()), **changes}).encode())


OTHERS: dict[str, Callable[[Scene], object]] = {
    "the ratings index of another version": lambda scene: _from_the_other(scene, "ratings.faiss"),
    "the poster values of another version": lambda scene: _from_the_other(scene, "poster.values.npy"),
    "the manifest of another version": lambda scene: _from_the_other(scene, MANIFEST),
    "two arrays swapped": _swapped,
    "no manifest": lambda scene: (scene.root / V2 / MANIFEST).unlink(),
    "no index": lambda scene: (scene.root / V2 / "ratings.faiss").unlink(),
    "no version at all": lambda scene: shutil.rmtree(scene.root / V2),
    "an empty manifest": lambda scene: overwrite(scene.root / V2 / MANIFEST, b""),
    "a manifest of garbage": lambda scene: overwrite(scene.root / V2 / MANIFEST, bytes(range(256)) * 9),
    "a manifest of brackets": lambda scene: overwrite(scene.root / V2 / MANIFEST, b"[" * 200_000),
    "a manifest of 2 MB": lambda scene: overwrite(scene.root / V2 / MANIFEST, b" " * (2 << 20)),
    "a manifest of a later format": lambda scene: _stated(scene, format=4),
    "a manifest without files": lambda scene: _stated(scene, files={}),
    "a manifest of another day": lambda scene: _stated(scene, created_at="2001-01-01T00:00:00Z"),
    "a manifest of another generation": lambda scene: _stated(scene, generation=3),
    "a manifest that is a pipe": lambda scene: _piped(scene, MANIFEST),
    "an index that is a pipe": lambda scene: _piped(scene, "ratings.faiss"),
    "an index behind a link": lambda scene: _linked(scene, "ratings.faiss"),
    "an array behind a link": lambda scene: _linked(scene, "poster.codes.npy"),
    "a manifest behind a link": lambda scene: _linked(scene, MANIFEST),
    "a folder behind a link": _folder_linked,
    "a note of nonsense": lambda scene: _note_forged(scene, b"\xff{}"),
    "an empty note": lambda scene: _note_forged(scene, b""),
    "the note of the other version": lambda scene: _note_forged(scene, (scene.root / f".verified-{V1}").read_bytes()),
    "the note from before the change": lambda scene: _note_forged(scene, (scene.root / f".verified-{V2}").read_bytes()),
}
CURRENTS: dict[str, Callable[[Scene], bytes]] = {
    "an empty CURRENT": lambda scene: b"",
    "a CURRENT of garbage": lambda scene: bytes(range(256)),
    "a CURRENT of zeros": lambda scene: bytes(76),
    "a torn CURRENT": lambda scene: f"{V2} {scene.manifest_sha256}\n".encode()[:40],
    WRONG_SHA256: lambda scene: f"{V2} {'0' * 64}\n".encode(),
    "a CURRENT that names what is not there": lambda scene: f"v00000077 {scene.manifest_sha256}\n".encode(),
    "a CURRENT that leads out": lambda scene: f"../{V2} {scene.manifest_sha256}\n".encode(),
    "a CURRENT of 8 MB": lambda scene: b"v" * (8 << 20),
}


def _current_linked(scene: Scene) -> None:
    (scene.root / "aside").mkdir()
    (scene.root / "aside" / CURRENT).write_text(f"{V2} {scene.manifest_sha256}\n")
    (scene.root / CURRENT).symlink_to(scene.root / "aside" / CURRENT)


ODD_CURRENTS: dict[str, Callable[[Scene], object]] = {
    "a CURRENT behind a link": _current_linked,
    "a CURRENT that is a pipe": lambda scene: os.mkfifo(scene.root / CURRENT),
    "a CURRENT that is a folder": lambda scene: (scene.root / CURRENT).mkdir(),
    "no CURRENT": lambda scene: None,
}


def damage(scene: Scene, kind: str, number: int, draw: np.random.Generator) -> tuple[str, bool]:
    """Damages the second version; what was done, and whether the version itself stayed whole."""
    if kind != "other":
        {"flip": flip, "truncation": truncation, "header": header}[kind](scene, draw)
        scene.serve_second()
        return kind, False
    names = [*OTHERS, *CURRENTS, *ODD_CURRENTS]
    name = names[number % len(names)]
    if name in OTHERS:
        OTHERS[name](scene)
        scene.serve_second()
        return name, False
    (scene.root / CURRENT).unlink()
    if name in CURRENTS:
        (scene.root / CURRENT).write_bytes(CURRENTS[name](scene))
    else:
        ODD_CURRENTS[name](scene)
    return name, name != WRONG_SHA256  # then nobody can tell which of the two is damaged


def noticed(scene: Scene, whole: bool, live: LiveSnapshot) -> list[str]:
    """What a reader that serves version 1, and one that starts now, did wrong."""
    wrong: list[str] = []
    scene.opened.clear()
    if live.refresh() or live.get().generation != 1 or not live.degraded or "\n" in live.degraded:
        wrong.append(f"served is {live.get().generation}, degraded: {live.degraded}")
    wrong += [f"{path} was opened" for path in scene.opened] + differences(live.get())
    scene.opened.clear()
    cold = LiveSnapshot(scene.root)
    if cold.get().generation != (2 if whole else 1) or not cold.degraded:
        wrong.append(f"a cold start serves {cold.get().generation}, degraded: {cold.degraded}")
    wrong += [f"{path} was opened at a cold start" for path in scene.opened if V2 in path and not whole]
    return wrong


def prepare(folder: Path) -> Scene:
    publishing.Verifier = VerifierHere  # type: ignore[misc,assignment]
    root = folder / "index"
    publish(root, contents(1))
    publish(root, contents(2))
    shutil.copytree(root / V2, folder / "pristine")
    scene = Scene(root, folder / "pristine", hashlib.sha256((root / V2 / MANIFEST).read_bytes()).hexdigest())
    watch(scene)
    return scene


def watch(scene: Scene) -> None:
    """Notes what FAISS reads and what is mapped."""
    for owner, name in ((faiss, "read_index"), (np.lib.format, "open_memmap"), (np, "load"), (np, "memmap")):
        setattr(owner, name, _noting(scene, getattr(owner, name)))


def _noting(scene: Scene, real: Any) -> Any:
    if isinstance(real, type):  # numpy asks whether something is one of it

        class Noted(real):  # type: ignore[misc,valid-type]
            def __new__(cls, path: Any, *arguments: Any, **more: Any) -> Any:
                scene.opened.append(str(path))
                return real(path, *arguments, **more)

        return Noted

    def noted(path: Any, *arguments: Any, **more: Any) -> Any:
        scene.opened.append(str(path))
        return real(path, *arguments, **more)

    return noted


def main(folder: Path, seed: int, count: int) -> None:
    scene, draw, kinds = prepare(folder), np.random.default_rng(seed), Counter[str]()
    whole = sum(SHARES.values())
    plan = [kind for kind, share in SHARES.items() for _ in range(max(1, round(count * share / whole)))]
    wrong = []
    plan += ["other"] * max(0, len({*OTHERS, *CURRENTS, *ODD_CURRENTS}) - plan.count("other"))
    for number, kind in enumerate(plan):
        signal.alarm(LONGEST_S)
        scene.afresh()
        live = LiveSnapshot(scene.root)
        live.get()
        what, still_whole = damage(scene, kind, number, draw)
        kinds[kind] += 1
        wrong += [f"number {number}, {what}: {why}" for why in noticed(scene, still_whole, live)]
    scene.afresh()
    scene.serve_second()
    if LiveSnapshot(scene.root).get().generation != 2:
        wrong.append("version 2 without damage is not served: nothing above means anything")
    print(json.dumps({"kinds": kinds, "wrong": wrong}))


if __name__ == "__main__":
    import logging

    logging.disable()
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
