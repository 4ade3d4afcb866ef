import faiss
import numpy as np
import pytest

from index.errors import SnapshotCorrupt
from index.flat_files import file_size, open_flat, stored_rows, write_flat
from index.spaces import SpaceInfo

ROWS = np.random.default_rng(0).random((50, 12), dtype=np.float32)
INFO = SpaceInfo("poster", 12, "float32", "cosine", "toy", 50)


def foreign_indexes():
    """Files of FAISS and others that are no flat inner-product index of 50 x 12."""

    def filled(index, rows=ROWS):
        if not index.is_trained:
            index.train(rows)
        index.add(rows)
        return faiss.serialize_index(index).tobytes()

    mapped = faiss.IndexIDMap2(faiss.IndexFlatIP(12))
    mapped.add_with_ids(ROWS, np.arange(50))
    good = filled(faiss.IndexFlatIP(12))
    return {
        "euclidean": filled(faiss.IndexFlatL2(12)),
        "graph": filled(faiss.IndexHNSWFlat(12, 8, faiss.METRIC_INNER_PRODUCT)),
        "quantised": filled(faiss.IndexScalarQuantizer(12, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)),
        "mapped": faiss.serialize_index(mapped).tobytes(),
        "longer": filled(faiss.IndexFlatIP(12), np.tile(ROWS, (2, 1))),
        "wider": filled(faiss.IndexFlatIP(24), np.tile(ROWS, (1, 2))),
        "transposed": filled(faiss.IndexFlatIP(50), np.ascontiguousarray(ROWS.T)),
        "text": b"this is not an index, but it is about as long as one\n" * 46,
        "short": good[:-1],
        "with a tail": good + b"\0",
        "empty": b"",
        "untrained": good[:32] + b"\0" + good[33:],
    }


FOREIGN = foreign_indexes()


def test_the_file_is_the_one_that_faiss_writes(tmp_path):
    index = faiss.IndexFlatIP(12)
    index.add(ROWS)
    digest = write_flat(tmp_path / "poster.faiss", INFO, iter(np.array_split(ROWS, 7)))
    content = (tmp_path / "poster.faiss").read_bytes()
    assert content == faiss.serialize_index(index).tobytes()
    assert digest.size == len(content) == file_size(12, 50)


def test_what_was_written_is_read_back_mapped(tmp_path):
    path = tmp_path / "poster.faiss"
    write_flat(path, INFO, [np.asfortranarray(ROWS)])
    index = open_flat(path, INFO)
    assert np.array_equal(index.reconstruct_n(0, 50), ROWS)
    assert np.array_equal(stored_rows(path, INFO), ROWS)
    with open("/proc/self/maps") as maps:  # noqa: PTH123 - a path of the kernel
        assert str(path) in maps.read()


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused_in_one_line_that_names_it(tmp_path, name):
    path = tmp_path / "poster.faiss"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(SnapshotCorrupt, match=r"poster\.faiss") as raised:
        open_flat(path, INFO)
    assert "\n" not in str(raised.value)
