"""What is read out of TMDB's answers: shapes of our own, and the recorded ones where they are on this machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from posters.poster import PosterRequest
from posters.tmdb_answers import (
    IMAGE_URL,
    POSTER_PATH,
    ForeignAnswer,
    ImageBase,
    TmdbMovie,
    best,
    found_entries,
    image_base,
    message,
    movie_entry,
)

Movie = Callable[..., PosterRequest]
SIZES = ["w92", "w154", "w185", "w342", "w500", "w780", "original"]


def configuration(url: Any = "https://pictures.example/t/p/", sizes: Any = None) -> dict[str, Any]:
    return {"images": {"secure_base_url": url, "poster_sizes": SIZES if sizes is None else sizes}}


def test_the_place_of_pictures_is_what_tmdb_says() -> None:
    base = image_base(configuration())
    assert base.picture("/a.jpg") == "https://pictures.example/t/p/w342/a.jpg"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"images": {}},
        {"images": {"secure_base_url": "https://pictures.example"}},
        configuration(url=None),
        configuration(url=""),
        configuration(url="pictures.example/t/p"),
        configuration(url="http://pictures.example/t/p/"),
        configuration(url="file:///etc/"),
        configuration(url="https://"),
        configuration(url="https://[oops/"),
        configuration(url="https://user@pictures.example/"),
        configuration(url="https://pictures.example/?x="),
        configuration(sizes="w342"),
        configuration(sizes={}),
    ],
)
def test_without_a_usable_configuration_the_known_place_is_taken(answer: Any) -> None:
    assert image_base(answer) == ImageBase(IMAGE_URL, "w342")


def test_where_the_api_itself_is_not_secret_its_pictures_need_not_be() -> None:
    assert image_base(configuration("http://127.0.0.1:1/t/p/"), secure=False).url == "http://127.0.0.1:1/t/p"


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        (SIZES, "w342"),
        (["w500", "w92", "w780"], "w500"),
        (["w92", "w185", "original"], "w185"),
        (["original", "h632", 7, None], "w342"),
        ([], "w342"),
    ],
)
def test_the_smallest_width_that_is_enough_is_taken_and_never_the_original(sizes: list[Any], taken: str) -> None:
    assert image_base(configuration(sizes=sizes)).size == taken


def test_of_several_findings_the_one_with_title_and_year_is_taken(movie: Movie) -> None:
    entries = [
        TmdbMovie(1, "Heat", "1986-11-20", "/a.jpg"),
        TmdbMovie(2, "heat", "1995-12-15", "/b.jpg"),
        TmdbMovie(3, "Heat", "1995-12-15", "/c.jpg"),
    ]
    assert best(entries, movie()).tmdb_id == 2
    assert best(entries, movie(title="Another", year=1995)).tmdb_id == 1
    assert best(entries, movie(year=None)).tmdb_id == 1
    assert best([TmdbMovie(9, "Other", "", None)], movie()).tmdb_id == 9


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status_message": "Invalid API key."}, ": Invalid API key."),
        ({"status_message": " two\nlines\t"}, ": two lines"),
        ({"status_message": "x" * 500}, ": " + "x" * 200),
        ({"status_message": ""}, ""),
        ({"status_message": 7}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_what_an_error_says_is_one_short_line(answer: Any, said: str) -> None:
    assert message(answer) == said


@pytest.fixture
def recorded(shared_data: Path) -> Callable[[str], Any]:
    folder = shared_data / "tmdb"
    if not folder.is_dir():
        pytest.skip(f"TMDB's recorded answers are not on this machine: {folder} is missing")
    return lambda name: json.loads((folder / f"{name}.json").read_bytes())


def test_recorded_movies_are_understood(recorded: Callable[[str], Any]) -> None:
    for name in ("movie", "movie-with-collection", "movie-blank-homepage-release-date"):
        entry = movie_entry(recorded(name))
        assert entry.tmdb_id > 0, name
        assert entry.title, name
        assert entry.poster_path is None or POSTER_PATH.fullmatch(entry.poster_path), name
    assert movie_entry(recorded("movie")) == TmdbMovie(550, "Fight Club", "1999-10-12", None)


def test_recorded_findings_are_understood(recorded: Callable[[str], Any]) -> None:
    (entry,) = found_entries(recorded("find-imdb-id-movie"))
    assert (entry.tmdb_id, entry.title, entry.release_date) == (550, "Fight Club", "1999-10-15")
    assert POSTER_PATH.fullmatch(entry.poster_path or "")
    assert [entry.poster_path for entry in found_entries(recorded("find-results"))] == [None]


def test_recorded_configuration_is_understood(recorded: Callable[[str], Any]) -> None:
    assert image_base(recorded("api-configuration")) == ImageBase(IMAGE_URL, "w342")


def test_recorded_errors_are_no_movies_and_say_why(recorded: Callable[[str], Any]) -> None:
    for name in ("error-status-401", "error-status-response", "error-status-422"):
        with pytest.raises(ForeignAnswer):
            movie_entry(recorded(name))
        assert message(recorded(name)) == f": {recorded(name)['status_message']}"
