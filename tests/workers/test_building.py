"""Jobs: claimed, kept alive while they run, ended once with a result or a reason."""

import threading
from typing import Any

import pytest

from catalog.catalog import Catalog
from index.errors import NothingToPublish
from workers.building import build_due, run_job
from workers.reporting import Report

LEASE_S = 60.0


def test_a_job_ends_with_what_its_work_returned(catalog: Catalog) -> None:
    job_id = catalog.jobs.open("train").job_id
    assert build_due(catalog, {"train": lambda report: {"model": "m1"}}, LEASE_S)
    ended = catalog.jobs.get(job_id)
    assert (ended.state, ended.result["model"], ended.running) == ("done", "m1", False)
    assert ended.result["seconds"] >= 0
    assert not build_due(catalog, {}, LEASE_S)


def test_a_named_error_is_the_jobs_reason_and_no_exception(catalog: Catalog) -> None:
    def failing(_: Report) -> dict[str, Any]:
        raise NothingToPublish

    job = run_job(catalog, catalog.jobs.open("rebuild", LEASE_S), failing, LEASE_S)
    assert (job.state, job.reason, job.detail) == ("failed", "job_error", str(NothingToPublish()))


def test_an_unforeseen_error_ends_the_job_and_is_raised_again(catalog: Catalog) -> None:
    def failing(_: Report) -> dict[str, Any]:
        raise ZeroDivisionError("secret inside")

    job = catalog.jobs.open("rebuild", LEASE_S)
    with pytest.raises(ZeroDivisionError):
        run_job(catalog, job, failing, LEASE_S)
    ended = catalog.jobs.get(job.job_id)
    assert (ended.state, ended.reason) == ("failed", "internal_error")
    assert "secret" not in (ended.detail or "")


def test_progress_is_stored_and_the_lease_extended_while_the_work_runs(catalog: Catalog) -> None:
    job = catalog.jobs.open("train", lease_s=0.3)
    seen = threading.Event()

    def watching(report: Report) -> dict[str, Any]:
        report("epochs", 3, 10)
        deadline = 100
        while not seen.is_set() and deadline:
            if catalog.jobs.get(job.job_id).progress == {"phase": "epochs", "done": 3, "of": 10}:
                seen.set()
            deadline -= 1
            threading.Event().wait(0.02)
        assert catalog.jobs.claim(LEASE_S) is None, "nobody else may take a job that is being worked on"
        return {}

    assert run_job(catalog, job, watching, lease_s=0.3).state == "done"
    assert seen.is_set()


def test_a_job_that_another_worker_took_over_is_not_ended_by_the_first(catalog: Catalog) -> None:
    job = catalog.jobs.open("train", LEASE_S)

    def overtaken(_: Report) -> dict[str, Any]:
        with catalog.database.write() as connection:
            connection.exec_driver_sql("UPDATE jobs SET token = 'of somebody else'")
        return {"model": "stale"}

    ended = run_job(catalog, job, overtaken, LEASE_S)
    assert (ended.state, dict(ended.result)) == ("pending", {})
