"""What `posterity reproduce` found, as one page that needs nothing else, and as numbers for programs."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from catalog.entries import NewMovie
from cli.poster_rows import PosterRows
from cli.report_rows import Figures, both_words, heat_offenders, report_rows
from cli.report_words import WHY, WORDS, ways_of
from cli.rows import Row, verdict, versions
from ratings.side_by_side import NeighbourList

PACKAGES = ("numpy", "scipy", "numba", "implicit")
TEMPLATE = "report.html"
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page shows.

    Attributes:
        figures: what was measured. movies: titles and genres of all movies, by id. posters: rows of pictures.
        seconds, cpu_seconds: what measuring took.
    """

    figures: Figures
    movies: Mapping[int, NewMovie]
    posters: PosterRows
    seconds: float
    cpu_seconds: float

    @property
    def rows(self) -> list[Row]:
        """One row a figure, in the form of all benchmarks."""
        return report_rows(self.figures, self.label, self.genres_of)

    def label(self, movie_id: int) -> str:
        """Title and year as one reads them."""
        movie = self.movies[movie_id]
        return movie.title if movie.year is None else f"{movie.title} ({movie.year})"

    def genres_of(self, movie_id: int) -> tuple[str, ...]:
        """Its genres; empty where none are known."""
        return self.movies[movie_id].genres

    def as_json(self) -> dict[str, Any]:
        """All figures, without pictures."""
        figures = self.figures
        return {
            "data": asdict(figures.facts),
            "quick": figures.effort.quick,
            "seeds": list(figures.effort.seeds),
            "sparsity": figures.errors.sparsity,
            "article": {it.name: list(it.by_seed) for it in figures.errors.article},
            "right": {it.name: list(it.by_seed) for it in figures.errors.right},
            "curves": [asdict(it) for it in figures.errors.curves],
            "neighbours": [self._list_as_json(it) for it in figures.lists.lists],
            "neighbour_quality": [asdict(it) for it in figures.lists.qualities],
            "both_counts": [asdict(it) for it in figures.lists.ranked],
            "posters": self._posters_as_json(),
            "seconds": round(self.seconds, 1),
            "cpu_seconds": round(self.cpu_seconds, 1),
            "versions": versions(PACKAGES),
            "rows": [row.as_json() for row in self.rows],
        }

    def as_html(self, charts: Mapping[str, str], charts_note: str) -> str:
        """The page.

        Args:
            charts: SVG by name, empty where none can be drawn. charts_note: one line that says why.
        """
        figures = self.figures
        return (
            self._environment()
            .get_template(TEMPLATE)
            .render(
                report=self,
                facts=figures.facts,
                effort=figures.effort,
                errors=figures.errors,
                lists=figures.lists,
                ndcg={it.name: it.ndcg for it in figures.lists.ranked},
                asked=list(dict.fromkeys(it.movie_id for it in figures.lists.lists)),
                offenders=heat_offenders(figures.lists, self.genres_of),
                charts=defaultdict(str, {name: Markup(svg) for name, svg in charts.items()}),  # noqa: S704 - drawn by us
                charts_note=charts_note,
            )
        )

    def _environment(self) -> jinja2.Environment:
        loader = jinja2.FunctionLoader(_template)
        environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        environment.filters.update(
            mse=lambda value: f"{value:.3f}",
            label=self.label,
            genres=lambda movie_id: ", ".join(self.genres_of(movie_id)) or "no genres",
            sentence=sentence,
            coded=coded,
            verdict=verdict,
        )
        environment.globals.update(
            words=WORDS, whys=WHY, ways=ways_of(self.figures.lists), both_words=both_words, versions=versions(PACKAGES)
        )
        return environment

    def _list_as_json(self, it: NeighbourList) -> dict[str, Any]:
        near = [{"movie_id": other, "title": self.label(other)} for other in it.neighbours]
        return {"way": it.way, "debias": it.debias, "movie_id": it.movie_id, "neighbours": near}

    def _posters_as_json(self) -> dict[str, Any]:
        rows = [
            {
                "movie_id": row.asked.movie_id,
                "neighbours": [
                    {"movie_id": it.movie_id, "title": self.label(it.movie_id), "score": it.score}
                    for it in row.neighbours
                ],
            }
            for row in self.posters.rows
        ]
        return {"source": self.posters.source, "note": self.posters.note, "rows": rows}


def sentence(note: str) -> str:
    """A note with a capital and a full stop; nothing stays nothing."""
    return f"{note[0].upper()}{note[1:].rstrip('.')}." if note else ""


def coded(text: str) -> Markup:
    """The text, escaped, with `what stands between such marks` as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped the moment before


def _template(name: str) -> str:
    return resources.files("cli").joinpath("templates", name).read_text(encoding="utf-8")
