"""One size of the curve, in processes of its own: one that publishes so many posters, one that only asks.

Run: python -m benchmarks.million_size build FOLDER FEATURES SIZE QUESTIONS | ask FOLDER
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.poster_mixes import QUESTION_SEED, Mixer
from benchmarks.search_machine import anonymous_mib
from benchmarks.search_posters import read_features
from benchmarks.search_scene import Phases, Runs, published
from benchmarks.search_truth import BruteForce, K
from index.live import LiveSnapshot
from index.packed_parts import Tuning
from index.packed_space import PackedSpace

QUESTIONS = "questions.npy"
CHECKED = 200  # questions that brute force answers too
BLOCK = 2_000
PROBED = (2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000)  # rows whose codes are looked at
PATIENCES = (1.0, 2.0, 3.0, 5.0, 6.0, 8.0, 100.0)  # the last one scores all candidates


def build(root: Path, features: Path, size: int, count: int) -> dict[str, Any]:
    """Publishes generated posters as a rebuild does; what it takes to generate them is no part of the build.

    Leaves twice as many questions as will be timed beside the snapshot, so that who asks need not make them.
    """
    mixer, phases = Mixer(read_features(features).packed), Phases()
    np.save(root / QUESTIONS, Mixer(mixer.base, QUESTION_SEED).rows(0, 2 * count).units(np.arange(2 * count)))
    runs, began = Runs(mixer.blocks(size)), time.perf_counter()
    snapshot = published(root, runs, mixer.base.dimension, size, phases)
    seconds = time.perf_counter() - began
    stored = sum(path.stat().st_size for path in root.glob("v*/*"))
    return {
        "build_s": seconds - runs.making_s,
        "making_s": runs.making_s,
        "phases": phases.seconds,
        "size": size,
        "bytes": stored,
        "promised_recall": snapshot.manifest.recall,
    }


def ask(root: Path) -> dict[str, Any]:
    """Opens the snapshot as the API does, asks generated questions, and last of all looks at everything."""
    units = np.load(root / QUESTIONS, mmap_mode="r")
    count, before, began = len(units) // 2, anonymous_mib(), time.perf_counter()
    space = LiveSnapshot(root).get().space("poster")
    opened_s = time.perf_counter() - began
    _asked(space, units[count:])  # others than are timed: the pages come in and kernels compile, no answer is known yet
    times, answers = _asked(space, units[:count])
    after = anonymous_mib()
    checked = units[:CHECKED]
    curve = list(_curve(space, checked)) if isinstance(space, PackedSpace) and space.parts.clusters is not None else []
    truth = _truth(space, checked)
    return {
        "opened_s": opened_s,
        "before_mib": before,
        "after_mib": after,
        **_times(times),
        "recall": truth.recall(answers[: len(checked)]),
        "curve": [{**asdict(t), **_times(ms), "recall": truth.recall(found)} for t, ms, found in curve],
        "questions": count,
        "checked": len(checked),
    }


def _asked(space: Any, questions: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[list[int]]]:
    times, answers = np.empty(len(questions)), []
    for i, question in enumerate(questions):
        began = time.perf_counter()
        found = space.search_vector(question, K)
        times[i] = 1e3 * (time.perf_counter() - began)
        answers.append([neighbour.movie_id for neighbour in found])
    return times, answers


def _curve(
    space: PackedSpace, questions: NDArray[np.float32]
) -> Iterator[tuple[Tuning, NDArray[np.float64], list[list[int]]]]:
    """The same questions with more and more of the codes looked at, then with more and more patience."""
    settings = [Tuning(probed=number) for number in PROBED if number < len(space)]
    for tuning in [*settings, *(Tuning(patience=patience) for patience in PATIENCES)]:
        yield tuning, *_asked(space.tuned(tuning), questions)


def _truth(space: Any, questions: NDArray[np.float32]) -> BruteForce:
    truth, movie_ids = BruteForce(questions, np.float32), space.movie_ids
    for at in range(0, len(movie_ids), BLOCK):
        ids = movie_ids[at : at + BLOCK]
        truth.see(ids, space.vectors(ids)[1])
    return truth


def _times(ms: NDArray[np.float64]) -> dict[str, float]:
    return {"p50_ms": float(np.median(ms)), "p99_ms": float(np.percentile(ms, 99))}


def main() -> None:
    """Runs one part and prints its figures as JSON."""
    what, folder, *given = sys.argv[1:]
    root = Path(folder)
    told = ask(root) if what == "ask" else build(root, Path(given[0]), int(given[1]), int(given[2]))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
