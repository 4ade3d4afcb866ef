"""T7: the power is cut at any moment of a publication; what the disk then holds is the old version or the new one.

Every prefix of the log of steps is replayed onto an empty folder, with what was not synced lost, kept, torn, or come in
another order.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from catalog import content as content_module
from catalog.content import ContentStore
from index import durable, pruning, publishing, versions
from index.errors import IndexNotReady
from index.live import LiveSnapshot
from index.publishing import publish
from index.versions import rollback
from tests.faults.changing import toy_model
from tests.faults.power import DROPPED, KEPT, PLAIN, SEED, Recorder, State, put_back, states
from tests.faults.snapshots import contents, differences, leftovers, ratings_only, served
from tests.faults.tiny_disk import in_memory
from tests.plan import Judge
from tests.verifier_here import VerifierHere

pytestmark = pytest.mark.timeout(900)  # the long form takes some minutes on a busy machine
SHORT_STATES, NIGHTLY_STATES = 200, 2_000


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    monkeypatch.setattr(versions, "verify_apart", lambda folder, manifest: VerifierHere(folder).verify(manifest))
    monkeypatch.setattr(pruning, "YOUNG_S", -1.0)  # what a publication prunes is a part of its log


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as made:
        yield made


def recorded(root: Path, what: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The steps below `root` of what is done."""
    recorder = Recorder(root)
    with monkeypatch.context() as replaced:
        replaced.setattr(durable, "os", recorder)
        replaced.setattr(durable, "shutil", SimpleNamespace(rmtree=recorder.rmtree))
        replaced.setattr(content_module, "os", recorder)
        what()
    return recorder


def published(root: Path, *seeds: int) -> None:
    for seed in seeds:
        publish(root, contents(seed))


@dataclass(frozen=True)
class Rule:
    """What may be served before and after the change; None is nothing."""

    old: int | None
    new: int


def broken(state: State, folder: Path, rule: Rule) -> str | None:
    """What is wrong with a state, or None."""
    put_back(state.tree, folder)
    root = folder / "index"
    live = LiveSnapshot(root)
    found = served(root)
    if found is None:
        if rule.old is not None or state.after == state.of:
            return "CURRENT is gone"
        with contextlib.suppress(IndexNotReady):
            if live.get().generation != rule.new or differences(live.get()):  # at a cold start it is better than none
                return f"version {live.get().generation} is served: {differences(live.get())}"
    else:
        allowed = {rule.new} if state.after == state.of else {rule.old, rule.new}
        if live.get().generation not in allowed or live.get().generation != found.generation or live.degraded:
            return f"version {live.get().generation} is served: {live.degraded}"
        if wrong := differences(live.get()):
            return str(wrong)
    before = max(0, *(int(name[7:15]) for name in state.tree if name.startswith("index/v")), 0)
    following = publish(root, ratings_only(99))
    live.refresh()
    if live.get().generation != following.generation or following.generation <= before or differences(live.get()):
        return f"the next publication is {following.generation}, served is {live.get().generation}"
    return f"left over: {leftovers(root)}" if leftovers(root) else None


def tried(recorder: Recorder, rule: Rule, folder: Path, draws: int) -> tuple[int, list[str]]:
    """How many states were tried, and what was wrong."""
    count, wrong = 0, []
    for count, state in enumerate(states(recorder, draws), 1):  # noqa: B007
        here = folder / "state"
        here.mkdir()
        try:
            why = broken(state, here, rule)
        except Exception as err:  # noqa: BLE001 - every way to fail is an answer
            why = f"{type(err).__name__}: {err}"
        if why:
            wrong.append(f"{state.how}: {why}")
        shutil.rmtree(here)
    return count, wrong


CHANGES: dict[str, tuple[tuple[int, ...], Callable[[Path], object], Rule]] = {
    "the first publication": ((), lambda root: publish(root, contents(1)), Rule(None, 1)),
    "the second publication": ((1,), lambda root: publish(root, contents(2)), Rule(1, 2)),
    "a publication that prunes": ((1, 2, 3), lambda root: publish(root, contents(4)), Rule(3, 4)),
    "a rollback": ((1, 2), lambda root: rollback(root), Rule(2, 1)),
}


def test_whenever_the_power_is_cut_the_old_or_the_new_version_is_there_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge, nightly: bool
) -> None:
    count, wrong, began = 0, [], time.monotonic()
    for number, (name, (before, change, rule)) in enumerate(CHANGES.items()):
        disk = folder / str(number)
        disk.mkdir()
        published(disk / "index", *before) if before else None
        recorder = recorded(disk, lambda change=change, disk=disk: change(disk / "index"), monkeypatch)  # type: ignore[misc]
        tries, found = tried(recorder, rule, folder, 9 if nightly else 1)
        count, wrong = count + tries, wrong + [f"{name}: {why}" for why in found]
    least = NIGHTLY_STATES if nightly else SHORT_STATES
    measured = f"{count:,} states in {time.monotonic() - began:.0f} s, {len(wrong)} neither old nor new {wrong[:3]}"
    judge(
        "T7",
        "power cut in a publication",
        count,
        f">= {least:,} states, 0 broken",
        measured,
        count >= least and not wrong,
    )


def put_twice(store: ContentStore, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first to write the file dies before its name is on the disk; then another process has the same picture."""
    with monkeypatch.context() as dying:
        dying.setattr(content_module, "_sync_folder", lambda folder: None)
        store.put(content, "image/png")
    ContentStore(store.path("", "image/png").parents[1]).put(content, "image/png")


@pytest.mark.parametrize("twice", [False, True])
def test_a_poster_is_on_the_disk_with_its_name_before_any_row_may_say_so(
    twice: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge
) -> None:
    """`put` returns, then the row is written: at that moment the whole file must survive, in every state."""
    store, content = ContentStore(folder / "posters"), np.random.default_rng(SEED).bytes(9_000)
    if twice:
        recorder = recorded(folder, lambda: put_twice(store, content, monkeypatch), monkeypatch)
    else:
        recorder = recorded(folder, lambda: store.put(content, "image/png"), monkeypatch)
    count, wrong = 0, list[str]()
    for state in states(recorder, 12):
        count += 1
        found = [kept for path, kept in state.tree.items() if kept is not None and not Path(path).name.startswith(".")]
        if set(found) - {content} or (state.after == state.of and not found):
            wrong.append(f"{state.how}: {'torn' if found else 'gone'}")
    rule = "whole or not there; there once it is acknowledged"
    name = "power cut while a poster is stored" + (" that another process has just written" if twice else "")
    judge("T7", name, count, rule, f"{len(wrong)} broken {wrong[:2]}", count > 15 and not wrong)


def test_a_trained_model_is_on_the_disk_before_its_name_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, renamed = list[str](), list[int]()
    fsync, rename = os.fsync, Path.rename

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    def moved(source: Path, target: Path) -> Path:
        renamed.append(len(synced))
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "rename", moved)
    toy_model(1).save(folder / "models" / "factors-1")
    before, after = synced[: renamed[0]], synced[renamed[0] :]
    assert len(before) == 3 and before[-1].startswith(".factors-1"), "both files, then the names of both"
    assert after == ["models"]


def test_the_replay_loses_what_was_never_synced_and_keeps_what_was(folder: Path) -> None:
    """Were it too kind, nothing above would mean anything."""
    recorder = Recorder(folder)
    handle = recorder.open(folder / "file", os.O_WRONLY | os.O_CREAT)
    recorder.write(handle, b"one" * 1000)
    written = list(recorder.log)
    recorder.fsync(handle)
    recorder.close(handle)
    beside = recorder.open(folder, os.O_RDONLY)
    recorder.fsync(beside)
    recorder.close(beside)
    draw = np.random.default_rng(SEED)
    left = [{how: disk.crash(draw, *how) for how in (*PLAIN, ("kept", 512))} for disk in recorder.disks()]
    at = len(written)
    assert left[at]["lost", KEPT] == {}
    assert left[at]["kept", DROPPED] == {"file": b""}
    assert left[at]["kept", KEPT] == {"file": b"one" * 1000}
    assert left[at]["kept", 512]["file"] not in (b"", b"one" * 1000)
    assert set(map(str, left[-1].values())) == {str({"file": b"one" * 1000})}
