"""The gate for vectors, and the one place where they are normalised."""

import numpy as np
from numpy.typing import NDArray

from index.errors import DimensionMismatch, DuplicateId, NotFinite, OutOfRange, ZeroVector

# FAISS leaves a vector of length 1e-23 un-normalised and lets 1e20 overflow to zero (measured with 1.15.1): far inside.
MIN_NORM = 1e-6
MAX_NORM = 1e12


def unit_rows(vectors: NDArray[np.float32], movie_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """The rows, each scaled to length 1.

    Args:
        vectors: float32 (n, d), untouched. Lengths are taken in float64 and lie between `MIN_NORM` and `MAX_NORM`.
        movie_ids: int64 (n,), whose rows they are; errors name them.

    Returns:
        A new float32 array (n, d).

    Raises:
        DimensionMismatch: not float32, not two axes, or as many rows as ids.
        NotFinite, ZeroVector, OutOfRange: the message names the first such movie.
    """
    norms = checked_norms(vectors, movie_ids)
    units = np.empty_like(vectors)
    np.divide(vectors, norms[:, None], out=units, casting="same_kind")  # divides in float64, without a float64 copy
    return units


def checked(vector: NDArray[np.float32], movie_id: int | None = None) -> NDArray[np.float32]:
    """The same vector, float32 (d,), if `unit_rows` would take it.

    Raises:
        DimensionMismatch, NotFinite, ZeroVector, OutOfRange: as `unit_rows`.
    """
    if vector.ndim != 1 or vector.dtype != np.float32:
        raise DimensionMismatch("float32 (d,)", f"{vector.dtype} {vector.shape}")
    norm = float(_norms(vector[None])[0])
    if not np.isfinite(norm):
        raise NotFinite(movie_id)
    _demand_range(norm, movie_id)
    return vector


def checked_norms(vectors: NDArray[np.float32], movie_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """The lengths of the rows, float64 (n,), all finite and in range.

    Raises:
        DimensionMismatch, NotFinite, ZeroVector, OutOfRange: as `unit_rows`.
    """
    norms = checked_finite(vectors, movie_ids)
    bad = (norms <= MIN_NORM) | (norms >= MAX_NORM)
    if bad.any():
        first = int(bad.argmax())
        _demand_range(float(norms[first]), int(movie_ids[first]))
    return norms


def checked_finite(vectors: NDArray[np.float32], movie_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """The lengths of the rows, float64 (n,), any length but all below `MAX_NORM`: what inner products need.

    Raises:
        DimensionMismatch, NotFinite, OutOfRange: as `unit_rows`.
    """
    if vectors.dtype != np.float32 or vectors.ndim != 2 or movie_ids.shape != (len(vectors),):
        raise DimensionMismatch(
            "float32 (n, d) with n ids", f"{vectors.dtype} {vectors.shape} with {movie_ids.shape} ids", "vectors"
        )
    norms = _norms(vectors)
    if not np.isfinite(norms).all():  # squares of finite float32 do not overflow in float64
        raise NotFinite(int(movie_ids[np.isfinite(norms).argmin()]))
    if (norms >= MAX_NORM).any():
        _demand_range(float(norms.max()), int(movie_ids[norms.argmax()]))
    return norms


def checked_ids(movie_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same ids, int64 (n,), if each of them occurs once.

    Raises:
        DimensionMismatch: not int64 (n,). DuplicateId: the message names the smallest such movie.
    """
    if movie_ids.dtype != np.int64 or movie_ids.ndim != 1:
        raise DimensionMismatch("int64 (n,)", f"{movie_ids.dtype} {movie_ids.shape}", "movie ids")
    ordered = np.sort(movie_ids)
    twice = ordered[1:] == ordered[:-1]
    if twice.any():
        raise DuplicateId(int(ordered[1:][twice.argmax()]))
    return movie_ids


def _norms(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    # A NaN or an infinity anywhere in a row makes its length NaN or infinite, so one pass answers both questions.
    squares: NDArray[np.float64] = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return np.sqrt(squares)


def _demand_range(norm: float, movie_id: int | None) -> None:
    if norm <= MIN_NORM:
        raise ZeroVector(movie_id)
    if norm >= MAX_NORM:
        raise OutOfRange(movie_id, f"a length of {norm:.3g}", MAX_NORM)
