"""All ways beside each other, on the same questions, which no fit has seen, in turns: why ours is the one."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Row
from benchmarks.poster_mixes import grown
from benchmarks.search_posters import Split
from benchmarks.search_rows import Size
from benchmarks.search_scene import Scene, scene
from benchmarks.search_timing import in_turns
from benchmarks.search_truth import K
from benchmarks.search_ways import DirectionsWay, ListsWay
from index.packed_parts import Tuning
from index.packed_space import PackedSpace

DIRECTIONS = 256
RERANKED = (100, 200)
WALKED = (200, 400, 800)
PATIENCE = (1.5, 2.0, 3.0, 4.0, 6.0)
Way = Callable[[NDArray[np.float32]], list[int]]


def compare_rows(given: Split, size: Size) -> list[Row]:
    """A row for each way: p50 and recall@10; none has a bar."""
    packed = grown(given.published, size.real + size.mixed)
    with tempfile.TemporaryDirectory(prefix="posterity-search-") as folder, scene(Path(folder), packed) as place:
        asked = in_turns(ways(place), list(given.questions))
        truth, flat = place.truth(given.questions), asked["IndexFlatIP, 25088 numbers"]
        beside = f"{size.words}, {len(given.questions)} held-out real posters ask"
        return [
            Row(
                name,
                f"p50 {one.p50:.3f} ms, recall@10 {truth.recall(one.answers):.4f}",
                "",
                None,
                f"1/{flat.p50 / one.p50:.1f} of flat, p99 {one.p99:.3f}, rounds {one.spread}; {beside}",
            )
            for name, one in asked.items()
        ]


def ways(place: Scene) -> dict[str, Way]:
    """The ways by name, over the same rows."""
    directions, lists = DirectionsWay.fitted(place.packed, DIRECTIONS), ListsWay.of(place.packed)
    every: dict[str, Way] = {"IndexFlatIP, 25088 numbers": place.ask_flat}
    for reranked in RERANKED:
        ask = partial(directions.ask, reranked=reranked)
        every[f"IndexFlatIP, {DIRECTIONS} directions, {reranked} re-ranked"] = _ids(place, ask)
    for walked in WALKED:
        ask = partial(lists.ask, walked=walked, reranked=RERANKED[0])
        every[f"lists of the {walked} largest, {RERANKED[0]} re-ranked"] = _ids(place, ask)
    space = place.snapshot.space("poster")
    if isinstance(space, PackedSpace):
        for patience in PATIENCE:
            tuned = space.tuned(Tuning(patience=patience))
            every[f"ours, patience {patience}"] = partial(_ours, tuned)
    every["ours, as shipped"] = place.ask
    return every


def _ids(place: Scene, ask: Callable[[NDArray[np.float32]], NDArray[np.int64]]) -> Way:
    return lambda question: place.movie_ids[ask(question)].tolist()


def _ours(space: PackedSpace, question: NDArray[np.float32]) -> list[int]:
    return [n.movie_id for n in space.search_vector(question, K)]
