"""Convolutions by tiles are those by the definition, for every size, border and pooling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posters.winograd import LANES, PRODUCTS, bordered, first_convolution, gather, scatter, tiles_along, transformed


def by_definition(maps: np.ndarray, kernel: np.ndarray, bias: np.ndarray, pooled: bool) -> np.ndarray:
    """Float64, one tap of the kernel at a time: maps (n, s, s, channels in), without borders."""
    side = maps.shape[1]
    wide = np.pad(maps.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    taps = (wide[:, r : r + side, s : s + side] @ kernel[r, s].astype(np.float64) for r in range(3) for s in range(3))
    out = np.maximum(sum(taps) + bias, 0)
    if not pooled:
        return out
    half = side // 2
    return out[:, : 2 * half, : 2 * half].reshape(len(maps), half, 2, half, 2, len(bias)).max((2, 4))


def by_tiles(maps: np.ndarray, kernel: np.ndarray, bias: np.ndarray, pooled: bool, at_once: int) -> np.ndarray:
    """The same by the code under test, so many tiles at a time."""
    side, channels = maps.shape[1], kernel.shape[3]
    given, kept = np.zeros((len(maps), bordered(side), bordered(side), maps.shape[3]), np.float32), side
    given[:, 1 : 1 + side, 1 : 1 + side] = maps
    kept = side // 2 if pooled else side
    out = np.zeros((len(maps), bordered(kept), bordered(kept), channels), np.float32)
    tiles, many = len(maps) * tiles_along(side) ** 2, transformed(kernel)
    for first in range(0, tiles, at_once):
        count = min(at_once, tiles - first)
        inputs = np.empty((PRODUCTS, count, maps.shape[3]), np.float32)
        for part in ((0, count // 2), (count // 2, count)):
            gather(given, first, part, inputs)
        products = np.matmul(inputs, many)
        for part in ((0, count // 3), (count // 3, count)):
            scatter(products, first, part, bias, side, pooled, out)
    inside = out[:, 1 : 1 + kept, 1 : 1 + kept].copy()
    out[:, 1 : 1 + kept, 1 : 1 + kept] = 0
    assert not out.any(), "borders stay zero"
    return inside


@settings(deadline=None, max_examples=25)
@given(
    side=st.integers(1, 15),
    pictures=st.integers(1, 3),
    channels=st.tuples(st.sampled_from([1, 2]), st.sampled_from([1, 2])),
    pooled=st.booleans(),
    at_once=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_tiles_give_what_the_definition_gives(
    side: int, pictures: int, channels: tuple[int, int], pooled: bool, at_once: int, seed: int
) -> None:
    draw, (c_in, c_out) = np.random.default_rng(seed), (LANES * count for count in channels)
    maps = draw.gamma(1, 20, (pictures, side, side, c_in)).astype(np.float32)
    kernel = draw.normal(0, 0.05, (3, 3, c_in, c_out)).astype(np.float32)
    bias = draw.normal(0, 1, c_out).astype(np.float32)
    want = by_definition(maps, kernel, bias, pooled)
    got = by_tiles(maps, kernel, bias, pooled, at_once)
    assert got.shape == want.shape
    assert np.allclose(got, want, rtol=0, atol=2e-4 * max(1.0, float(np.abs(want).max(initial=0))))


@pytest.mark.parametrize("rows", [[(0, 10)], [(0, 3), (3, 7), (7, 10)]])
def test_the_first_convolution_gives_what_the_definition_gives(rows: list[tuple[int, int]]) -> None:
    draw = np.random.default_rng(3)
    pixels = draw.integers(0, 256, (10, 13, 3), dtype=np.uint8)
    mean = np.array([103.939, 116.779, 123.68], np.float32)
    kernel, bias = draw.normal(0, 0.1, (3, 3, 3, LANES)).astype(np.float32), draw.normal(0, 1, LANES).astype(np.float32)
    out = np.zeros((12, 15, LANES), np.float32)
    for part in rows:
        first_convolution(pixels, part, mean, kernel, bias, out)
    wide = np.pad(pixels[..., ::-1].astype(np.float64) - mean, ((1, 1), (1, 1), (0, 0)))
    taps = (wide[r : r + 10, s : s + 13] @ kernel[r, s].astype(np.float64) for r in range(3) for s in range(3))
    assert np.allclose(out[1:11, 1:14], np.maximum(sum(taps) + bias, 0), rtol=1e-5, atol=1e-3)
    assert not out[[0, 11]].any()
    assert not out[:, [0, 14]].any()
