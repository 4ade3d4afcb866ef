import pytest
from hypothesis import given
from hypothesis import strategies as st

from posters.batches import CPU_SIZES, GPU_SIZES, Batches, cpu_batches, gpu_batches

CPU = cpu_batches(CPU_SIZES[0])
GPU = gpu_batches(warm=(64, 32), best=64)


@given(count=st.integers(0, 400), batches=st.sampled_from([CPU, GPU, cpu_batches(1)]))
def test_every_row_is_in_exactly_one_batch_of_a_known_size(count: int, batches: Batches) -> None:
    runs = list(batches.split(count))
    assert [row for rows, _ in runs for row in range(rows.start, rows.stop)] == list(range(count))
    for rows, size in runs:
        assert size in batches.sizes
        assert 0 < rows.stop - rows.start <= size


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (7, [4, 2, 1]), (8, [8]), (20, [8, 8, 4])])
def test_a_cpu_computes_no_poster_that_is_not_there(count: int, sizes: list[int]) -> None:
    assert [size for _, size in CPU.split(count)] == sizes


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (7, [8]), (9, [32]), (130, [64, 64, 8])])
def test_a_gpu_fills_its_last_batch_up(count: int, sizes: list[int]) -> None:
    assert [size for _, size in GPU.split(count)] == sizes


@pytest.mark.parametrize(("largest", "sizes"), [(8, (8, 4, 2, 1)), (4, (4, 2, 1)), (1, (1,)), (6, (6, 3, 1))])
def test_a_cpu_has_the_best_size_and_its_halves(largest: int, sizes: tuple[int, ...]) -> None:
    assert cpu_batches(largest).sizes == sizes


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
