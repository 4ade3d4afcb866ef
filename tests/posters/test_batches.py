import pytest
from hypothesis import given
from hypothesis import strategies as st

from posters.batches import GPU_SIZES, ONE_BY_ONE, Batches, gpu_batches

GPU = gpu_batches(warm=(64, 32), best=64)


@given(count=st.integers(0, 400), batches=st.sampled_from([GPU, ONE_BY_ONE]))
def test_every_row_is_in_exactly_one_batch_of_a_known_size(count: int, batches: Batches) -> None:
    runs = list(batches.split(count))
    assert [row for rows, _ in runs for row in range(rows.start, rows.stop)] == list(range(count))
    for rows, size in runs:
        assert size in batches.sizes
        assert 0 < rows.stop - rows.start <= size


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (7, [8]), (9, [32]), (130, [64, 64, 8])])
def test_a_gpu_fills_its_last_batch_up(count: int, sizes: list[int]) -> None:
    assert [size for _, size in GPU.split(count)] == sizes


@pytest.mark.parametrize(
    ("warm", "best", "sizes"),
    [
        ((64, 128, 256, 32), 128, (128, 64, 32, 8, 1)),
        (GPU_SIZES, 32, (32, 8, 1)),
        ((), 1, (8, 1)),
    ],
)
def test_a_gpu_keeps_the_sizes_up_to_the_best_that_are_warm(
    warm: tuple[int, ...], best: int, sizes: tuple[int, ...]
) -> None:
    assert gpu_batches(warm, best).sizes == sizes
