from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from posters.errors import PosterError, PosterMissing, PosterRejected, PosterUnavailable, RejectReason, SourceInvalid
from posters.sources import PosterImage, PosterRequest, first_poster, open_sources

Movie = Callable[..., PosterRequest]


@dataclass
class Answering:
    """A source that always gives the same answer, and counts how often it was asked."""

    name: str
    answer: PosterImage | PosterError
    asked: int = 0

    def fetch(self, movie: PosterRequest) -> PosterImage:
        self.asked += 1
        if isinstance(self.answer, PosterError):
            raise self.answer
        return self.answer


POSTER = PosterImage(b"x", "0" * 64, "image/png", 20, 30, "toy", "here", False, None)


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
    assert first_poster([Answering("first", PosterMissing("first", "no file")), last], movie()) is POSTER
    assert last.asked == 1


@pytest.mark.parametrize(
    "error",
    [PosterUnavailable("first", "busy"), PosterRejected(RejectReason.IMAGE_INVALID, "first:6.jpg", "no image")],
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
    assert not first_poster(sources, movie(6)).generated
    assert first_poster(sources, movie(7, imdb_id=None)).generated
