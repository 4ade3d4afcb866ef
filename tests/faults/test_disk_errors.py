"""T6: the disk fails at the nth step, for every n of a publication, a rollback, a pruning, a stored poster."""

import errno
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from catalog import content as content_module
from catalog.content import ContentStore
from index import durable, pruning, publishing, versions
from index.errors import NoSpace
from index.layout import generations
from index.live import LiveSnapshot
from index.publishing import publish
from index.versions import rollback
from tests.faults.failing_os import SHORT, FailingOs, Fault
from tests.faults.snapshots import contents, differences, leftovers, ratings_only, served
from tests.faults.tiny_disk import in_memory
from tests.plan import Judge
from tests.verifier_here import VerifierHere

MOST = 400  # steps of one publication; it has about 150
FAULTS: dict[str, Fault] = {"ENOSPC": errno.ENOSPC, "EDQUOT": errno.EDQUOT, "EIO": errno.EIO, "a short write": SHORT}
FULL = (errno.ENOSPC, errno.EDQUOT)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    monkeypatch.setattr(versions, "verify_apart", lambda folder, manifest: VerifierHere(folder).verify(manifest))


@pytest.fixture
def folder() -> Iterator[Path]:
    with in_memory() as made:
        yield made


@dataclass
class Tried:
    """What came of all steps: how many there were, and what was wrong."""

    steps: int = 0
    wrong: list[str] = field(default_factory=list)


def fails(what: Callable[[], object], step: int, fault: Fault) -> tuple[FailingOs, OSError | NoSpace | None]:
    """Does it with a disk that fails at this step; the error that came of it, if one did."""
    shim, error = FailingOs(step, fault), None
    with pytest.MonkeyPatch.context() as replaced:
        replaced.setattr(durable, "os", shim)
        replaced.setattr(content_module, "os", shim)
        try:
            what()
        except (OSError, NoSpace) as err:
            error = err
    return shim, error


def every_step(
    what: Callable[[int], object],
    fault: Fault,
    check: Callable[[int, BaseException | None], list[str]],
    stride: int = 1,
) -> Tried:
    """Does it again and again, with the fault some steps later each time, until there is no such step any more."""
    tried = Tried()
    for step in range(1, MOST, stride):
        shim, error = fails(lambda step=step: what(step), step, fault)  # type: ignore[misc]
        if not shim.struck:
            return tried
        tried.steps += 1
        tried.wrong += [f"step {step} ({shim.log[-1] if shim.log else ''}): {why}" for why in check(step, error)]
    pytest.fail(f"there were more than {MOST} steps")


def of_the_right_kind(error: BaseException | None, fault: Fault, commits: bool = True) -> list[str]:
    """A full disk is said as such, with a next step; an error of the disk names the file; a short write is no error."""
    if error is None:
        return []
    if fault == SHORT:
        return [f"a short write is carried on, and it was {error!r}"]
    if isinstance(error, NoSpace) != (fault in FULL) and commits:
        return [f"{error!r} does not say what is wrong"]
    one_line = "\n" not in str(error) and ("make room" in str(error) if fault in FULL and commits else True)
    return [] if one_line else [f"{error} says no next step"]


def whole(root: Path, live: LiveSnapshot) -> list[str]:
    """What is wrong with what is served: by CURRENT, by a reader that was there before, by one that starts now."""
    found, wrong = served(root), []
    assert found is not None
    live.refresh()
    for reader in (live, LiveSnapshot(root)):
        if reader.get().generation != found.generation or reader.degraded:
            wrong.append(f"served is {reader.get().generation} and not {found.generation}: {reader.degraded}")
        wrong += differences(reader.get())
    return wrong


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("name", FAULTS)
def test_at_every_step_of_a_publication_the_old_or_the_new_version_is_served(
    name: str, folder: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch, nightly: bool
) -> None:
    fault, root = FAULTS[name], folder / "index"
    stride = 5 if fault == errno.EDQUOT and not nightly else 1  # it goes the way of ENOSPC
    for seed in (1, 2, 3):
        publish(root, contents(seed))
    live = LiveSnapshot(root)
    live.get()
    monkeypatch.setattr(pruning, "YOUNG_S", -1.0)  # so that each publication prunes, too
    opened = open_files()

    def check(step: int, error: BaseException | None) -> list[str]:
        wrong = of_the_right_kind(error, fault) + whole(root, live)
        if error is not None and leftovers(root):
            wrong.append(f"left over: {leftovers(root)}")
        return wrong

    tried = every_step(lambda step: publish(root, contents(step + 3)), fault, check, stride)
    following = publish(root, ratings_only(7))
    tried.wrong += [f"left over at the end: {leftovers(root)}"] if leftovers(root) else []
    tried.wrong += [] if following.generation == max(generations(root)) else ["the next publication is not the newest"]
    gc.collect()
    more = open_files() - opened
    tried.wrong += [] if more <= 0 else [f"{more} files stayed open"]
    measured = f"{tried.steps} steps, {len(tried.wrong)} broken {tried.wrong[:3]}"
    judge(
        "T6",
        f"{name} in a publication",
        tried.steps,
        "old or new at every step",
        measured,
        tried.steps > (60 if fault in (errno.ENOSPC, errno.EIO) else 20) and not tried.wrong,
    )


@pytest.mark.parametrize("name", FAULTS)
def test_at_every_step_of_a_rollback_either_version_is_served(name: str, folder: Path, judge: Judge) -> None:
    fault, root = FAULTS[name], folder / "index"
    publish(root, contents(1))
    publish(root, contents(2))
    live = LiveSnapshot(root)
    live.get()
    tried = every_step(
        lambda step: rollback(root, 1 + step % 2),
        fault,
        lambda step, error: of_the_right_kind(error, fault, commits=False) + whole(root, live),
    )
    assert rollback(root, 1).generation == 1
    measured = f"{tried.steps} steps, {len(tried.wrong)} broken {tried.wrong[:3]}"
    judge(
        "T6",
        f"{name} in a rollback",
        tried.steps,
        "either version at every step",
        measured,
        tried.steps > (0 if fault == SHORT else 6) and not tried.wrong,
    )


@pytest.mark.parametrize("name", ["ENOSPC", "EIO"])
def test_old_versions_that_cannot_be_removed_do_not_end_a_publication(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge
) -> None:
    fault, root = FAULTS[name], folder / "index"
    monkeypatch.setattr(pruning, "YOUNG_S", -1.0)
    pruned, wrong = 0, list[str]()
    for number in range(1, 30):
        publish(root, ratings_only(number))
        shim, error = (
            fails(lambda: pruning.remove_version(root, generations(root)[0]), 1 + number % 5, fault)
            if number > 3
            else (None, None)
        )
        pruned += bool(shim and shim.struck)
        wrong += [f"{number}: {error!r}"] if fault == SHORT and error else []
        wrong += whole(root, LiveSnapshot(root))
    publish(root, ratings_only(99))
    wrong += [f"left over: {leftovers(root)}"] if leftovers(root) else []
    judge(
        "T6",
        f"{name} while old versions are removed",
        pruned,
        "the newest is served, the next one clears up",
        f"{len(wrong)} broken {wrong[:3]}",
        pruned > 9 and not wrong,
    )


@pytest.mark.parametrize("name", FAULTS)
def test_at_every_step_of_storing_a_poster_it_is_whole_or_not_there(name: str, folder: Path, judge: Judge) -> None:
    fault, tries = FAULTS[name], list[bytes]()

    def put(step: int) -> None:
        tries.append(bytes([step]) * 3_000)
        ContentStore(folder / str(step)).put(tries[-1], "image/jpeg")

    def check(step: int, error: BaseException | None) -> list[str]:
        files = [path for path in (folder / str(step)).rglob("*") if path.is_file()]
        wrong = [f"{path.name} is not whole" for path in files if path.read_bytes() != tries[-1]]
        if error is not None and str(folder) not in str(error):
            wrong.append(f"{error!r} names no file")
        store = ContentStore(folder / str(step))
        sha256 = store.put(tries[-1], "image/jpeg")
        return wrong + ([] if store.get(sha256, "image/jpeg") == tries[-1] else ["it cannot be stored afterwards"])

    tried = every_step(put, fault, check)
    measured = f"{tried.steps} steps, {len(tried.wrong)} broken {tried.wrong[:3]}"
    judge(
        "T6",
        f"{name} while a poster is stored",
        tried.steps,
        "whole or not there",
        measured,
        tried.steps > (0 if fault == SHORT else 6) and not tried.wrong,
    )
