from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from posters.errors import (
    PosterError,
    PosterMissing,
    PosterRejected,
    PosterUnavailable,
    RejectReason,
    SourceInvalid,
    SourceTroubled,
    SourceWaiting,
)
from posters.guard import FreeGuard
from posters.sources import (
    Found,
    OutsideOptions,
    PosterImage,
    PosterRequest,
    first_poster,
    open_sources,
    real_sources,
)

Movie = Callable[..., PosterRequest]


@dataclass
class Answering:
    """A source that always gives the same answer, and counts how often it was asked."""

    name: str
    answer: PosterImage | PosterError
    remembers_misses: bool = False
    asked: int = 0

    def fetch(self, movie: PosterRequest) -> PosterImage:
        self.asked += 1
        if isinstance(self.answer, PosterError):
            raise self.answer
        return self.answer


POSTER = PosterImage(b"x", "0" * 64, "image/png", 20, 30, "toy", "here", False, None)
OUTSIDE = OutsideOptions("a-token", "https://tmdb.example/3", "", FreeGuard("tmdb"), frozenset({"posters.example"}))


def test_sources_are_opened_in_the_order_written(tmp_path: Path) -> None:
    assert [source.name for source in open_sources([f"folder:{tmp_path}", " titlecard "])] == ["folder", "titlecard"]


@pytest.mark.parametrize("spec", ["", "tmdbb", "folder", "folder:", "titlecard:x", "http://posters"])
def test_an_unknown_source_is_refused_and_the_setting_named(spec: str) -> None:
    with pytest.raises(SourceInvalid, match="POSTERITY_POSTER_SOURCES") as caught:
        open_sources([spec])
    assert "\n" not in str(caught.value)
    assert caught.value.spec == spec


def test_no_source_at_all_is_refused() -> None:
    with pytest.raises(SourceInvalid, match="no source is named"):
        open_sources([])


def test_a_folder_that_is_missing_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceInvalid, match="there is no folder"):
        open_sources([f"folder:{tmp_path / 'nowhere'}"])
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceInvalid, match="cannot be read as a folder"):
        open_sources([f"folder:{tmp_path / 'file'}"])


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", denied)  # tests may run as root, whom no mode bits stop
    with pytest.raises(SourceInvalid, match="Permission denied"):
        open_sources([f"folder:{tmp_path}"])


def test_only_a_missing_poster_lets_the_next_source_try(movie: Movie) -> None:
    last = Answering("last", POSTER)
    assert first_poster([Answering("first", PosterMissing("first", "no file")), last], movie()) == Found(POSTER, {})
    assert last.asked == 1


@pytest.mark.parametrize(
    "error",
    [
        PosterUnavailable("first", "busy"),
        SourceTroubled("first", "503", 2.0),
        SourceWaiting("first", "has an outage", 100.0),
        PosterRejected(RejectReason.IMAGE_INVALID, "first:6.jpg", "no image"),
    ],
)
def test_an_outage_or_a_bad_poster_is_not_papered_over_by_a_lesser_source(error: PosterError, movie: Movie) -> None:
    last = Answering("last", POSTER)
    with pytest.raises(type(error)):
        first_poster([Answering("first", error), last], movie())
    assert last.asked == 0


def test_when_all_miss_every_answer_is_told(movie: Movie) -> None:
    sources = [Answering(name, PosterMissing(name, f"nothing at {name}")) for name in ("folder", "tmdb")]
    with pytest.raises(PosterMissing) as caught:
        first_poster(sources, movie())
    assert caught.value.source == "folder, tmdb"
    assert "nothing at folder" in caught.value.why
    assert "nothing at tmdb" in caught.value.why


def test_real_posters_come_from_the_folder_and_cards_fill_the_gaps(tmp_path: Path, jpeg: bytes, movie: Movie) -> None:
    (tmp_path / "6.jpg").write_bytes(jpeg)
    sources = open_sources([f"folder:{tmp_path}", "titlecard"])
    assert not first_poster(sources, movie(6)).image.generated
    assert first_poster(sources, movie(7, imdb_id=None)).image.generated


def test_given_addresses_come_before_every_source(tmp_path: Path) -> None:
    sources = open_sources([f"folder:{tmp_path}", "tmdb", "titlecard"], OUTSIDE)
    assert [source.name for source in sources] == ["poster_url", "folder", "tmdb", "titlecard"]
    assert [source.name for source in sources if source.remembers_misses] == ["tmdb"]


def test_a_given_address_that_is_refused_is_not_papered_over(tmp_path: Path, jpeg: bytes, movie: Movie) -> None:
    (tmp_path / "6.jpg").write_bytes(jpeg)
    sources = open_sources([f"folder:{tmp_path}", "titlecard"], OUTSIDE)
    assert first_poster(sources, movie()).image.source == "folder"
    with pytest.raises(PosterRejected) as caught:
        first_poster(sources, movie(poster_url="https://elsewhere.example/a.jpg"))
    assert caught.value.reason == "address_refused"


@pytest.mark.parametrize("outside", [None, replace(OUTSIDE, tmdb_token=None), replace(OUTSIDE, tmdb_token="")])
def test_tmdb_without_a_token_says_where_to_get_one(outside: OutsideOptions | None) -> None:
    with pytest.raises(SourceInvalid, match=r"POSTERITY_TMDB_TOKEN.*themoviedb\.org/settings/api"):
        open_sources(["tmdb"], outside)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "\u00fcml\u00e4ut"])
def test_a_token_that_fits_into_no_header_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(SourceInvalid, match="POSTERITY_TMDB_TOKEN") as caught:
        open_sources(["tmdb"], replace(OUTSIDE, tmdb_token=token))
    assert token not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"tmdb_api_url": ""}, "POSTERITY_TMDB_API_URL"),
        ({"tmdb_api_url": "api.themoviedb.org/3"}, "POSTERITY_TMDB_API_URL"),
        ({"tmdb_api_url": "https://api.themoviedb.org/3?api_key=x"}, "POSTERITY_TMDB_API_URL"),
        ({"tmdb_image_url": "image.tmdb.org"}, "POSTERITY_TMDB_IMAGE_URL"),
    ],
)
def test_addresses_of_tmdb_that_cannot_work_are_refused_at_the_start(changed: dict[str, str], named: str) -> None:
    with pytest.raises(SourceInvalid, match=named):
        open_sources(["tmdb"], replace(OUTSIDE, **changed))


def test_the_token_is_in_no_description_of_the_options() -> None:
    assert "a-token" not in repr(OUTSIDE)


def test_a_source_that_is_known_to_miss_is_not_asked_again(movie: Movie) -> None:
    tmdb, last = Answering("tmdb", POSTER, remembers_misses=True), Answering("last", POSTER)
    assert first_poster([tmdb, last], movie(), {"tmdb": "TMDB has no poster of it"}) == Found(POSTER, {})
    assert (tmdb.asked, last.asked) == (0, 1)
    with pytest.raises(PosterMissing, match="tmdb: TMDB has no poster of it") as caught:
        first_poster([tmdb], movie(), {"tmdb": "TMDB has no poster of it"})
    assert caught.value.misses == {}


def test_only_sources_worth_remembering_report_their_misses(movie: Movie) -> None:
    tmdb = Answering("tmdb", PosterMissing("tmdb", "no poster"), remembers_misses=True)
    folder = Answering("folder", PosterMissing("folder", "no file"))
    assert first_poster([folder, tmdb, Answering("card", POSTER)], movie()) == Found(POSTER, {"tmdb": "no poster"})
    with pytest.raises(PosterMissing) as caught:
        first_poster([folder, tmdb], movie())
    assert caught.value.misses == {"tmdb": "no poster"}


def test_a_movie_without_an_address_hears_nothing_of_addresses(tmp_path: Path, movie: Movie) -> None:
    with pytest.raises(PosterMissing) as caught:
        first_poster(open_sources([f"folder:{tmp_path}"], OUTSIDE), movie())
    assert "poster_url" not in str(caught.value)
    assert (caught.value.source, caught.value.misses) == ("folder", {})


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        (["tmdb", "titlecard"], ["tmdb"]),
        (["folder:x", " tmdb ", "titlecard"], ["tmdb"]),
        (["titlecard"], []),
        (["titlecard", "tmdb"], []),
        (["folder:x", "titlecard"], []),
        (["tmdb"], ["tmdb"]),
    ],
)
def test_title_cards_give_way_to_the_sources_outside_before_them(specs: list[str], names: list[str]) -> None:
    assert real_sources(specs) == names
