"""Throwing posters away: what is out of date, what one source gave, what nobody uses."""

import os
from collections.abc import Callable
from dataclasses import replace

from catalog.catalog import Catalog
from catalog.entries import Kind, PosterFile, State
from catalog.purging import ARRIVING_S, Purged
from catalog.work import Embedded
from tests.catalog.conftest import Clock

Queue = Callable[[int], Catalog]
File = Callable[[int], PosterFile]


def _embedded(catalog: Catalog, file: PosterFile, content: bytes) -> PosterFile:
    """One more movie with these bytes as its poster; the first due one."""
    stored = replace(file, sha256=catalog.posters.content.put(content, "image/jpeg"), size_bytes=len(content))
    claim = catalog.work.claim(Kind.FETCH, 1, 60)
    assert claim.movie_ids == (file.movie_id,)
    catalog.work.fetched(claim, [stored])
    embedded = Embedded(file.movie_id, stored.sha256, "toy", b"record", stored.generated)
    catalog.work.embedded(catalog.work.claim(Kind.EMBED, 1, 60), [embedded])
    return stored


def _grow_old(catalog: Catalog, clock: Clock) -> None:
    for path in catalog.posters.content.files():
        os.utime(path, (clock.now - ARRIVING_S - 1, clock.now - ARRIVING_S - 1))


def test_a_poster_out_of_date_is_forgotten_with_its_bytes_and_its_vector(
    queued: Queue, poster_file: File, clock: Clock
) -> None:
    catalog = queued(2)
    _embedded(catalog, replace(poster_file(1), source="tmdb", expires_at=clock.now + 10), b"from outside")
    _embedded(catalog, poster_file(2), b"our own")
    clock.now += 11
    _grow_old(catalog, clock)
    assert catalog.purging.purge(dry_run=True) == Purged(1, 1, 12)
    assert catalog.movies.get(1).state == State.EMBEDDED, "a dry run changes nothing"
    assert catalog.purging.purge() == Purged(1, 1, 12)
    assert [movie.state for movie in catalog.movies.many([1, 2])] == [State.PENDING, State.EMBEDDED]
    assert [stored.movie_id for run in catalog.posters.vectors("toy") for stored in run] == [2]
    assert [path.read_bytes() for path in catalog.posters.content.files()] == [b"our own"]


def test_every_poster_of_one_source_can_be_forgotten(queued: Queue, poster_file: File, clock: Clock) -> None:
    catalog = queued(2)
    _embedded(catalog, replace(poster_file(1), source="tmdb", expires_at=clock.now + 1e6), b"from outside")
    _embedded(catalog, poster_file(2), b"our own")
    assert catalog.purging.sources() == {"folder": 1, "tmdb": 1}
    assert catalog.purging.purge("tmdb").posters == 1
    assert catalog.purging.sources() == {"folder": 1}


def test_bytes_that_another_movie_uses_stay(queued: Queue, poster_file: File, clock: Clock) -> None:
    catalog = queued(2)
    _embedded(catalog, replace(poster_file(1), source="tmdb"), b"the same picture")
    _embedded(catalog, poster_file(2), b"the same picture")
    _grow_old(catalog, clock)
    assert catalog.purging.purge("tmdb") == Purged(1, 0, 0)
    assert catalog.posters.image(2)[1] == b"the same picture"


def test_bytes_that_have_just_arrived_or_were_handed_in_stay(catalog: Catalog, queued: Queue, clock: Clock) -> None:
    queued(1)
    catalog.given.set_file(1, b"handed in", "image/jpeg")
    _grow_old(catalog, clock)
    new = catalog.posters.content.path(catalog.posters.content.put(b"arriving", "image/png"), "image/png")
    os.utime(new, (clock.now, clock.now))
    assert catalog.purging.purge() == Purged(0, 0, 0)
    clock.now += ARRIVING_S + 1
    assert catalog.purging.purge() == Purged(0, 1, 8), "whoever stored it never came back"


def test_bytes_stored_again_count_as_arriving(catalog: Catalog, clock: Clock) -> None:
    content = catalog.posters.content
    path = content.path(content.put(b"old", "image/png"), "image/png")
    os.utime(path, (1.0, 1.0))
    content.put(b"old", "image/png")
    assert path.stat().st_mtime > 1.0
