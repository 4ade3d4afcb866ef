"""A surface for flat shapes with smooth edges: everything is drawn three times too large and averaged down."""

import hashlib
import math
from collections.abc import Sequence
from random import Random
from typing import TypeVar

from PIL import Image, ImageChops, ImageDraw

SUPERSAMPLING = 3
Point = tuple[float, float]
T = TypeVar("T")


class Dice:
    """Chance that falls the same way on every run and machine for the same words."""

    def __init__(self, words: str) -> None:
        # Of Random only `random()` is promised to give the same sequence in every version of Python.
        self._random = Random(int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big"))  # noqa: S311

    def between(self, low: float, high: float) -> float:
        """A number from low to high."""
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return min(high, low + int((high - low + 1) * self._random.random()))

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.whole(0, len(options) - 1)]

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self._random.random() < share


class Canvas:
    """Coordinates are in widths: x runs from 0 to 1, y from 0 to `height`; shapes are cut off at the edges."""

    def __init__(self, width: int, height: int, ground: str) -> None:
        self.height = height / width
        self._unit = width * SUPERSAMPLING
        self._image = Image.new("RGB", (self._unit, height * SUPERSAMPLING), ground)
        self._draw = ImageDraw.Draw(self._image)

    def finished(self) -> Image.Image:
        """The picture in its real size."""
        return self._image.reduce(SUPERSAMPLING)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        self._draw.ellipse(self._box(x - radius, y - radius, x + radius, y + radius), fill=colour)

    def ring(self, x: float, y: float, radius: float, thickness: float, colour: str) -> None:
        """A circle's line, its outer edge at the radius."""
        box = self._box(x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse(box, outline=colour, width=self._length(thickness))

    def oval(self, x: float, y: float, radii: Point, colour: str) -> None:
        """A filled ellipse."""
        self._draw.ellipse(self._box(x - radii[0], y - radii[1], x + radii[0], y + radii[1]), fill=colour)

    def pie(self, x: float, y: float, radius: float, turns: Point, colour: str) -> None:
        """A sector between two angles in degrees, clockwise from three o'clock."""
        self._draw.pieslice(self._box(x - radius, y - radius, x + radius, y + radius), *turns, fill=colour)

    def bar(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """A filled rectangle."""
        self._draw.rectangle(self._box(left, top, right, bottom), fill=colour)

    def pill(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """A rectangle whose short sides are round."""
        radius = self._length(min(right - left, bottom - top) / 2)
        self._draw.rounded_rectangle(self._box(left, top, right, bottom), radius=radius, fill=colour)

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """A filled polygon."""
        self._draw.polygon([self._place(point) for point in points], fill=colour)

    def line(self, points: Sequence[Point], thickness: float, colour: str) -> None:
        """A line through the points with round joints."""
        self._draw.line([self._place(p) for p in points], fill=colour, width=self._length(thickness), joint="curve")

    def fillet(self, left: float, top: float, width: float, colour: str) -> None:
        """Rounds the inner corners of a gap that opens downwards at `top`: colour above a half circle."""
        radius = width / 2
        arch = [(left, top + radius), (left, top), (left + width, top), (left + width, top + radius)]
        rim = [around(left + radius, top + radius, radius, -turn) for turn in range(0, 181, 12)]
        self.polygon([*arch, *rim], colour)

    def overprint(self, x: float, y: float, radius: float, colour: str) -> None:
        """A disc printed over what is there, as two inks over each other: the darker of both, channel by channel."""
        left, top, right, bottom = self._box(x - radius, y - radius, x + radius, y + radius)
        area = (max(left, 0), max(top, 0), min(right, self._image.width), min(bottom, self._image.height))
        below = self._image.crop(area)
        mask = Image.new("L", below.size)
        ImageDraw.Draw(mask).ellipse((left - area[0], top - area[1], right - area[0], bottom - area[1]), fill=255)
        printed = ImageChops.multiply(below, Image.new("RGB", below.size, colour))
        self._image.paste(printed, area[:2], mask)

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
        (x0, y0), (x1, y1) = self._place((left, top)), self._place((right, bottom))
        return x0, y0, x1, y1

    def _place(self, point: Point) -> tuple[int, int]:
        return round(point[0] * self._unit), round(point[1] * self._unit)

    def _length(self, length: float) -> int:
        return max(1, round(length * self._unit))


def around(x: float, y: float, radius: float, degrees: float) -> Point:
    """The point at this distance and angle, clockwise from three o'clock."""
    return x + radius * math.cos(math.radians(degrees)), y + radius * math.sin(math.radians(degrees))
