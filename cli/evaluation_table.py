"""The tables of `posterity evaluate`."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.evaluation import Evaluation, FoldsEvaluation
from cli.rows import verdict, versions
from ratings.bootstrap import RESAMPLES, Estimate
from ratings.choosing import Failed
from ratings.measuring import ErrorRow, RankingRow, mse_above_best, ndcg_below_best
from ratings.methods import LIKED

WIDTH = 150  # columns, where there is no terminal to ask
MAY_BE_CHANCE = "\N{ALMOST EQUAL TO} "
CHOSEN = "Settings were chosen on validation ratings from the training side; the held-out ones were looked at once."
QUICK = "Quick: each method has its default setting and nothing was chosen; no bar is met by these figures."
PACKAGES = ("numpy", "scipy", "numba")


def picture(found: Evaluation) -> RenderableType:
    """The tables, and what their words mean."""
    parts: list[RenderableType] = [Text(found.data, style="bold")]
    if found.errors:
        parts += [Text(), _errors(found), *_failures(found.errors)]
    if found.rankings:
        parts += [Text(), _rankings(found), *_failures(found.rankings)]
    if any(row.neighbours for row in found.ranking_rows):
        parts += [Text(), _neighbours(found.ranking_rows)]
    return Group(*parts, Text(), *_notes(found))


def folds_picture(found: FoldsEvaluation) -> RenderableType:
    """RMSE of every method on every fold, the mean, and whether the bar is met."""
    table = _table(f"RMSE on the folds of {found.folder}", "method", "setting of the first fold")
    for fold in range(len(found.folds)):
        table.add_column(f"u{fold + 1}", justify="right")
    table.add_column("mean", justify="right")
    for method, entries in found.by_method.items():
        measured = [entry for entry in entries if isinstance(entry, ErrorRow)]
        if len(measured) == len(entries):
            cells = [*(f"{entry.rmse.value:.4f}" for entry in measured), f"{found.mean_rmse(method):.4f}"]
            best = found.best is not None and found.best[0] == method
            table.add_row(method, measured[0].setting, *cells, style="bold" if best else "")
    failed = _failures([entry for fold in found.folds for entry in fold])
    bar = found.rows()[-1]
    told = f"{verdict(bar)}: the best mean is {bar.value}, the bar {bar.bar} (Surprise's SVD++)"
    verdict_line = Text(told, "green" if bar.passed else "red")
    return Group(table, *failed, Text(), verdict_line, Text(_made_with(found.seed), "dim"))


def _errors(found: Evaluation) -> Table:
    table = _table(f"Errors of predicted stars, {found.held_out[0]}", "method", "setting chosen")
    _numbers(table, "MSE (95 %)", "above best", "RMSE", "MAE", "s: fit / all")
    above = iter(mse_above_best(found.error_rows, found.seed) if found.error_rows else [])
    least = min((row.mse.value for row in found.error_rows), default=0.0)
    for row in found.error_rows:
        errors = [f"{row.rmse.value:.4f}", f"{row.mae.value:.4f}"]
        cells = [_interval(row.mse), _gap(next(above)), *errors, _seconds(row)]
        table.add_row(row.method, row.setting, *cells, style="bold" if row.mse.value == least else "")
    return table


def _rankings(found: Evaluation) -> Table:
    table = _table(f"Lists of unseen movies, {found.held_out[1]}", "method", "setting chosen")
    _numbers(table, "NDCG@10 (95 %)", "below best", "recall@20", "MRR", "shown", "ratings", "s: fit / all")
    below = iter(ndcg_below_best(found.ranking_rows, found.seed) if found.ranking_rows else [])
    most = max((row.ndcg.value for row in found.ranking_rows), default=0.0)
    for row in found.ranking_rows:
        lists = row.rankings
        shown = [f"{lists.coverage:,} ({lists.coverage_share:.0%})", f"{row.popularity.value:.0f}"]
        quality = [f"{row.recall.value:.3f}", f"{row.mrr.value:.3f}"]
        cells = [_interval(row.ndcg), _gap(next(below)), *quality, *shown, _seconds(row)]
        table.add_row(row.method, row.setting, *cells, style="bold" if row.ndcg.value == most else "")
    return table


def _neighbours(rows: Sequence[RankingRow]) -> Table:
    asked = max(row.neighbours.asked for row in rows if row.neighbours)
    table = _table(f"Ten neighbours of each of the {asked:,} most-rated movies", "method")
    _numbers(table, "genre Jaccard", "median ratings of a neighbour", "different movies")
    for row in rows:
        if row.neighbours is not None:
            near = row.neighbours
            figures = (f"{near.mean_jaccard:.3f}", f"{near.median_ratings:g}", f"{near.different:,}")
            table.add_row(row.method, *figures)
    return table


def _notes(found: Evaluation) -> list[Text]:
    users = max((len(row.rankings.ndcg) for row in found.ranking_rows), default=0)
    lists = (
        f"Lists: {users:,} users; liked is {LIKED:g} stars or more; MRR is of the whole list. Shown: different movies "
        "in all first tens, and how many training ratings they have on average."
    )
    notes = [
        f"Intervals: 95 %, users drawn again {RESAMPLES:,} times; {MAY_BE_CHANCE.strip()} marks a gap to the best "
        "whose interval holds 0: it may be chance.",
        *([lists] if users else []),
        QUICK if found.quick else CHOSEN,
        _made_with(found.seed),
    ]
    return [Text(note, "dim") for note in notes]


def _made_with(seed: int) -> str:
    return f"Seed {seed}; {versions(PACKAGES)}."


def _table(title: str, *words: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for name in words:
        table.add_column(name, min_width=12)  # words may wrap, figures may not
    return table


def _numbers(table: Table, *names: str) -> None:
    for name in names:
        table.add_column(name, justify="right", no_wrap=not name.startswith("median"))


def _interval(it: Estimate) -> str:
    return f"{it.value:.4f} ({it.low:.3f} to {it.high:.3f})"


def _gap(it: Estimate) -> str:
    """How far from the best, marked where the interval of the gap holds 0."""
    if it.low == it.high == 0:
        return "best"
    return f"{MAY_BE_CHANCE if it.low <= 0 else ''}{it.value:.4f}"


def _seconds(row: ErrorRow | RankingRow) -> str:
    return f"{row.seconds:.1f} / {row.seconds + row.choosing_seconds:.1f}"


def _failures(entries: Sequence[ErrorRow | RankingRow | Failed]) -> list[Text]:
    return [Text(f"{it.method} failed: {it.why}", "red") for it in entries if isinstance(it, Failed)]
