"""Titles as people read them, and IMDb ids."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.titles import imdb_id, search_text, shown_title, split_title

MOVIES = Path(__file__).resolve().parents[2] / "data" / "ml-latest-small" / "movies.csv"


@pytest.mark.parametrize(
    ("given_title", "title", "year"),
    [
        ("Matrix, The (1999)", "The Matrix", 1999),
        ("Toy Story (1995)", "Toy Story", 1995),
        ("Hate (Haine, La) (1995)", "Hate (La Haine)", 1995),
        ("City of Lost Children, The (Cité des enfants perdus, La) (1995)",
         "The City of Lost Children (La Cité des enfants perdus)", 1995),
        ("Star Maker, The (Uomo delle stelle, L') (1995)", "The Star Maker (L'Uomo delle stelle)", 1995),
        ("Big Bang Theory, The (2007-)", "The Big Bang Theory", 2007),
        ("Fawlty Towers (1975-1979)", "Fawlty Towers", 1975),
        ("Hyena Road", "Hyena Road", None),
        ("Me, Myself & I (1992)", "Me, Myself & I", 1992),
        ("  Heat (1995)  ", "Heat", 1995),
        ("1984 (1984)", "1984", 1984),
        # as in the edition of 2018
        ("Death Note: Desu n\u00f4to (2006\u20132007)", "Death Note: Desu n\u00f4to", 2006),
        ("Runaway Brain (1995) ", "Runaway Brain", 1995),
        ("11'09\"01 - September 11 (2002)", "11'09\"01 - September 11", 2002),
        ("Steins;Gate the Movie: D\u00e9j\u00e0 vu (2013)", "Steins;Gate the Movie: D\u00e9j\u00e0 vu", 2013),
        ("Babylon 5", "Babylon 5", None),
        ("Moonlight", "Moonlight", None),
    ],
)  # fmt: skip
def test_title_and_year_are_split_and_articles_come_first(given_title: str, title: str, year: int | None) -> None:
    assert split_title(given_title) == (title, year)


def test_every_bundled_title_but_four_has_a_year_and_none_ends_in_an_article() -> None:
    with MOVIES.open(encoding="utf-8") as file:
        split = [split_title(row["title"]) for row in csv.DictReader(file)]
    assert len(split) == 9125
    assert sum(year is None for _, year in split) == 4
    assert not [title for title, _ in split if title.endswith((", The", ", A", ", An"))]


@given(st.text(max_size=80))
def test_any_text_has_a_title_and_showing_it_again_changes_nothing(text: str) -> None:
    title, year = split_title(text)
    assert year is None or 0 <= year <= 9999
    assert search_text(shown_title(title)) == search_text(shown_title(shown_title(title)))


def test_searching_knows_no_case_accents_or_punctuation() -> None:
    assert search_text("Léon: The Professional") == search_text("LEON  the professional!") == "leon the professional"


@pytest.mark.parametrize(
    ("given_id", "want"),
    [("114709", "tt0114709"), ("0114709", "tt0114709"), ("tt0114709", "tt0114709"), ("10872600", "tt10872600")],
)
def test_an_imdb_id_has_tt_and_at_least_seven_digits(given_id: str, want: str) -> None:
    assert imdb_id(given_id) == want


@pytest.mark.parametrize("wrong", ["", "tt", "0", "nm0000151", "tt12x", "٣٤", "-5", "1" * 40])
def test_anything_else_is_no_imdb_id(wrong: str) -> None:
    with pytest.raises(ValueError, match="not an IMDb id"):
        imdb_id(wrong)
