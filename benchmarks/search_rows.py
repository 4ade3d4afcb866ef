"""The rows about a few thousand posters: the look-up, the free question, and the question with a filter."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Row, bar
from benchmarks.poster_mixes import grown
from benchmarks.search_posters import Split
from benchmarks.search_scene import Scene, scene
from benchmarks.search_timing import Asked, in_turns
from benchmarks.search_truth import K
from index.filtering import Among

SMALL, LARGE = 2_500, 10_000  # the ends of the bar
LOOKED_UP, CHECKED = 2_000, 200
KEPT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """A catalogue: how many rows are real posters, how many are mixes of them."""

    real: int
    mixed: int

    @property
    def words(self) -> str:
        """`2,250 real + 7,750 mixed posters`."""
        return f"{self.real:,} real{f' + {self.mixed:,} mixed' if self.mixed else ''} posters"


def sizes(n_real: int) -> list[Size]:
    """The catalogues to measure: the small end, all that is real, and the large end, filled with mixes."""
    wanted = sorted({min(SMALL, n_real), min(n_real, LARGE), LARGE})
    return [Size(min(n_real, size), max(0, size - n_real)) for size in wanted]


def small_rows(given: Split, size: Size) -> list[Row]:
    """Free and filtered questions to one catalogue, and from 5,000 posters on the look-up."""
    packed = grown(given.published, size.real + size.mixed)
    with tempfile.TemporaryDirectory(prefix="posterity-search-") as folder, scene(Path(folder), packed) as place:
        rows = [free_row(place, given.questions, size), filtered_row(place, given.questions, size)]
        return [lookup_row(place, size), *rows] if len(packed) >= 5_000 else rows


def lookup_row(place: Scene, size: Size) -> Row:
    """Questions by movie, as the API asks them, and whether each of the ten is right."""
    wanted, draw = bar("search_lookup"), np.random.default_rng(0)
    ids = draw.choice(place.movie_ids, LOOKED_UP).tolist()
    asked = in_turns({"ours": lambda i: [n.movie_id for n in place.snapshot.similar("poster", i, K)]}, ids)["ours"]
    recall = recall_of_movies(place, draw.choice(len(place.packed), CHECKED, replace=False))
    passed = asked.p50 <= wanted["ms"] and recall >= wanted["recall"]
    value = f"p50 {asked.p50:.4f} ms, recall@10 {recall:.4f}"
    beside = f"{size.words}; p99 {asked.p99:.4f} ms, rounds {asked.spread}; recall of {CHECKED} movies"
    return Row(wanted["what"], value, wanted["at_least"], passed, beside)


def recall_of_movies(place: Scene, rows: NDArray[np.int64]) -> float:
    """Recall@10 of questions by movie against float64 brute force; a movie is never its own neighbour."""
    ids = place.movie_ids[rows]
    found = [[n.movie_id for n in place.snapshot.similar("poster", i, K)] for i in ids.tolist()]
    return place.truth(place.packed.units(rows), own=ids).recall(found)


def free_row(place: Scene, questions: NDArray[np.float32], size: Size) -> Row:
    """Questions that the fit has never seen, against flat search, in turns."""
    asked = in_turns({"flat": place.ask_flat, "ours": place.ask}, list(questions))
    recall = place.truth(questions).recall(asked["ours"].answers)
    return against_flat("search_free", asked, recall, f"{size.words}, {len(questions)} held-out real posters ask")


def filtered_row(place: Scene, questions: NDArray[np.float32], size: Size) -> Row:
    """The same where one row in ten may answer, against flat search over all rows, as the bar says."""
    let_through = np.random.default_rng(0).random(len(place.packed)) < KEPT_SHARE
    among, space = Among(rows=let_through), place.snapshot.space("poster")

    def ours(question: NDArray[np.float32]) -> list[int]:
        return [n.movie_id for n in space.search_vector(question, K, among=among)]

    asked = in_turns({"flat": place.ask_flat, "ours": ours}, list(questions))
    recall = place.truth(questions, among=let_through).recall(asked["ours"].answers)
    return against_flat("search_filtered", asked, recall, f"{size.words}, {let_through.sum():,} let through")


def against_flat(name: str, asked: dict[str, Asked], recall: float, beside: str) -> Row:
    """A row that is held to a ratio and a recall, both by the bar's own numbers."""
    wanted, ours, flat = bar(name), asked["ours"], asked["flat"]
    ratio = flat.p50 / ours.p50
    passed = ratio >= wanted["ratio"] and recall >= wanted["recall"]
    if "stretch_ratio" in wanted and ratio >= wanted["stretch_ratio"] and recall >= wanted["stretch_recall"]:
        beside = f"stretch met; {beside}"
    value = f"1/{ratio:.1f} of flat, recall@10 {recall:.4f}"
    times = f"p50 {ours.p50:.3f} ms (rounds {ours.spread}, p99 {ours.p99:.3f}), flat {flat.p50:.1f} ({flat.spread})"
    return Row(wanted["what"], value, wanted["at_least"], passed, f"{times}; {beside}")
