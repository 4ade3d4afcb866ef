"""Jobs: one open of a kind, claimed with a token, ended once."""

import pytest

from catalog.catalog import Catalog
from catalog.entries import Kind, Reason
from catalog.errors import JobRunning, LeaseLost, UnknownJob

LEASE_S = 60.0


def test_a_second_job_of_a_kind_is_refused_with_the_first_ones_id(catalog: Catalog) -> None:
    first = catalog.jobs.open("train")
    with pytest.raises(JobRunning, match=first.job_id):
        catalog.jobs.open("train")
    assert catalog.jobs.open("rebuild").state == "pending"


def test_an_ended_job_makes_room_for_the_next(catalog: Catalog) -> None:
    catalog.jobs.fail(catalog.jobs.open("train", LEASE_S), Reason.JOB_ERROR, "too few ratings")
    done = catalog.jobs.open("train", LEASE_S)
    catalog.jobs.finish(done, {"model": "m"})
    assert [job.state for job in catalog.jobs.newest()] == ["done", "failed"]
    last = catalog.jobs.last_done("train")
    assert last is not None
    assert (last.job_id, dict(last.result)) == (done.job_id, {"model": "m"})
    assert catalog.jobs.last_done("rebuild") is None


def test_a_claimed_job_is_not_claimed_again_until_its_lease_ends(catalog: Catalog) -> None:
    job_id = catalog.jobs.open("train").job_id
    assert catalog.jobs.due()
    first = catalog.jobs.claim(lease_s=-1)
    assert first is not None
    assert first.job_id == job_id
    second = catalog.jobs.claim(LEASE_S)
    assert second is not None
    assert second.attempt == 2
    assert catalog.jobs.claim(LEASE_S) is None
    assert not catalog.jobs.due()
    for change in (lambda: catalog.jobs.finish(first, {}), lambda: catalog.jobs.keep(first, LEASE_S, {})):
        with pytest.raises(LeaseLost):
            change()
    catalog.jobs.finish(second, {})


def test_a_job_lost_three_times_fails(catalog: Catalog) -> None:
    catalog.jobs.open("rebuild")
    for _ in range(3):
        assert catalog.jobs.claim(lease_s=-1) is not None
    assert catalog.jobs.claim(LEASE_S) is None
    assert catalog.jobs.sweep() == 1
    assert catalog.jobs.newest()[0].reason == "worker_lost"


def test_a_released_job_has_its_attempt_back(catalog: Catalog) -> None:
    catalog.jobs.open("train")
    for _ in range(5):
        job = catalog.jobs.claim(LEASE_S)
        assert job is not None
        catalog.jobs.release(job)


def test_an_unknown_job_is_named(catalog: Catalog) -> None:
    with pytest.raises(UnknownJob, match="nope"):
        catalog.jobs.get("nope")


def test_workers_are_listed_while_they_say_they_are_there(catalog: Catalog) -> None:
    catalog.presence.seen("w1", (Kind.FETCH, Kind.EMBED))
    catalog.presence.seen("w1", (Kind.FETCH, Kind.EMBED))
    (worker,) = catalog.presence.alive(60)
    assert (worker.worker_id, worker.kinds) == ("w1", ("fetch", "embed"))
    catalog.presence.gone("w1")
    assert catalog.presence.alive(60) == []


def test_workers_on_hosts_with_long_names_are_told_apart(catalog: Catalog) -> None:
    names = [f"fetch-embed-1@{'pod' * 20}-{end}" for end in "ab"]
    for name in names:
        catalog.presence.seen(name, (Kind.FETCH,))
        catalog.presence.seen(name, (Kind.FETCH,))
    assert len(catalog.presence.alive(60)) == 2
    catalog.presence.gone(names[0])
    assert len(catalog.presence.alive(60)) == 1
