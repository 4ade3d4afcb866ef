"""T16: hostile vectors into the gates of the index: refused by name, or answered as brute force does.

Every example is a small space in which some rows were made hostile, asked with a vector that may be hostile, too.
"""

from dataclasses import dataclass, replace
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index.contents import SpaceContents
from index.errors import DimensionMismatch, DuplicateId, InvalidVector, NotFinite, OutOfRange, ZeroVector
from index.filtering import Kind
from index.flat import FlatSpace, Neighbour
from index.record_blocks import pack_records
from index.records import decode_record, encode_record
from index.spaces import Metric
from index.vectors import checked_ids, unit_rows
from tests.index.packed_spaces import space_of
from tests.plan import Judge

pytestmark = pytest.mark.timeout(900)  # the long form takes some minutes on a busy machine
SHORT, NIGHTLY = 500, 10_000
HOSTILE = (
    "NaN",
    "inf",
    "-inf",
    "zero",
    "1e20",
    "1e38",
    "denormal",
    "1e-7",
    "d - 1",
    "d + 1",
    "float64",
    "twin",
    "twice",
)
REFUSED = {"NaN", "inf", "-inf", "1e20", "1e38", "d - 1", "d + 1", "float64", "twice"}  # in every space
MOST_SCORE = 1.0001
Row = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """What is put in and what is asked."""

    seed: int
    count: int
    dimension: int
    metric: Metric
    packed: bool
    bad: tuple[str, ...]
    asked: str
    k: int
    kind: Kind


EXAMPLES = st.builds(
    Example,
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 24),
    dimension=st.integers(2, 70),
    metric=st.sampled_from(["cosine", "inner_product"]),
    packed=st.booleans(),
    bad=st.lists(st.sampled_from(HOSTILE), max_size=2).map(tuple),
    asked=st.sampled_from(["", "", "", *HOSTILE[:11]]),
    k=st.sampled_from([-1, 0, 1, 2, 5, 24, 25, 100, 10**9]),
    kind=st.sampled_from(["same", "any", "real", "generated"]),
)


def spoiled(row: Row, how: str, draw: np.random.Generator) -> Any:
    """The row as somebody hostile, or a bug, would hand it in."""
    numbers = {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf, "1e20": 1e20, "1e38": 1e38}
    if how in numbers:
        changed = row.copy()
        changed[draw.integers(len(row))] = numbers[how]
        return changed
    wholes = {"zero": 0.0, "denormal": 1e-42, "1e-7": 1e-7 / len(row)}
    if how in wholes:
        return np.full(len(row), wholes[how], np.float32)
    return {"d - 1": row[:-1], "d + 1": np.append(row, row[:1]), "float64": row.astype(np.float64)}.get(how, row)


@dataclass
class Made:
    """Rows and ids as they were handed in, the good ones they were made of, and what is bad about them."""

    ids: NDArray[np.int64]
    rows: list[Any]
    cards: NDArray[np.uint8]
    good: Row
    bad: set[str]

    @classmethod
    def of(cls, example: Example) -> "Made":
        draw = np.random.default_rng(example.seed)
        good = np.abs(draw.normal(0, 3, (example.count, example.dimension))).astype(np.float32) + np.float32(0.01)
        good *= draw.random((example.count, example.dimension)) < 0.5
        good[:, 0] += 0.25
        ids, rows = draw.permutation(np.arange(1, example.count + 1)).astype(np.int64), list(good)
        changed: dict[int, str] = {}
        for how in example.bad:
            at = int(draw.integers(example.count))
            if how == "twice":
                ids[at] = ids[at - 1]
            else:
                rows[at] = rows[0] if how == "twin" else spoiled(good[at], how, draw)
                changed[at] = changed.get(0, "") if how == "twin" else how
        bad = {how for how in changed.values() if how} | ({"twice"} if len(set(ids.tolist())) < len(ids) else set())
        return cls(ids, rows, (draw.random(example.count) < 0.4).astype(np.uint8), good, bad)


def flat(example: Example, made: Made) -> FlatSpace:
    """Through the gates of a flat space, as publication goes."""
    blocks = [row[None] for row in made.rows]
    contents = SpaceContents(
        "poster", example.dimension, example.metric, "toy", checked_ids(made.ids), blocks, made.cards
    )
    index = faiss.IndexFlatIP(example.dimension)
    for block in contents.stored_blocks():
        index.add(block)
    return FlatSpace(contents.info, index, made.ids, made.cards)


def put_in(example: Example, made: Made) -> Any:
    """A space of these rows, through every gate there is.

    Raises:
        InvalidVector: one was refused.
    """
    if not example.packed:
        return flat(example, made)
    pack_records([encode_record(row) for row in made.rows], example.dimension)
    return space_of(checked_ids(made.ids), np.stack(made.rows), made.cards)


def brute_force(example: Example, made: Made, query: Row, left_out: int | None) -> list[Neighbour]:
    """Every row in float64, rounded to float32 at the end; posters' cosines lie in [0, 1]."""
    stored = np.stack([decode_record(encode_record(row)) if example.packed else row for row in made.rows])
    wide, asked = stored.astype(np.float64), query.astype(np.float64)
    cosine = example.packed or example.metric == "cosine"
    if cosine and not example.packed:
        wide = unit_rows(stored, made.ids).astype(np.float64)
        asked = unit_rows(query[None], np.zeros(1, np.int64))[0].astype(np.float64)
    scores = wide @ asked
    if example.packed:
        scores = scores / np.linalg.norm(wide, axis=1) / np.linalg.norm(asked)
    if cosine:
        scores = scores.clip(0.0, 1.0)
    kind = example.kind
    if kind == "same" and left_out is not None:
        kind = "generated" if made.cards[left_out] else "real"
    allowed = {"real": made.cards == 0, "generated": made.cards == 1}.get(kind, np.ones(len(wide), bool))
    rows = [row for row in np.flatnonzero(allowed).tolist() if row != left_out]
    ranked = sorted((-float(np.float32(scores[row])), int(made.ids[row])) for row in rows)
    return [Neighbour(movie_id, -score) for score, movie_id in ranked]


def complaints(example: Example, made: Made, found: list[Neighbour], wanted: list[Neighbour]) -> list[str]:
    """What is wrong with an answer."""
    k, ids = min(max(example.k, 1), 400), [hit.movie_id for hit in found]
    scores = np.array([hit.score for hit in found])
    scale = max(1.0, float(np.abs(scores).max())) if len(scores) else 1.0
    best = np.array([hit.score for hit in wanted[:k]])
    wrong = [] if set(ids) <= set(made.ids.tolist()) else [f"ids {set(ids) - set(made.ids.tolist())}"]
    wrong += [] if len(set(ids)) == len(ids) == len(best) else [f"{len(ids)} of {len(best)}"]
    if len(scores) == len(best) and not np.allclose(scores, best, rtol=0, atol=3e-7 * scale):
        wrong.append(f"scores {scores} are not {best}")
    if (example.packed or example.metric == "cosine") and len(scores) and np.abs(scores).max() > MOST_SCORE:
        wrong.append(f"a score of {np.abs(scores).max()}")
    truth = {hit.movie_id: hit.score for hit in wanted}
    wrong += [f"movie {hit.movie_id}" for hit in found if abs(truth.get(hit.movie_id, 1e9) - hit.score) > 3e-7 * scale]
    return wrong


def tried(example: Example) -> str:
    """What came of it: the name of the refusal, or `answered`."""
    made = Made.of(example)
    try:
        space = put_in(example, made)
    except InvalidVector as err:
        assert made.bad, f"a good vector was refused: {err}"
        assert "\n" not in str(err)
        return type(err).__name__
    assert not made.bad & REFUSED, f"{made.bad} got in"
    row = example.seed % example.count
    found = space.search_movie(int(made.ids[row]), example.k, example.kind)
    query = decode_record(encode_record(made.rows[row])) if example.packed else made.rows[row]
    assert complaints(example, made, found, brute_force(example, made, query, row)) == []
    return asked_by_vector(example, made, space)


def asked_by_vector(example: Example, made: Made, space: Any) -> str:
    query = spoiled(made.good[0], example.asked, np.random.default_rng(example.seed))
    try:
        found = space.search_vector(query, example.k, example.kind)
    except InvalidVector as err:
        assert example.asked, f"a good question was refused: {err}"
        return f"asked: {type(err).__name__}"
    assert not example.asked, f"{example.asked} was answered"
    assert complaints(example, made, found, brute_force(example, made, query, None)) == []
    return "answered"


def test_hostile_vectors_are_refused_by_name_or_answered_as_brute_force_does(judge: Judge, nightly: bool) -> None:
    came: dict[str, int] = {}

    @settings(
        max_examples=NIGHTLY if nightly else SHORT,
        deadline=None,
        database=None,
        derandomize=not nightly,
        suppress_health_check=list(HealthCheck),
    )
    @given(EXAMPLES)
    def run(example: Example) -> None:
        what = tried(example)
        came[what] = came.get(what, 0) + 1

    try:
        run()
    except AssertionError as err:
        judge("T16", "hostile vectors", sum(came.values()), "refused or brute force", str(err)[:500], held=False)
    count = sum(came.values())
    measured = ", ".join(f"{number:,} {what}" for what, number in sorted(came.items()))
    enough = count >= (NIGHTLY if nightly else SHORT) * 0.9 and came.get("answered", 0) > count // 10
    judge("T16", "hostile vectors", count, "refused by name or brute force, |score| <= 1.0001, no -1", measured, enough)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("metric", ["cosine", "inner_product"])
@pytest.mark.parametrize("how", HOSTILE)
def test_each_hostile_row_and_question_is_refused_where_it_must_be(how: str, metric: Metric, packed: bool) -> None:
    """One after the other, whatever examples chance has chosen. Inner products may be of rows of any length."""
    example = Example(7, 12, 20, metric, packed, (how,), "", 10, "any")
    refused = {kind.__name__ for kind in (DimensionMismatch, DuplicateId, NotFinite, OutOfRange, ZeroVector)}
    allowed = how == "twin" or (metric == "inner_product" and not packed and how not in REFUSED)
    assert tried(example) in ({"answered"} if allowed else refused)
    if how not in ("twin", "twice"):
        assert tried(replace(example, bad=(), asked=how)).startswith("asked: ")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["real", "generated", "any"])
def test_where_fewer_may_answer_than_were_asked_for_there_is_no_padding(kind: Kind, packed: bool) -> None:
    """FAISS fills up with -1, which Python takes for the last row."""
    example = Example(3, 20, 30, "cosine", packed, (), "", 100, kind)
    made = Made.of(example)
    space = put_in(example, made)
    wanted = {"real": made.cards == 0, "generated": made.cards == 1}.get(kind, made.cards >= 0)
    found = [hit.movie_id for hit in space.search_vector(made.good[0], 100, kind)]
    assert sorted(found) == sorted(made.ids[wanted].tolist())
