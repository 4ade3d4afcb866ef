"""Movies in memory: what is shown is what the catalog says, and masks are what plain Python would answer."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from api import shelf as shelf_module
from api.shelf import CatalogShelf, Shelf
from api.shelf_columns import Shared, columns_of, joined, merged, shelf_movie, split
from api.shelf_view import Base, ShelfView, Titles, Wish
from catalog.catalog import Catalog
from catalog.changes import MovieLine
from catalog.editing import MovieChanges
from catalog.entries import NewMovie
from catalog.errors import CatalogBusy
from catalog.storing import store_movies

IDS = st.integers(1, 40)
YEARLESS = MovieLine(1, "M", None, "|Comedy|", 0, None, None)
GENRES = ("", "|Comedy|", "|Comedy|Drama|", "|Film-Noir|", "|drama|", "|Ärger|")
TITLES = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)


@st.composite
def movie_lines(draw: st.DrawFn) -> MovieLine:
    year = draw(st.one_of(st.none(), st.integers(1950, 1953), st.sampled_from((1, 9999))))
    poster = draw(st.sampled_from(((None, None), ("tmdb", "said"), ("folder", None))))
    return MovieLine(draw(IDS), draw(TITLES), year, draw(st.sampled_from(GENRES)), draw(st.integers(0, 3)), *poster)


MANY = st.lists(movie_lines(), max_size=25, unique_by=lambda line: line.movie_id)
WISHES = st.builds(
    Wish,
    genre=st.sampled_from((None, "comedy", "DRAMA", "ärger", "com", "no such")),
    year_from=st.sampled_from((None, -(10**9), 1, 1951, 10**9)),
    year_to=st.sampled_from((None, -(10**9), 1952, 9999, 10**9)),
    min_ratings=st.sampled_from((None, 0, 2, 10**12)),
)
ORDERS = st.lists(st.integers(1, 45), max_size=60)  # ids in any order, unknown ones and twice the same among them


def by_id(lines: list[MovieLine]) -> dict[int, MovieLine]:
    return {line.movie_id: line for line in sorted(lines, key=lambda line: line.movie_id)}


def view_of(base: list[MovieLine], apart: list[MovieLine], gone: set[int]) -> tuple[ShelfView, dict[int, MovieLine]]:
    """A view of the base with these changes, and the movies that it must show."""
    shared, changed = Shared.new(), by_id(apart)
    out = gone - changed.keys()
    view = ShelfView(Base(columns_of(by_id(base).values(), shared), shared), 1, changed, out)
    return view, {i: line for i, line in (by_id(base) | changed).items() if i not in out}


def fits(line: MovieLine | None, wish: Wish) -> bool:
    if line is None:
        return False
    genres = [name.casefold() for name in split(line.genres)]
    if line.year is None and (wish.year_from, wish.year_to) != (None, None):
        return False
    return (
        (wish.genre is None or wish.genre.casefold() in genres)
        and (wish.year_from is None or (line.year or 0) >= wish.year_from)
        and (wish.year_to is None or (line.year or 0) <= wish.year_to)
        and (wish.min_ratings is None or line.n_ratings >= wish.min_ratings)
    )


def ids(*movie_ids: int) -> NDArray[np.int64]:
    return np.array(movie_ids, np.int64)


@given(MANY, MANY, st.sets(IDS), ORDERS, st.lists(WISHES, min_size=1, max_size=4))
@example([YEARLESS], [], set(), [1], [Wish(year_from=-(10**9)), Wish(year_to=10**9), Wish()])
@example([YEARLESS], [YEARLESS._replace(year=-5)], set(), [1, 2, 1], [Wish(year_to=1952), Wish(year_from=-5)])
@example([], [], set(), [1], [Wish(genre="comedy")])
def test_a_mask_says_what_plain_python_says(
    base: list[MovieLine], apart: list[MovieLine], gone: set[int], order: list[int], wishes: list[Wish]
) -> None:
    view, there = view_of(base, apart, gone)
    asked = ids(*order)
    for wish in wishes:  # the second one finds the order of the ids worked out
        assert view.mask(asked, wish).tolist() == [fits(there.get(movie_id), wish) for movie_id in order]


@given(MANY, MANY, st.sets(IDS), ORDERS)
def test_a_view_shows_its_movies_whole_and_in_the_order_asked(
    base: list[MovieLine], apart: list[MovieLine], gone: set[int], order: list[int]
) -> None:
    view, there = view_of(base, apart, gone)
    assert view.movies(order) == [shelf_movie(there[movie_id]) for movie_id in order if movie_id in there]
    assert [view.movie(movie_id) is None for movie_id in order] == [movie_id not in there for movie_id in order]
    assert len(view) == len(there)
    assert view.genres() == tuple(sorted({name for line in there.values() for name in split(line.genres)}))


@given(MANY, MANY, st.sets(IDS))
def test_merging_is_the_same_as_making_anew(base: list[MovieLine], new: list[MovieLine], gone: set[int]) -> None:
    shared, changed = Shared.new(), by_id(new)
    out = gone - changed.keys()
    got = merged(columns_of(by_id(base).values(), shared), columns_of(changed.values(), shared), out)
    kept = [line for movie_id, line in sorted((by_id(base) | changed).items()) if movie_id not in out]
    want = columns_of(kept, shared)
    assert got.titles == want.titles
    for name in ("movie_ids", "ends", "years", "n_ratings", "genres", "looks"):
        np.testing.assert_array_equal(getattr(got, name), getattr(want, name))
        assert getattr(got, name).dtype == getattr(want, name).dtype


@given(st.lists(MANY, max_size=3))
def test_an_order_that_begins_like_a_known_one_is_answered_alike(parts: list[list[MovieLine]]) -> None:
    lines = by_id([line for part in parts for line in part])
    view, _ = view_of(list(lines.values()), [], set())
    asked = ids()
    for part in parts:  # what a space does whose side list grows
        asked = np.concatenate([asked, ids(*(line.movie_id for line in part))])
        assert view.mask(asked, Wish(min_ratings=2)).tolist() == [lines[i].n_ratings >= 2 for i in asked.tolist()]


def test_joining_runs_is_the_same_as_reading_at_once() -> None:
    lines = [MovieLine(i, f"M {i}", None, "|Drama|", i, None, None) for i in range(1, 8)]
    shared = Shared.new()
    got, want = joined([columns_of(lines[:3], shared), columns_of(lines[3:], shared)]), columns_of(lines, shared)
    assert [got.movie(row, shared) for row in range(7)] == [want.movie(row, shared) for row in range(7)]
    assert len(joined([])) == 0


def test_a_mask_may_not_be_written_to() -> None:
    view, _ = view_of([MovieLine(1, "M", None, "", 0, None, None)], [], set())
    with pytest.raises(ValueError, match="read-only"):
        view.mask(ids(1), Wish())[0] = False


@pytest.fixture
def small(database_url: str, tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog.open(database_url, tmp_path)
    new = [
        NewMovie("The Matrix", 5, 1999, ("Action", "Sci-Fi")),
        NewMovie("Heat", 2, 1995, ("Action", "Crime")),
        NewMovie("Nobody knows when", 9, None, ("Crime",)),
    ]
    with opened.database.write() as connection:
        store_movies(connection, new, {5: (100, 4.0), 2: (10, 4.5)}, 0.0)
    yield opened
    opened.close()


@pytest.mark.parametrize("make", [CatalogShelf, lambda catalog: Shelf(catalog).load()], ids=["catalog", "memory"])
def test_catalog_and_memory_answer_alike(small: Catalog, make: Callable[[Catalog], Titles]) -> None:
    titles = make(small)
    heat = titles.movie(2)
    assert heat is not None and (heat.title, heat.year, heat.genres, heat.n_ratings) == (
        ("Heat", 1995, ("Action", "Crime"), 10)
    )
    assert titles.movie(3) is None
    assert [movie.movie_id for movie in titles.movies([9, 3, 5])] == [9, 5]
    assert titles.genres() == ("Action", "Crime", "Sci-Fi")
    asked = ids(9, 5, 2, 1)
    for wish, wanted in (
        (Wish(), [True, True, True, False]),
        (Wish(genre="crime"), [True, False, True, False]),
        (Wish(genre="rime"), [False, False, False, False]),
        (Wish(year_from=1996), [False, True, False, False]),
        (Wish(year_to=1996), [False, False, True, False]),
        (Wish(year_from=1995, year_to=1999), [False, True, True, False]),
        (Wish(min_ratings=10, genre="Action"), [False, True, True, False]),
        (Wish(min_ratings=10**30), [False, False, False, False]),
        (Wish(year_from=-(10**30), year_to=10**30), [False, True, True, False]),
        (Wish(genre="%"), [False, False, False, False]),
    ):
        assert titles.mask(asked, wish).tolist() == wanted, wish


def take(shelf: Shelf, catalog: Catalog, mark: Any) -> Any:
    changed = catalog.changes.since(mark)
    assert not changed.everything
    return shelf.take(changed), changed.mark


@pytest.mark.parametrize("most_apart", [0, 1, 1000])  # merged at once, now and then, and never
def test_a_shelf_follows_what_is_added_corrected_and_deleted(
    small: Catalog, monkeypatch: pytest.MonkeyPatch, most_apart: int
) -> None:
    monkeypatch.setattr(shelf_module, "MOST_APART", most_apart)
    shelf, mark = Shelf(small), small.changes.mark()
    assert not shelf.loaded
    old = shelf.load()
    small.add([NewMovie("New", 7, 2001, ("Horror",))])
    small.editing.edit(2, MovieChanges(title="Heat II"))
    told, mark = take(shelf, small, mark)
    assert (told, [movie.title for movie in shelf.view().movies([2, 7, 9])]) == (
        (True, ["Heat II", "New", "Nobody knows when"])
    )
    small.editing.delete(7)
    small.editing.delete(5)
    told, mark = take(shelf, small, mark)
    assert (told, [movie.movie_id for movie in shelf.view().movies([2, 5, 7, 9])]) == (True, [2, 9])
    assert shelf.view().genres() == ("Action", "Crime")
    assert shelf.view().mask(ids(2, 5, 7, 9), Wish()).tolist() == [True, False, False, True]
    small.add([NewMovie("Back", 5)])
    told, mark = take(shelf, small, mark)
    assert (told, [movie.title for movie in shelf.view().movies([5])]) == (True, ["Back"])
    assert [movie.title for movie in old.movies([2, 5, 7])] == ["Heat", "The Matrix"]  # a view never changes


def test_the_revision_goes_up_with_what_can_be_seen_and_with_nothing_else(small: Catalog) -> None:
    shelf, mark = Shelf(small), small.changes.mark()
    first = shelf.load().revision
    small.work.enqueue_all()
    small.editing.edit(2, MovieChanges(title="Heat", imdb_id="tt0113277"))
    small.add([NewMovie("Short", 11)])
    small.editing.delete(11)  # came and went between two looks
    told, mark = take(shelf, small, mark)
    assert (told, shelf.view().revision) == (False, first)
    small.editing.edit(2, MovieChanges(year=1996))
    told, mark = take(shelf, small, mark)
    assert (told, shelf.view().revision) == (True, first + 1)
    assert shelf.load().revision == first + 2


def test_a_shelf_that_cannot_be_read_stays_what_it_was(small: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> Any:
        raise CatalogBusy("away")

    shelf = Shelf(small)
    before = shelf.load()
    monkeypatch.setattr(small.changes, "all", silent)
    with pytest.raises(CatalogBusy):
        shelf.load()
    assert shelf.view() is before


def test_readers_see_whole_movies_while_others_change_them(small: Catalog) -> None:
    shelf, mark = Shelf(small), small.changes.mark()
    shelf.load()
    stop, wrong = threading.Event(), list[Any]()

    def read() -> None:
        asked = ids(2, 5)
        while not stop.is_set():
            view = shelf.view()
            movie = view.movie(2)
            in_time = view.mask(asked, Wish(year_from=2000)).tolist()
            if movie is None or movie.title != f"Heat {movie.year}" or in_time != [movie.year >= 2000, False]:
                wrong.append((movie, in_time))

    small.editing.edit(2, MovieChanges(title="Heat 1995", year=1995))
    _, mark = take(shelf, small, mark)
    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for year in range(1996, 2006):
        small.editing.edit(2, MovieChanges(title=f"Heat {year}", year=year))
        _, mark = take(shelf, small, mark)
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_ten_thousand_movies_are_read_and_filtered_in_no_time() -> None:
    lines = [MovieLine(i, f"Movie {i}", 1920 + i % 100, GENRES[i % 6], i % 50, "tmdb", None) for i in range(1, 10_001)]
    began, shared = time.perf_counter(), Shared.new()
    view = ShelfView(Base(columns_of(lines, shared), shared), 1)
    asked = np.arange(1, 10_001, dtype=np.int64)
    for _ in range(50):
        found = view.mask(asked, Wish("comedy", 1950, 1980, 10))
    assert time.perf_counter() - began < 5.0  # 0.05 s where nothing else runs
    assert found.sum() == sum(fits(line, Wish("comedy", 1950, 1980, 10)) for line in lines)
