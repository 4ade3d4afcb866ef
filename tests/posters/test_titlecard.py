import io
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from posters import titlecard
from posters.card_layout import HEIGHT, LAYOUTS, WIDTH, Layout
from posters.card_motifs import MOTIFS
from posters.card_palettes import NO_GENRE, READABLE, STYLES, TELLING, contrast, readable_on, telling_genre
from posters.sources import PosterRequest
from posters.titlecard import LABEL, TitleCardSource, draw_card, set_title

Movie = Callable[..., PosterRequest]
MAX_CARD_BYTES = 30_000
MOVIELENS_GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "IMAX",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
    "(no genres listed)",
)


def test_a_card_is_a_small_labelled_picture_that_says_what_it_is(movie: Movie) -> None:
    card = TitleCardSource().fetch(movie())
    assert (card.width, card.height) == (WIDTH, HEIGHT)
    assert (card.source, card.origin, card.generated) == ("titlecard", "movie 6", True)
    assert Image.open(io.BytesIO(card.content)).format == "WEBP"


def test_every_genre_of_movielens_has_motifs_and_a_style() -> None:
    assert set(MOTIFS) == set(STYLES) == set(MOVIELENS_GENRES) == {*TELLING, NO_GENRE}


@pytest.mark.parametrize("genre", MOVIELENS_GENRES)
def test_cards_of_every_genre_stay_small_and_use_their_inks(genre: str, movie: Movie) -> None:
    for movie_id in range(1, 16):
        card = TitleCardSource().fetch(movie(movie_id, "A Film", genres=(genre,)))
        assert len(card.content) <= MAX_CARD_BYTES
        colours = Image.open(io.BytesIO(card.content)).convert("RGB").getcolors(WIDTH * HEIGHT)
        assert colours is not None
        assert sum(count > 400 for count, _ in colours) >= 3  # a picture, not an empty page


def test_the_same_movie_gets_the_same_bytes_in_another_process(movie: Movie) -> None:
    program = (
        "from posters.sources import PosterRequest;from posters.titlecard import TitleCardSource;"
        "m=PosterRequest(6,'Heat',1995,('Action','Crime','Thriller'),None,None);"
        "print(TitleCardSource().fetch(m).sha256)"
    )
    repository = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == TitleCardSource().fetch(movie(imdb_id=None, tmdb_id=None)).sha256


def test_cards_drawn_by_many_threads_are_the_same(movie: Movie) -> None:
    source, movies = TitleCardSource(), [movie(number, f"Film {number}") for number in range(1, 41)]
    alone = [source.fetch(one).sha256 for one in movies]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda one: source.fetch(one).sha256, movies)) == alone


def test_cards_differ_by_title_and_movies_of_one_genre_do_not_look_alike(movie: Movie) -> None:
    assert len({TitleCardSource().fetch(movie(6, title)).sha256 for title in ("Heat", "Casino", "Ronin")}) == 3
    dramas = [draw_card(movie(number, "Same Title", genres=("Drama",))) for number in range(1, 41)]
    assert len({card.tobytes() for card in dramas}) == len(dramas)


@pytest.mark.parametrize("movie_id", range(1, 11))
def test_the_label_is_visible_on_every_card(movie_id: int, movie: Movie, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled = draw_card(movie(movie_id))
    monkeypatch.setattr(titlecard, "LABEL", "")
    changed = ImageChops.difference(labelled, draw_card(movie(movie_id))).convert("L")
    assert LABEL == "generated title card"
    left, top, right, bottom = changed.getbbox() or (0, 0, 0, 0)
    assert right - left > 90
    assert bottom - top >= 9
    assert np.asarray(changed).max() > 90  # light on dark or dark on light


@pytest.mark.parametrize("genre", MOVIELENS_GENRES)
def test_words_can_be_read_on_every_ink_they_stand_on(genre: str) -> None:
    for palette in STYLES[genre].palettes:
        for ground in (palette.ground, palette.figure, "#f6f1e7"):
            assert contrast(readable_on(ground, palette.figure, palette.accent), ground) >= READABLE


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_the_most_telling_genre_gives_the_motif() -> None:
    assert telling_genre(("Comedy", "Drama", "Western")) == "Western"
    assert telling_genre(("Drama",)) == "Drama"
    assert telling_genre(()) == telling_genre(("Telenovela",)) == NO_GENRE


def ink_of_title(layout: Layout, movie: PosterRequest) -> tuple[int, int, int, int]:
    """Box of what the title's letters really blacken, drawn on a page with room around the card."""
    page = Image.new("L", (WIDTH * 3, HEIGHT * 3))
    title = set_title(movie, layout, "serif")
    for name, value in (("left", layout.title.left), ("top", layout.title.top)):
        assert value >= 0, name
    draw, top = ImageDraw.Draw(page), layout.title.top
    if layout.hang == "middle":
        top += (layout.title.height - title.height) // 2
    x = layout.title.left + (layout.title.width // 2 if layout.align == "centre" else 0)
    for number, line in enumerate(title.lines):
        place = (WIDTH + x, HEIGHT + round(top + title.size * titlecard.ASCENT + number * title.step))
        face = titlecard.font(title.face, title.size)
        draw.text(place, line, fill=255, font=face, anchor=titlecard.ANCHORS[layout.align])
    left, above, right, below = page.getbbox() or (WIDTH, HEIGHT, WIDTH, HEIGHT)
    return left - WIDTH, above - HEIGHT, right - WIDTH, below - HEIGHT


TITLES = ["I", "M", "W" * 300, "i" * 300, "Supercalifragilisticexpialidocious", "Å" * 12, "gjpqy " * 50, "a b " * 75]
TITLES += ["The Englishman Who Went Up a Hill But Came Down a Mountain", "Dr. Strangelove or: " * 15, "-" * 300]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("title", TITLES)
def test_no_title_runs_out_of_the_card_or_into_the_small_print(title: str, layout: Layout, movie: Movie) -> None:
    left, above, right, below = ink_of_title(layout, movie(title=title))
    assert left >= layout.title.left - 3
    assert right <= layout.title.left + layout.title.width + 3
    small_print = [w.baseline for w in (layout.year, layout.genres, layout.label)]
    for baseline in small_print:  # capitals of small print rise some 10 px above its baseline
        assert below <= baseline - 9 or above >= baseline


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(min_size=1, max_size=300), movie_id=st.integers(1, 2**31 - 1))
def test_any_title_gives_a_card(title: str, movie_id: int, movie: Movie) -> None:
    request = movie(movie_id, title.encode("utf-8", "ignore").decode() or "x")
    assert draw_card(request).size == (WIDTH, HEIGHT)


def test_a_title_without_a_single_known_character_shows_the_number(movie: Movie) -> None:
    assert set_title(movie(6, "\U0001f525\u6f22\u5b57"), LAYOUTS[0], "sans").lines == ("No. 6",)


def test_a_movie_without_year_and_genres_gets_a_card(movie: Movie) -> None:
    assert draw_card(movie(year=None, genres=())).size == (WIDTH, HEIGHT)
