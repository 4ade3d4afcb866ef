"""The neighbours of every movie, worked out at rebuild, so that a question from the catalogue is a look-up."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from index.gram import products
from index.neighbour_lists import WIDTH, Movies, Pairs, write_lists, write_nearest
from index.neighbour_lists import Neighbourhoods as Neighbourhoods
from index.neighbour_updates import arriving, carried_over, list_ends, merge
from index.packed import Packed
from index.reporting import Progress
from index.threads import side_by_side

SHORT = WIDTH // 2  # a list that lost so many of its movies is made anew
_BLOCK = 256  # rows whose rough scores with everybody are looked at together: 10 MB at 10,000 rows
_CELLS = 1 << 24  # rough scores worked out at once: 64 MB

_Part = tuple[NDArray[np.int64], NDArray[np.int64]]  # rows, and the rows that each of them is compared with


def exact_neighbours(
    packed: Packed,
    movie_ids: NDArray[np.int64],
    generated: NDArray[np.uint8],
    gram: NDArray[np.float32],
    report: Progress,
) -> Neighbourhoods:
    """The 100 nearest of every row, from the products of all with all. 10,000 posters take some 4 s on two cores.

    Args:
        packed: n rows. movie_ids: int64 (n,), unique. generated: uint8 (n,), the kind of each.
        gram: float32 (n, n), `gram_matrix` of all rows in their order; only read.
        report: told `neighbours`, how many rows are done, of how many.

    Memory: 50 MB per core beside the lists.
    """
    movies = Movies(packed, movie_ids, generated)
    out = Neighbourhoods.empty(len(movies))

    def fill(part: _Part) -> int:
        asked, among = part
        write_nearest(movies, asked, among, gram[np.ix_(asked, among)], out)
        return len(asked)

    parts = [(kind[at : at + _BLOCK], kind) for kind in movies.kinds() for at in range(0, len(kind), _BLOCK)]
    _told(side_by_side(fill, parts), len(movies), report)
    return out


def updated_neighbours(
    packed: Packed,
    movie_ids: NDArray[np.int64],
    generated: NDArray[np.uint8],
    old: Neighbourhoods,
    kept: NDArray[np.int64],
    report: Progress,
) -> Neighbourhoods:
    """The 100 nearest of every row, from the lists of an earlier snapshot: only fresh rows are compared with all.

    As exact as the lists it starts from. 100 fresh rows among 10,000 posters take some 0.5 s on two cores.

    Args:
        packed, movie_ids, generated: as for `exact_neighbours`.
        old: lists of m rows. kept: int64 (n,), which of them each row was, with the same id, vector and kind;
            -1 where it is fresh. Rows of `old` that are not named are gone.
        report: told `neighbours`, how many rows are done, of how many.

    Memory: 64 MB of rough scores, and 4 kB for each list that a fresh row comes into.
    """
    movies = Movies(packed, movie_ids, generated)
    out = carried_over(old, kept)
    ends = list_ends(movies, out, kept)
    arrivals = Pairs.none()
    for asked, among in _blocks(movies, np.flatnonzero(kept < 0)):
        near = np.ascontiguousarray(products(packed, among, asked).T)
        arrivals = arrivals.beside(arriving(movies, ends, asked, among, near))
        write_nearest(movies, asked, among, near, out)
    merge(movies, arrivals, out)
    report("neighbours", len(movies) // 2, len(movies))
    short = np.flatnonzero(out.lengths() < np.minimum(SHORT, movies.others()))
    for asked, among in _blocks(movies, short):
        out.rows[asked], out.scores[asked] = -1, 0
        write_nearest(movies, asked, among, np.ascontiguousarray(products(packed, among, asked).T), out)
    report("neighbours", len(movies), len(movies))
    return out


def candidate_neighbours(
    packed: Packed,
    movie_ids: NDArray[np.int64],
    generated: NDArray[np.uint8],
    blocks: Iterable[_Part],
    report: Progress,
) -> Neighbourhoods:
    """The 100 nearest of every row among candidates that somebody else has found, scored exactly.

    Args:
        packed, movie_ids, generated: as for `exact_neighbours`.
        blocks: rows, int64 (b,), each once in all blocks, with the candidates of each, int64 (b, c): numbers of rows,
            -1 for none; the row itself, other kinds and rows that occur twice are passed over. See `index.shortlists`.
        report: told `neighbours`, how many rows are done, of how many.

    Memory: one block, and 25 bytes for each of its candidates.
    """
    movies = Movies(packed, movie_ids, generated)
    out = Neighbourhoods.empty(len(movies))

    def fill(part: _Part) -> int:
        write_lists(_scored(movies, *part), movie_ids, out)
        return len(part[0])

    _told(side_by_side(fill, _small(blocks)), len(movies), report)
    return out


def extended_neighbours(
    packed: Packed,
    movie_ids: NDArray[np.int64],
    generated: NDArray[np.uint8],
    old: tuple[Neighbourhoods, NDArray[np.int64]],
    blocks: Iterable[_Part],
    report: Progress,
) -> Neighbourhoods:
    """The lists of an earlier snapshot with fresh rows among candidates: as good as those, for a million rows.

    A fresh row gets a list of its candidates, and comes into the lists of those of them that it is near enough to.

    Args:
        packed, movie_ids, generated: as for `exact_neighbours`.
        old: lists of m rows, and `kept`, int64 (n,), as for `updated_neighbours`.
        blocks: as for `candidate_neighbours`, of the fresh rows and of no others.
        report: told `neighbours`, how many rows are done, of how many.
    """
    movies, kept = Movies(packed, movie_ids, generated), old[1]
    out = carried_over(*old)
    ends = list_ends(movies, out, kept)
    fresh = int(np.count_nonzero(kept < 0))
    done, arrivals = 0, Pairs.none()
    for pairs in side_by_side(lambda part: _scored(movies, *part), _small(blocks)):
        write_lists(pairs, movie_ids, out)
        arrivals = arrivals.beside(ends.belonging(movies, Pairs(pairs.right, pairs.left, pairs.scores)))
        done += len(np.unique(pairs.left))
        report("neighbours", done, max(fresh, done))
    merge(movies, arrivals, out)
    return out


def _scored(movies: Movies, rows: NDArray[np.int64], found: NDArray[np.int64]) -> Pairs:
    """Rows (b,) with their candidates (b, c), each fitting pair once."""
    found = np.sort(found, axis=1)
    fit = (found >= 0) & (found != rows[:, None]) & (movies.generated[found] == movies.generated[rows][:, None])
    fit[:, 1:] &= found[:, 1:] != found[:, :-1]
    who, _ = np.nonzero(fit)
    return Pairs.scored(movies.packed, rows[who], found[fit])


def _small(blocks: Iterable[_Part]) -> Iterator[_Part]:
    for rows, found in blocks:
        for at in range(0, len(rows), _BLOCK):
            yield rows[at : at + _BLOCK], found[at : at + _BLOCK]


def _blocks(movies: Movies, rows: NDArray[np.int64]) -> Iterator[_Part]:
    """These rows by kind and in blocks, each with all rows of its kind."""
    for kind in movies.kinds():
        of_kind = np.intersect1d(rows, kind, assume_unique=True)
        step = max(1, _CELLS // len(kind))
        for at in range(0, len(of_kind), step):
            yield of_kind[at : at + step], kind


def _told(done: Iterable[int], count: int, report: Progress) -> None:
    for total in accumulate(done):
        report("neighbours", total, count)
