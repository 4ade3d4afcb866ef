"""How fast: SGD beside Surprise on one core, EASE whole, and an epoch over 25 million ratings."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from surprise import SVD
from threadpoolctl import threadpool_limits

from benchmarks.bars import Row, bar
from benchmarks.own_process import run_module
from benchmarks.surprise_models import trainset
from ratings.matrix import RatingsMatrix
from ratings.sgd import FactorOptions, fit_sgd

FACTORS, EPOCHS, ROUNDS = 40, 20, 7


def speed_row(matrix: RatingsMatrix) -> Row:
    """Ratings a second of ours and of Surprise's SVD, in turns on one core, the same factors and epochs."""
    wanted, theirs = bar("ratings_speed"), trainset(matrix)
    # No search, so that both do the same: this many epochs on all ratings.
    options = FactorOptions(factors=FACTORS, max_epochs=EPOCHS, validation_share=0, threads=1)
    fit_sgd(matrix, options)  # compiled here
    ours_s, theirs_s = [], []
    with threadpool_limits(1):
        for _ in range(ROUNDS):
            ours_s.append(_seconds(lambda: fit_sgd(matrix, options)))
            theirs_s.append(_seconds(lambda: SVD(n_factors=FACTORS, n_epochs=EPOCHS, random_state=0).fit(theirs)))
    updates = len(matrix) * EPOCHS
    rate, ratio = updates / median(ours_s), median(b / a for a, b in zip(ours_s, theirs_s, strict=True))
    passed = rate >= wanted["ratings_per_s"] and ratio >= wanted["times_surprise"]
    spread = (
        f"ours {_spread(updates, ours_s)}, Surprise {_spread(updates, theirs_s)} million/s, {ROUNDS} rounds in turn"
    )
    return Row(
        wanted["what"], f"{rate / 1e6:.1f} million/s, {ratio:.2f} x Surprise", wanted["at_least"], passed, spread
    )


def ease_row() -> Row:
    """EASE of the bundled data in a process of its own, from the CSV to a published index."""
    wanted = bar("ratings_ease")
    run = run_module("benchmarks.rating_process", "ease")
    told = run.printed
    parts = f"read {told['read_s']:.1f} s, fit and factors {told['fit_s']:.1f} s, index {told['index_s']:.1f} s"
    seconds = told["fit_s"] + told["index_s"]
    passed = seconds <= wanted["seconds"] and run.peak_gib <= wanted["gib"]
    value = f"{seconds:.1f} s, peak RSS {run.peak_gib:.2f} GiB"
    return Row(wanted["what"], value, wanted["at_least"], passed, f"{parts}; {told['shape']}")


def large_row(quick: bool) -> Row:
    """Reading and learning from a generated set of the size of ml-25m, in a process of its own."""
    wanted = bar("ratings_large")
    scale = 20 if quick else 1
    size = {name: wanted[name] // scale for name in ("ratings", "users", "movies")}
    with tempfile.TemporaryDirectory(prefix="posterity-ratings-") as folder:
        path = Path(folder) / "ratings.parquet"
        numbers = [str(size[name]) for name in ("ratings", "users", "movies")]
        run_module("benchmarks.rating_process", "generate", str(path), *numbers)
        run = run_module("benchmarks.rating_process", "large", str(path), str(FACTORS))
    epochs = run.printed["epochs_s"]
    steady = median(epochs[1:])  # the first one compiles and lays the ratings out
    value = f"{steady:.2f} s an epoch, peak RSS {run.peak_gib:.2f} GiB"
    read_s, words = run.printed["read_s"], run.printed["words"]
    beside = f"read {read_s:.1f} s, first epoch {epochs[0]:.1f} s, {os.cpu_count()} cores, {words}"
    passed = steady <= wanted["epoch_s"] and run.peak_gib <= wanted["gib"]
    return Row(wanted["what"], value, wanted["at_least"], passed, beside)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spread(updates: int, seconds: list[float]) -> str:
    return f"{updates / max(seconds) / 1e6:.1f}-{updates / min(seconds) / 1e6:.1f}"
