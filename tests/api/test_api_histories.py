"""What a user rated: imported and single ratings together, the latest of each movie, at once and only once read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from api.histories import Histories, history_of
from catalog.catalog import Catalog
from catalog.entries import NewMovie
from catalog.rating_rows import GivenRating
from catalog.ratings import RatingSet
from catalog.storing import store_movies
from ratings.columns import RatingColumns
from ratings.errors import BadFile
from ratings.parquet import RatingsFile, RatingsWriter

Rows = list[tuple[int, int, float, int]]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Movies 1..9 and nobody's ratings."""
    opened = Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}", tmp_path)
    with opened.database.write() as connection:
        store_movies(connection, [NewMovie(f"Movie {i}", i) for i in range(1, 10)], {}, 0.0)
    yield opened
    opened.close()


def import_set(catalog: Catalog, file: str, rows: Rows, name: str = "movielens", at: float = 1.0) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    types = (np.int32, np.int32, np.float32, np.int64)
    with (catalog.data_dir / file).open("wb") as out, RatingsWriter(out) as writer:
        writer.write(RatingColumns(*(column.astype(kind) for column, kind in zip(columns, types, strict=True))))
    with catalog.database.write() as connection:
        catalog.ratings.replace(connection, RatingSet(name, file, "0" * 64, len(rows), at))


def of(histories: Histories, user_id: int) -> dict[int, float]:
    history = histories.of(user_id)
    return dict(zip(history.movie_ids.tolist(), history.stars.tolist(), strict=True))


def test_imported_and_single_ratings_are_one_history_by_movie(catalog: Catalog) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10), (1, 5, 4.0, 10), (2, 2, 1.0, 10)])
    catalog.ratings.give([GivenRating(1, 3, 5.0, 20), GivenRating(2, 9, 0.5, 20)])
    histories = Histories(catalog)
    assert of(histories, 1) == {2: 3.0, 3: 5.0, 5: 4.0}
    assert of(histories, 2) == {2: 1.0, 9: 0.5}
    assert len(histories.of(3)) == 0


@pytest.mark.parametrize(("rated_at", "counts"), [(9, 3.0), (10, 1.0), (11, 1.0)])
def test_the_latest_of_imported_and_single_counts(rated_at: int, counts: float, catalog: Catalog) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10)])
    catalog.ratings.give([GivenRating(1, 2, 1.0, rated_at)])
    assert of(Histories(catalog), 1) == {2: counts}


def test_the_later_of_two_imported_sets_counts(catalog: Catalog) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10), (1, 3, 3.0, 10)], "first", 1.0)
    import_set(catalog, "b.parquet", [(1, 2, 4.0, 10), (1, 4, 4.0, 10)], "second", 2.0)
    assert of(Histories(catalog), 1) == {2: 4.0, 3: 3.0, 4: 4.0}


def test_a_rating_counts_at_once_and_the_file_is_read_once(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10)])
    opened: list[Path] = []

    class Counted(RatingsFile):
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr("api.histories.RatingsFile", Counted)
    histories = Histories(catalog)
    assert of(histories, 1) == {2: 3.0}
    catalog.ratings.give([GivenRating(1, 3, 5.0, 20)])
    assert of(histories, 1) == {2: 3.0, 3: 5.0}
    assert len(opened) == 1


def test_a_new_import_counts_at_once(catalog: Catalog) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10)])
    histories = Histories(catalog)
    assert of(histories, 1) == {2: 3.0}
    import_set(catalog, "b.parquet", [(1, 2, 5.0, 11)])
    (catalog.data_dir / "a.parquet").unlink()
    assert of(histories, 1) == {2: 5.0}


def test_an_import_that_takes_the_file_away_meanwhile_is_followed(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10)])
    before = catalog.ratings.sets()
    import_set(catalog, "b.parquet", [(1, 2, 5.0, 11)])
    (catalog.data_dir / "a.parquet").unlink()
    answers = iter([before, catalog.ratings.sets()])
    monkeypatch.setattr(catalog.ratings, "sets", lambda: next(answers))
    assert of(Histories(catalog), 1) == {2: 5.0}


def test_a_file_that_is_gone_is_an_error_that_names_it(catalog: Catalog) -> None:
    import_set(catalog, "a.parquet", [(1, 2, 3.0, 10)])
    (catalog.data_dir / "a.parquet").unlink()
    with pytest.raises(BadFile, match=r"a\.parquet: the file is missing"):
        Histories(catalog).of(1)


def test_only_so_many_users_are_kept(catalog: Catalog) -> None:
    import_set(catalog, "a.parquet", [(user_id, 2, 3.0, 10) for user_id in range(1, 9)])
    histories = Histories(catalog, kept=3)
    assert [of(histories, user_id) for user_id in [*range(1, 9), 1]] == [{2: 3.0}] * 9
    assert histories._kept.cache_info().currsize == 3


def test_what_a_user_gave_a_movie(catalog: Catalog) -> None:
    history = history_of(np.array([5, 2, 5]), np.array([1.0, 3.0, 4.5], np.float32))
    assert history.movie_ids.tolist() == [2, 5]
    assert [history.stars_of(movie_id) for movie_id in (1, 2, 3, 5, 6)] == [None, 3.0, None, 4.5, None]
