"""Verification of a packed space: every number is where it must be, and answers agree with brute force."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.brute_force import best_scores
from index.codes import Codes, coordinates_of
from index.directions import Directions
from index.dots import Question, exact_cosines
from index.errors import SnapshotCorrupt
from index.gram import room
from index.machine import compiled, ones_in
from index.packed import WORD, Packed, lengths_of
from index.packed_layout import array_file
from index.packed_space import PackedSpace
from index.record_blocks import pack_records
from index.records import encode_record
from index.reranking import Promises, best_rows
from index.threads import side_by_side

N_QUERIES, K = 200, 10
SELF_SCORE = 0.999
_TINY = 40  # rows and numbers of the space that the code is tried on: more than are scored at once
_SIDES = 2  # times that all of them ask: more than one side of `index.gram` holds, as when it is for real
_INFINITE = 0x7C00  # the bits of infinity in float16


def verify_packed(folder: Path, space: PackedSpace, draw: np.random.Generator) -> float:
    """The recall@10 of free questions, 0 to 1, against brute force over what is stored.

    Asked are 200 random movies by their vectors, so that nothing is looked up; what is looked up for them is compared
    as well, and must be right where every pair was compared.

    Raises:
        SnapshotCorrupt: something is not what it must be; the message names the file.
    """
    _demand_rows(folder, space)
    _demand_lists(folder, space)
    asked = np.sort(draw.choice(len(space), min(N_QUERIES, len(space)), replace=False)).astype(np.int64)
    scores = best_scores(space.parts.packed, space.parts.generated, asked, K)
    questions = zip(asked.tolist(), scores.everybody, scores.kindred, strict=True)
    found = sum(side_by_side(lambda question: _found(folder, space, *question), questions))
    return found / int((scores.everybody > -np.inf).sum())


def _found(folder: Path, space: PackedSpace, row: int, best: NDArray[np.float32], kindred: NDArray[np.float32]) -> int:
    """How many of the best are found by the vector of a row, once what is listed for it was compared, too."""
    name, slack = space.info.name, room(space.parts.packed)
    best, kindred = best[best > -np.inf], kindred[kindred > -np.inf]
    movie_id = int(space.movie_ids[row])
    free = space.search_vector(space.vector(movie_id), K)
    if free[0].score < SELF_SCORE:
        raise SnapshotCorrupt(folder / array_file(name, "codes"), f"row {row} is not its own nearest")
    _demand_scores(folder, space, row)
    known = space.search_movie(movie_id, K)
    hits = sum(hit.score >= kindred[-1] - slack for hit in known) if len(kindred) else 0
    if space.packed_info.neighbours == "exact" and hits != len(kindred):
        raise SnapshotCorrupt(folder / array_file(name, "neighbours"), f"row {row} has nearer neighbours")
    return sum(hit.score >= best[-1] - slack for hit in free)


def warm_up() -> None:
    """Loads the machine code that `verify_packed` runs: half a second, while there is nothing to verify yet."""
    vectors = np.eye(_TINY, dtype=np.float32) + np.float32(0.5)
    packed = _as_mapped(pack_records([encode_record(vector) for vector in vectors], _TINY))
    rows, cards = np.arange(_TINY), np.zeros(_TINY, np.uint8)
    best_scores(packed, cards, np.tile(rows, _SIDES), 1)
    _first_wrong(packed.bitmaps, packed.starts, _TINY % WORD)
    lengths_of(packed.values, packed.starts)
    question = Question.of_row(packed, 0)
    exact_cosines(question, packed, rows)
    directions = Directions(_fixed(np.ones((_TINY, 2), np.int8)), _fixed(np.ones(_TINY, np.float32)))
    codes = Codes(_fixed(np.ones((_TINY, 2), np.int8)), _fixed(np.ones(_TINY, np.float32)))
    promises = Promises(codes.products(coordinates_of(question, directions)), None)
    best_rows(question, packed, promises, 1, 0.0, _TINY)


def _as_mapped(packed: Packed) -> Packed:
    """The same as `open_packed` hands it out: code for arrays that may be written to is another one."""
    return replace(packed, bitmaps=_fixed(packed.bitmaps), values=_fixed(packed.values), norms=_fixed(packed.norms))


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    array.setflags(write=False)
    return array


def _demand_scores(folder: Path, space: PackedSpace, row: int) -> None:
    """The list of a row holds the scores that its neighbours have."""
    parts = space.parts
    rows, scores = parts.neighbours.rows[row], parts.neighbours.scores[row]
    there = rows >= 0
    exact = exact_cosines(Question.of_row(parts.packed, row), parts.packed, rows[there].astype(np.int64))
    if not np.array_equal(exact, scores[there]):
        path = folder / array_file(space.info.name, "neighbour_scores")
        raise SnapshotCorrupt(path, f"row {row} has other scores with its neighbours")


def _demand_rows(folder: Path, space: PackedSpace) -> None:
    packed, name = space.parts.packed, space.info.name
    wrong = _first_wrong(packed.bitmaps, packed.starts, packed.dimension % WORD)
    if wrong >= 0:
        raise SnapshotCorrupt(folder / array_file(name, "bitmaps"), f"row {wrong} has not as many numbers as bits")
    bits = packed.values.view(np.uint16)
    for start in range(0, len(bits), 1 << 22):
        sizes = bits[start : start + (1 << 22)] & 0x7FFF
        if sizes.min() == 0 or sizes.max() >= _INFINITE:
            raise SnapshotCorrupt(folder / array_file(name, "values"), "a stored number is zero or not finite")
    if not _norms_agree(packed):
        raise SnapshotCorrupt(folder / array_file(name, "norms"), "a length is not that of its row")


def _norms_agree(packed: Packed) -> bool:
    counts = np.diff(packed.starts)
    if len(counts) and counts.min() == 0:
        return False
    return np.allclose(lengths_of(packed.values, packed.starts), packed.norms, rtol=1e-12, atol=0)


def _demand_lists(folder: Path, space: PackedSpace) -> None:
    parts, name = space.parts, space.info.name
    rows, scores = parts.neighbours.rows, parts.neighbours.scores
    if rows.min() < -1 or rows.max() >= len(space) or not np.isfinite(scores).all():
        raise SnapshotCorrupt(folder / array_file(name, "neighbours"), "it names rows that there are not")
    there = rows >= 0
    if (there[:, 1:] > there[:, :-1]).any():
        raise SnapshotCorrupt(folder / array_file(name, "neighbours"), "a list goes on behind its end")
    if parts.clusters is not None:
        starts, order = parts.clusters.starts, parts.clusters.rows
        whole = starts[0] == 0 and starts[-1] == len(space) and (np.diff(starts) >= 0).all()
        if not whole or not np.array_equal(np.bincount(order, minlength=len(space)), np.ones(len(space), np.int64)):
            raise SnapshotCorrupt(folder / array_file(name, "cluster_rows"), "it does not name every row once")


@compiled
def _first_wrong(bitmaps: NDArray[np.uint64], starts: NDArray[np.int64], spare: int) -> int:
    for row in range(len(bitmaps)):
        count = np.uint64(0)
        for w in range(bitmaps.shape[1]):
            count += ones_in(bitmaps[row, w])
        if np.int64(count) != starts[row + 1] - starts[row]:
            return row
        if spare and bitmaps[row, bitmaps.shape[1] - 1] >> np.uint64(spare) != 0:
            return row
    return -1
