"""Importing a MovieLens folder: both editions, from any packing, again and again, and nothing half done."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, insert

from catalog.catalog import Catalog
from catalog.errors import BadFile
from catalog.schema import deleted_movies, movies
from ratings.errors import BadFile as BadRatings
from ratings.errors import ImportRunning, TooManyBadRows
from ratings.locking import import_lock
from ratings.matrix import RatingsMatrix
from workers.importing import DELETED_HERE, ImportReport, import_movielens, load_ratings

BUNDLED = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small"
# Titles as the edition of 2018 writes them: a range of years, blanks at the end, quotes, no year at all.
QUIRKS = [
    (193609, '"Andrew Dice Clay: Dice Rules (1991)"', "Andrew Dice Clay: Dice Rules", 1991),
    (171749, '"Death Note: Desu n\u00f4to (2006\u20132007)"', "Death Note: Desu n\u00f4to", 2006),
    (185135, '"Sherlock - A Study in Pink (2010) "', "Sherlock - A Study in Pink", 2010),
    (162414, "Moonlight", "Moonlight", None),
    (40697, "Babylon 5", "Babylon 5", None),
    (5646, '"11\'09""01 - September 11, The (2002)"', "The 11'09\"01 - September 11", 2002),
    (176601, "Black Mirror", "Black Mirror", None),
]
SIZES = {"movies": 9_742, "users": 610, "ratings": 100_836}


def edition_2018(folder: Path) -> Path:
    """A folder shaped like ml-latest-small of September 2018: its numbers of rows, ids to 193609, times to 2018."""
    folder.mkdir()
    draw = np.random.default_rng(2018)
    quirky = {movie_id for movie_id, *_ in QUIRKS}
    others = [movie_id for movie_id in range(1, 15_000) if movie_id not in quirky][: SIZES["movies"] - len(QUIRKS)]
    lines = [f"{i},Film {i} ({1930 + i % 88}),Comedy|Drama" for i in others]
    lines += [f"{movie_id},{title},(no genres listed)" for movie_id, title, *_ in QUIRKS]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(lines) + "\n", encoding="utf-8")
    ids = [*others, *sorted(quirky)]
    (folder / "links.csv").write_text(
        "movieId,imdbId,tmdbId\n" + "".join(f"{i},{i:07d},{'' if i % 1000 == 0 else i}\n" for i in ids)
    )
    pairs = np.sort(draw.choice(SIZES["users"] * len(ids), SIZES["ratings"], replace=False))
    times = draw.integers(828_124_615, 1_537_799_250, len(pairs))
    rows = [
        f"{pair // len(ids) + 1},{ids[pair % len(ids)]},{(1 + pair % 10) / 2},{when}"
        for pair, when in zip(pairs.tolist(), times.tolist(), strict=True)
    ]
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(rows) + "\n")
    (folder / "tags.csv").write_text("userId,movieId,tag,timestamp\n2,60756,funny,1445714994\n")
    return folder


def small(folder: Path, **files: str) -> Path:
    """Three movies, two users; a file given by its name without `.csv` replaces the usual one."""
    usual = {
        "movies": "movieId,title,genres\n1,One (2001),Drama\n2,Two (2002),Drama\n3,Three (2003),Drama\n",
        "links": "movieId,imdbId,tmdbId\n1,11,1\n2,22,2\n3,33,3\n",
        "ratings": "userId,movieId,rating,timestamp\n1,1,4.0,5\n1,2,3.0,5\n2,1,5.0,5\n2,4,1.0,5\n",
    }
    folder.mkdir(exist_ok=True)
    for name, content in (usual | files).items():
        (folder / f"{name}.csv").write_text(content)
    return folder


def rated(catalog: Catalog, *movie_ids: int) -> list[tuple[int, float | None]]:
    return [(movie.n_ratings, movie.mean_rating) for movie in catalog.movies.many(movie_ids)]


def parquet_files(catalog: Catalog) -> list[Path]:
    return sorted(path for path in (catalog.data_dir / "ratings").iterdir() if path.name != ".import.lock")


def counts(report: ImportReport) -> tuple[int, int, int, bool]:
    return report.movies_new, report.movies_changed, report.movies_unchanged, report.ratings_changed


def test_the_edition_of_2016_is_taken_in_whole(catalog: Catalog) -> None:
    report = import_movielens(catalog, BUNDLED)
    assert [(file.rows, file.used) for file in report.files] == [(9125, 9125), (9125, 9125), (100_004, 100_004)]
    assert (counts(report), report.notes) == ((9125, 0, 0, True), ())
    matrix = RatingsMatrix.from_columns(load_ratings(catalog))
    assert (len(matrix), len(matrix.user_ids), len(matrix.movie_ids)) == (100_004, 671, 9_066)
    assert rated(catalog, 1) == [(247, 3.8725)]


def test_the_edition_of_2018_is_taken_in_whole(catalog: Catalog, tmp_path: Path) -> None:
    report = import_movielens(catalog, edition_2018(tmp_path / "ml"))
    assert [(file.rows, file.used) for file in report.files] == [(9742, 9742), (9742, 9742), (100_836, 100_836)]
    assert (counts(report), report.notes) == ((9742, 0, 0, True), ())
    matrix = RatingsMatrix.from_columns(load_ratings(catalog))
    assert (len(matrix), len(matrix.user_ids)) == (100_836, 610)
    for movie_id, _, title, year in QUIRKS:
        movie = catalog.movies.get(movie_id)
        assert (movie.title, movie.year, movie.genres) == (title, year, ())


def test_one_edition_over_the_other_leaves_the_ratings_of_the_second(catalog: Catalog, tmp_path: Path) -> None:
    import_movielens(catalog, BUNDLED)
    import_movielens(catalog, edition_2018(tmp_path / "ml"))
    assert catalog.ratings.count() == 100_836
    assert len(parquet_files(catalog)) == 1
    only_2016 = [movie for movie in catalog.movies.many(range(1, 165_000)) if not movie.title.startswith("Film ")]
    assert sum(movie.n_ratings for movie in only_2016 if movie.movie_id not in {q[0] for q in QUIRKS}) == 0
    imdb_ids = [movie.imdb_id for movie in catalog.movies.many(range(1, 200_000)) if movie.imdb_id]
    assert len(imdb_ids) == len(set(imdb_ids))


def test_packed_files_give_the_same_as_plain_ones(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    for name in ("movies.csv", "links.csv", "ratings.csv"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    report = import_movielens(catalog, folder)
    assert [Path(file.path).name for file in report.files] == ["movies.csv.gz", "links.csv.gz", "ratings.csv.gz"]
    assert (counts(report), rated(catalog, 1, 2, 3)) == ((3, 0, 0, True), [(2, 4.5), (1, 3.0), (0, None)])


def test_where_both_are_there_the_plain_file_counts_and_it_says_so(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    (folder / "ratings.csv.gz").write_bytes(b"not even gzip")
    assert import_movielens(catalog, folder).notes == ("ratings.csv was read, ratings.csv.gz beside it was not",)


def test_importing_again_changes_nothing_and_tells_the_same(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    first = import_movielens(catalog, folder)
    (path,) = parquet_files(catalog)
    before = path.stat()
    second = import_movielens(catalog, folder)
    assert counts(second) == (0, 0, 3, False)
    assert second.files == first.files
    assert dict(second.files[2].rejected) == {"unknown_movie": 1}
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_importing_again_changes_only_what_changed(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    small(folder, movies="movieId,title,genres\n1,One (2001),Drama\n2,Second (2002),Drama\n3,Three (2003),Drama\n")
    assert counts(import_movielens(catalog, folder)) == (0, 1, 2, False)
    (folder / "ratings.csv").write_text("userId,movieId,rating\n1,1,4.0\n1,3,2.0\n")
    assert counts(import_movielens(catalog, folder)) == (0, 3, 0, True)
    assert rated(catalog, 1, 2, 3) == [(1, 4.0), (0, None), (1, 2.0)]
    assert len(parquet_files(catalog)) == 1


def test_a_movie_that_becomes_known_gets_the_ratings_that_waited_for_it(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    with (folder / "movies.csv").open("a") as file:
        file.write("4,Four (2004),Drama\n")
    assert counts(import_movielens(catalog, folder)) == (1, 0, 3, True)
    assert rated(catalog, 4) == [(1, 1.0)]
    assert len(load_ratings(catalog)) == 4


def test_a_movie_deleted_here_stays_away_until_somebody_adds_it(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    with catalog.database.write() as connection:
        connection.execute(delete(movies).where(movies.c.movie_id == 2))
        connection.execute(insert(deleted_movies).values(movie_id=2, deleted_at=1.0))
    report = import_movielens(catalog, folder)
    assert (counts(report), report.movies_deleted_here) == ((0, 0, 2, False), 1)
    of_movies = report.files[0]
    assert (of_movies.rows, of_movies.used, dict(of_movies.rejected)) == (3, 2, {DELETED_HERE: 1})
    assert of_movies.examples[DELETED_HERE] == "movie 2 was deleted here; POST /movies brings it back"
    assert catalog.movies.many([2]) == []
    with catalog.database.write() as connection:
        connection.execute(delete(deleted_movies))
    import_movielens(catalog, folder)
    assert rated(catalog, 2) == [(1, 3.0)]


def test_without_links_it_says_so_and_known_ids_stay(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    (folder / "links.csv").unlink()
    report = import_movielens(catalog, folder)
    assert counts(report) == (0, 0, 3, False)
    assert ["there is no links.csv" in note for note in report.notes] == [True]
    assert catalog.movies.get(1).imdb_id == "tt0000011"


def test_without_ratings_only_movies_are_imported_and_it_says_so(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    (folder / "ratings.csv").unlink()
    report = import_movielens(catalog, folder)
    assert (counts(report), len(report.files)) == ((3, 0, 0, False), 2)
    assert ["there is no ratings.csv" in note for note in report.notes] == [True]
    assert len(load_ratings(catalog)) == 0
    small(folder)
    import_movielens(catalog, folder)
    (folder / "ratings.csv").unlink()
    assert counts(import_movielens(catalog, folder)) == (0, 0, 3, False)
    assert rated(catalog, 1) == [(2, 4.5)]


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({"ratings": "userId,movieId,rating\n" + "1,1,9.0\n" * 9}, TooManyBadRows),
        ({"ratings": "<html>"}, BadRatings),
        ({"movies": "movieId,title,genres\n"}, BadFile),
        ({"links": "a,b\n"}, BadFile),
    ],
    ids=["bad rows", "no ratings file", "no movies", "no links file"],
)
def test_a_refusal_leaves_everything_as_it_was(
    catalog: Catalog, tmp_path: Path, files: dict[str, str], error: type[Exception]
) -> None:
    import_movielens(catalog, small(tmp_path / "ml"))
    before = [(path.name, path.read_bytes()) for path in parquet_files(catalog)]
    changed = small(tmp_path / "changed", movies="movieId,title,genres\n1,Other (2001),Drama\n")
    for name, content in files.items():
        (changed / f"{name}.csv").write_text(content)
    with pytest.raises(error):
        import_movielens(catalog, changed)
    assert [(path.name, path.read_bytes()) for path in parquet_files(catalog)] == before
    assert (catalog.movies.get(1).title, catalog.ratings.count()) == ("One", 3)


def test_a_crash_before_the_commit_leaves_the_old_set_and_the_next_import_clears_up(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_movielens(catalog, small(tmp_path / "ml"))
    old = load_ratings(catalog)
    (catalog.data_dir / "ratings" / ".movielens-0.parquet.read.part").write_bytes(b"half")
    changed = small(tmp_path / "changed", ratings="userId,movieId,rating\n1,1,1.0\n")
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(catalog.ratings, "replace", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        import_movielens(catalog, changed)
    assert load_ratings(catalog).ratings.tolist() == old.ratings.tolist()
    assert rated(catalog, 1) == [(2, 4.5)]
    assert counts(import_movielens(catalog, changed)) == (0, 2, 1, True)
    assert load_ratings(catalog).ratings.tolist() == [1.0]
    assert len(parquet_files(catalog)) == 1


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_set_whose_file_is_gone_or_damaged_is_made_again(catalog: Catalog, tmp_path: Path, damage: str) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    (path,) = parquet_files(catalog)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(BadRatings, match=path.name):
        load_ratings(catalog)
    assert counts(import_movielens(catalog, folder)) == (0, 0, 3, True)
    assert len(load_ratings(catalog)) == 3


def test_two_imports_at_once_are_one_and_a_refusal(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    with import_lock(catalog.data_dir / "ratings"), pytest.raises(ImportRunning, match="another import is running"):
        import_movielens(catalog, folder)


def test_a_file_replaced_while_ratings_are_loaded_is_looked_for_again(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder)
    outdated = catalog.ratings.sets()
    import_movielens(catalog, small(folder, ratings="userId,movieId,rating\n1,1,1.0\n"))
    answers = [outdated, catalog.ratings.sets()]
    monkeypatch.setattr(catalog.ratings, "sets", lambda: answers.pop(0))
    assert load_ratings(catalog).ratings.tolist() == [1.0]


def test_progress_is_told_in_bytes_of_the_file(catalog: Catalog, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = small(tmp_path / "ml")
    import_movielens(catalog, folder, lambda *far: told.append(far))
    size = (folder / "ratings.csv").stat().st_size
    assert told[-1] == ("reading ratings.csv", size, size)


def test_nothing_is_written_into_the_folder(catalog: Catalog, tmp_path: Path) -> None:
    folder = small(tmp_path / "ml", ratings="userId,movieId,rating\n2,1,3.0\n1,1,3.0\n")
    before = {path.name: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())}
    import_movielens(catalog, folder)
    assert {path.name: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())} == before
