"""What changed since a mark: nothing is missed, whoever wrote it and however late it became visible."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from catalog import changes
from catalog.catalog import Catalog
from catalog.changes import Changed, Mark, MovieLine
from catalog.editing import MovieChanges
from catalog.entries import Kind, NewMovie, PosterFile
from catalog.schema import movies, poster_work
from catalog.storing import store_movies
from catalog.work import Embedded


@pytest.fixture
def three(queued: Callable[[int], Catalog]) -> Catalog:
    """Movies 1, 2 and 3, queued."""
    return queued(3)


def store(catalog: Catalog, new: Iterable[NewMovie], now: float = 0.0) -> None:
    with catalog.database.write() as connection:
        store_movies(connection, new, None, now)


def lines(changed: Changed) -> dict[int, MovieLine]:
    assert not changed.everything
    return {line.movie_id: line for line in changed.lines}


def embed(catalog: Catalog, files: list[PosterFile], record: bytes = b"r", fingerprint: str = "f") -> None:
    claim = catalog.work.claim(Kind.FETCH, 100, 60)
    catalog.work.fetched(claim, files)
    catalog.work.released(claim, [i for i in claim.movie_ids if i not in {file.movie_id for file in files}])
    claim = catalog.work.claim(Kind.EMBED, 100, 60)
    catalog.work.embedded(claim, [Embedded(file.movie_id, file.sha256, fingerprint, record) for file in files])


def test_nothing_changed_is_nothing(three: Catalog) -> None:
    first = three.changes.since(three.changes.mark())
    assert (first.everything, first.lines, first.deleted) == (False, (), frozenset())
    assert three.changes.since(first.mark).lines == ()


def test_all_movies_come_by_id_in_runs(queued: Callable[[int], Catalog], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "LINES_PER_READ", 2)
    runs = list(queued(5).changes.all())
    assert [[line.movie_id for line in run] for run in runs] == [[1, 2], [3, 4], [5]]
    assert runs[0][0] == MovieLine(1, "Movie 1", 2000, "", 9999, None, None)


def test_an_added_movie_is_a_change_with_all_that_is_shown(three: Catalog) -> None:
    mark = three.changes.mark()
    three.add([NewMovie("New", 9, 1999, ("Comedy", "Drama"))])
    assert lines(three.changes.since(mark)) == {9: MovieLine(9, "New", 1999, "|Comedy|Drama|", 0, None, None)}


def test_a_corrected_movie_is_a_change(three: Catalog) -> None:
    mark = three.changes.mark()
    three.editing.edit(2, MovieChanges(title="Other", year=1980))
    assert lines(three.changes.since(mark))[2][:3] == (2, "Other", 1980)


def test_a_movie_that_was_seen_does_not_come_again_until_it_changes_again(three: Catalog) -> None:
    mark = three.changes.mark()
    three.editing.edit(2, MovieChanges(title="Other"))
    after = three.changes.since(mark).mark
    assert three.changes.since(after).lines == ()
    three.editing.edit(2, MovieChanges(title="Third"))
    assert lines(three.changes.since(after))[2].title == "Third"


def test_a_deleted_movie_is_gone_and_a_movie_that_is_back_is_a_change(three: Catalog) -> None:
    mark = three.changes.mark()
    three.editing.delete(2)
    changed = three.changes.since(mark)
    assert (changed.deleted, changed.lines) == ({2}, ())
    assert three.changes.since(changed.mark).deleted == frozenset()
    assert three.changes.deleted() == {2}
    three.add([NewMovie("Back", 2)])
    changed = three.changes.since(changed.mark)
    assert (lines(changed)[2].title, changed.deleted, three.changes.deleted()) == ("Back", set(), set())


def test_a_poster_that_arrives_or_is_purged_is_a_change(
    three: Catalog, poster_file: Callable[[int], PosterFile]
) -> None:
    mark = three.changes.mark()
    embed(three, [replace(poster_file(1), attribution="said")])
    changed = three.changes.since(mark)
    assert {line[-2:] for line in changed.lines} == {("folder", "said")}
    three.purging.purge(source="folder")
    assert lines(three.changes.since(changed.mark))[1][-2:] == (None, None)


def test_movies_that_only_wait_for_a_poster_are_no_change(three: Catalog) -> None:
    mark = three.changes.mark()
    three.work.renew([1, 2, 3])
    assert three.changes.since(mark).lines == ()


@pytest.mark.parametrize("write", ["import", "ratings"])
def test_a_change_of_many_movies_says_to_read_everything_however_long_it_took(three: Catalog, write: str) -> None:
    long_ago = time.time() - 10 * changes.OVERLAP_S
    mark = three.changes.mark()
    if write == "import":
        store(three, [NewMovie("New", 9)], long_ago)  # its times are those of its beginning
    else:
        assert three.ratings.counted({1: (5, 3.0)}) == 1
    changed = three.changes.since(mark)
    assert (changed.everything, changed.lines, changed.deleted) == (True, (), frozenset())
    assert not three.changes.since(changed.mark).everything


def test_an_import_and_a_training_that_change_nothing_are_no_change(three: Catalog) -> None:
    store(three, [NewMovie(title="Movie 1", movie_id=1, year=2000)])
    mark = three.changes.mark()
    store(three, [NewMovie(title="Movie 1", movie_id=1, year=2000)])
    assert three.ratings.counted({1: (9999, 3.5)}) == 0
    assert not three.changes.since(mark).everything


def test_more_single_changes_than_are_worth_it_say_to_read_everything(
    three: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_SINGLE", 2)
    mark = three.changes.mark()
    three.add([NewMovie("A", 11), NewMovie("B", 12)])
    assert len(three.changes.since(mark).lines) == 2
    three.add([NewMovie("C", 13)])
    assert three.changes.since(mark).everything


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite's writers come one after the other
def test_a_change_that_becomes_visible_late_is_not_missed(three: Catalog) -> None:
    """Writers commit after they set the time: here one stamps, others come and are read, and only then it commits."""
    mark = three.changes.mark()
    with three.database.write() as late:
        late.execute(update(movies).where(movies.c.movie_id == 1).values(title="Late", changed_at=time.time()))
        with three.database.write() as other:
            values = {"title": "Early", "changed_at": time.time()}
            other.execute(update(movies).where(movies.c.movie_id == 2).values(values))
        first = three.changes.since(mark)
        assert lines(first).keys() == {2}
    assert lines(three.changes.since(first.mark)) == {1: MovieLine(1, "Late", 2000, "", 9999, None, None)}


@pytest.mark.parametrize("age", [0.1, 0.5, 0.95])
def test_a_time_from_before_the_mark_counts_within_the_overlap(three: Catalog, age: float) -> None:
    """What a slow commit and a clock that is behind have in common: the row appears with a time long past."""
    changed = three.changes.since(three.changes.mark())
    for table in (movies, poster_work):
        values = {"changed_at": time.time() - age * changes.OVERLAP_S}
        values |= {"state": "embedded"} if table is poster_work else {}
        with three.database.write() as connection:
            connection.execute(update(table).where(table.c.movie_id == 3).values(values))
        changed = three.changes.since(changed.mark)
        assert lines(changed).keys() == {3}, table.name
    assert three.changes.since(changed.mark).lines == ()


def test_a_mark_of_the_future_does_not_hide_what_changes_now(three: Catalog) -> None:
    """The reader's clock was put back: it looks back from its new now."""
    ahead = Mark(time.time() + 3600, three.changes.mark().number)
    three.editing.edit(1, MovieChanges(title="Now"))
    assert lines(three.changes.since(ahead)).keys() == {1}


def test_a_reader_beside_many_writers_misses_nothing(catalog: Catalog) -> None:
    first = catalog.changes.since(catalog.changes.mark())
    mark, seen = first.mark, set[int]()
    writers = [
        threading.Thread(target=lambda start=start: [catalog.add([NewMovie("M", start + i)]) for i in range(10)])
        for start in (100, 200, 300)
    ]
    for writer in writers:
        writer.start()
    deadline = time.monotonic() + 30
    while len(seen) < 30 and time.monotonic() < deadline:
        changed = catalog.changes.since(mark)
        mark = changed.mark
        new = [line.movie_id for line in changed.lines]
        assert seen.isdisjoint(new)
        seen.update(new)
    for writer in writers:
        writer.join()
    assert seen == {start + i for start in (100, 200, 300) for i in range(10)}


def test_what_another_process_writes_is_seen(three: Catalog, database_url: str, tmp_path: Path) -> None:
    mark = three.changes.mark()
    program = (
        "import sys, pathlib; from catalog.catalog import Catalog; from catalog.entries import NewMovie\n"
        "catalog = Catalog(sys.argv[1], pathlib.Path(sys.argv[2]))\n"
        "catalog.add([NewMovie('Other', 9)]); catalog.editing.delete(1)"
    )
    subprocess.run([sys.executable, "-c", program, database_url, str(tmp_path)], check=True, timeout=60)
    changed = three.changes.since(mark)
    assert (lines(changed).keys(), changed.deleted) == ({9}, {1})


def test_what_was_embedded_since_comes_newest_first_and_with_its_record(
    three: Catalog, poster_file: Callable[[int], PosterFile]
) -> None:
    began = time.time()
    embed(three, [poster_file(2)], b"two")
    three.work.renew([2])  # its vector counts until the new poster is embedded
    embed(three, [poster_file(1)], b"one")
    embed(three, [poster_file(3)], b"three", "another encoder")
    found = three.changes.embedded_since(began, "f", 10)
    assert [movie_id for movie_id, _ in found] == [1, 2]
    assert three.changes.embedded_since(began, "f", 1) == found[:1]
    assert three.changes.embedded_since(found[0][1], "f", 10) == []
    (run,) = three.changes.vectors([1, 2, 3], "f")
    assert {(v.movie_id, v.record, v.embedded_at) for v in run} == {
        (movie_id, record, at) for (movie_id, at), record in zip(found, (b"one", b"two"), strict=True)
    }


def test_a_vector_that_counts_no_more_is_not_embedded(three: Catalog, poster_file: Callable[[int], PosterFile]) -> None:
    embed(three, [poster_file(1)])
    with three.database.write() as connection:
        connection.execute(update(poster_work).where(poster_work.c.movie_id == 1).values(state="failed"))
    assert three.changes.embedded_since(0.0, "f", 10) == []
    assert list(three.changes.vectors([1], "f")) == [[]]
