"""/jobs: counts, progress and reasons; never the token of a claim."""

import pytest
from flask.testing import FlaskClient

from catalog.catalog import Catalog
from catalog.entries import Kind, Reason
from catalog.work import Failure


def test_an_add_job_counts_its_movies_and_names_the_failed_with_reasons(client: FlaskClient, catalog: Catalog) -> None:
    job = client.post("/movies", json=[{"title": "Lost", "movie_id": 500}, {"title": "x", "movie_id": 1}]).json[
        "job_id"
    ]
    answer = client.get(f"/jobs/{job}").json
    assert (answer["kind"], answer["state"]) == ("add", "pending")
    assert answer["counts"] == {"waiting": 1, "fetched": 0, "embedded": 1, "failed": 0, "of": 2}
    assert answer["progress"] == {"done": 1, "of": 2, "label": "finding and embedding posters"}
    assert answer["failures"] == []
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    catalog.work.failed(claim, [Failure(500, Reason.IMAGE_TRUNCATED, "500.jpg ends too early")])
    answer = client.get(f"/jobs/{job}").json
    assert answer["state"] == "done"
    assert answer["counts"] == {"waiting": 0, "fetched": 0, "embedded": 1, "failed": 1, "of": 2}
    assert answer["failures"] == [
        {"movie_id": 500, "title": "Lost", "reason": "image_truncated", "detail": "500.jpg ends too early"}
    ]


def test_a_running_job_shows_its_progress_but_never_its_token(client: FlaskClient, catalog: Catalog) -> None:
    job = catalog.jobs.open("train", lease_s=60)
    assert job.token
    catalog.jobs.keep(job, 60, {"phase": "training", "done": 3, "of": 30})
    answer = client.get(f"/jobs/{job.job_id}")
    assert (answer.json["running"], answer.json["state"]) == (True, "pending")
    assert answer.json["progress"] == {"done": 3, "of": 30, "label": "training"}
    assert answer.json["counts"] is None
    assert answer.json["started_at"].endswith("Z")
    assert job.token not in answer.text + client.get("/jobs").text
    assert "token" not in answer.text


def test_an_ended_job_shows_its_result_or_its_reason(client: FlaskClient, catalog: Catalog) -> None:
    good, bad = catalog.jobs.open("train", 60), catalog.jobs.open("rebuild", 60)
    catalog.jobs.finish(good, {"model": "factors-1"})
    catalog.jobs.fail(bad, Reason.JOB_ERROR, "nothing to publish")
    done, failed = client.get(f"/jobs/{good.job_id}").json, client.get(f"/jobs/{bad.job_id}").json
    assert (done["state"], done["result"]) == ("done", {"model": "factors-1"})
    assert (failed["state"], failed["reason"], failed["detail"]) == ("failed", "job_error", "nothing to publish")
    assert failed["finished_at"].endswith("Z")


def test_jobs_are_listed_newest_first(client: FlaskClient) -> None:
    ids = [client.post("/movies", json={"title": f"T{i}"}).json["job_id"] for i in range(3)]
    assert [job["job_id"] for job in client.get("/jobs?limit=2").json["items"]] == ids[:0:-1]


def test_an_unknown_job_is_404(client: FlaskClient) -> None:
    answer = client.get("/jobs/0123456789abcdef")
    assert (answer.status_code, answer.json["code"]) == (404, "unknown_job")


def test_jobs_are_paged_from_the_newest_to_the_oldest_and_chosen_by_kind(client: FlaskClient, catalog: Catalog) -> None:
    ids = [client.post("/movies", json={"title": f"T{i}"}).json["job_id"] for i in range(4)]
    train = catalog.jobs.open("train").job_id
    seen, cursor = [], ""
    for _ in range(3):
        page = client.get(f"/jobs?limit=2&cursor={cursor}").json
        seen += [job["job_id"] for job in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [train, *ids[::-1]]
    assert cursor is None
    assert [job["job_id"] for job in client.get("/jobs?kind=train").json["items"]] == [train]


def test_a_job_names_the_request_that_asked_for_it(client: FlaskClient, admin: dict[str, str]) -> None:
    headers = {**admin, "X-Request-ID": "asked-by-me"}
    added = client.post("/movies", json={"title": "T"}, headers=headers).headers["Location"]
    built = client.post("/admin/rebuild", headers=headers).headers["Location"]
    assert {client.get(address).json["request_id"] for address in (added, built)} == {"asked-by-me"}


def test_the_time_left_is_told_from_what_was_done_and_null_before(client: FlaskClient, catalog: Catalog) -> None:
    job = catalog.jobs.open("train", lease_s=60)
    first = client.get(f"/jobs/{job.job_id}").json
    assert (first["rate_per_s"], first["seconds_left"]) == (None, None)
    catalog.jobs.keep(job, 60, {"phase": "training", "done": 10, "of": 30})
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET started_at = started_at - 5")
    told = client.get(f"/jobs/{job.job_id}").json
    assert told["rate_per_s"] == pytest.approx(2, rel=0.5)
    assert told["seconds_left"] == pytest.approx(20 / told["rate_per_s"], rel=0.01)
