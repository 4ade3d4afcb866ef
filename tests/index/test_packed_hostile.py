"""Packed spaces under hands that mean no good, and rules that nothing else would notice if they were broken."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index import packing, publishing
from index.contents import PackedContents, Run, SnapshotContents
from index.dots import Question, exact_cosines
from index.durable import FileDigest
from index.errors import SnapshotCorrupt
from index.filtering import Among
from index.manifest import read_manifest
from index.packed import Packed
from index.packed_space import PackedSpace
from index.publishing import publish
from index.records import encode_record
from index.reranking import MOST_PATIENCE, PATIENCE, Promises, _continued, best_rows, patience_for
from index.side import OverlaidSpace, SideList
from index.trust import demand_files, vouch
from index.versions import served_space
from tests.index.packed_spaces import DIMENSION, Oracle, agree, packed_of, posters, space_of
from tests.verifier_here import VerifierHere

ROWS = 700


@pytest.fixture(scope="module")
def packed() -> Packed:
    return packed_of(posters(ROWS))


@pytest.fixture(scope="module")
def question(packed: Packed) -> Question:
    return Question.of(posters(1, seed=9)[0], packed)


@pytest.fixture(scope="module")
def exact(packed: Packed, question: Question) -> NDArray[np.float32]:
    return exact_cosines(question, packed, np.arange(ROWS))


def scored(question: Question, packed: Packed, values: NDArray[Any], patience: float, most: int = ROWS) -> list[int]:
    rows, _ = best_rows(question, packed, Promises(values.astype(np.float32), None), 10, patience, most)
    return list(rows.tolist())


def test_more_patience_scores_more_rows_until_it_is_all_of_them(
    packed: Packed, question: Question, exact: NDArray[np.float32]
) -> None:
    noisy = exact - np.float32(0.1) + np.random.default_rng(4).normal(0, 0.05, ROWS)
    found = [scored(question, packed, noisy, patience) for patience in (0.0, 2.5, 4.0, np.inf)]
    assert len(found[0]) < len(found[1]) < len(found[2]) < len(found[3]) == ROWS
    best = set(np.argsort(-exact, kind="stable")[:10].tolist())
    assert [best <= set(rows) for rows in found] == [False, True, True, True]


@pytest.mark.parametrize("most", [1, 9, 10, 255, 256, 257, 600, ROWS, 10 * ROWS])
@pytest.mark.parametrize("promises", ["equal", "noise"])
def test_no_row_is_scored_twice_and_never_more_than_may(
    most: int, promises: str, packed: Packed, question: Question
) -> None:
    values = np.zeros(ROWS) if promises == "equal" else np.random.default_rng(5).normal(0, 1, ROWS).round(1)
    rows = scored(question, packed, values, np.inf, most)
    assert len(set(rows)) == len(rows) == min(most, ROWS)


def test_who_may_not_answer_is_not_scored(packed: Packed, question: Question) -> None:
    values = np.where(np.arange(ROWS) % 7 == 0, 0.5, -np.inf)
    assert sorted(scored(question, packed, values, np.inf)) == list(range(0, ROWS, 7))
    assert scored(question, packed, np.full(ROWS, -np.inf), 4.0) == []


def test_patience_grows_by_one_with_each_doubling_up_to_its_most() -> None:
    found = [patience_for(rows) for rows in (0, 1, 2_500, 5_000, 10_000, 20_000, 40_000, 10**6)]
    assert found == [PATIENCE, PATIENCE, PATIENCE, *(PATIENCE + n for n in (1, 2, 3, 4)), MOST_PATIENCE]


@pytest.mark.parametrize("exact_scan", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_who_left_stays_out_whatever_else_is_filtered(seed: int, exact_scan: bool) -> None:
    draw = np.random.default_rng(seed)
    vectors, ids = posters(360, seed), draw.permutation(np.arange(1, 361)).astype(np.int64)
    cards = (draw.random(360) < 0.3).astype(np.uint8)
    new, new_cards = posters(20, seed + 50), (draw.random(20) < 0.5).astype(np.uint8)
    new_ids = np.concatenate([ids[:10], np.arange(500, 510)])  # ten have a new poster, ten are new
    gone = np.concatenate([ids[10:40], new_ids[-2:]])
    space = OverlaidSpace(space_of(ids, vectors, cards), SideList(new_ids, new_cards, packed_of(new), gone))
    exclude, mask = draw.choice(ids, 60).astype(np.int64), draw.random(380) < 0.7
    oracle = Oracle(np.append(ids, new_ids), np.concatenate([vectors, new]), np.append(cards, new_cards))
    stays = ~np.isin(oracle.ids, gone) & ~((np.arange(380) < 360) & np.isin(oracle.ids, new_ids))
    allowed = stays & mask & ~np.isin(oracle.ids, exclude)
    for row in [*range(50, 60), *range(360, 366)]:
        others = allowed & (oracle.generated == oracle.generated[row]) & (np.arange(380) != row)
        among = Among(mask, exclude, exact_scan)
        found = space.search_movie(int(oracle.ids[row]), 25, among=among)
        assert agree(found, oracle.nearest(oracle.vectors[row], 25, others))
        assert agree(
            space.search_vector(oracle.vectors[row], 25, among=among), oracle.nearest(oracle.vectors[row], 25, allowed)
        )


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)


def contents(
    vectors: NDArray[np.float32], fingerprint: str = "toy", cards: NDArray[np.uint8] | None = None
) -> SnapshotContents:
    ids = np.arange(1, len(vectors) + 1, dtype=np.int64)
    cards = np.zeros(len(vectors), np.uint8) if cards is None else cards
    run = Run(ids, cards, [encode_record(vector) for vector in vectors])
    return SnapshotContents((PackedContents("poster", vectors.shape[1], fingerprint, [run], len(ids)),))


@pytest.fixture
def used(here: None, monkeypatch: pytest.MonkeyPatch) -> list[PackedSpace | None]:
    """What each publication was given of the one before."""
    given: list[PackedSpace | None] = []
    real = packing.arrange
    monkeypatch.setattr(packing, "arrange", lambda *arguments: given.append(arguments[3]) or real(*arguments))
    return given


@pytest.mark.parametrize(
    ("fingerprint", "dimension", "reused"), [("toy", DIMENSION, True), ("other", DIMENSION, False), ("toy", 130, False)]
)
def test_nothing_is_used_again_that_another_encoder_made(
    fingerprint: str, dimension: int, reused: bool, tmp_path: Path, used: list[PackedSpace | None]
) -> None:
    publish(tmp_path, contents(posters(60)))
    publish(tmp_path, contents(posters(60, dimension=dimension), fingerprint))
    assert [before is not None for before in used] == [False, reused]
    assert served_space(tmp_path, "poster") is not None


def test_a_note_vouches_for_one_manifest_only(tmp_path: Path, here: None) -> None:
    publish(tmp_path, contents(posters(20)))
    folder = tmp_path / "v00000001"
    manifest, _ = read_manifest(folder)
    vouch(folder, manifest)
    demand_files(folder, manifest)
    name, digest = next(iter(manifest.files.items()))
    other = manifest.model_copy(update={"files": {**manifest.files, name: FileDigest("0" * 64, digest.size)}})
    with pytest.raises(SnapshotCorrupt, match="sha256"):
        demand_files(folder, other)


@pytest.mark.parametrize("note", [b"", b"\xff\xfe", b"{}", b"null", b"[" * 100_000, b"x" * 10_000_000])
def test_a_note_of_nonsense_makes_every_byte_be_read(note: bytes, tmp_path: Path, here: None) -> None:
    publish(tmp_path, contents(posters(20)))
    folder = tmp_path / "v00000001"
    (tmp_path / ".verified-v00000001").write_bytes(note)
    demand_files(folder, read_manifest(folder)[0])
    path = folder / "poster.values.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(SnapshotCorrupt, match=r"poster\.values"):
        demand_files(folder, read_manifest(folder)[0])


def test_directions_are_fitted_again_once_a_tenth_of_the_rows_came_after_them(tmp_path: Path, here: None) -> None:
    vectors = posters(112)
    stated = [publish(tmp_path, contents(vectors[:count])).packed for count in (100, 106, 112)]
    assert [packed["poster"].fresh for packed in stated if packed] == [0, 6, 0]


def test_a_poster_that_became_a_card_leaves_the_lists_of_posters(tmp_path: Path, here: None) -> None:
    vectors, cards = posters(60), np.zeros(60, np.uint8)
    publish(tmp_path, contents(vectors))
    cards[[3, 4, 5]] = 1
    publish(tmp_path, contents(vectors, cards=cards))
    served, oracle = served_space(tmp_path, "poster"), Oracle(np.arange(1, 61), vectors, cards)
    assert served is not None
    space = served.space
    for row in (0, 3, 20):
        others = (cards == cards[row]) & (np.arange(60) != row)
        assert agree(space.search_movie(row + 1, 60), oracle.nearest(vectors[row], 60, others))


@pytest.mark.parametrize(
    ("neighbours", "listed", "believed"),
    [("exact", None, True), ("candidates", 0.97, True), ("candidates", 0.96, False), ("candidates", None, False)],
)
def test_lists_are_believed_where_they_hold_enough(neighbours: Any, listed: float | None, believed: bool) -> None:
    vectors = posters(300)
    made = space_of(np.arange(1, 301), vectors)
    stated = replace(made.parts.stated, neighbours=neighbours, listed=listed)
    told = replace(made.parts.neighbours, scores=made.parts.neighbours.scores / 2)  # tells who was asked
    space = PackedSpace(replace(made.parts, stated=stated, neighbours=told))
    right = Oracle(np.arange(1, 301), vectors, np.zeros(300, np.uint8)).nearest(vectors[0], 5, np.arange(300) > 0)
    assert agree(space.search_movie(1, 5), right) is not believed
    assert agree(space.search_movie(1, 5, among=Among(exact=True)), right)


class _Reshuffled(Promises):
    """Equal promises, of which each look finds others first, as a partition may."""

    def first(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        rows = np.roll(np.arange(len(self.values)), count)[:count]
        return rows, self.values[rows]


def test_more_rows_are_never_more_than_there_is_room_for_and_keep_those_scored() -> None:
    promises = _Reshuffled(np.full(1026, 0.5, np.float32), None)
    rows, promised = promises.first(320)
    more, more_promised = _continued(promises, rows, promised, 1024)
    assert len(more) == len(more_promised) == len(set(more.tolist())) == 1024
    assert more[:320].tolist() == rows.tolist()
