"""The web pages: a search box, and a movie with the ones that look like it and are liked like it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, render_template, request

from api.answers import SPACES, By, SimilarMovie, poster_url
from api.fields import MAX_GENRE, MAX_QUERY
from api.neighbours import Question, Seen, similar_movies, usual_debias
from api.page_filters import filters_in
from api.refusals import NotEmbedded, NotPublished, NotRated
from api.services import catalog, served, services, view
from api.shelf_view import Wish
from catalog.entries import MAX_ID, Movie, Reason, State
from catalog.movies import Page

SHOWN = 24  # posters of one page: rows of 2, 3, 4, 6 and 8 come out even
LOOKED_AT = 200  # most-rated movies among which the start page looks for posters
NEIGHBOURS = 12
ON_THE_WAY = (State.PENDING, State.FETCHED)
FAILURES: dict[str, str] = {
    Reason.NO_POSTER: "No source has a poster of it.",
    Reason.IMAGE_INVALID: "What was found is not a picture that can be read.",
    Reason.IMAGE_TRUNCATED: "The picture ends too early.",
    Reason.IMAGE_TOO_LARGE: "The picture is too large.",
    Reason.IMAGE_TOO_SMALL: "The picture is too small.",
    Reason.IMAGE_CMYK: "The picture is in printing colours, which cannot be compared.",
    Reason.ADDRESS_REFUSED: "The address given for its poster may not be asked.",
    Reason.SOURCE_UNAVAILABLE: "The source of posters did not answer for too long.",
    Reason.DEGENERATE_VECTOR: "There is nothing in the picture to compare.",
    Reason.GPU_OOM: "The graphics card had no memory left for it.",
    Reason.WORKER_LOST: "The worker died each time it looked at the picture.",
    Reason.INTERNAL_ERROR: "A fault of Posterity; the worker's log has the details.",
}
LABELS: dict[By, str] = {"poster": "Looks alike", "ratings": "Liked alike"}

routes = Blueprint("pages", __name__)
routes.add_app_template_global(poster_url, "poster_of")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One list of neighbours, or the word for why there is none."""

    by: By
    label: str
    items: list[SimilarMovie]
    missing: str = ""  # not_embedded, not_rated, not_in_snapshot or no_snapshot

    @property
    def full_scale(self) -> float:
        """What a full bar stands for: cosines end at 1, inner products at the best one shown."""
        best = max((item.score for item in self.items), default=0.0)
        return best if self.by == "ratings" and best > 0 else 1.0

    @property
    def digits(self) -> int:
        """After the point: inner products of rating vectors are small, and two digits would make them all equal."""
        return 2 if self.by == "poster" else 3


@routes.get("/")
def start() -> str:
    """The search box, and either what it found or the most-rated movies."""
    q, genre = _text("q", MAX_QUERY), _text("genre", MAX_GENRE)
    progress = services().counts.get()
    page = _found(q, genre) if q or genre else _most_rated()
    return render_template(
        "start.html",
        q=q,
        genre=genre,
        page=page,
        progress=progress,
        total=sum(progress.values()),
        busy=any(progress[state] for state in ON_THE_WAY),
        snapshot=served(),
        notices=_notices(movie.poster_attribution for movie in page.items),
    )


@routes.get("/app/movies/<movie_id>")
def movie(movie_id: str) -> str:
    """One movie, its neighbours by each kind of evidence, and how far its embedding is."""
    here = catalog()
    shown = here.movies.get(number_in(movie_id))
    filters = filters_in(request.args, view().shelf)
    evidence = [_evidence(shown, by, filters.wish) for by in SPACES]
    return render_template(
        "movie.html",
        movie=shown,
        file=here.posters.files([shown.movie_id]).get(shown.movie_id),
        why=FAILURES.get(shown.reason or "", ""),
        evidence=evidence,
        filters=filters,
        busy=shown.state in ON_THE_WAY or any(e.missing in ("not_in_snapshot", "no_snapshot") for e in evidence),
        snapshot=served(),
        notices=_notices([shown.poster_attribution, *(item.attribution for e in evidence for item in e.items)]),
    )


def _notices(attributions: Iterable[str | None]) -> list[str]:
    """What has to be said about the posters of a page, each once."""
    return list(dict.fromkeys(text for text in attributions if text))


def _evidence(shown: Movie, by: By, wish: Wish) -> Evidence:
    snapshot = served()
    if snapshot is None:
        return Evidence(by, LABELS[by], [], "no_snapshot")
    try:
        question = Question(shown.movie_id, by, NEIGHBOURS, debias=usual_debias(by), wish=wish)
        items = similar_movies(Seen(snapshot, view().shelf), catalog(), question)
    except NotEmbedded:
        return Evidence(by, LABELS[by], [], "not_embedded")
    except NotRated:
        return Evidence(by, LABELS[by], [], "not_rated")
    except NotPublished:
        return Evidence(by, LABELS[by], [], "not_in_snapshot")
    return Evidence(by, LABELS[by], items)


def _found(q: str, genre: str) -> Page:
    try:
        return catalog().movies.page(q, genre, _cursor(), SHOWN)
    except ValueError:
        return catalog().movies.page(q, genre, "", SHOWN)  # somebody edited the address: begin again


def _most_rated() -> Page:
    """The most-rated movies that have a poster to show, filled up with others while there are too few."""
    items = catalog().movies.page(limit=LOOKED_AT).items
    return Page(sorted(items, key=lambda movie: movie.poster_source is None)[:SHOWN], None)


def number_in(text: str) -> int:
    """The id in an address; 0, which is nobody's, for what cannot be one."""
    number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else 0
    return number if number <= MAX_ID else 0


def _cursor() -> str:
    given = request.args.get("cursor", "")
    return given if re.fullmatch(r"[0-9]\.[0-9]{1,10}\.[0-9]{1,10}", given) else ""


def _text(name: str, longest: int) -> str:
    """A search as people type it: cut to length, without what cannot be printed."""
    return "".join(char for char in request.args.get(name, "")[:longest] if char.isprintable()).strip()
