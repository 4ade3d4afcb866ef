"""Drawn posters for films without one: a series of paperback covers, one motif per genre, no two alike."""

import io
from functools import cache

from PIL import Image, ImageDraw

from posters.card_canvas import SUPERSAMPLING, Canvas, Dice
from posters.card_layout import HEIGHT, LABEL_SIZE, LAYOUTS, MARGIN, SMALL, WIDTH, Layout
from posters.card_motifs import MOTIFS
from posters.card_palettes import NO_GENRE, PAPER, STYLES, Palette, readable_on, telling_genre
from posters.card_text import Face, SetText, TextBox, drawable, font, set_text, text_width
from posters.poster import PosterImage, PosterRequest, Provenance, poster_image

# Lossless WebP: flat colours and type stay clean. 6.7 kB and 10 ms a card; JPEG at quality 88 took 29 kB, PNG 16 kB.
EFFORT, METHOD = 50, 2
LABEL = "generated title card"
ASCENT = 0.8  # of the size: from the top of a line to its baseline, in both faces
ANCHORS = {"left": "ls", "centre": "ms", "right": "rs"}


class TitleCardSource:
    """Draws a card for every movie; the same movie always gets the same bytes from the same release of Pillow."""

    name = "titlecard"
    remembers_misses = False  # it draws a card for every movie

    def fetch(self, movie: PosterRequest) -> PosterImage:
        """A lossless WebP of 342 x 513 with title, year, genres and the words "generated title card"."""
        content = io.BytesIO()
        draw_card(movie).save(content, "WEBP", lossless=True, quality=EFFORT, method=METHOD)
        return poster_image(content.getvalue(), Provenance(self.name, f"movie {movie.movie_id}", generated=True))


def draw_card(movie: PosterRequest) -> Image.Image:
    """The card as an RGB picture of 342 x 513."""
    dice = Dice(f"{movie.movie_id}\n{movie.title}\n{movie.year}")
    genre = telling_genre(movie.genres)
    style = STYLES[genre]
    layout, palette = dice.pick(LAYOUTS), dice.pick(style.palettes)
    canvas = Canvas(layout.picture.width, layout.picture.height, palette.ground)
    dice.pick(MOTIFS[genre])(canvas, palette, dice)

    card = Image.new("RGB", (WIDTH, HEIGHT), _card_ink(layout, palette))
    card.paste(canvas.finished(), (layout.picture.left, layout.picture.top), _window(layout))
    if layout.band:
        card.paste(palette.figure, layout.band.box)
    title_ink = readable_on(_card_ink(layout, palette), palette.ground, palette.figure)
    _write_title(card, set_title(movie, layout, style.face), layout, title_ink)
    _write_small_print(card, movie, layout, palette)
    return card


def set_title(movie: PosterRequest, layout: Layout, face: Face) -> SetText:
    """The title in the layout's room; a title without a single character in our fonts becomes the movie's number."""
    text = drawable(movie.title, face) or f"No. {movie.movie_id}"
    return set_text(text, face, TextBox(layout.title.width, layout.title.height, layout.largest))


def _write_title(card: Image.Image, title: SetText, layout: Layout, colour: str) -> None:
    draw, room = ImageDraw.Draw(card), layout.title
    top = room.top + ((room.height - title.height) // 2 if layout.hang == "middle" else 0)
    x = room.left + (room.width // 2 if layout.align == "centre" else 0)
    for number, line in enumerate(title.lines):
        baseline = round(top + title.size * ASCENT + number * title.step)
        draw.text((x, baseline), line, fill=colour, font=font(title.face, title.size), anchor=ANCHORS[layout.align])


def _write_small_print(card: Image.Image, movie: PosterRequest, layout: Layout, palette: Palette) -> None:
    year = str(movie.year) if movie.year is not None else ""
    room = WIDTH - 2 * MARGIN - (text_width(f"  {year}", "sans", SMALL) if layout.year.align == "right" else 0)
    lines = (
        (year, layout.year, SMALL),
        (_genre_line(movie.genres, room), layout.genres, SMALL),
        (LABEL, layout.label, LABEL_SIZE),
    )
    for text, words, size in lines:
        below = palette.figure if layout.band and words.baseline > layout.band.top else _card_ink(layout, palette)
        colour = readable_on(below, palette.ground, palette.figure, palette.accent)
        place = (words.x, words.baseline)
        ImageDraw.Draw(card).text(place, text, fill=colour, font=font("sans", size), anchor=ANCHORS[words.align])


def _card_ink(layout: Layout, palette: Palette) -> str:
    return {"paper": PAPER, "ground": palette.ground, "figure": palette.figure}[layout.card]


def _genre_line(genres: tuple[str, ...], room: float) -> str:
    """As many of the known genres as fit."""
    known = [genre for genre in genres if genre in MOTIFS and genre != NO_GENRE]
    while known and text_width(" \u00b7 ".join(known), "sans", SMALL) > room:
        known.pop()
    return " \u00b7 ".join(known)


@cache
def _window(layout: Layout) -> Image.Image:
    """What of the picture shows, as a mask."""
    width, height = layout.picture.width * SUPERSAMPLING, layout.picture.height * SUPERSAMPLING
    mask = Image.new("L", (width, height), 255 if layout.window == "full" else 0)
    draw = ImageDraw.Draw(mask)
    if layout.window == "disc":
        draw.ellipse((0, 0, width - 1, height - 1), fill=255)
    elif layout.window == "arch":
        draw.ellipse((0, 0, width - 1, width - 1), fill=255)
        draw.rectangle((0, width // 2, width, height), fill=255)
    return mask.reduce(SUPERSAMPLING)
