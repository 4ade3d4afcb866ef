"""The filter form on a movie's page: it says what it filters by, and works by its address alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from api.neighbours import ANY
from api.page_filters import filters_in
from api.shelf_view import Wish


class Genres:
    """A shelf that knows three genres."""

    def genres(self) -> tuple[str, ...]:
        return ("Comedy", "Drama", "Film-Noir")


def shown(html: str, by: str) -> list[int]:
    section = html.split(f'id="by-{by}"')[1].split("</section>")[0]
    return [int(number) for number in re.findall(r'href="/app/movies/(\d+)"', section)]


@pytest.mark.parametrize("by", ["poster", "ratings"])
def test_the_page_shows_what_the_api_answers(by: str, client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    query = "genre=Comedy&year_from=1974&year_to=1988&min_ratings=985"
    html = client.get(f"/app/movies/1?{query}").text
    items = client.get(f"/similar?movie_id=1&by={by}&k=12&{query}").json["items"]
    assert shown(html, by) == [item["movie_id"] for item in items] != []


def test_the_form_keeps_what_was_asked_and_leads_back_to_all(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    html = client.get("/app/movies/1?genre=film-noir&year_from=1974&min_ratings=3").text
    assert "<option selected>Film-Noir</option>" in html
    assert re.search(r'id="year_from"[^>]*value="1974"', html)
    assert re.search(r'id="year_to"[^>]*value=""', html)
    assert re.search(r'id="min_ratings"[^>]*value="3"', html)
    assert '<a href="/app/movies/1">Show all</a>' in html
    assert "Show all" not in client.get("/app/movies/1").text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("year_from=2100", "No movie matches these filters."),
        ("year_from=1990&year_to=1980", "1990 is after 1980."),
    ],
)
def test_an_empty_list_says_why(query: str, words: str, client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    assert client.get(f"/app/movies/1?{query}").text.count(words) == 2


def test_an_empty_form_filters_nothing(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    empty = client.get("/app/movies/1?genre=&year_from=&year_to=&min_ratings=").text
    assert shown(empty, "poster") == shown(client.get("/app/movies/1").text, "poster")


def test_every_field_of_the_form_has_a_label(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    form = client.get("/app/movies/1").text.split('<form class="filters"')[1].split("</form>")[0]
    fields = re.findall(r"<(?:input|select) id=\"(\w+)\"", form)
    assert fields == ["genre", "year_from", "year_to", "min_ratings"] == re.findall(r'<label for="(\w+)"', form)


@given(st.dictionaries(st.sampled_from(["genre", "year_from", "year_to", "min_ratings"]), st.text(max_size=12)))
def test_whatever_stands_in_the_address_is_a_wish_or_nothing(arguments: dict[str, str]) -> None:
    wish = filters_in(arguments, Genres()).wish  # type: ignore[arg-type]
    assert wish.genre is None or wish.genre.casefold() == arguments["genre"].casefold()
    for name in ("year_from", "year_to", "min_ratings"):
        value = getattr(wish, name)
        assert value is None or int(arguments[name]) == value


@pytest.mark.parametrize(
    ("arguments", "wish"),
    [
        ({}, ANY),
        ({"genre": "DRAMA", "year_from": " 1999 "}, Wish("Drama", 1999)),
        ({"genre": "Nonsense", "year_to": "99", "min_ratings": "0"}, ANY),
        ({"year_from": "٣٣٣٣", "min_ratings": "-5"}, ANY),
        ({"min_ratings": "20"}, Wish(min_ratings=20)),
    ],
)
def test_known_addresses_mean_known_wishes(arguments: dict[str, str], wish: Wish) -> None:
    assert filters_in(arguments, Genres()).wish == wish  # type: ignore[arg-type]
