"""Convolutions of 3 x 3 with 36 products for 4 x 4 outputs instead of 144: Winograd's filtering F(4 x 4, 3 x 3).

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (arXiv 1509.09308), section 4.3. A map is cut into
tiles of 6 x 6 that overlap by 2; each is transformed, multiplied by the transformed kernels, one product of matrices
for each of the 36 places, and transformed back into 4 x 4 outputs. Maps are channels last, with a border of zeros, and
as many more at the far end as whole tiles want. All machine code stands in this file: numba keeps it by the file.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

TILE, SPAN = 4, 6  # outputs of a tile along one side, and the inputs that they need
PRODUCTS = SPAN * SPAN
LANES = (
    64  # channels that are worked on at a time: the smallest map of VGG16 has as many, and 36 x 64 floats fit into L1
)

# G of the paper: what a kernel is multiplied by on both sides.
_KERNEL = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ]
)
_TWO, _FOUR, _FIVE, _EIGHT, _ZERO = (np.float32(number) for number in (2, 4, 5, 8, 0))

Float = np.float32
Floats = NDArray[Float]
Kernel = TypeVar("Kernel", bound=Callable[..., object])


def _compiled(function: Kernel) -> Kernel:
    """In machine code, without the GIL; a product and a sum may be one instruction, sums keep their order."""
    try:
        return cast(Kernel, njit(nogil=True, error_model="numpy", fastmath={"contract"}, cache=True)(function))
    except RuntimeError:  # no folder to keep it in: an installation that nobody may write to
        return cast(Kernel, njit(nogil=True, error_model="numpy", fastmath={"contract"})(function))


def transformed(kernel: Floats) -> Floats:
    """A kernel, float32 (3, 3, channels in, out), as it is multiplied: float32 (36, channels in, out)."""
    both = np.einsum("ar,bs,rsio->abio", _KERNEL, _KERNEL, kernel.astype(np.float64))
    return np.ascontiguousarray(both.reshape(PRODUCTS, *kernel.shape[2:]), np.float32)


def tiles_along(side: int) -> int:
    """Tiles that cover one side of a map."""
    return -(-side // TILE)


def bordered(side: int) -> int:
    """One side of a map with its border."""
    return TILE * tiles_along(side) + SPAN - TILE


@_compiled
def gather(maps: Floats, first: int, part: tuple[int, int], out: Floats) -> None:
    """Transforms tiles of these maps.

    Args:
        maps: float32 (n, s, s, channels), with their borders; channels are a multiple of 64.
        first: number of the first tile of `out`, counted over all maps, row by row.
        part: from which tile of `out` on, and up to which. out: float32 (36, tiles, channels).
    """
    along = (maps.shape[1] - 2) // TILE
    rows = np.empty((SPAN, SPAN, LANES), np.float32)
    for t in range(part[0], part[1]):
        image, place = (first + t) // (along * along), (first + t) % (along * along)
        y, x = TILE * (place // along), TILE * (place % along)
        for lane in range(0, maps.shape[3], LANES):
            channels = slice(lane, lane + LANES)
            for r in range(SPAN):
                line = maps[image, y + r]
                a, b, c = line[x, channels], line[x + 1, channels], line[x + 2, channels]
                d, e, f = line[x + 3, channels], line[x + 4, channels], line[x + 5, channels]
                into = rows[r]
                for i in range(LANES):
                    six = _inputs(a[i], b[i], c[i], d[i], e[i], f[i])
                    into[0, i], into[1, i], into[2, i], into[3, i], into[4, i], into[5, i] = six
            for j in range(SPAN):
                o, p, q = out[j, t, channels], out[6 + j, t, channels], out[12 + j, t, channels]
                u, v, w = out[18 + j, t, channels], out[24 + j, t, channels], out[30 + j, t, channels]
                for i in range(LANES):
                    six = _inputs(
                        rows[0, j, i], rows[1, j, i], rows[2, j, i], rows[3, j, i], rows[4, j, i], rows[5, j, i]
                    )
                    o[i], p[i], q[i], u[i], v[i], w[i] = six


@_compiled
def scatter(
    products: Floats, first: int, part: tuple[int, int], bias: Floats, side: int, pooled: bool, maps: Floats
) -> None:
    """Transforms products back, adds the bias, cuts off below 0, and writes the outputs into maps.

    Args:
        products: float32 (36, tiles, channels). first, part: as in `gather`.
        side: of the outputs, without a border.
        pooled: only the largest of each 2 x 2 is written.
        maps: float32 (n, s, s, channels), with borders, which are left as they are.
    """
    along, kept = (side + TILE - 1) // TILE, side // 2 if pooled else side
    rows = np.empty((SPAN, TILE, LANES), np.float32)
    tile = np.empty((TILE, TILE, LANES), np.float32)
    for t in range(part[0], part[1]):
        image, place = (first + t) // (along * along), (first + t) % (along * along)
        y, x = TILE * (place // along), TILE * (place % along)
        for lane in range(0, products.shape[2], LANES):
            channels = slice(lane, lane + LANES)
            for r in range(SPAN):
                a, b, c = (
                    products[6 * r, t, channels],
                    products[6 * r + 1, t, channels],
                    products[6 * r + 2, t, channels],
                )
                d, e, f = (
                    products[6 * r + 3, t, channels],
                    products[6 * r + 4, t, channels],
                    products[6 * r + 5, t, channels],
                )
                into = rows[r]
                for i in range(LANES):
                    into[0, i], into[1, i], into[2, i], into[3, i] = _outputs(a[i], b[i], c[i], d[i], e[i], f[i])
            plus = bias[channels]
            for j in range(TILE):
                for i in range(LANES):
                    four = _outputs(
                        rows[0, j, i], rows[1, j, i], rows[2, j, i], rows[3, j, i], rows[4, j, i], rows[5, j, i]
                    )
                    for r in range(TILE):
                        tile[r, j, i] = max(four[r] + plus[i], _ZERO)
            if pooled:
                _pool(tile)
                y_out, x_out, count = y // 2, x // 2, TILE // 2
            else:
                y_out, x_out, count = y, x, TILE
            for r in range(min(count, kept - y_out)):
                for j in range(min(count, kept - x_out)):
                    maps[image, 1 + y_out + r, 1 + x_out + j, channels] = tile[r, j]


@_compiled
def first_convolution(
    pixels: NDArray[np.uint8], rows: tuple[int, int], mean: Floats, kernel: Floats, bias: Floats, out: Floats
) -> None:
    """The first convolution of one picture, whose three channels are too few for tiles.

    Args:
        pixels: RGB uint8 (h, w, 3). rows: the first row of the outputs and the one behind the last.
        mean: float32 (3,), of blue, green and red. kernel: float32 (3, 3, 3, 64), for blue, green and red.
        out: float32 (h + 2, w + 2, 64), with a border.
    """
    height, width = pixels.shape[:2]
    lines = np.zeros((3, width + 2, 3), np.float32)
    for y in range(rows[0], rows[1]):
        for r in range(3):
            inside = 0 <= y + r - 1 < height
            for x in range(width):
                for c in range(3):
                    lines[r, 1 + x, c] = np.float32(pixels[y + r - 1, x, 2 - c]) - mean[c] if inside else _ZERO
        for x in range(width):
            sums = out[1 + y, 1 + x]
            for i in range(LANES):
                sums[i] = bias[i]
            for r in range(3):
                for s in range(3):
                    b, g, d, weights = lines[r, x + s, 0], lines[r, x + s, 1], lines[r, x + s, 2], kernel[r, s]
                    for i in range(LANES):
                        sums[i] += b * weights[0, i] + g * weights[1, i] + d * weights[2, i]
            for i in range(LANES):
                sums[i] = max(sums[i], _ZERO)


@_compiled
def _inputs(a: Float, b: Float, c: Float, d: Float, e: Float, f: Float) -> tuple[Float, ...]:
    """Six inputs of a line, multiplied by B of the paper."""
    p, q, s, u = d - _FOUR * b, e - _FOUR * c, _TWO * (d - b), e - c
    return _FOUR * a - _FIVE * c + e, q + p, q - p, u + s, u - s, _FOUR * b - _FIVE * d + f


@_compiled
def _outputs(a: Float, b: Float, c: Float, d: Float, e: Float, f: Float) -> tuple[Float, ...]:
    """Six products of a line, multiplied by A of the paper: four."""
    p, q, s, u = b + c, b - c, d + e, d - e
    return a + p + s, q + _TWO * u, p + _FOUR * s, q + _EIGHT * u + f


@_compiled
def _pool(tile: Floats) -> None:
    """The largest of each 2 x 2, in the first corner."""
    for r in range(TILE // 2):
        for j in range(TILE // 2):
            for i in range(LANES):
                above = max(tile[2 * r, 2 * j, i], tile[2 * r, 2 * j + 1, i])
                below = max(tile[2 * r + 1, 2 * j, i], tile[2 * r + 1, 2 * j + 1, i])
                tile[r, j, i] = max(above, below)
