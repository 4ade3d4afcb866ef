"""Four arrangements of one series: where picture, title and small print stand on a card of 342 x 513."""

from dataclasses import dataclass
from typing import Literal

WIDTH, HEIGHT = 342, 513  # the size TMDB calls w342, at the proportions of a film poster
MARGIN = 26
SMALL = 13  # pixels: year and genres
LABEL_SIZE = 12  # pixels: the words that say the card is generated
Align = Literal["left", "centre", "right"]
Ink = Literal["ground", "figure", "paper"]


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in pixels of the finished card."""

    left: int
    top: int
    width: int
    height: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom, as Pillow takes them."""
        return self.left, self.top, self.left + self.width, self.top + self.height


@dataclass(frozen=True, slots=True)
class Words:
    """Where one line of small print stands: the baseline, and the edge or middle it is set to."""

    x: int
    baseline: int
    align: Align


@dataclass(frozen=True, slots=True)
class Layout:
    """One arrangement.

    Attributes:
        card: the ink the whole card is filled with first.
        picture: area of the motif; `window` cuts it to a shape.
        band: an area filled with the figure's ink, with small print on it, or None.
        title: room of the title; `align` sets its lines, `hang` where it stands in its room.
    """

    card: Ink
    picture: Area
    window: Literal["full", "disc", "arch"]
    band: Area | None
    title: Area
    largest: int
    align: Align
    hang: Literal["top", "middle"]
    year: Words
    genres: Words
    label: Words


_MIDDLE = WIDTH // 2
_RIGHT = WIDTH - MARGIN
_INNER = WIDTH - 2 * MARGIN

PLATE = Layout(
    card="paper",
    picture=Area(0, 0, WIDTH, 306),
    window="full",
    band=None,
    title=Area(MARGIN, 324, _INNER, 120),
    largest=84,
    align="left",
    hang="top",
    year=Words(_RIGHT, 468, "right"),
    genres=Words(MARGIN, 468, "left"),
    label=Words(MARGIN, 491, "left"),
)
HEADLINE = Layout(
    card="ground",
    picture=Area(0, 198, WIDTH, 279),
    window="full",
    band=Area(0, 477, WIDTH, HEIGHT - 477),
    title=Area(MARGIN, 52, _INNER, 140),
    largest=84,
    align="left",
    hang="top",
    year=Words(_RIGHT, 37, "right"),
    genres=Words(MARGIN, 37, "left"),
    label=Words(MARGIN, 499, "left"),
)
BANDS = Layout(
    card="paper",
    picture=Area(0, 0, WIDTH, 246),
    window="full",
    band=Area(0, 425, WIDTH, HEIGHT - 425),
    title=Area(MARGIN, 260, _INNER, 151),
    largest=84,
    align="centre",
    hang="middle",
    year=Words(_MIDDLE, 452, "centre"),
    genres=Words(_MIDDLE, 471, "centre"),
    label=Words(_MIDDLE, 495, "centre"),
)
DISC = Layout(
    card="figure",
    picture=Area(36, 28, 270, 270),
    window="disc",
    band=None,
    title=Area(MARGIN, 314, _INNER, 112),
    largest=80,
    align="centre",
    hang="middle",
    year=Words(_MIDDLE, 452, "centre"),
    genres=Words(_MIDDLE, 470, "centre"),
    label=Words(_MIDDLE, 493, "centre"),
)
ARCH = Layout(
    card="paper",
    picture=Area(MARGIN, 26, _INNER, 284),
    window="arch",
    band=None,
    title=Area(MARGIN, 322, _INNER, 102),
    largest=76,
    align="centre",
    hang="middle",
    year=Words(_MIDDLE, 453, "centre"),
    genres=Words(_MIDDLE, 471, "centre"),
    label=Words(_MIDDLE, 493, "centre"),
)
LAYOUTS = (PLATE, HEADLINE, BANDS, DISC, ARCH)
