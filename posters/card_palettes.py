"""Colours of the title cards: a few inks by genre, chosen to be told apart from afar."""

from dataclasses import dataclass

from posters.card_text import Face

INK = "#17161a"
PAPER = "#f6f1e7"
READABLE = 4.5  # contrast of text and ground that WCAG 2.1 asks of body text


@dataclass(frozen=True, slots=True)
class Palette:
    """Four inks: the ground of the picture, its main figure, a second shape, and an accent used sparingly."""

    ground: str
    figure: str
    second: str
    accent: str


@dataclass(frozen=True, slots=True)
class Style:
    """How a genre looks: the face of its titles and its palettes."""

    face: Face
    palettes: tuple[Palette, ...]


def _style(face: Face, *palettes: str) -> Style:
    return Style(face, tuple(Palette(*(f"#{ink}" for ink in palette.split())) for palette in palettes))


STYLES: dict[str, Style] = {
    "Action": _style(
        "sans", "c81d35 f9c80e 1b1b1e f6f1e7", "ff6b1a 1b1b1e ffd166 f6f1e7", "14213d fca311 e63946 f6f1e7"
    ),
    "Adventure": _style(
        "serif", "f2c078 2f5d62 5e8b7e c8553d", "8ecae6 1d3557 457b9d ffb703", "e9c46a 264653 2a9d8f e76f51"
    ),
    "Animation": _style(
        "sans", "ffd23f ee4266 3bceac 0a1045", "6a4c93 ffca3a 8ac926 ff595e", "3bceac 0a1045 ffd23f ee4266"
    ),
    "Children": _style(
        "sans", "f6f1e7 e4572e 17bebb ffc914", "ffc914 1f7195 e4572e f6f1e7", "a8dadc cf2a3a 1d3557 ffd166"
    ),
    "Comedy": _style(
        "sans",
        "ffd400 17161a ff6f59 f6f1e7",
        "ff8fa3 6d1a36 ffe066 f6f1e7",
        "43aa8b f9f5e3 f9c74f 1f3b4d",
        "f3722c fff3d6 7b2d26 f9c74f",
    ),
    "Crime": _style(
        "sans", "e8e2d4 7d1128 2b2d33 b8a88a", "22262b d9cfb8 8d99a6 d72638", "c9b79c 2b2118 722f37 f6f1e7"
    ),
    "Documentary": _style(
        "serif", "dfe6e4 23395b 8ea8a3 e4572e", "f1ece0 3a3a3a b0a999 e63946", "23395b dfe6e4 6f8f9b f2b134"
    ),
    "Drama": _style(
        "serif",
        "e6d5c3 b5443c 31556b f0a868",
        "d8e2dc 4a4e69 c9746b f2cc8f",
        "f0dcca 7a3b46 3f6c6a e0a458",
        "c7d3d4 603f83 d9805f f6f1e7",
    ),
    "Fantasy": _style(
        "serif", "2b1a4f f3d27a 6b4fa0 b79ced", "0f4c5c f2e8cf 2f7f86 fb8b24", "3d1e4f f7b2bd 7f4a88 ffe8a3"
    ),
    "Film-Noir": _style("serif", "17161a e9e3d3 4a4a4f c9a227", "20262e d8d8d2 56606b b23a48"),
    "Horror": _style(
        "sans", "14110f b80c09 3a0d0c f1e9da", "e8dfcc 8b0000 17161a 5c5346", "1f2d1f b6d94c 0e140e e8e4c9"
    ),
    "IMAX": _style("sans", "03256c 2541b2 1768ac 06bee1", "2d0a31 6a0572 ab83a1 f7b32b"),
    "Musical": _style(
        "serif", "f7c6c7 7b1e3a e4576b f9e0a2", "13315c f4d35e ee964b f6f1e7", "f4e9cd 39707a d1495b 17161a"
    ),
    "Mystery": _style(
        "serif", "1f3a3d e0c48c 356a69 f6f1e7", "2f2235 d9a5b3 5c4266 f1d38a", "d9d4c5 2d3142 7f8796 c8553d"
    ),
    "Romance": _style(
        "serif", "fbd3d0 c92c54 84142d f6b8a0", "f4e4d7 e07a5f 81424f f2b5a7", "d8c4e2 a63d6e 5a2a5c f7b7a3"
    ),
    "Sci-Fi": _style(
        "sans", "0b132b 5bc0be 1c2541 f5b841", "1d1a39 f39f5a 451952 e8bcb9", "e3e7e8 16324f 7fa6b8 ff5a36"
    ),
    "Thriller": _style(
        "sans", "e8431f 17161a f6f1e7 8c1c13", "f2b705 17161a f6f1e7 8f5d00", "1d3b44 e9e4d6 0e2026 ff6542"
    ),
    "War": _style("sans", "c3b48b 4a5233 7a7a4a a63a1e", "5b5f4c e0d8bf 34382b c8a034", "d6cdb8 37474f 78857f b3261e"),
    "Western": _style(
        "serif", "f0b25b b5461f 5a1f12 fbe3b3", "e98a53 6b2420 2f1712 ffd9a0", "7fb2b0 a8471d 5a2a1a f6e2b8"
    ),
    "(no genres listed)": _style(
        "serif", "e4e0d6 3d405b 81b29a e07a5f", "3d405b e4e0d6 81b29a f2cc8f", "cdd6d0 7a4a3a 40606b e9b872"
    ),
}
NO_GENRE = "(no genres listed)"

# The genre that says most about a film comes first: MovieLens lists genres by alphabet, and half of all are dramas.
TELLING = (
    "Film-Noir", "Western", "War", "Horror", "Musical", "Animation", "Documentary", "Sci-Fi", "Fantasy", "Mystery",
    "Romance", "Crime", "Children", "Thriller", "Adventure", "Action", "Comedy", "Drama", "IMAX",
)  # fmt: skip


def telling_genre(genres: tuple[str, ...]) -> str:
    """The genre whose motif a film gets; `(no genres listed)` where none of them is known."""
    return next((genre for genre in TELLING if genre in genres), NO_GENRE)


def readable_on(ground: str, *wanted: str) -> str:
    """The first of the wanted colours that can be read on the ground, else the better of ink and paper."""
    for colour in wanted:
        if contrast(colour, ground) >= READABLE:
            return colour
    return max((INK, PAPER), key=lambda colour: contrast(colour, ground))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours as WCAG 2.1 defines it, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
