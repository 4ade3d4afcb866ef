"""Whatever comes in, the answer is a problem that names the field: never a 500, nothing stored."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from catalog.catalog import Catalog

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}

QUERIES = [
    ("/similar", "movie_id"),
    ("/similar?movie_id=", "movie_id"),
    ("/similar?movie_id=0", "movie_id"),
    ("/similar?movie_id=2147483648", "movie_id"),
    ("/similar?movie_id=99999999999999999999", "movie_id"),
    ("/similar?movie_id=1e3", "movie_id"),
    ("/similar?movie_id=1.0", "movie_id"),
    ("/similar?movie_id=%201", "movie_id"),
    ("/similar?movie_id=1%0A", "movie_id"),
    ("/similar?movie_id=1%00", "movie_id"),
    ("/similar?movie_id=1&movie_id=2", "movie_id"),
    ("/similar?movie_id=1&k=-1", "k"),
    ("/similar?movie_id=1&k=0", "k"),
    ("/similar?movie_id=1&k=101", "k"),
    ("/similar?movie_id=1&k=9999", "k"),
    ("/similar?movie_id=1&k=0010", "k"),
    ("/similar?movie_id=1&k=", "k"),
    ("/similar?movie_id=1&k=٣", "k"),
    ("/similar?movie_id=1&k=³", "k"),
    ("/similar?movie_id=1&k=1_0", "k"),
    ("/similar?movie_id=1&k=%2B5", "k"),
    ("/similar?movie_id=1&k=5.0", "k"),
    ("/similar?movie_id=1&k=NaN", "k"),
    ("/similar?movie_id=1&by=blend", "by"),
    ("/similar?movie_id=1&by=POSTER", "by"),
    ("/similar?movie_id=1&debias=1", "debias"),
    ("/similar?movie_id=1&by=poster&debias=0", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=1.1", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=-0.5", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=nan", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=1e-1", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=.5", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=0,5", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=٣", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=%200.5", "debias"),
    ("/similar?movie_id=1&by=ratings&debias=0&debias=1", "debias"),
    ("/similar?movie_id=1&poster_weight=0.5", "poster_weight"),
    ("/similar?movie_id=1&genre=Nonsense", "genre"),
    ("/similar?movie_id=1&genre=", "genre"),
    ("/similar?movie_id=1&genre=Comedy|Drama", "genre"),
    ("/similar?movie_id=1&genre=a%0Ab", "genre"),
    ("/similar?movie_id=1&genre=" + "x" * 51, "genre"),
    ("/similar?movie_id=1&year_from=90", "year_from"),
    ("/similar?movie_id=1&year_from=", "year_from"),
    ("/similar?movie_id=1&year_from=01990", "year_from"),
    ("/similar?movie_id=1&year_to=2201", "year_to"),
    ("/similar?movie_id=1&year_to=-1990", "year_to"),
    ("/similar?movie_id=1&year_from=1990&year_to=1989", "year_to"),
    ("/similar?movie_id=1&min_ratings=-1", "min_ratings"),
    ("/similar?movie_id=1&min_ratings=1.5", "min_ratings"),
    ("/similar?movie_id=1&exclude=", "exclude"),
    ("/similar?movie_id=1&exclude=1,,2", "exclude"),
    ("/similar?movie_id=1&exclude=1;2", "exclude"),
    ("/similar?movie_id=1&exclude=0", "exclude"),
    ("/similar?movie_id=1&exclude=1,2147483648", "exclude"),
    ("/similar?movie_id=1&exclude=%D9%A3", "exclude"),
    ("/similar?movie_id=1&exclude=" + ",".join(map(str, range(1, 502))), "exclude"),
    ("/similar?movie_id=1&exact=1", "exact"),
    ("/similar?movie_id=1&exact=True", "exact"),
    ("/similar?movie_id=1&exact=", "exact"),
    ("/similar?movie_id=1&generated=maybe", "generated"),
    ("/similar?movie_id=1&by=ratings&generated=any", "generated"),
    ("/predict", "user_id"),
    ("/predict?user_id=7", "movie_id"),
    ("/predict?movie_id=1", "user_id"),
    ("/predict?user_id=0&movie_id=1", "user_id"),
    ("/predict?user_id=2147483648&movie_id=1", "user_id"),
    ("/predict?user_id=7&movie_id=x", "movie_id"),
    ("/predict?user_id=%2B7&movie_id=1", "user_id"),
    ("/predict?user_id=7&movie_id=1&k=3", "k"),
    ("/users/0/recommendations", "user_id"),
    ("/users/abc/recommendations", "user_id"),
    ("/users/-7/recommendations", "user_id"),
    ("/users/7.0/recommendations", "user_id"),
    ("/users/2147483648/recommendations", "user_id"),
    ("/users/7/recommendations?k=0", "k"),
    ("/users/7/recommendations?k=101", "k"),
    ("/users/7/recommendations?by=poster", "by"),
    ("/users/7/recommendations?by=", "by"),
    ("/users/7/recommendations?debias=2", "debias"),
    ("/users/7/recommendations?debias=x", "debias"),
    ("/users/7/recommendations?by=rating&debias=0", "debias"),
    ("/users/7/recommendations?min_ratings=-1", "min_ratings"),
    ("/users/7/recommendations?min_ratings=1.5", "min_ratings"),
    ("/users/7/recommendations?min_ratings=2147483648", "min_ratings"),
    ("/users/7/recommendations?exclude=1", "exclude"),
    ("/movies?limit=0", "limit"),
    ("/movies?limit=201", "limit"),
    ("/movies?cursor=abc", "cursor"),
    ("/movies?cursor=0.99999999999999999999.1", "cursor"),
    ("/movies?cursor=0.1", "cursor"),
    ("/movies?q=" + "x" * 201, "q"),
    ("/movies?q=a%00b", "q"),
    ("/movies?genre=a%0Ab", "genre"),
    ("/movies?page=2", "page"),
    ("/movies?state=lost", "state"),
    ("/movies?state=", "state"),
    ("/movies?reason=bad_luck", "reason"),
    ("/movies?state=pending&reason=no_poster", "reason"),
    ("/movies/0", "movie_id"),
    ("/movies/abc", "movie_id"),
    ("/movies/-1", "movie_id"),
    ("/movies/٣", "movie_id"),
    ("/movies/2147483648/poster", "movie_id"),
    ("/jobs/..%5Cetc", "job_id"),
    ("/jobs/" + "a" * 33, "job_id"),
    ("/jobs/a%00b", "job_id"),
    ("/jobs?limit=-1", "limit"),
    ("/jobs?kind=evaluate", "kind"),
    ("/jobs?cursor=0123456789abcdef", "cursor"),
    ("/jobs?cursor=x", "cursor"),
    ("/jobs?cursor=" + "a" * 33, "cursor"),
]

TITLE = {"title": "A title"}
MOVIES: list[tuple[Any, str]] = [
    ({}, "title"),
    ({"title": None}, "title"),
    ({"title": 5}, "title"),
    ({"title": ""}, "title"),
    ({"title": "  "}, "title"),
    ({"title": "x" * 301}, "title"),
    ({"title": "x" * 10_000}, "title"),
    ({"title": "a\nb"}, "title"),
    ({"title": "a\u001bb"}, "title"),
    ({"title": "a\u2028b"}, "title"),
    ({"titel": "A title"}, "title"),
    ({**TITLE, "movie_id": 0}, "movie_id"),
    ({**TITLE, "movie_id": -1}, "movie_id"),
    ({**TITLE, "movie_id": 2**31}, "movie_id"),
    ({**TITLE, "movie_id": 10**30}, "movie_id"),
    ({**TITLE, "movie_id": True}, "movie_id"),
    ({**TITLE, "movie_id": 5.0}, "movie_id"),
    ({**TITLE, "movie_id": "5"}, "movie_id"),
    ({**TITLE, "year": 19999}, "year"),
    ({**TITLE, "year": "1999"}, "year"),
    ({**TITLE, "imdb_id": "nm0000001"}, "imdb_id"),
    ({**TITLE, "imdb_id": "tt٣٣٣٣٣٣٣"}, "imdb_id"),
    ({**TITLE, "imdb_id": "tt0000000"}, "imdb_id"),
    ({**TITLE, "imdb_id": 5}, "imdb_id"),
    ({**TITLE, "tmdb_id": 1.5}, "tmdb_id"),
    ({**TITLE, "genres": "Comedy"}, "genres"),
    ({**TITLE, "genres": ["Com|edy"]}, "genres[0]"),
    ({**TITLE, "genres": [""]}, "genres[0]"),
    ({**TITLE, "genres": ["x"] * 21}, "genres"),
    ({**TITLE, "genres": ["x" * 51]}, "genres[0]"),
    ({**TITLE, "state": "embedded"}, "state"),
    ({**TITLE, "poster_url": "http://169.254.169.254/"}, "poster_url"),
    ({**TITLE, "poster_url": "ftp://a.example/x.jpg"}, "poster_url"),
    ({**TITLE, "poster_url": "https:///x.jpg"}, "poster_url"),
    ({**TITLE, "poster_url": "https://[::1"}, "poster_url"),
    ({**TITLE, "poster_url": "https://user:word@a.example/"}, "poster_url"),
    ({**TITLE, "poster_url": "https://a.example/ x"}, "poster_url"),
    ({**TITLE, "poster_url": "https://a.example\\@b.example/"}, "poster_url"),
    ({**TITLE, "poster_url": "https://a.example/" + "x" * 2048}, "poster_url"),
    ({**TITLE, "poster_url": 5}, "poster_url"),
    ({**TITLE, "poster_url": ""}, "poster_url"),
    ([TITLE, {**TITLE, "movie_id": "x"}], "[1].movie_id"),
    ([TITLE, None], "[1]"),
    ([[TITLE]], "[0]"),
    ([], ""),
    ([TITLE] * 501, ""),
]

BODIES = [
    b"",
    b"null",
    b"true",
    b"5",
    b'"title"',
    b"{",
    b"{'title': 'x'}",
    b'{"title": "x"} trailing',
    b'{"title": "x", "title": "y"}',
    b'[{"title": "x", "genres": [], "genres": []}]',
    b'{"title": "x", "year": NaN}',
    b'{"title": "x", "year": -Infinity}',
    b'{"title": "x", "year": 1e999}',
    b'{"title": "x", "year": ' + b"9" * 5000 + b"}",
    b'{"title": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"title": "a\\u0000b"}',
    b'{"a\\u0000": 1}',
    b'{"title": "\xff\xfe"}',
    b'\xef\xbb\xbf{"title": "x"}',
    '{"title": "x"}'.encode("utf-16"),
    b"[" * 5000,
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"[" * 500_000,
    b'"' + b'\\"' * 500_000,
    b'{"title": "' + b"x" * 1_000_000,
]


def is_problem(answer: Any, status: int) -> bool:
    assert answer.status_code == status, answer.text[:300]
    assert answer.content_type == "application/problem+json"
    body = json.loads(answer.text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert set(body) >= MEMBERS
    assert (body["status"], body["type"]) == (status, "about:blank")
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert "\n" not in body["detail"]
    assert len(answer.data) < 10_000
    return True


@pytest.mark.parametrize(("address", "field"), QUERIES)
def test_a_bad_address_is_400_and_names_the_field(address: str, field: str, client: FlaskClient) -> None:
    answer = client.get(address)
    assert is_problem(answer, 400)
    assert field in [error["field"] for error in answer.json["errors"]]
    assert field in answer.json["detail"]


@pytest.mark.parametrize(("body", "field"), MOVIES, ids=range(len(MOVIES)))
def test_a_bad_movie_is_400_names_the_field_and_stores_nothing(
    body: Any, field: str, client: FlaskClient, catalog: Catalog
) -> None:
    answer = client.post("/movies", json=body)
    assert is_problem(answer, 400)
    assert field in [error["field"] for error in answer.json["errors"]]
    assert catalog.movies.count() == 30
    assert catalog.jobs.newest() == []


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_that_is_not_plain_json_is_400(body: bytes, client: FlaskClient, catalog: Catalog) -> None:
    answer = client.post("/movies", data=body, content_type="application/json")
    assert is_problem(answer, 400)
    assert catalog.movies.count() == 30


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_another_content_type_is_415(content_type: str, client: FlaskClient) -> None:
    assert is_problem(client.post("/movies", data=b'{"title": "x"}', content_type=content_type or None), 415)


def test_a_body_over_one_mebibyte_is_413(client: FlaskClient) -> None:
    body = b'{"title": "' + b"x" * 1_048_576 + b'"}'
    assert is_problem(client.post("/movies", data=body, content_type="application/json"), 413)


@pytest.mark.parametrize(("length", "status"), [(1_048_576, 413), (2_000_000, 413), (1_048_575, 202)])
def test_a_chunked_body_has_the_same_limit(length: int, status: int, client: FlaskClient) -> None:
    body = b'{"title": "x"}'.ljust(length)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = client.post(
        "/movies", input_stream=io.BytesIO(body), content_type="application/json", environ_overrides=chunked
    )
    assert answer.status_code == status


def test_a_thousand_errors_are_not_all_listed(client: FlaskClient) -> None:
    answer = client.post("/movies", json=[{"titel": 1}] * 500)
    assert is_problem(answer, 400)
    assert len(answer.json["errors"]) == 20


@pytest.mark.parametrize("address", ["/nope", "/movies/1/nope", "/similar/", "/%2e%2e/etc/passwd", "/static/../app.py"])
def test_an_address_where_nothing_is_is_404(address: str, client: FlaskClient) -> None:
    assert is_problem(client.get(address), 404)


@pytest.mark.parametrize("address", ["/movies/999", "/similar?movie_id=999", "/movies/999/poster"])
def test_an_unknown_movie_is_404_and_says_where_ids_are_found(address: str, client: FlaskClient) -> None:
    answer = client.get(address)
    assert is_problem(answer, 404)
    assert answer.json["detail"].startswith("movie 999 is not in the catalog; /movies?q=TITLE")


def test_another_method_is_405_and_says_which_are_allowed(client: FlaskClient) -> None:
    answer = client.delete("/movies")
    assert is_problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_a_busy_catalog_is_503_without_its_address(
    client: FlaskClient, app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.errors import CatalogBusy

    def busy(*_: Any) -> Any:
        raise CatalogBusy("the database at sqlite:////srv/secret.db does not answer: locked")

    monkeypatch.setattr(app.extensions["posterity"].catalog.movies, "get", busy)
    answer = client.get("/movies/1")
    assert is_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert "secret" not in answer.text


def test_a_bug_is_500_logged_with_its_traceback_and_told_without_it(
    client: FlaskClient, app: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any) -> Any:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(app.extensions["posterity"].catalog.movies, "get", bug)
    answer = client.get("/movies/1", headers={"X-Request-ID": "find-me"})
    assert is_problem(answer, 500)
    assert "secret" not in answer.text
    assert "the secret of the house" in caplog.text
    assert "find-me" in caplog.text


def test_a_score_that_is_no_number_never_leaves_as_json(app: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        app.json.dumps({"score": float("nan")})


def test_a_request_id_is_echoed_when_it_is_harmless(client: FlaskClient) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "a-b.c_1"}).headers["X-Request-ID"] == "a-b.c_1"
    for bad in ("", "x" * 65, "a b", "<script>", "ü"):
        echoed = client.get("/livez", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert echoed != bad
        assert len(echoed) == 16


def test_a_foreign_host_is_refused_when_hosts_are_named(settings: Any, catalog: Catalog) -> None:
    from api.app import create_app

    app = create_app(settings.model_copy(update={"trusted_hosts": "posters.example, localhost"}))
    client = app.test_client()
    assert client.get("/livez", headers={"Host": "posters.example"}).status_code == 200
    assert is_problem(client.get("/livez", headers={"Host": "evil.example"}), 400)
    app.extensions["posterity"].close()
