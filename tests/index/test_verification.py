import numpy as np
import pytest

from index.apart import verify_apart
from index.contents import SnapshotContents
from index.durable import digest_of
from index.errors import SnapshotCorrupt
from index.flat import FlatSpace, Neighbour
from index.manifest import read_manifest
from index.publishing import publish
from index.verification import main, verify


@pytest.fixture
def folder(tmp_path, contents, request):
    request.getfixturevalue("verified_here")
    publish(tmp_path, contents())
    return tmp_path / "v00000001"


def test_a_good_version_passes_here_and_in_its_own_process(folder):
    verify(folder, read_manifest(folder)[0])
    verify_apart(folder, read_manifest(folder)[0])


def test_a_damaged_version_fails_in_its_own_process_with_the_file_named(folder, overwrite):
    overwrite(folder / "ratings.faiss", bytes((folder / "ratings.faiss").stat().st_size))
    with pytest.raises(SnapshotCorrupt, match=r"ratings\.faiss.*sha256") as raised:
        verify_apart(folder, read_manifest(folder)[0])
    assert "\n" not in str(raised.value)


def test_attached_arrays_are_verified_in_the_process_of_its_own(tmp_path, contents, overwrite):
    attached = {"prediction": {"about": np.ones(5)}}
    publish(tmp_path, SnapshotContents(contents().spaces, {}, attached))
    folder = tmp_path / "v00000001"
    assert verify_apart(folder, read_manifest(folder)[0]) == {"poster": 1.0, "ratings": 1.0}
    path = folder / "prediction.about.npy"
    overwrite(path, path.read_bytes()[:-8] + np.array(np.nan).tobytes())
    manifest = read_manifest(folder)[0]
    lying = manifest.model_copy(update={"files": {**manifest.files, path.name: digest_of(path)}})
    with pytest.raises(SnapshotCorrupt, match=r"prediction\.about\.npy: it holds NaN"):
        verify_apart(folder, lying)


def test_answers_that_differ_from_brute_force_are_found(folder, monkeypatch):
    search = FlatSpace.search_vector

    def a_little_wrong(self, vector, k, kind="any"):
        hits = search(self, vector, k, kind)
        return [*hits[:-1], Neighbour(hits[-1].movie_id, hits[-1].score - 1e-3)]

    monkeypatch.setattr(FlatSpace, "search_vector", a_little_wrong)
    with pytest.raises(SnapshotCorrupt, match="brute force disagree"):
        verify(folder, read_manifest(folder)[0])


def test_as_a_program_it_says_one_line_and_a_code(folder, capsys, overwrite):
    assert main([str(folder)]) == 0
    assert capsys.readouterr().out == '{"poster": 1.0, "ratings": 1.0}\n'
    assert main([]) == main([str(folder), "x"]) == 2
    assert "usage" in capsys.readouterr().out
    overwrite(folder / "manifest.json", b"{}")
    assert main([str(folder)]) == 1
    assert "manifest.json: not a manifest" in capsys.readouterr().out
