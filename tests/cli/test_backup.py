"""`posterity backup` and `posterity restore`: the same rows, files and answers, into either database."""

import json
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind
from catalog.schema import metadata
from cli import backup_contents
from cli.backup_archive import new_file
from index import copying
from index.layout import version_folder
from index.live import LiveSnapshot
from ratings.locking import import_lock
from ratings.model import FactorModel
from tests.cli.furnished import EMBEDDED, MODEL, RATINGS, Furnished, furnish, picture, publish, verify_here
from tests.faults.tiny_disk import mounted
from tests.postgres import Postgres

Make = Callable[[str, str], Furnished]
CANARY = "canary-0123456789abcdef0123456789abcdef"
IN_HAND = ("token", "lease_until", "attempt")  # what a restore takes out of the hands of workers that are not here


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes an empty installation of a name, on `sqlite` or `postgresql`."""
    verify_here(monkeypatch)
    made: list[str] = []

    def new(kind: str, name: str) -> Furnished:
        data_dir = tmp_path / name
        if kind == "sqlite":
            return Furnished(data_dir, f"sqlite:///{data_dir / 'catalog.db'}", monkeypatch)
        server: Postgres = request.getfixturevalue("postgres")
        made.append(server.create())
        return Furnished(data_dir, server.url(made[-1]), monkeypatch)

    yield new
    for name in made:
        request.getfixturevalue("postgres").drop(name)


@pytest.fixture
def full(make: Make, furnished: Path) -> Furnished:
    place = make("sqlite", "full")
    shutil.copytree(furnished, place.data_dir)
    return place


@pytest.fixture
def saved(full: Furnished, tmp_path: Path) -> Path:
    full.done("backup", str(tmp_path / "b.tar"))
    return tmp_path / "b.tar"


def at_rest(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows without what says in whose hands they are."""
    kept = {}
    for table, found in rows.items():
        places = [i for i, column in enumerate(metadata.tables[table].columns) if column.name not in IN_HAND]
        kept[table] = [tuple(row[place] for place in places) for row in found]
    return kept


def answers(place: Furnished) -> dict[str, Any]:
    """What the served snapshot says of everything in it."""
    live = LiveSnapshot(place.data_dir / "index")
    live.refresh()
    snapshot = live.current
    assert snapshot is not None
    asked: dict[str, Any] = {"generation": snapshot.generation}
    for by in ("poster", "ratings"):
        for movie_id in snapshot.space(by).movie_ids.tolist():  # type: ignore[arg-type]
            asked[f"{by} {movie_id}"] = snapshot.similar(by, movie_id, 10)  # type: ignore[arg-type]
    return asked


@pytest.mark.parametrize(
    ("from_", "into"),
    [("sqlite", "sqlite"), ("sqlite", "postgresql"), ("postgresql", "postgresql"), ("postgresql", "sqlite")],
)
def test_a_backup_gives_back_every_row_file_and_answer(make: Make, tmp_path: Path, from_: str, into: str) -> None:
    place, other = make(from_, "here"), make(into, "there")
    furnish(place)
    place.done("backup", str(tmp_path / "b.tar"))
    rows, files = place.rows(), place.files()
    other.done("restore", str(tmp_path / "b.tar"))
    assert at_rest(other.rows()) == at_rest(rows)
    assert {len(found) for found in rows.values()} >= {1, EMBEDDED, 20}  # there was something to compare
    assert other.files() == files
    assert answers(other) == answers(place)
    assert FactorModel.load(other.data_dir / "models" / MODEL).mu == 3.5


def test_what_was_in_hand_is_free_at_once_with_its_attempt(full: Furnished, saved: Path, make: Make) -> None:
    other = make("sqlite", "other")
    held = [row for row in full.rows()["poster_work"] if row[4] is not None]
    assert [row[3] for row in held] == [3]  # as its last attempt
    other.done("restore", str(saved))
    catalog = other.catalog()
    assert catalog.work.sweep() == 0
    assert held[0][0] in catalog.work.claim(Kind.EMBED, 10, 60).movie_ids
    job = catalog.jobs.claim(60)
    assert job is not None and (job.kind, job.attempt, job.progress["phase"]) == ("rebuild", 1, "pöster")
    catalog.close()


def test_the_file_is_for_its_owner_and_holds_no_secret(full: Furnished, tmp_path: Path) -> None:
    (full.data_dir / "admin-token").write_text(CANARY)
    full.monkeypatch.setenv("POSTERITY_ADMIN_TOKEN", CANARY)
    full.done("backup", str(tmp_path / "b.tar"))
    assert stat.S_IMODE((tmp_path / "b.tar").stat().st_mode) == 0o600
    assert CANARY.encode() not in (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "b.tar") as tar:  # plain enough for every tool
        assert not [name for name in tar.getnames() if "token" in name or "env" in name]


def test_a_file_that_is_there_is_only_replaced_by_force(full: Furnished, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    target.write_text("mine")
    assert "exists already" in full.refused("backup", str(target))
    assert target.read_text() == "mine"
    told = json.loads(full.done("backup", str(target), "--force", "--json"))
    assert told["bytes"] == target.stat().st_size and told["tables"]["movies"] == 20


def test_a_full_disk_is_said_and_nothing_is_left(full: Furnished, tmp_path: Path) -> None:
    with mounted(tmp_path / "tiny", 1) as disk:
        target = disk.root / "b.tar"
        for pages in (0, 1, 8, 40):
            disk.fill(leave_pages=pages)
            assert "make room" in full.refused("backup", str(target)), pages
            assert [path.name for path in disk.root.iterdir()] == [".filler"], pages


def test_a_backup_that_fails_leaves_the_old_file(full: Furnished, saved: Path) -> None:
    before = saved.read_bytes()
    index = version_folder(full.data_dir / "index", 1)
    victim = next(path for path in index.iterdir() if path.name != "manifest.json")
    victim.chmod(0o644)
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "its content is not what was published" in full.refused("backup", str(saved), "--force")
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.glob("b.tar*")] == ["b.tar"]


def test_a_damaged_model_is_refused_before_it_is_kept(full: Furnished, tmp_path: Path) -> None:
    arrays = full.data_dir / "models" / MODEL / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    assert "posterity train" in full.refused("backup", str(tmp_path / "b.tar"))
    assert not list(tmp_path.glob("b.tar*"))


def test_posters_that_are_gone_or_damaged_are_counted(full: Furnished, tmp_path: Path, make: Make) -> None:
    gone, damaged, *_ = sorted((full.data_dir / "posters").glob("*/*"))
    gone.unlink()
    damaged.write_bytes(b"x")
    told = json.loads(full.done("backup", str(tmp_path / "b.tar"), "--json"))
    assert (told["posters"], told["posters_missing"]) == (13, 2)  # 14 fetched, one handed in
    other = make("sqlite", "other")
    other.done("restore", str(tmp_path / "b.tar"))
    assert len(list((other.data_dir / "posters").glob("*/*"))) == 13


def test_a_snapshot_pruned_while_it_is_copied_is_whole(full: Furnished, tmp_path: Path, make: Make) -> None:
    """As the rows are read, its folder goes away and another one is served."""
    moment = backup_contents.one_moment

    def meanwhile(*arguments: Any) -> Any:
        catalog = full.catalog()
        publish(catalog, full.data_dir / "index", seed=1)
        catalog.close()
        folder = version_folder(full.data_dir / "index", 1)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return moment(*arguments)

    full.monkeypatch.setattr(backup_contents, "one_moment", meanwhile)
    assert json.loads(full.done("backup", str(tmp_path / "b.tar"), "--json"))["snapshot"] == 1
    other = make("sqlite", "other")
    other.done("restore", str(tmp_path / "b.tar"))
    assert answers(other)["generation"] == 1


def test_a_snapshot_that_gives_way_while_it_is_opened_is_looked_up_again(full: Furnished, tmp_path: Path) -> None:
    opened, looks = copying.read_manifest, []

    def too_late(folder: Path) -> Any:
        looks.append(folder)
        if len(looks) == 1:
            catalog = full.catalog()
            publish(catalog, full.data_dir / "index", seed=1)
            catalog.close()
            shutil.rmtree(folder)
        return opened(folder)

    full.monkeypatch.setattr(copying, "read_manifest", too_late)
    assert json.loads(full.done("backup", str(tmp_path / "b.tar"), "--json"))["snapshot"] == 2
    shutil.rmtree(version_folder(full.data_dir / "index", 2))
    assert "rebuild, or roll back" in full.refused("backup", str(tmp_path / "c.tar"))


def test_an_import_that_runs_is_waited_for_by_the_user(full: Furnished, tmp_path: Path) -> None:
    with import_lock(full.data_dir / "ratings"):
        assert "another import is running" in full.refused("backup", str(tmp_path / "b.tar"))
    (full.data_dir / RATINGS).unlink()
    assert "import the ratings again" in full.refused("backup", str(tmp_path / "b.tar"))
    assert not list(tmp_path.glob("b.tar*"))


def test_two_backups_into_one_file_do_not_mix(full: Furnished, tmp_path: Path) -> None:
    with new_file(tmp_path / "b.tar") as file:
        file.write(b"of the first")
        assert "another backup writes to it" in full.refused("backup", str(tmp_path / "b.tar"))
    assert (tmp_path / "b.tar").read_bytes() == b"of the first"


def test_what_a_killed_backup_left_is_in_nobodys_way(full: Furnished, tmp_path: Path) -> None:
    (tmp_path / "b.tar.tmp").write_bytes(b"x" * 10_000_000)
    (tmp_path / "b.tar.tmp.d").mkdir()
    (tmp_path / "b.tar.tmp.d" / "moment.db").write_bytes(b"x")
    full.done("backup", str(tmp_path / "b.tar"))
    assert [path.name for path in tmp_path.glob("b.tar*")] == ["b.tar"]
    assert (tmp_path / "b.tar").stat().st_size < 1_000_000


def test_an_empty_installation_can_be_backed_up(make: Make, tmp_path: Path) -> None:
    empty, other = make("sqlite", "empty"), make("sqlite", "other")
    said = empty.done("backup", str(tmp_path / "b.tar"))
    assert "0 movies, 0 posters, no snapshot, no model" in said
    other.done("restore", str(tmp_path / "b.tar"))
    assert other.rows() == empty.rows()


def test_both_commands_show_an_example(full: Furnished) -> None:
    for command in ("backup", "restore", "doctor"):
        assert f"Example: posterity {command}" in full.done(command, "--help")


def test_a_picture_handed_in_is_kept(full: Furnished, saved: Path, make: Make) -> None:
    other = make("sqlite", "other")
    other.done("restore", str(saved))
    catalog: Catalog = other.catalog()
    given = catalog.given.of([3])[3]
    assert given.sha256 is not None and given.media_type is not None
    assert catalog.posters.content.get(given.sha256, given.media_type) == picture(1003)
    catalog.close()
