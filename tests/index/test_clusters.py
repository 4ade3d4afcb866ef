"""Clusters of codes: every row in one of them, the nearest, the same every time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from index.clusters import Clusters, clusters_for, fit_clusters
from index.codes import Codes

NUMBERS = 16


def _quiet(phase: str, done: int, of: int) -> None:
    """Says nothing."""


def codes(count: int, groups: int = 5, seed: int = 0, spread: float = 4.0) -> Codes:
    """Rows around `groups` middles, at lengths that say nothing."""
    draw = np.random.default_rng(seed)
    middles = draw.normal(0, 50, (groups, NUMBERS))
    numbers = middles[np.arange(count) % groups] + draw.normal(0, spread, (count, NUMBERS))
    return Codes(numbers.round().clip(-127, 127).astype(np.int8), draw.random(count).astype(np.float32))


def cluster_of(clusters: Clusters) -> NDArray[np.int64]:
    """The cluster of each row, as `starts` and `rows` tell it."""
    own = np.empty(len(clusters.rows), np.int64)
    own[clusters.rows] = np.repeat(np.arange(len(clusters.centroids)), np.diff(clusters.starts))
    return own


@pytest.mark.parametrize(("count", "wanted"), [(1, 1), (2, 2), (50, 7), (200, 1), (40, 40)])
def test_every_row_is_in_one_cluster(count: int, wanted: int) -> None:
    clusters = fit_clusters(codes(count), wanted, _quiet)
    assert sorted(clusters.rows.tolist()) == list(range(count))
    assert clusters.rows.dtype == np.int32
    assert clusters.starts[0] == 0 and clusters.starts[-1] == count
    assert (np.diff(clusters.starts) >= 0).all()
    assert clusters.centroids.shape == (wanted, NUMBERS)


def test_a_row_is_in_the_cluster_of_the_centroid_it_is_nearest_to() -> None:
    given = codes(300)
    clusters = fit_clusters(given, 12, _quiet)
    rows = given.numbers.astype(np.float64) * given.scales[:, None]
    near = rows @ clusters.centroids.T.astype(np.float64)
    chosen = near[np.arange(300), cluster_of(clusters)]
    assert (chosen >= near.max(axis=1) - 1e-4).all()


def test_rows_are_ascending_in_each_cluster() -> None:
    clusters = fit_clusters(codes(300), 12, _quiet)
    for start, end in zip(clusters.starts[:-1], clusters.starts[1:], strict=True):
        assert (np.diff(clusters.rows[start:end]) > 0).all()


def mixed(clusters: Clusters) -> int:
    """How many clusters hold rows of more than one of five groups."""
    own = cluster_of(clusters)
    return sum(len({row % 5 for row in np.flatnonzero(own == cluster)}) > 1 for cluster in np.unique(own))


def test_groups_that_lie_apart_never_share_a_cluster() -> None:
    assert mixed(fit_clusters(codes(200), 25, _quiet)) == 0
    assert mixed(fit_clusters(codes(200), 1, _quiet)) == 1


def test_centroids_have_length_one() -> None:
    lengths = np.linalg.norm(fit_clusters(codes(300), 12, _quiet).centroids, axis=1)
    assert lengths == pytest.approx(np.ones(12), abs=1e-5)


def test_the_same_codes_make_the_same_bytes() -> None:
    one, two = (fit_clusters(codes(500), 20, _quiet) for _ in range(2))
    for name in ("centroids", "starts", "rows"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()


def test_of_many_rows_a_sample_is_fitted_to_and_all_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.clusters.MOST_SAMPLED", 60)
    monkeypatch.setattr("index.clusters._BLOCK", 64)
    told: list[tuple[str, int, int]] = []
    assert mixed(fit_clusters(codes(1000), 25, lambda *said: told.append(said))) == 0
    assert told[-1] == ("clusters", 1000, 1000)


@pytest.mark.parametrize("wanted", [1, 4])
def test_rows_of_zeros_and_equal_rows_have_a_cluster_too(wanted: int) -> None:
    numbers = np.zeros((30, NUMBERS), np.int8)
    numbers[10:, 3] = 100
    clusters = fit_clusters(Codes(numbers, np.ones(30, np.float32)), wanted, _quiet)
    assert sorted(clusters.rows.tolist()) == list(range(30))
    assert len(set(cluster_of(clusters)[10:].tolist())) == 1
    assert np.isfinite(clusters.centroids).all()


@pytest.mark.parametrize(("count", "wanted"), [(10, 0), (10, 11)])
def test_a_number_of_clusters_that_cannot_be_is_refused(count: int, wanted: int) -> None:
    with pytest.raises(ValueError, match=f"{wanted} clusters of {count} rows"):
        fit_clusters(codes(count), wanted, _quiet)


@pytest.mark.parametrize(("rows", "clusters"), [(0, 0), (1, 1), (10, 10), (10_000, 400), (1_000_000, 4000)])
def test_there_are_four_clusters_for_each_root_of_the_rows(rows: int, clusters: int) -> None:
    assert clusters_for(rows) == clusters
