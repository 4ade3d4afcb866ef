"""Correcting, deleting and retrying movies, and giving them other posters: with the admin token only."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from catalog.catalog import Catalog
from catalog.entries import Kind, Reason, State
from catalog.work import Failure

JPEG = b"\xff\xd8\xff\xe0 toy"
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 toy"
ROUTES = [
    ("PATCH", "/movies/1"),
    ("DELETE", "/movies/1"),
    ("POST", "/movies/26/retry"),
    ("POST", "/movies/1/poster"),
]


def upload(content: bytes, name: str = "image") -> dict[str, Any]:
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="p.bin"\r\n\r\n'.encode()
    return {"data": head + content + b"\r\n--edge--\r\n", "content_type": "multipart/form-data; boundary=edge"}


@pytest.mark.parametrize(("method", "address"), ROUTES)
@pytest.mark.parametrize("authorization", [None, "", "Bearer wrong", "Basic x"])
def test_without_the_token_nothing_changes(
    method: str, address: str, authorization: str | None, client: FlaskClient, catalog: Catalog
) -> None:
    before = catalog.movies.many(range(1, 31))
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.open(address, method=method, headers=headers, data=b"not even JSON")
    assert (answer.status_code, answer.json["code"]) == (401, "not_authorised")
    assert catalog.movies.many(range(1, 31)) == before


@pytest.mark.parametrize(("method", "address"), ROUTES)
def test_without_a_configured_token_the_routes_do_not_exist(
    method: str, address: str, settings: Any, admin: dict[str, str]
) -> None:
    app = create_app(settings.model_copy(update={"admin_token": None}))
    client = app.test_client()
    # Where the address answers to GET, another method is 405; where nothing is, 404.
    assert client.open(address, method=method, headers=admin).status_code == (404 if "retry" in address else 405)
    methods = {method for item in client.get("/openapi.json").json["paths"].values() for method in item}
    assert methods == {"get", "post"}
    app.extensions["posterity"].close()


@pytest.mark.parametrize(("method", "address"), ROUTES)
@pytest.mark.parametrize("movie_id", ["999", "2147483647"])
def test_an_unknown_movie_is_404(
    method: str, address: str, movie_id: str, client: FlaskClient, admin: dict[str, str]
) -> None:
    parts = address.split("/")
    parts[2] = movie_id
    given = {"json": {"title": "x"}} if method == "PATCH" else {}
    answer = client.open("/".join(parts), method=method, headers=admin, **given)
    assert (answer.status_code, answer.json["code"]) == (404, "unknown_movie")


def test_a_failed_movie_goes_back_to_the_start(client: FlaskClient, admin: dict[str, str], catalog: Catalog) -> None:
    answer = client.post("/movies/26/retry", headers=admin)
    assert (answer.status_code, answer.json["state"], answer.json["reason"]) == (202, "pending", None)
    assert 26 in catalog.work.claim(Kind.FETCH, 10, 60).movie_ids


@pytest.mark.parametrize(("movie_id", "state"), [(1, "embedded"), (25, "fetched"), (27, "pending"), (28, "none")])
def test_what_has_not_failed_is_not_tried_again(
    movie_id: int, state: str, client: FlaskClient, admin: dict[str, str]
) -> None:
    answer = client.post(f"/movies/{movie_id}/retry", headers=admin)
    assert (answer.status_code, answer.json["code"], answer.json["state"]) == (409, "not_failed", state)
    assert f"its state is {state}" in answer.json["detail"]


@pytest.mark.parametrize(
    ("content", "media_type"), [(JPEG, "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (WEBP, "image/webp")]
)
def test_a_given_picture_is_kept_for_the_worker_while_the_old_poster_counts(
    content: bytes, media_type: str, client: FlaskClient, admin: dict[str, str], catalog: Catalog
) -> None:
    answer = client.post("/movies/1/poster", headers=admin, **upload(content))
    assert answer.status_code == 202
    assert answer.json["accepted"][0]["movie_id"] == 1
    job = client.get(answer.headers["Location"]).json
    assert (job["kind"], job["state"], job["counts"]["waiting"]) == ("add", "pending", 1)
    assert job["request_id"] == answer.headers["X-Request-ID"]
    given = catalog.given.of([1])[1]
    assert given.media_type == media_type
    assert catalog.posters.content.get(str(given.sha256), media_type) == content
    movie = client.get("/movies/1").json
    assert (movie["state"], movie["renewing"], movie["poster_source"]) == ("pending", True, "folder")
    assert client.get("/movies/1/poster").status_code == 200


@pytest.mark.parametrize("body", [{}, {"json": {}}, {"json": {"source": "again"}}])
def test_without_a_picture_the_sources_are_asked_again(
    body: dict[str, Any], client: FlaskClient, admin: dict[str, str], catalog: Catalog
) -> None:
    catalog.given.set_file(1, JPEG, "image/jpeg")
    answer = client.post("/movies/1/poster", headers=admin, **body)
    assert answer.status_code == 202
    assert catalog.given.of([1])[1].sha256 is None
    assert catalog.movies.get(1).state == State.PENDING


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (upload(b""), 400),
        (upload(JPEG, "picture"), 400),
        ({"data": {"image": "text"}, "content_type": "multipart/form-data"}, 400),
        ({"data": b"", "content_type": "multipart/form-data"}, 400),
        ({"data": b"junk", "content_type": "multipart/form-data; boundary=x"}, 400),
        ({"json": {"source": "elsewhere"}}, 400),
        ({"json": {"image": "data:"}}, 400),
        ({"json": []}, 400),
        ({"data": b"{", "content_type": "application/json"}, 400),
        (upload(b"GIF89a toy"), 415),
        (upload(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 415),
        (upload(b"RIFF\x00\x00\x00\x00WAVE"), 415),
        ({"data": JPEG, "content_type": "image/jpeg"}, 415),
        ({"data": b"image=x", "content_type": "application/x-www-form-urlencoded"}, 400),
        (upload(JPEG + bytes(10 << 20)), 413),
        (upload(JPEG + bytes(11 << 20)), 413),
    ],
    ids=range(16),
)
def test_a_bad_picture_is_refused_and_changes_nothing(
    body: dict[str, Any], status: int, client: FlaskClient, admin: dict[str, str], catalog: Catalog
) -> None:
    answer = client.post("/movies/1/poster", headers=admin, **body)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.text
    assert catalog.given.of([1]) == {}
    assert catalog.movies.get(1).state == State.EMBEDDED


def test_a_picture_of_just_ten_mebibytes_is_taken(client: FlaskClient, admin: dict[str, str]) -> None:
    content = JPEG + bytes((10 << 20) - len(JPEG))
    assert client.post("/movies/1/poster", headers=admin, **upload(content)).status_code == 202


def test_a_correction_is_seen_at_once_and_found_by_its_new_title(client: FlaskClient, admin: dict[str, str]) -> None:
    change = {"title": "Père Noël", "year": 1999, "genres": ["War"], "imdb_id": "tt0099999", "tmdb_id": 7}
    answer = client.patch("/movies/1", headers=admin, json=change)
    assert answer.status_code == 200
    assert {name: answer.json[name] for name in change} == change
    assert [movie["movie_id"] for movie in client.get("/movies?q=pere noel").json["items"]] == [1]
    assert client.get("/movies?q=Movie 1&genre=War").json["items"] == []
    assert client.get("/movies/1").json["state"] == "embedded", "its poster is a real one"


@pytest.mark.parametrize("change", [{"title": "Other"}, {"year": 2001}, {"genres": []}])
def test_a_title_card_is_drawn_anew_when_what_it_shows_changes(
    change: dict[str, Any], client: FlaskClient, admin: dict[str, str]
) -> None:
    answer = client.patch("/movies/4", headers=admin, json=change).json
    assert (answer["state"], answer["renewing"], answer["poster_generated"]) == ("pending", True, True)


def test_a_card_that_is_being_drawn_from_the_old_title_is_not_kept(
    client: FlaskClient, admin: dict[str, str], catalog: Catalog
) -> None:
    client.post("/movies", json={"title": "Old", "movie_id": 500})
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    assert claim.movie_ids == (500,)
    assert client.patch("/movies/500", headers=admin, json={"title": "New"}).status_code == 200
    catalog.work.failed(claim, [Failure(500, Reason.NO_POSTER, "of the old one")])
    assert catalog.movies.get(500).state == State.PENDING


def test_a_correction_that_changes_nothing_leaves_the_title_card(client: FlaskClient, admin: dict[str, str]) -> None:
    assert client.patch("/movies/4", headers=admin, json={"title": "Movie 4"}).json["state"] == "embedded"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, ""),
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"year": "1999"}, "year"),
        ({"year": None}, "year"),
        ({"genres": ["a|b"]}, "genres[0]"),
        ({"movie_id": 5}, "movie_id"),
        ({"state": "embedded"}, "state"),
        ({"imdb_id": "nm1"}, "imdb_id"),
        ([], ""),
        ([{"title": "x"}], ""),
    ],
    ids=range(12),
)
def test_a_bad_correction_is_400_and_changes_nothing(
    change: Any, field: str, client: FlaskClient, admin: dict[str, str], catalog: Catalog
) -> None:
    before = catalog.movies.get(1)
    answer = client.patch("/movies/1", headers=admin, json=change)
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json["errors"]]
    assert catalog.movies.get(1) == before


def test_an_id_of_another_movie_is_409(client: FlaskClient, admin: dict[str, str], catalog: Catalog) -> None:
    answer = client.patch("/movies/1", headers=admin, json={"title": "x", "imdb_id": "tt0000002"})
    assert (answer.status_code, answer.json["code"]) == (409, "conflicting_movie")
    assert catalog.movies.get(1).title == "Movie 1"


def test_a_deleted_movie_is_gone_from_every_answer_at_once_and_others_take_its_place(
    client: FlaskClient, admin: dict[str, str], publish: Callable[..., Any]
) -> None:
    publish()
    before = {by: client.get(f"/similar?movie_id=1&by={by}&k=5").json["items"] for by in ("poster", "ratings")}
    gone = {items[0]["movie_id"] for items in before.values()} | {before["poster"][1]["movie_id"]}
    for movie_id in gone:
        answer = client.delete(f"/movies/{movie_id}", headers=admin)
        assert (answer.status_code, answer.data) == (204, b"")
    for by in ("poster", "ratings"):
        ids = [item["movie_id"] for item in client.get(f"/similar?movie_id=1&by={by}&k=5").json["items"]]
        assert len(ids) == 5
        assert not gone & set(ids)
        kept = [item["movie_id"] for item in before[by] if item["movie_id"] not in gone]
        assert ids[: len(kept)] == kept
    for movie_id in gone:
        addresses = [f"/movies/{movie_id}{end}" for end in ("", "/poster")]
        addresses += [f"/similar?movie_id={movie_id}&by={by}" for by in ("poster", "ratings")]
        assert {client.get(address).status_code for address in addresses} == {404}
        assert client.get(f"/app/movies/{movie_id}").status_code == 404
        assert f'/app/movies/{movie_id}"' not in client.get("/").text + client.get("/app/movies/1").text
    assert not gone & {movie["movie_id"] for movie in client.get("/movies?limit=200").json["items"]}


def test_deleting_twice_is_404_and_the_explicit_id_brings_the_movie_back(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    assert client.delete("/movies/5", headers=admin).status_code == 204
    assert client.delete("/movies/5", headers=admin).status_code == 404
    assert client.post("/movies", json={"title": "Back", "movie_id": 5}).json["accepted"][0]["state"] == "pending"
    assert client.get("/movies/5").json["title"] == "Back"


def test_the_local_id_of_a_deleted_movie_is_never_given_again(client: FlaskClient, admin: dict[str, str]) -> None:
    first = client.post("/movies", json={"title": "One"}).json["accepted"][0]["movie_id"]
    client.delete(f"/movies/{first}", headers=admin)
    assert client.post("/movies", json={"title": "Two"}).json["accepted"][0]["movie_id"] == first + 1
