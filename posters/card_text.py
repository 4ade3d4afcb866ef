"""Setting a title: the largest size at which it fits a box, broken into even lines, nothing running out."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from PIL import ImageFont

FONTS = Path(__file__).parent / "fonts"
Face = Literal["sans", "serif"]
FILES: dict[Face, str] = {"sans": "RobotoCondensed-Bold.ttf", "serif": "SourceSerifPro-Bold.ttf"}
LEADING = 1.06  # line to line, in font sizes: tight, as display type is set
SMALLEST = 12  # pixels; below it the end of the title is cut instead
BREAK_WORDS_BELOW = 17  # pixels; above it a long word makes the type smaller, below it the word is broken
ABSENT = "\uffff"  # a noncharacter: every font draws its "missing glyph" box for it
MAX_CHARACTERS = 400  # the API takes titles of 300; more would only be measured to be cut off


@dataclass(frozen=True, slots=True)
class SetText:
    """Lines of one text at one size; `width` and `height` are the pixels they take."""

    lines: tuple[str, ...]
    face: Face
    size: int
    width: int
    height: int

    @property
    def step(self) -> float:
        """Pixels from one baseline to the next."""
        return self.size * LEADING


@dataclass(frozen=True, slots=True)
class TextBox:
    """Room for a text, and the largest size it may take."""

    width: int
    height: int
    largest: int


@cache
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """The bundled font; basic layout, since the better one depends on a library that is not on every machine."""
    return ImageFont.truetype(FONTS / FILES[face], size, layout_engine=ImageFont.Layout.BASIC)


def text_width(text: str, face: Face, size: int) -> float:
    """Pixels the pen moves; basic layout has no kerning for these fonts, so the characters' advances add up."""
    return sum(_advance(char, face, size) for char in text)


def set_text(text: str, face: Face, box: TextBox) -> SetText:
    """The text in the largest size that fits; ends with an ellipsis only where even the smallest does not."""
    words = tuple(text[:MAX_CHARACTERS].split())
    fitting, lines = 0, list[str]()
    smallest, largest = SMALLEST, box.largest
    while smallest <= largest:
        size = (smallest + largest) // 2
        tried = _lines(words, face, size, box.width)
        if tried and _height(len(tried), size) <= box.height:
            fitting, lines, smallest = size, tried, size + 1
        else:
            largest = size - 1
    return _even(words, face, fitting, lines, box) if fitting else _cut(words, face, box)


def drawable(text: str, face: Face) -> str:
    """The characters of the text that the font has, composed (NFC); others, emoji for example, are left out."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(char if char.isspace() or _has_glyph(char, face) else "" for char in composed)
    return " ".join(kept.split())


@cache
def _advance(char: str, face: Face, size: int) -> float:
    return font(face, size).getlength(char)


@cache
def _missing_box(face: Face) -> bytes:
    return bytes(font(face, 20).getmask(ABSENT))


@cache
def _has_glyph(char: str, face: Face) -> bool:
    return char.isprintable() and bytes(font(face, 20).getmask(char)) != _missing_box(face)


def _height(lines: int, size: int) -> int:
    return round(size * (1 + (lines - 1) * LEADING))


def _lines(words: Sequence[str], face: Face, size: int, width: float) -> list[str]:
    """Greedy lines within the width; none at all if a word would have to be broken at a size that is still large."""
    lines: list[str] = []
    line = ""
    for word in words:
        joined = f"{line} {word}" if line else word
        if text_width(joined, face, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        if text_width(word, face, size) > width:
            if size >= BREAK_WORDS_BELOW:
                return []
            *full, word = _pieces(word, face, size, width)
            lines += full
        line = word
    return [*lines, line] if line else lines


def _pieces(word: str, face: Face, size: int, width: float) -> list[str]:
    pieces = [""]
    for char in word:
        if text_width(pieces[-1] + char, face, size) > width:
            pieces.append("")
        pieces[-1] += char
    return pieces


def _even(words: Sequence[str], face: Face, size: int, lines: list[str], box: TextBox) -> SetText:
    """Draws the lines in to the narrowest width that needs no further line: no lonely last word."""
    if size < BREAK_WORDS_BELOW:  # a narrower width would break words that are whole
        return _measured(lines, face, size)
    narrow, wide, best = box.width // 3, box.width, lines
    while wide - narrow > 4:
        middle = (narrow + wide) // 2
        tried = _lines(words, face, size, middle)
        if tried and len(tried) == len(lines):
            wide, best = middle, tried
        else:
            narrow = middle
    return _measured(best, face, size)


def _cut(words: Sequence[str], face: Face, box: TextBox) -> SetText:
    lines = _lines(words, face, SMALLEST, box.width)
    room = 1
    while _height(room + 1, SMALLEST) <= box.height:
        room += 1
    if len(lines) > room:
        last = lines[room - 1]
        while last and text_width(f"{last}\u2026", face, SMALLEST) > box.width:
            last = last[:-1]
        lines = [*lines[: room - 1], f"{last.rstrip()}\u2026"]
    return _measured(lines, face, SMALLEST)


def _measured(lines: Sequence[str], face: Face, size: int) -> SetText:
    width = max((text_width(line, face, size) for line in lines), default=0.0)
    return SetText(tuple(lines), face, size, round(width + 0.5), _height(len(lines), size))
