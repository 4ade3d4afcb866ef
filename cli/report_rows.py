"""The figures of `posterity reproduce` as rows with their bars, and what the bars ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cli.report_words import WORDS
from cli.rows import Row
from ratings.matrix import RatingsMatrix
from ratings.reproducing import Effort, Reproduced
from ratings.side_by_side import SideBySide
from ratings.tastes import SIMILAR_DEBIAS

HEAT, TOY_STORY, TOY_STORY_2 = 6, 1, 3114
BUNDLED = (671, 9066, 100_004)  # users, rated movies and ratings of ml-latest-small, October 2016
SPARSITY = 0.0140  # as the article prints it: 1.40 %
USER_MSE = (9.6, 10.0)  # around the article's 9.8252; the bar of the issue
SGD_MSE = 0.825  # the bar of the issue, mean of five seeds
# What is held out of each user; the article draws with replacement, so that fewer than ten different come out.
OTHER_SPLITS = {
    "article_user_different": "ten different, ids to 9000",
    "article_user_all_movies": "ten draws, all movies",
}
FIRST = 5  # neighbours of Heat that are held to a bar

Label = Callable[[int], str]
GenresOf = Callable[[int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the ratings are: counts, and the name of their folder."""

    users: int
    movies: int
    ratings: int
    source: str

    @classmethod
    def of(cls, matrix: RatingsMatrix, source: str) -> "Facts":
        """Counts of a matrix."""
        return cls(len(matrix.user_ids), len(matrix.movie_ids), len(matrix), source)

    @property
    def bundled(self) -> bool:
        """Whether they are those that the article used; bars are about them."""
        return (self.users, self.movies, self.ratings) == BUNDLED


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured, on what, and with how much effort."""

    facts: Facts
    effort: Effort
    errors: Reproduced
    lists: SideBySide


def report_rows(figures: Figures, label: Label, genres_of: GenresOf) -> list[Row]:
    """One row a figure; bars only where the ratings are the article's, and marked where the run was shortened."""
    rows = [*_article(figures), *_right(figures), *_neighbours(figures, label, genres_of), *_both_counts(figures)]
    if not figures.facts.bundled:
        rows = [replace(row, bar="", passed=None) for row in rows]
    return [row.as_quick() for row in rows] if figures.effort.quick else rows


def heat_offenders(lists: SideBySide, genres_of: GenresOf) -> list[int]:
    """Romances and films of drama alone among the first five neighbours of Heat, by the shipped default."""
    return [movie_id for movie_id in _shipped(lists, HEAT)[:FIRST] if _romance_or_drama(genres_of(movie_id))]


def seeds_words(effort: Effort) -> str:
    """The seeds as one says them."""
    first, last = effort.seeds[0], effort.seeds[-1]
    return f"seed {first}" if first == last else f"seeds {first} to {last}"


def _romance_or_drama(genres: Sequence[str]) -> bool:
    return "Romance" in genres or tuple(genres) == ("Drama",)


def _shipped(lists: SideBySide, movie_id: int) -> tuple[int, ...]:
    """Neighbours as `GET /similar?by=ratings` shows them; none where the movie is not in these ratings."""
    found = [it for it in lists.lists if (it.way, it.debias, it.movie_id) == ("ease", SIMILAR_DEBIAS, movie_id)]
    return found[0].neighbours if found else ()


def _article(figures: Figures) -> list[Row]:
    found, seeds = figures.errors, seeds_words(figures.effort)
    rows = [
        Row(
            "rated cells, movie ids to 9000",
            f"{100 * found.sparsity:.2f} %",
            f"{100 * SPARSITY:.2f} %",
            round(found.sparsity, 4) == SPARSITY,
            f"{figures.facts.ratings:,} ratings in all",
        )
    ]
    for errors in found.article:
        split = f"{seeds}; {OTHER_SPLITS.get(errors.name, 'ten draws, ids to 9000')}"
        rows.append(Row(f"MSE: {WORDS[errors.name]}", f"{errors.mean:.3f}", "", None, _spread(errors.by_seed, split)))
        if errors.name == "article_user":
            low, high = USER_MSE
            rows[-1] = replace(rows[-1], bar=f"{low} to {high}", passed=low <= errors.mean <= high)
    return rows


def _right(figures: Figures) -> list[Row]:
    split = f"{seeds_words(figures.effort)}; ten different, all movies"
    rows = []
    for errors in figures.errors.right:
        row = Row(f"MSE: {WORDS[errors.name]}", f"{errors.mean:.4f}", "", None, _spread(errors.by_seed, split))
        if errors.name == "sgd_ours":
            row = replace(row, bar=f"<= {SGD_MSE}", passed=errors.mean <= SGD_MSE)
        rows.append(row)
    return rows


def _spread(by_seed: Sequence[float], split: str) -> str:
    each = f"{min(by_seed):.3f} to {max(by_seed):.3f}; " if len(by_seed) > 1 else ""
    return each + split


def _neighbours(figures: Figures, label: Label, genres_of: GenresOf) -> list[Row]:
    lists, rows = figures.lists, []
    shipped = f"EASE, debias {SIMILAR_DEBIAS:g}, all ratings"
    if near := _shipped(lists, TOY_STORY):
        first = near[0]
        rows.append(Row("first neighbour of Toy Story", label(first), "Toy Story 2", first == TOY_STORY_2, shipped))
    if near := _shipped(lists, HEAT):
        offenders = heat_offenders(lists, genres_of)
        value = ", ".join(map(label, offenders)) or "none"
        first_five = f"{shipped}: {', '.join(label(movie_id) for movie_id in near[:FIRST])}"
        what = "romances and films of drama alone among the first five of Heat"
        rows.append(Row(what, value, "none", not offenders, first_five))
    return rows


def _both_counts(figures: Figures) -> list[Row]:
    split = f"80:20 of each user, seed {figures.effort.seeds[0]}"
    return [
        Row(
            f"NDCG@10: {both_words(it.name)}",
            f"{it.ndcg:.3f}",
            "",
            None,
            f"{f'MSE {it.mse:.3f} beside it' if it.mse is not None else 'predicts no stars'}; {split}",
        )
        for it in figures.lists.ranked
    ]


def both_words(name: str) -> str:
    """A method of the comparison on both counts, in words that stand alone."""
    if name.endswith("_cosine"):
        return f"{WORDS[name.removesuffix('_cosine')]}: cosine of its factors"
    return f"{WORDS[name]}: by predicted stars" if name.startswith("sgd") else WORDS[name]
