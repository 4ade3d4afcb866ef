"""The pages: what people see in every state, with nothing from elsewhere and nothing unescaped."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.pages import FAILURES
from catalog.catalog import Catalog
from catalog.entries import Kind, NewMovie, Reason
from catalog.work import Failure


class Page(HTMLParser):
    """The tags of a page, their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(client: FlaskClient) -> Callable[..., Page]:
    def get(address: str, status: int = 200) -> Page:
        answer = client.get(address)
        assert answer.status_code == status
        assert answer.content_type == "text/html; charset=utf-8"
        return Page(answer.text)

    return get


def test_the_start_page_shows_posters_of_the_most_rated_first(page: Callable[..., Page]) -> None:
    shown = page("/")
    cards = [a["href"] for a in shown.all("a") if "/app/movies/" in (a["href"] or "")]
    assert cards[:3] == ["/app/movies/1", "/app/movies/2", "/app/movies/3"]
    assert len(cards) == 24
    assert "/movies/26/poster" not in [img["src"] for img in shown.all("img")]


def test_title_cards_are_labelled(page: Callable[..., Page]) -> None:
    shown = page("/app/movies/4")
    assert "title card" in shown.text
    assert "Title card of Movie 4" in [img["alt"] for img in shown.all("img")]
    assert "drawn from the title" in shown.text


def test_a_movie_shows_both_kinds_of_neighbours_with_scores(
    page: Callable[..., Page], publish: Callable[[], Any], client: FlaskClient
) -> None:
    publish()
    html = client.get("/app/movies/1").text
    for by, digits in (("poster", 2), ("ratings", 3)):
        section = html.split(f'id="by-{by}"')[1].split("</section>")[0]
        shown = [int(i) for i in re.findall(r'href="/app/movies/(\d+)"', section)]
        items = client.get(f"/similar?movie_id=1&by={by}&k=12").json["items"]
        assert shown == [item["movie_id"] for item in items]
        assert f"{items[0]['score']:.{digits}f}" in section


@pytest.mark.parametrize(
    ("movie_id", "words"),
    [
        (24, "Nobody has rated this movie"),
        (25, "The poster is on its way"),
        (26, "no source has one"),
        (28, "Nobody has asked for its poster yet"),
        (29, "In the next snapshot"),
        (21, "In the next snapshot"),
    ],
)
def test_each_state_is_said_in_words(
    movie_id: int, words: str, page: Callable[..., Page], publish: Callable[[], Any]
) -> None:
    publish()
    assert words in page(f"/app/movies/{movie_id}").text


def test_before_the_first_snapshot_the_page_says_so(page: Callable[..., Page]) -> None:
    assert "The first snapshot is still to come" in page("/app/movies/1").text


def test_a_search_finds_or_says_that_nothing_is_called_that(page: Callable[..., Page]) -> None:
    assert "Movie 17" in page("/?q=movie+17").text
    assert "No movie is called that" in page("/?q=Zardoz").text
    assert page("/?q=Zardoz").all("input")[0]["value"] == "Zardoz"


def test_more_leads_to_the_next_page(page: Callable[..., Page]) -> None:
    more = next(a["href"] for a in page("/?q=movie").all("a") if "cursor=" in (a["href"] or ""))
    shown = page(str(more))
    assert len([a for a in shown.all("a") if "/app/movies/" in (a["href"] or "")]) == 6


@pytest.mark.parametrize("address", ["/?q=" + "x" * 1000, "/?q=a%00b", "/?cursor=x&q=movie", "/?genre=%0A", "/?foo=1"])
def test_a_mangled_address_still_shows_the_page(address: str, page: Callable[..., Page]) -> None:
    page(address)


@pytest.mark.parametrize("movie_id", ["999", "0", "abc", "99999999999", "٣"])
def test_an_unknown_movie_is_a_404_page(movie_id: str, page: Callable[..., Page]) -> None:
    assert "No such page" in page(f"/app/movies/{movie_id}", 404).text


def test_an_empty_catalog_says_how_to_fill_it(client: FlaskClient, catalog: Catalog) -> None:
    with catalog.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM movies")
    assert "posterity import movielens" in client.get("/").text


def test_titles_and_searches_cannot_become_markup(client: FlaskClient, catalog: Catalog) -> None:
    evil = '"><script>alert(1)</script>'
    catalog.add([NewMovie(evil, 666, genres=(evil,))])
    for address in ("/app/movies/666", "/?q=script"):
        assert "<script>alert" not in client.get(address).text
    assert "<script>alert" not in client.get("/", query_string={"q": evil}).text


def test_pages_use_only_what_their_policy_allows(
    page: Callable[..., Page], publish: Callable[[], Any], client: FlaskClient
) -> None:
    publish()
    for address in ("/", "/app/movies/1", "/app/movies/26", "/?q=x"):
        for tag, attributes in page(address).tags:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            source = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
            assert source is None or source.startswith(("/static/", "/movies/"))
    for name in ("posterity.css", "live.js", "mark.svg"):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200
        answer.close()


def test_pages_can_be_read_without_seeing_them(page: Callable[..., Page], publish: Callable[[], Any]) -> None:
    publish()
    for address in ("/", "/app/movies/1", "/?q=movie"):
        shown = page(address)
        assert shown.all("html")[0]["lang"] == "en"
        assert len(shown.all("h1")) == 1
        assert all("alt" in img for img in shown.all("img"))
        labelled = {label["for"] for label in shown.all("label")}
        assert {field["id"] for field in shown.all("input") + shown.all("progress")} <= labelled
        ids = [attributes["id"] for _, attributes in shown.tags if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_the_best_neighbour_by_ratings_fills_its_bar_however_small_its_score(
    page: Callable[..., Page], client: FlaskClient, publish: Callable[[], Any]
) -> None:
    publish()
    items = client.get("/similar?movie_id=1&by=ratings&k=12").json["items"]
    bars = page("/app/movies/1").all("meter")[-len(items) :]
    assert [float(bar["value"] or 0) for bar in bars] == [max(item["score"], 0) for item in items]
    assert {float(bar["max"] or 0) for bar in bars} == {items[0]["score"]}


def test_only_a_page_that_waits_for_something_looks_again(client: FlaskClient, publish: Callable[[], Any]) -> None:
    publish()
    assert "data-busy" in client.get("/app/movies/27").text
    assert "data-busy" not in client.get("/app/movies/1").text


def test_a_failed_poster_is_explained_and_how_to_try_again(page: Callable[..., Page]) -> None:
    text = page("/app/movies/26").text
    assert "No source has a poster of it." in text
    assert "posterity retry --movie 26" in text
    assert "POST /movies/26/retry" in text


def test_a_picture_that_could_not_be_used_is_explained_beside_the_poster_that_was_kept(
    page: Callable[..., Page], catalog: Catalog
) -> None:
    catalog.work.renew([1])
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    catalog.work.failed(claim, [Failure(1, Reason.IMAGE_TRUNCATED, "upload:x: it ends early")])
    text = page("/app/movies/1").text
    assert "The picture ends too early. The poster before it was kept." in text
    assert "embedded" in text


def test_every_reason_a_poster_can_fail_for_is_explained() -> None:
    assert set(FAILURES) == set(Reason) - {Reason.JOB_ERROR}


def test_the_catalog_is_counted_once_for_many_views(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = app.extensions["posterity"].catalog.work
    counted: list[int] = []
    counts = work.counts
    monkeypatch.setattr(work, "counts", lambda: counted.append(1) or counts())
    texts = {client.get("/").text for _ in range(3)}
    assert len(texts) == 1
    assert len(counted) <= 2, "three views within moments"
