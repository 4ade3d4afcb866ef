"""The article's prediction by similarity, to the letter: to be reproduced and explained, never a default.

Wann-Jiun Ma, "Deep Learning Meets Recommendation Systems", 2017, and the source it follows (Ethan Rosenthal, "Intro to
Recommender Systems: Collaborative Filtering", 2015). Three choices make its error eight times that of a constant: a
missing rating counts as 0 stars, the sum of similarities runs over everybody instead of over those who rated, and
nobody's habit (mean, bias) is taken out. `explain_article` shows what they cost.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ratings.biases import fit_biases
from ratings.errors import NothingToFit
from ratings.matrix import RatingsMatrix

MAX_MOVIE_ID = 9000  # the article cuts its matrix there: `ratings[:, :9000]`
HELD_OUT = 10  # draws for each user
EPSILON = 1e-9  # added to every inner product, so that an empty row has a norm
ROWS_AT_ONCE = 256  # of similarities: 256 x 9000 float64 are 18 MB

By = Literal["user", "movie"]


@dataclass(frozen=True, slots=True)
class ArticleSplit:
    """Ratings to learn from and those held out: CSR float64 of one shape (n_users, n_columns), stars."""

    train: csr_matrix
    test: csr_matrix


@dataclass(frozen=True, slots=True)
class ArticleErrors:
    """Mean squared errors on one split, in stars squared.

    Attributes:
        user, movie: the article's formula, by similar users and by similar movies.
        user_raters_only, movie_raters_only: the same similarities, divided by the sum over those who rated.
        global_mean: one constant for everything, the mean of the training ratings.
        biases: habits alone, `mu + b_u + b_i`, nobody compared with anybody.
    """

    user: float
    movie: float
    user_raters_only: float
    movie_raters_only: float
    global_mean: float
    biases: float


@dataclass(frozen=True, slots=True)
class ArticleExplained:
    """What the article prints, and the same with one of its choices changed at a time.

    Attributes:
        sparsity: share of rated cells among those of movie ids 1 to 9000, rated or not, in [0, 1].
        errors: on the article's split. without_replacement: `user` when ten different ratings of each user are held
            out. all_movies: `user` with every rated movie and no column for the unrated.
    """

    sparsity: float
    errors: ArticleErrors
    without_replacement: float
    all_movies: float


def article_columns(matrix: RatingsMatrix, max_movie_id: int = MAX_MOVIE_ID) -> csr_matrix:
    """The article's matrix: column = movie id - 1, larger ids cut away; CSR float64 (n_users, max_movie_id), stars.

    Raises:
        NothingToFit: no rating is left.
    """
    kept = int(np.searchsorted(matrix.movie_ids, max_movie_id, side="right"))
    left = matrix.user_items[:, :kept].astype(np.float64)
    if not left.nnz:
        raise NothingToFit(f"no ratings of movies 1 to {max_movie_id}; raise max_movie_id or import ratings")
    left.sort_indices()  # the draw below depends on it: NumPy's `nonzero` goes by column
    columns = (matrix.movie_ids[:kept] - 1)[left.indices]
    return csr_matrix((left.data, columns, left.indptr), shape=(left.shape[0], max_movie_id))


def article_split(user_items: csr_matrix, seed: int, replace: bool = True) -> ArticleSplit:
    """Holds out ten draws for each user, drawn with replacement: fewer than ten different ratings for most users.

    Users are served in order from one legacy generator, as after `np.random.seed(seed)`; so the draw is the article's.

    Args:
        user_items: CSR (n_users, n_columns), stars; what is not stored is missing. A user without ratings is left out.
        replace: False draws different ratings, all of them where a user has ten or fewer.

    Raises:
        NothingToFit: every rating was drawn, or there is none.
    """
    draw = np.random.RandomState(seed)
    held_out = np.zeros(user_items.nnz, dtype=bool)
    for start, end in zip(user_items.indptr, user_items.indptr[1:], strict=False):
        if end > start:
            size = HELD_OUT if replace else min(HELD_OUT, end - start)
            held_out[start + draw.choice(end - start, size=size, replace=replace)] = True
    if held_out.all():
        raise NothingToFit(f"{HELD_OUT} draws for each user leave no ratings to learn from; import more")
    return ArticleSplit(_kept(user_items, ~held_out), _kept(user_items, held_out))


def article_predictions(split: ArticleSplit, by: By, raters_only: bool = False) -> NDArray[np.float64]:
    """Stars by the article's formula for every held-out rating, in the order of `split.test.data`: float64 (n,).

    `sim = (R R^T + 1e-9) / (norms x norms)`, prediction `sim . R / sum |sim|`, R with 0 for missing; by movie the same
    with R transposed. Not clipped: the article did not.

    Args:
        raters_only: divides by the similarities of those who rated instead; the training mean where nobody did.

    Memory: `ROWS_AT_ONCE` x (users or movies) float64 and about twice that for predictions, never all pairs.
    """
    train, cells = split.train, _cells(split.test)
    if by == "movie":
        train, cells = train.T.tocsr(), _Cells(cells.cols, cells.rows)
    mean = _over_raters if raters_only else _over_all
    norms = np.sqrt(train.multiply(train).sum(axis=1).A1 + EPSILON)
    predicted = np.empty(len(cells.rows))
    for start in range(0, train.shape[0], ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        here = np.flatnonzero((cells.rows >= block.start) & (cells.rows < block.stop))
        similar = ((train[block] @ train.T).toarray() + EPSILON) / (norms[block, None] * norms)
        predicted[here] = mean(similar, train, _Cells(cells.rows[here] - start, cells.cols[here]))
    return predicted


def article_errors(split: ArticleSplit) -> ArticleErrors:
    """The article's figures on this split and what puts them in perspective; about 3 s for 9000 movies."""
    stars = split.test.data
    return ArticleErrors(
        user=_mse(article_predictions(split, "user"), stars),
        movie=_mse(article_predictions(split, "movie"), stars),
        user_raters_only=_mse(article_predictions(split, "user", raters_only=True), stars),
        movie_raters_only=_mse(article_predictions(split, "movie", raters_only=True), stars),
        global_mean=_mse(np.full(len(stars), split.train.data.mean()), stars),
        biases=_mse(_habitual(split), stars),
    )


def explain_article(matrix: RatingsMatrix, seed: int) -> ArticleExplained:
    """The article's run with this seed, and what each of its choices costs."""
    columns = article_columns(matrix)
    different = article_split(columns, seed, replace=False)
    everything = article_split(matrix.user_items.astype(np.float64), seed)
    return ArticleExplained(
        sparsity=columns.nnz / (columns.shape[0] * columns.shape[1]),
        errors=article_errors(article_split(columns, seed)),
        without_replacement=_mse(article_predictions(different, "user"), different.test.data),
        all_movies=_mse(article_predictions(everything, "user"), everything.test.data),
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """Places of a matrix: int64 rows and columns, each (n,)."""

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]


def _over_all(similar: NDArray[np.float64], train: csr_matrix, cells: _Cells) -> NDArray[np.float64]:
    """The article's mean: whoever has no rating there counts with 0 stars."""
    sums = (similar @ train)[cells.rows, cells.cols]
    means: NDArray[np.float64] = sums / np.abs(similar).sum(axis=1)[cells.rows]
    return means


def _over_raters(similar: NDArray[np.float64], train: csr_matrix, cells: _Cells) -> NDArray[np.float64]:
    """The mean of those who have a rating there; of all training ratings where nobody has."""
    rated = csr_matrix((np.ones_like(train.data), train.indices, train.indptr), shape=train.shape)
    sums, weights = (similar @ train)[cells.rows, cells.cols], (np.abs(similar) @ rated)[cells.rows, cells.cols]
    means: NDArray[np.float64] = np.divide(sums, weights, out=np.full(len(sums), train.data.mean()), where=weights > 0)
    return means


def _habitual(split: ArticleSplit) -> NDArray[np.float64]:
    users, columns = (np.arange(size, dtype=np.int64) for size in split.train.shape)
    biases = fit_biases(RatingsMatrix(split.train.astype(np.float32), users, columns))
    cells = _cells(split.test)
    return biases.predict(cells.rows.astype(np.int32), cells.cols.astype(np.int32)).astype(np.float64)


def _cells(stored: csr_matrix) -> _Cells:
    coo = stored.tocoo()
    return _Cells(coo.row.astype(np.int64), coo.col.astype(np.int64))


def _kept(whole: csr_matrix, kept: NDArray[np.bool_]) -> csr_matrix:
    row_ends = np.append(0, np.cumsum(kept))[whole.indptr]
    return csr_matrix((whole.data[kept], whole.indices[kept], row_ends), shape=whole.shape)


def _mse(predicted: NDArray[np.float64], stars: NDArray[np.float64]) -> float:
    return float(np.mean((predicted - stars) ** 2))
