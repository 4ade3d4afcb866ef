"""/movies: taking in, finding, showing, posters."""

import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from api.app import create_app
from catalog.catalog import Catalog
from catalog.entries import FIRST_LOCAL_ID
from catalog.schema import poster_files, poster_work


def test_a_new_movie_is_accepted_with_its_job(client: FlaskClient, catalog: Catalog) -> None:
    answer = client.post("/movies", json={"title": "The Iron Giant", "year": 1999, "genres": ["Animation"]})
    assert answer.status_code == 202
    accepted = {"movie_id": FIRST_LOCAL_ID, "title": "The Iron Giant", "year": 1999, "state": "pending"}
    assert answer.json["accepted"] == [accepted]
    assert answer.headers["Location"] == f"/jobs/{answer.json['job_id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert catalog.movies.get(FIRST_LOCAL_ID).genres == ("Animation",)


def test_a_list_is_accepted_in_its_order(client: FlaskClient) -> None:
    answer = client.post("/movies", json=[{"title": f"New {i}", "movie_id": 1000 - i} for i in range(500)])
    assert answer.status_code == 202
    assert [movie["movie_id"] for movie in answer.json["accepted"]] == [1000 - i for i in range(500)]


@pytest.mark.parametrize("ids", [{"movie_id": 5}, {"imdb_id": "tt0000005"}, {"imdb_id": "5"}, {"tmdb_id": 105}])
def test_posting_a_known_movie_again_changes_nothing(ids: dict[str, Any], client: FlaskClient) -> None:
    before = client.get("/movies/5").json
    answer = client.post("/movies", json={"title": "Another title", **ids})
    assert answer.status_code == 202
    assert answer.json["accepted"] == [{"movie_id": 5, "title": "Movie 5", "year": 1975, "state": "embedded"}]
    assert client.get("/movies/5").json == before


def test_ids_of_different_movies_are_a_conflict_and_nothing_is_stored(client: FlaskClient, catalog: Catalog) -> None:
    good, bad = {"title": "Good"}, {"title": "Bad", "movie_id": 5, "imdb_id": "tt0000006"}
    answer = client.post("/movies", json=[good, bad])
    assert (answer.status_code, answer.json["code"], answer.json["position"]) == (409, "conflicting_movie", 1)
    assert catalog.movies.count() == 30


def test_a_title_is_stored_composed_and_trimmed(client: FlaskClient) -> None:
    answer = client.post("/movies", json={"title": unicodedata.normalize("NFD", "  Amélie ")})
    assert answer.json["accepted"][0]["title"] == unicodedata.normalize("NFC", "Amélie")


def test_a_movie_shows_its_state_and_what_can_be_asked(client: FlaskClient, publish: Callable[[], Any]) -> None:
    assert client.get("/movies/1").json["similar_by"] == []
    publish()
    movie = client.get("/movies/1").json
    assert (movie["state"], movie["poster_url"], movie["similar_by"]) == (
        "embedded",
        "/movies/1/poster",
        ["poster", "ratings"],
    )
    assert client.get("/movies/24").json["similar_by"] == ["poster"]
    failed = client.get("/movies/26").json
    assert (failed["state"], failed["reason"], failed["detail"]) == ("failed", "no_poster", "no source has one")
    assert failed["poster_url"] is None


def test_an_unknown_movie_is_404(client: FlaskClient) -> None:
    assert client.get("/movies/999").json["code"] == "unknown_movie"


def test_pages_show_every_movie_once_most_rated_first(client: FlaskClient) -> None:
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get("/movies", query_string={"cursor": cursor, "limit": 7}).json
        seen += [movie["movie_id"] for movie in page["items"]]
        cursor = page["next_cursor"]
    assert seen == list(range(1, 31))


def test_movies_are_found_by_part_of_the_title_and_by_genre(client: FlaskClient) -> None:
    found = client.get("/movies?q=mOvie 2&genre=film-noir").json["items"]
    assert [movie["movie_id"] for movie in found] == [2, 20, 22, 24, 26, 28]
    assert client.get("/movies?q=nothing like it").json == {"items": [], "next_cursor": None, "notices": []}


@pytest.mark.parametrize("q", ["%", "_", "\\", "'", '"; DROP TABLE movies; --'])
def test_a_search_is_taken_literally(q: str, client: FlaskClient) -> None:
    assert client.get("/movies", query_string={"genre": q}).json["items"] == []
    assert client.get("/movies", query_string={"q": q}).status_code == 200


def test_a_poster_is_an_image_with_its_source_and_etag(
    client: FlaskClient, poster_bytes: Callable[[int], bytes], sha256: Callable[[bytes], str]
) -> None:
    answer = client.get("/movies/3/poster")
    assert (answer.status_code, answer.content_type, answer.data) == (200, "image/png", poster_bytes(3))
    assert answer.headers["X-Poster-Source"] == "folder"
    assert answer.headers["ETag"] == f'"{sha256(poster_bytes(3))}"'
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_title_card_is_cached_shortly_because_a_poster_may_replace_it(client: FlaskClient) -> None:
    answer = client.get("/movies/4/poster")
    assert (answer.headers["X-Poster-Source"], answer.headers["Cache-Control"]) == ("titlecard", "public, max-age=60")


def test_a_poster_that_is_known_already_is_not_sent_again(client: FlaskClient) -> None:
    etag = client.get("/movies/3/poster").headers["ETag"]
    answer = client.get("/movies/3/poster", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.data) == (304, b"")


def test_no_poster_is_409_with_the_state_and_no_movie_404(client: FlaskClient) -> None:
    answer = client.get("/movies/26/poster")
    assert (answer.status_code, answer.json["code"], answer.json["state"]) == (409, "no_poster", "failed")
    assert client.get("/movies/999/poster").status_code == 404


def test_a_poster_whose_bytes_are_gone_is_409_not_500(client: FlaskClient, catalog: Catalog) -> None:
    file = catalog.posters.files([3])[3]
    catalog.posters.content.path(file.sha256, file.media_type).unlink()
    assert client.get("/movies/3/poster").status_code == 409


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ("state=failed", [26]),
        ("reason=no_poster", [26]),
        ("state=failed&reason=no_poster", [26]),
        ("reason=image_invalid", []),
        ("state=pending", [27]),
        ("state=none", [28, 30]),
        ("state=none&genre=comedy", []),
        ("state=embedded&q=movie 2", [2, 20, 21, 22, 23, 24, 29]),
    ],
)
def test_movies_are_found_by_state_and_reason(condition: str, ids: list[int], client: FlaskClient) -> None:
    assert sorted(movie["movie_id"] for movie in client.get(f"/movies?{condition}").json["items"]) == ids


def test_an_unknown_state_or_reason_is_answered_with_those_there_are(client: FlaskClient) -> None:
    assert "'embedded'" in client.get("/movies?state=lost").json["detail"]
    assert "'no_poster'" in client.get("/movies?reason=lost").json["detail"]


def test_an_address_of_a_host_that_is_not_listed_is_refused_and_the_setting_named(client: FlaskClient) -> None:
    answer = client.post("/movies", json=[{"title": "x"}, {"title": "x", "poster_url": "https://a.example/x.jpg"}])
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "[1].poster_url")
    assert "a.example is not allowed" in answer.json["detail"]
    assert "POSTERITY_POSTER_URL_HOSTS" in answer.json["detail"]


def test_an_address_of_a_listed_host_is_kept_and_another_one_fetches_again(settings: Any, catalog: Catalog) -> None:
    app = create_app(settings.model_copy(update={"poster_url_hosts": "A.example, b.example"}))
    client = app.test_client()

    def give(address: str) -> Any:
        answer = client.post("/movies", json={"title": "Movie 1", "movie_id": 1, "poster_url": address})
        assert answer.status_code == 202, answer.text
        return client.get("/movies/1").json

    assert give("https://a.example/1.jpg")["renewing"]
    assert catalog.given.of([1])[1].url == "https://a.example/1.jpg"
    give("http://B.example:80/1.jpg?x=1")
    assert catalog.given.of([1])[1].url == "http://B.example:80/1.jpg?x=1"
    assert client.post("/movies", json={"title": "x", "poster_url": "https://c.example/"}).status_code == 400
    for port in (8080, 99999):  # workers connect to 80 and 443 only: better said now than after a 202
        answer = client.post("/movies", json={"title": "x", "poster_url": f"https://a.example:{port}/1.jpg"})
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (400, "poster_url")
    app.extensions["posterity"].close()


def test_what_tmdb_wants_to_be_said_is_said_wherever_its_posters_are_shown(
    client: FlaskClient, app: Any, catalog: Catalog, publish: Callable[..., Any]
) -> None:
    publish()
    said = "This product uses the TMDB API but is not endorsed or certified by TMDB."
    addresses = ["/movies?q=movie 1", "/similar?movie_id=1", "/movies/2", "/", "/app/movies/1", "/app/movies/2"]
    assert not any(said in client.get(address).text for address in addresses)
    with catalog.database.write() as connection:
        changes = update(poster_files).values(source="tmdb", attribution=said, expires_at=2e9)
        connection.execute(changes.where(poster_files.c.movie_id.in_([1, 2])))
        arrived = update(poster_work).values(changed_at=time.time())  # as for every poster that arrives
        connection.execute(arrived.where(poster_work.c.movie_id.in_([1, 2])))
    app.extensions["posterity"].follower.refresh()
    for address in addresses:
        assert client.get(address).text.count(said) >= 1, address
    for address in addresses[:2]:
        answer = client.get(address).json
        assert answer["notices"] == [said]
        assert {item["attribution"] for item in answer["items"]} == {None, said}
    movie = client.get("/movies/2").json
    assert (movie["attribution"], movie["poster_source"]) == (said, "tmdb")
    assert movie["poster_expires_at"] == "2033-05-18T03:33:20Z"
    assert movie["poster_fetched_at"].endswith("Z")
    assert client.get("/app/movies/1").text.count(said) == 1, "once a page"
