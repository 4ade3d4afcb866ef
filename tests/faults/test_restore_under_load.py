"""A backup taken while movies are posted and embedded is one moment: every row, every accepted movie, every answer."""

import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Text, cast, select

from catalog.catalog import Catalog
from catalog.schema import metadata
from catalog.table_files import read_rows
from tests.acceptance.installation import Installation, wait_until
from tests.cli.furnished import Furnished, verify_here
from tests.faults.harness import TOY, WORK, draw_poster, embed_here, installation
from tests.plan import Judge
from tests.postgres import Postgres
from workers.rebuild import rebuild

IN_SNAPSHOT, LATER = 24, 1000  # movies before the load have the ids 1 to 24, those posted under it come from 1001 on
OLD, NEW = 1990, 2020  # years: a question that wants films until 2000 is answered from the snapshot alone
IN_HAND = {"token", "lease_until", "attempt"}  # what a restore takes out of the hands of workers that are not here
STARTED_S, EMBEDDED_S = 60, 90
PAUSE_S, RESERVED = 0.1, 20


@dataclass
class Service:
    """An API and a worker on a database of their own."""

    installed: Installation
    url: str
    monkeypatch: pytest.MonkeyPatch

    @property
    def commands(self) -> Furnished:
        return Furnished(self.installed.data_dir, self.url, self.monkeypatch)

    def catalog(self) -> Catalog:
        return Catalog.open(self.url, self.installed.data_dir)

    def start(self) -> None:
        self.installed.start("api")
        self.installed.start(*WORK, module=TOY)
        wait_until(self.installed.up, STARTED_S, "the API answers")

    def open_work(self) -> int:
        with self._looking() as catalog:
            counts = catalog.work.counts()
        return counts["pending"] + counts["fetched"]  # type: ignore[index]

    def embedded(self) -> int:
        with self._looking() as catalog:
            return catalog.work.counts()["embedded"]  # type: ignore[index]

    @contextmanager
    def _looking(self) -> Iterator[Catalog]:
        catalog = self.catalog()
        try:
            yield catalog
        finally:
            catalog.close()

    def post(self, movie_ids: list[int], year: int) -> bool:
        movies = [{"movie_id": i, "title": f"Film {i}", "year": year} for i in movie_ids]
        return self.installed.ask("/movies", movies).status == 202

    def embed_here(self) -> None:
        """Goes on with what waits, without a process."""
        with self._looking() as catalog:
            embed_here(catalog, self.installed.data_dir.parent / "posters")

    def has(self, movie_id: int) -> bool:
        with self._looking() as catalog:
            return bool(catalog.movies.many([movie_id]))

    def settle(self, movie_ids: list[int]) -> None:
        """Waits until these movies are embedded and the API knows all of them."""
        wait_until(lambda: self.open_work() == 0, EMBEDDED_S, "everything is embedded")
        for movie_id in movie_ids:
            address = f"/similar?movie_id={movie_id}"
            wait_until(lambda at=address: self.installed.up(at), 10, f"movie {movie_id} is found")  # type: ignore[misc]

    def answers(self, query: str) -> dict[int, bytes]:
        """The bytes of an answer for each movie of the snapshot, and which version they are of."""
        found = {}
        for movie_id in range(1, IN_SNAPSHOT + 1):
            address = f"http://127.0.0.1:{self.installed.port}/similar?movie_id={movie_id}&k=20{query}"
            with urllib.request.urlopen(address, timeout=30) as answer:
                found[movie_id] = answer.headers["X-Index-Version"].encode() + answer.read()
        return found


@dataclass
class Load:
    """Posts two movies at a time until it is told to stop; `accepted` are those answered with 202.

    The last RESERVED wait for `go_on`: however slow the machine, some are posted after the backup.
    """

    service: Service
    most: int
    accepted: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop, self.go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._post)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.go_on.set()
        self._thread.join()

    def _post(self) -> None:
        for first in range(LATER + 1, LATER + self.most, 2):
            if first > LATER + self.most - RESERVED:
                self.go_on.wait()
            if self._stop.wait(PAUSE_S):
                return
            pair = [first, first + 1]
            (self.accepted if self.service.post(pair, NEW) else self.refused).extend(pair)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Makes services; all of their processes end with the test."""
    verify_here(monkeypatch)
    made: list[Service] = []

    def new(kind: str, most: int) -> Service:
        home = tmp_path / f"home-{len(made)}"
        url = f"sqlite:///{home / 'data' / 'catalog.db'}"
        if kind == "postgresql":
            server: Postgres = request.getfixturevalue("postgres")
            url = server.url(server.create())
        installed = installation(home, DATABASE_URL=url, PUBLISH_EVERY_S="86400")
        if made:  # what a movie looks like is the same everywhere
            (home / "posters").rmdir()
            (home / "posters").symlink_to(tmp_path / "home-0" / "posters")
        else:
            for movie_id in (*range(1, IN_SNAPSHOT + 1), *range(LATER + 1, LATER + most + 1)):
                draw_poster(home / "posters", movie_id)
        made.append(Service(installed, url, monkeypatch))
        return made[-1]

    yield new
    for one in made:
        one.installed.stop()


@pytest.mark.parametrize(("source", "targets"), [("sqlite", ("sqlite", "postgresql")), ("postgresql", ("postgresql",))])
def test_a_backup_taken_under_load_is_one_moment(
    service: Any, tmp_path: Path, judge: Judge, nightly: bool, source: str, targets: tuple[str, ...]
) -> None:
    most = 600 if nightly else 160
    here, file = service(source, most), tmp_path / "b.tar"
    with_snapshot(here)
    with Load(here, most) as load:
        wait_until(lambda: here.embedded() > IN_SNAPSHOT + 4, EMBEDDED_S, "movies are embedded under load")
        before = list(load.accepted)
        here.installed.run("backup", str(file))
        during = len(load.accepted) - len(before)
        load.go_on.set()
        doctor = here.commands.run("doctor", "--json")
        wait_until(lambda: len(load.accepted) >= len(before) + during + 4, EMBEDDED_S, "movies are accepted after it")
        only_snapshot = here.answers("&year_to=2000")
    assert not load.refused
    assert doctor.exit_code == 0, doctor.output
    here.settle(load.accepted)
    everything, vectors, kept = here.answers(""), vectors_of(here), tables_of(file, tmp_path)
    for kind in targets:
        there = service(kind, most)
        wrong = restored(there, file, kept, before)
        if nightly or kind == source:
            there.start()
            wrong += differing(only_snapshot, there.answers("&year_to=2000"), "answers of the snapshot")
            missing = sorted(set(load.accepted) - set(ids(kept)))
            assert not missing or there.post(missing, NEW)
            there.settle(load.accepted)
            wrong += differing(everything, there.answers(""), "answers with what came since")
        else:
            there.embed_here()
        known = {movie_id: record for movie_id, record in vectors.items() if there.has(movie_id)}
        wrong += [] if vectors_of(there) == known else ["vectors embedded after the restore"]
        rows = sum(len(found) for found in kept.values())
        measured = (
            f"{rows:,} rows equal, {len(before)} accepted before, {during} during it; wrong: {wrong or 'nothing'}"
        )
        what = f"restore from a backup taken under load, {source} to {kind}"
        judge("T20", what, 1, "byte-equal catalog rows and answers", measured, not wrong and during > 0)


def with_snapshot(here: Service) -> None:
    """24 movies embedded and in a snapshot; their service runs."""
    here.start()
    assert here.post(list(range(1, IN_SNAPSHOT + 1)), OLD)
    wait_until(lambda: here.embedded() == IN_SNAPSHOT, EMBEDDED_S, "the first movies are embedded")
    catalog, folder = here.catalog(), here.installed.data_dir
    rebuild(catalog, folder / "models", folder / "index", lambda *_: None)
    catalog.close()
    wait_until(lambda: here.installed.up("/readyz"), 30, "the snapshot is served")


def restored(there: Service, file: Path, kept: dict[str, list[tuple[Any, ...]]], before: list[int]) -> list[str]:
    """What of the backup is not in the service it was restored into, before anything of that one runs."""
    there.commands.done("restore", str(file))
    wrong = [table for table, rows in database_rows(there).items() if rows != kept[table]]
    lost = set(before) - set(ids(kept))
    return [f"rows of {table}" for table in wrong] + ([f"accepted movies {sorted(lost)}"] if lost else [])


def tables_of(file: Path, tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the backup itself, without what says in whose hands they are."""
    kept = {}
    with tarfile.open(file) as tar:
        for member in tar.getmembers():
            folder, _, name = member.name.partition("/")
            if folder == "tables":
                tar.extract(member, tmp_path, filter="data")
                rows = [row for run in read_rows(tmp_path / member.name) for row in run]
                kept[name.removesuffix(".parquet")] = [
                    tuple(value for column, value in row.items() if column not in IN_HAND) for row in rows
                ]
    return kept


def ids(kept: dict[str, list[tuple[Any, ...]]]) -> list[int]:
    return [row[0] for row in kept["movies"]]


def database_rows(there: Service) -> dict[str, list[tuple[Any, ...]]]:
    """The same of a database."""
    catalog, found = there.catalog(), {}
    with catalog.database.read() as connection:
        for table in metadata.sorted_tables:
            if table.name != "workers":
                columns = [column for column in table.columns if column.name not in IN_HAND]
                texts = [cast(column, Text) if isinstance(column.type, JSON) else column for column in columns]
                rows = connection.execute(select(*texts).order_by(*table.primary_key.columns)).all()
                found[table.name] = [tuple(row) for row in rows]
    catalog.close()
    return found


def vectors_of(service: Service) -> dict[int, bytes]:
    catalog = service.catalog()
    found = {one.movie_id: one.record for run in catalog.posters.vectors("toy") for one in run}
    catalog.close()
    return found


def differing(wanted: dict[int, bytes], found: dict[int, bytes], what: str) -> list[str]:
    other = [movie_id for movie_id in wanted if wanted[movie_id] != found[movie_id]]
    return [f"{len(other)} {what}, the first of movie {other[0]}"] if other else []
