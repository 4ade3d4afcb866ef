"""The rows about 60,000 generated posters: the free question, and what they take on the disk and in memory."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.bars import Row, bar
from benchmarks.own_process import run_module
from benchmarks.poster_mixes import BLOCK, QUESTION_SEED, Mixer
from benchmarks.search_rows import against_flat
from benchmarks.search_scene import Phases, Runs, published
from benchmarks.search_timing import in_turns
from benchmarks.search_truth import BruteForce, K
from index.packed import Packed
from index.snapshot import Snapshot

COUNT, QUICK_COUNT = 60_000, 6_000
QUESTIONS = 100
MEMORY_QUESTIONS = 200


def large_rows(real: Packed, quick: bool) -> list[Row]:
    """Publishes the generated posters once and measures both rows on them."""
    count = QUICK_COUNT if quick else COUNT
    questions = Mixer(real, QUESTION_SEED).rows(0, MEMORY_QUESTIONS)
    units, phases = questions.units(np.arange(MEMORY_QUESTIONS)), Phases()
    with tempfile.TemporaryDirectory(prefix="posterity-search-") as name:
        root = Path(name)
        snapshot = published(root, Runs(Mixer(real).blocks(count)), real.dimension, count, phases)
        np.save(root / "questions.npy", units)
        space = space_row(root, count, phases)  # first: nothing but the snapshot is in the page cache yet
        free = free_row(snapshot, Mixer(real).blocks(count), units[:QUESTIONS], count)
    return [free, space]


def free_row(snapshot: Snapshot, blocks: Iterator[Packed], questions: NDArray[np.float32], count: int) -> Row:
    """Generated questions, against flat search over the same rows in float32: 6 GB, dropped behind this row."""
    flat, truth, done = faiss.IndexFlatIP(questions.shape[1]), BruteForce(questions, np.float32), 0
    for block in blocks:
        for at in range(0, len(block), BLOCK):
            units = block.units(np.arange(at, min(at + BLOCK, len(block))))
            flat.add(units)
            truth.see(np.arange(done + 1, done + 1 + len(units), dtype=np.int64), units)
            done += len(units)
    space = snapshot.space("poster")
    ways = {
        "flat": lambda q: [int(row) + 1 for row in flat.search(q[None], K)[1][0]],
        "ours": lambda q: [n.movie_id for n in space.search_vector(q, K)],
    }
    asked = in_turns(ways, list(questions))
    recall = truth.recall(asked["ours"].answers)
    return against_flat("search_large", asked, recall, f"{count:,} generated, {len(questions)} generated questions")


def space_row(root: Path, count: int, phases: Phases) -> Row:
    """Bytes of the poster space on the disk, and anonymous memory of a process that opened it and answered."""
    wanted = bar("search_space")
    floats = count * 25_088 * 4
    on_disk = sum(path.stat().st_size for path in root.glob("v*/poster*"))
    told = run_module("benchmarks.search_process", str(root), str(root / "questions.npy")).printed
    memory = (told["after_mib"] - told["before_mib"]) * 2**20
    passed = floats / on_disk >= wanted["disk_ratio"] and floats / memory >= wanted["memory_ratio"]
    value = f"disk 1/{floats / on_disk:.1f}, anonymous memory 1/{floats / memory:.0f}"
    beside = (
        f"{count:,} generated: {on_disk / 1e9:.2f} GB ({on_disk / count / 1e3:.2f} kB a movie), "
        f"{memory / 2**20:.0f} MiB more after {told['questions']} questions; built: {phases.words()}"
    )
    return Row(wanted["what"], value, wanted["at_least"], passed, beside)
