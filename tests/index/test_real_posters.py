"""Real posters, where they are at hand: their features are not part of the repository."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from index.contents import SnapshotContents, SpaceContents
from index.live import LiveSnapshot
from index.publishing import publish
from index.records import decode_records, encode_record
from index.vectors import checked, unit_rows

FEATURES = Path(__file__).parents[3] / "shared" / "data" / "poster-features.npz"
COUNT = 300


@pytest.fixture(scope="module")
def posters():
    if not FEATURES.exists():
        assert not os.environ.get("CI"), f"{FEATURES} must be there in CI"
        pytest.skip(f"{FEATURES} is not here")
    with np.load(FEATURES) as file:
        end = int(file["indptr"][COUNT])
        parts = file["values"][:end].astype(np.float32), file["indices"][:end].astype(np.int32), file["indptr"]
    return csr_matrix((parts[0], parts[1], parts[2][: COUNT + 1]), shape=(COUNT, 25088)).toarray()


def test_real_posters_go_through_records_and_snapshot_to_the_answers_of_brute_force(tmp_path, posters):
    records = [encode_record(checked(vector)) for vector in posters]
    assert 7000 < np.median([len(record) for record in records]) < 10_000
    ids = np.arange(1, COUNT + 1, dtype=np.int64)

    def blocks():
        for start in range(0, COUNT, 64):
            part = records[start : start + 64]
            yield decode_records(part, np.empty((len(part), 25088), np.float32))

    publish(tmp_path, SnapshotContents((SpaceContents("poster", 25088, "cosine", "vgg16", ids, blocks()),)))
    snapshot = LiveSnapshot(tmp_path).get()
    rows = unit_rows(posters, ids)  # these features were rounded to float16 already: their records lose nothing
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1)
    for row in range(0, COUNT, 10):
        want = np.argsort(-cosines[row], kind="stable")[:10]
        found = snapshot.similar("poster", row + 1, 10)
        assert [hit.movie_id for hit in found] == (want + 1).tolist()
        assert np.allclose([hit.score for hit in found], cosines[row, want], atol=2e-6)
        assert all(0 <= hit.score <= 1 for hit in found)
