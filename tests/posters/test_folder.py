import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from posters.decoding import MAX_BYTES
from posters.errors import PosterMissing, PosterRejected, PosterUnavailable
from posters.folder import FolderSource
from posters.sources import PosterRequest

Movie = Callable[..., PosterRequest]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "posters"
    root.mkdir()
    return root


def test_a_poster_is_found_by_movie_id_and_tells_where_it_came_from(folder: Path, jpeg: bytes, movie: Movie) -> None:
    (folder / "6.jpg").write_bytes(jpeg)
    poster = FolderSource(folder).fetch(movie(6))
    assert (poster.content, poster.source, poster.origin) == (jpeg, "folder", "6.jpg")
    assert (poster.width, poster.height, poster.media_type) == (48, 32, "image/jpeg")
    assert not poster.generated
    assert len(poster.sha256) == 64


def test_the_movie_id_comes_before_the_imdb_id(folder: Path, jpeg: bytes, movie: Movie) -> None:
    (folder / "tt0113277.jpg").write_bytes(jpeg)
    assert FolderSource(folder).fetch(movie()).origin == "tt0113277.jpg"
    (folder / "6.jpg").write_bytes(jpeg)
    assert FolderSource(folder).fetch(movie()).origin == "6.jpg"


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".JPG", ".JPEG", ".PNG", ".WEBP"])
def test_every_suffix_is_known_and_the_bytes_decide_the_type(
    suffix: str, folder: Path, jpeg: bytes, movie: Movie
) -> None:
    (folder / f"6{suffix}").write_bytes(jpeg)
    assert FolderSource(folder).fetch(movie()).media_type == "image/jpeg"


def test_a_movie_without_a_file_is_missing(folder: Path, movie: Movie) -> None:
    (folder / "6.gif").write_bytes(b"GIF89a")
    (folder / "66.jpg").write_bytes(b"another movie")
    (folder / "6.jpg").mkdir()
    with pytest.raises(PosterMissing, match="movie 6"):
        FolderSource(folder).fetch(movie())


@pytest.mark.parametrize("imdb_id", ["../secret", "/etc/passwd", "..", "tt01\0", "tt0113277/../../secret", "", "tt1"])
def test_an_imdb_id_cannot_lead_out_of_the_folder(imdb_id: str, folder: Path, jpeg: bytes, movie: Movie) -> None:
    (folder.parent / "secret.jpg").write_bytes(jpeg)
    with pytest.raises(PosterMissing):
        FolderSource(folder).fetch(movie(imdb_id=imdb_id))


def test_a_link_out_of_the_folder_is_refused_and_one_within_is_followed(
    folder: Path, jpeg: bytes, movie: Movie
) -> None:
    (folder.parent / "secret.jpg").write_bytes(jpeg)
    (folder / "6.jpg").symlink_to(folder.parent / "secret.jpg")
    with pytest.raises(PosterMissing, match=r"6\.jpg leads out of"):
        FolderSource(folder).fetch(movie())
    (folder / "art").mkdir()
    (folder / "art" / "heat.jpg").write_bytes(jpeg)
    (folder / "6.png").symlink_to(folder / "art" / "heat.jpg")
    assert FolderSource(folder).fetch(movie()).origin == "6.png"


def test_a_link_in_a_circle_is_no_poster(folder: Path, movie: Movie) -> None:
    (folder / "6.jpg").symlink_to(folder / "6.jpg")
    with pytest.raises(PosterMissing):
        FolderSource(folder).fetch(movie())


def test_a_pipe_is_no_poster_and_blocks_nobody(folder: Path, movie: Movie) -> None:
    os.mkfifo(folder / "6.jpg")
    with pytest.raises(PosterMissing):
        FolderSource(folder).fetch(movie())


def test_a_folder_named_through_a_link_is_fine(folder: Path, jpeg: bytes, movie: Movie) -> None:
    (folder / "6.jpg").write_bytes(jpeg)
    (folder.parent / "link").symlink_to(folder)
    assert FolderSource(folder.parent / "link").fetch(movie()).content == jpeg


def test_a_file_that_is_no_image_is_rejected_when_fetched(folder: Path, movie: Movie) -> None:
    (folder / "6.jpg").write_bytes(b"<html>not found</html>")
    with pytest.raises(PosterRejected, match=r"folder:6\.jpg") as caught:
        FolderSource(folder).fetch(movie())
    assert caught.value.reason == "image_invalid"


def test_a_huge_file_is_rejected_without_reading_it_whole(folder: Path, movie: Movie) -> None:
    with (folder / "6.jpg").open("wb") as file:
        file.truncate(MAX_BYTES * 500)  # sparse: 5 GB that take no room
    with pytest.raises(PosterRejected) as caught:
        FolderSource(folder).fetch(movie())
    assert caught.value.reason == "image_too_large"


def test_a_folder_that_went_away_makes_posters_unavailable_not_missing(folder: Path, movie: Movie) -> None:
    source = FolderSource(folder)
    folder.rename(folder.parent / "unmounted")
    with pytest.raises(PosterUnavailable, match="not there"):
        source.fetch(movie())


def test_a_file_that_cannot_be_read_is_unavailable(
    folder: Path, jpeg: bytes, movie: Movie, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "6.jpg").write_bytes(jpeg)

    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(PosterUnavailable, match="Input/output error"):
        FolderSource(folder).fetch(movie())


def test_a_turned_poster_reports_its_upright_size(
    folder: Path, picture: Image.Image, encoded: Callable[..., bytes], movie: Movie
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "6.jpg").write_bytes(encoded(picture, "JPEG", exif=exif.tobytes()))
    poster = FolderSource(folder).fetch(movie())
    assert (poster.width, poster.height) == (32, 48)
