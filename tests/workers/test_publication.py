"""When workers publish by themselves: after 100, after 1,000, then at every tenth more, and when nothing is left."""

from collections.abc import Callable
from dataclasses import asdict

import pytest

from catalog.catalog import Catalog
from catalog.entries import Reason
from catalog.posters import EmbeddedMark
from workers.publication import publication_due, request_publication


def mark(count: int) -> EmbeddedMark:
    return EmbeddedMark(count, float(count))


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        (99, 0, False),
        (100, 0, True),
        (999, 100, False),
        (1000, 100, True),
        (1000, 999, True),
        (1099, 1000, False),
        (1101, 1000, True),
        (9124, 9000, False),
    ],
)
def test_milestones_while_posters_still_wait(now: int, last: int, due: bool) -> None:
    assert publication_due(mark(now), mark(last), idle=False) is due


@pytest.mark.parametrize(("now", "last", "due"), [(1, 0, True), (101, 100, True), (100, 100, False), (0, 0, False)])
def test_when_nothing_is_left_any_change_is_published(now: int, last: int, due: bool) -> None:
    assert publication_due(mark(now), mark(last), idle=True) is due


def test_a_movie_embedded_anew_is_a_change_though_the_number_stays() -> None:
    assert publication_due(EmbeddedMark(5, 20.0), EmbeddedMark(5, 10.0), idle=True)


def publish(catalog: Catalog, rated: int) -> None:
    """As if a rebuild had just published ratings only."""
    job = catalog.jobs.open("rebuild", 60)
    catalog.jobs.finish(job, {"embedded": asdict(catalog.posters.mark()), "rated": rated})


def test_a_snapshot_of_ratings_only_is_made_again_after_a_deletion(queued: Callable[[int], Catalog]) -> None:
    catalog = queued(2)
    publish(catalog, rated=2)
    assert request_publication(catalog, 0.0) is None
    catalog.editing.delete(1)
    assert request_publication(catalog, 0.0) is not None


def test_where_nothing_was_published_a_deletion_publishes_nothing(queued: Callable[[int], Catalog]) -> None:
    catalog = queued(2)
    catalog.editing.delete(1)
    assert request_publication(catalog, 0.0) is None


def test_a_rebuild_that_found_nothing_left_is_not_tried_again(queued: Callable[[int], Catalog]) -> None:
    catalog = queued(1)
    publish(catalog, rated=1)
    catalog.editing.delete(1)
    catalog.jobs.fail(catalog.jobs.open("rebuild", 60), Reason.JOB_ERROR, "there is nothing to publish")
    with catalog.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET finished_at = finished_at - 3600")
    assert request_publication(catalog, 0.0) is None
