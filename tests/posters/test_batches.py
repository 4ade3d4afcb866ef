import pytest
from hypothesis import given
from hypothesis import strategies as st

from posters.batches import CPU_BATCHES, GPU_BATCHES, Batches


@given(count=st.integers(0, 400), batches=st.sampled_from([CPU_BATCHES, GPU_BATCHES]))
def test_every_row_is_in_exactly_one_batch_of_a_known_size(count: int, batches: Batches) -> None:
    runs = list(batches.split(count))
    assert [row for rows, _ in runs for row in range(rows.start, rows.stop)] == list(range(count))
    for rows, size in runs:
        assert size in batches.sizes
        assert 0 < rows.stop - rows.start <= size


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (7, [4, 2, 1]), (8, [8]), (20, [8, 8, 4])])
def test_a_cpu_computes_no_poster_that_is_not_there(count: int, sizes: list[int]) -> None:
    assert [size for _, size in CPU_BATCHES.split(count)] == sizes


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (7, [8]), (9, [64]), (130, [64, 64, 8])])
def test_a_gpu_fills_its_last_batch_up(count: int, sizes: list[int]) -> None:
    assert [size for _, size in GPU_BATCHES.split(count)] == sizes
