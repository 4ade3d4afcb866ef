"""Lines about batches name who asked, and never get into the way of the work."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from catalog.catalog import Catalog
from catalog.entries import NewMovie, State
from catalog.errors import CatalogBusy
from workers.embed import EmbedLimits, embed_due
from workers.fetch import FetchLimits, fetch_due


@pytest.fixture
def asked(queued: Callable[[int], Catalog]) -> Catalog:
    """Movies 1 and 2 of an import, and 7, which a request asked for."""
    catalog = queued(2)
    catalog.add([NewMovie("Movie 7", 7)], request_id="r-7")
    return catalog


def test_the_lines_of_both_stages_name_job_and_request(
    asked: Catalog, fetch: Any, encoder: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "workers")
    fetch_due(asked, fetch, FetchLimits())
    embed_due(asked, encoder, EmbedLimits())
    job_id = asked.jobs.newest(1)[0].job_id
    told = [vars(record) for record in caplog.records if "job_ids" in vars(record)]
    assert [(line["name"], line["request_ids"]) for line in told] == [
        ("workers.outcomes", ["r-7"]),
        ("workers.embed", ["r-7"]),
    ]
    assert all(job_id in line["job_ids"] for line in told)
    assert told[1]["message"] == "posters: 3 embedded"
    assert told[1]["seconds"] > 0


def test_a_database_that_does_not_say_who_asked_costs_the_work_nothing(
    asked: Catalog, fetch: Any, encoder: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_: object) -> Any:
        raise CatalogBusy("the database does not answer")

    monkeypatch.setattr(asked.jobs, "asking", away)
    caplog.set_level(logging.INFO, "workers")
    fetch_due(asked, fetch, FetchLimits())
    embed_due(asked, encoder, EmbedLimits())
    assert asked.work.counts()[State.EMBEDDED] == 3
