"""A scene: what is published is what is asked, both ways, and generating is no part of building."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.poster_mixes import Mixer
from benchmarks.search_rows import Size, filtered_row, free_row, lookup_row
from benchmarks.search_scene import Phases, Runs, Scene, scene
from index import publishing
from index.packed import Packed
from index.record_blocks import pack_records
from index.records import encode_record
from tests.verifier_here import VerifierHere

DIMENSION, ROWS = 300, 60


def rows(n: int, seed: int) -> Packed:
    draw = np.random.default_rng(seed)
    made = np.maximum(draw.normal(-0.8, 1.0, (n, DIMENSION)), 0).astype(np.float32)
    return pack_records([encode_record(row) for row in made], DIMENSION)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(publishing, "Verifier", VerifierHere)
    with scene(tmp_path, rows(ROWS, 1)) as made:
        yield made


def test_all_three_ways_agree(place: Scene) -> None:
    questions = rows(8, 2).units(np.arange(8))
    truth = place.truth(questions)
    for i, question in enumerate(questions):
        assert set(place.ask(question)) == truth.right(i)
        assert set(place.ask_flat(question)) == truth.right(i)


def test_the_truth_among_some_rows_has_none_of_the_others(place: Scene) -> None:
    questions, among = rows(3, 2).units(np.arange(3)), np.arange(ROWS) % 4 == 0
    truth = place.truth(questions, among)
    for i in range(3):
        assert truth.right(i) <= set(place.movie_ids[among].tolist())
        assert len(truth.right(i)) == 10


def test_the_rows_of_a_small_catalogue_are_right(place: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.search_rows.CHECKED", 20)
    monkeypatch.setattr("benchmarks.search_rows.LOOKED_UP", 20)
    monkeypatch.setattr("benchmarks.search_rows.KEPT_SHARE", 0.5)
    questions, size = rows(8, 2).units(np.arange(8)), Size(ROWS, 0)
    made = [lookup_row(place, size), free_row(place, questions, size), filtered_row(place, questions, size)]
    assert all("recall@10 1.0000" in row.value for row in made)
    assert made[0].passed is True


def test_making_blocks_is_told_apart_from_building(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("benchmarks.search_scene.time.perf_counter", lambda: next(clock))
    runs = Runs(Mixer(rows(6, 3)).blocks(25, 10))
    numbers = [run.movie_ids.tolist() for run in runs]
    assert [movie_id for ids in numbers for movie_id in ids] == list(range(1, 26))
    assert [len(ids) for ids in numbers] == [10, 10, 5]
    assert runs.making_s == 3  # one tick for each block


def test_a_phase_lasts_until_the_next_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 11.0, 14.0, 14.5])
    monkeypatch.setattr("benchmarks.search_scene.time.perf_counter", lambda: next(clock))
    phases = Phases()
    for phase in ("poster", "poster", "verify", "publish"):
        phases.report(phase, 0, 1)
    assert phases.seconds == {"poster": 4.0, "verify": 0.5}
    assert phases.words() == "poster 4.0 s, verify 0.5 s"
