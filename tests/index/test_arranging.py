import numpy as np
import pytest

from index import arranging
from index.contents import SnapshotContents
from index.filtering import Among
from index.live import LiveSnapshot
from index.packed_parts import Tuning
from index.publishing import publish
from tests.index.packed_spaces import Oracle, agree, posters
from tests.index.test_packed_publishing import contents

COUNT = 1_500


@pytest.fixture(scope="module", params=["all codes", "clusters"])
def grown(request, tmp_path_factory):
    """A catalogue too large to compare every pair, published, and published again with some more movies."""
    root = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arranging, "EXACT_UP_TO", 100)
        patch.setattr(arranging, "CLUSTERED_FROM", 500 if request.param == "clusters" else 10**9)
        vectors, cards = posters(COUNT), (np.arange(COUNT) % 4 == 0).astype(np.uint8)
        publish(root, SnapshotContents((contents(vectors[:-40], cards=cards[:-40]),)))
        kept = np.r_[5:COUNT]
        manifest = publish(root, SnapshotContents((contents(vectors[kept], kept + 1, cards[kept]),)))
    space = LiveSnapshot(root).get().space("poster")
    return manifest, space, Oracle(kept + 1, vectors[kept], cards[kept])


def share_found(space, oracle, ask, allowed):
    hits = wanted = 0
    for row in range(0, len(oracle.ids), 97):
        best = {hit.movie_id for hit in oracle.nearest(oracle.vectors[row], 10, allowed(row))}
        hits += len(best & {hit.movie_id for hit in ask(row)})
        wanted += len(best)
    return hits / wanted


def test_it_says_how_it_was_made_and_how_much_it_finds(grown):
    manifest, space, _ = grown
    stated = manifest.packed["poster"]
    assert (stated.neighbours, stated.fresh) == ("candidates", 40)
    assert bool(stated.clusters) == (space.parts.clusters is not None)
    assert manifest.recall["poster"] >= 0.95


def test_the_lists_of_all_movies_hold_nearly_all_neighbours_fresh_ones_too(grown):
    _, space, oracle = grown
    kin = lambda row: (oracle.generated == oracle.generated[row]) & (np.arange(len(oracle.ids)) != row)  # noqa: E731
    assert share_found(space, oracle, lambda row: space.search_movie(int(oracle.ids[row]), 10), kin) >= 0.95
    for movie_id in range(COUNT - 30, COUNT):
        twin = space.search_movie(movie_id, 3)
        for hit in twin:
            assert hit.score == pytest.approx(oracle.score(oracle.vectors[movie_id - 6], hit.movie_id - 6), abs=2e-7)


def test_a_filter_costs_no_recall(grown):
    _, space, oracle = grown
    mask = np.random.default_rng(1).random(len(oracle.ids)) < 0.2
    ask = lambda row: space.search_vector(oracle.vectors[row], 10, among=Among(rows=mask))  # noqa: E731
    assert share_found(space, oracle, ask, lambda _: mask) >= 0.95


def test_looking_at_every_row_is_exact(grown):
    _, space, oracle = grown
    for query in posters(5, seed=12):
        assert agree(space.search_vector(query, 10, among=Among(exact=True)), oracle.nearest(query, 10))


def test_the_more_is_looked_at_the_more_is_found(grown):
    _, space, oracle = grown
    shares = []
    for probed in (20, 300, COUNT):
        tuned = space.tuned(Tuning(probed=probed))
        shares.append(
            share_found(space, oracle, lambda row, s=tuned: s.search_vector(oracle.vectors[row], 10), lambda _: None)
        )
    assert shares == sorted(shares)
    assert shares[-1] >= 0.99
