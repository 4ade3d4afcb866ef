"""Motifs that are one sign in the middle of the picture."""

import math

from posters.card_canvas import Canvas, Dice, Point, around
from posters.card_palettes import Palette


def grin(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Comedy: two eyes and the widest of grins, a little askew."""
    x, y = 0.5 + dice.between(-0.05, 0.05), canvas.height * 0.44
    tilt, size = dice.between(-16, 16), min(0.36, canvas.height * 0.36) * dice.between(0.9, 1.05)
    canvas.pie(x, y, size, (tilt, tilt + 180), inks.figure)
    tongue = around(x, y, size * 0.66, tilt + 90 + dice.between(-14, 14))
    canvas.disc(*tongue, size * 0.27, inks.second)
    winks = dice.chance(0.3)
    for side in (-1, 1):
        across = around(x, y, side * size * 0.48, tilt)
        eye = around(*across, size * 0.36, tilt - 90)
        if winks and side == 1:
            ends = around(*eye, -size * 0.2, tilt), around(*eye, size * 0.2, tilt)
            canvas.line(ends, size * 0.09, inks.figure)
        else:
            canvas.disc(*eye, size * 0.2, inks.figure)
            canvas.disc(*around(*eye, size * 0.08, tilt - dice.between(20, 160)), size * 0.07, inks.accent)


def fingerprint(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Crime: a fingerprint, one of its ridges marked."""
    x, top = 0.5 + dice.between(-0.06, 0.06), canvas.height * 0.5
    ridges, squeeze = 9, dice.between(1.16, 1.3)
    marked = dice.whole(2, ridges - 3)
    reach = min(0.4, canvas.height * 0.45 / squeeze)
    for ridge in range(ridges, 0, -1):
        radius = reach * ridge / ridges
        drift = (ridges - ridge) * 0.006
        colour = inks.accent if ridge == marked and inks.accent != inks.ground else inks.figure
        canvas.oval(x + drift, top + drift * 2, (radius, radius * squeeze), colour)
        inner = radius - reach / ridges * 0.52
        if inner > 0:
            canvas.oval(x + drift, top + drift * 2, (inner, inner * squeeze), inks.ground)
    for _ in range(5):  # the gaps that ridges have
        turn = dice.between(0, 360)
        near, far = around(x, top, reach * 0.3, turn), around(x, top, reach * 1.5, turn + dice.between(-10, 10))
        canvas.line([near, far], 0.016, inks.ground)


def viewfinder(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Documentary: a lens between the corners of a viewfinder."""
    x, y, size = 0.5, canvas.height / 2, min(0.25, canvas.height * 0.3)
    edge, arm = size * 1.3, size * 0.36
    for side in (-1, 1):
        for end in (-1, 1):
            corner_x, corner_y = x + side * edge, y + end * edge
            points = [(corner_x - side * arm, corner_y), (corner_x, corner_y), (corner_x, corner_y - end * arm)]
            canvas.line(points, 0.016, inks.figure)
    canvas.disc(x, y, size, inks.figure)
    canvas.disc(x, y, size * 0.86, inks.second)
    blades, turn, opening = dice.whole(6, 8), dice.between(0, 60), size * dice.between(0.3, 0.44)
    rim = [turn + blade * 360 / blades for blade in range(blades)]
    for angle in rim:
        canvas.line([around(x, y, opening, angle), around(x, y, size * 0.88, angle + 58)], 0.012, inks.figure)
    canvas.polygon([around(x, y, opening, angle) for angle in rim], inks.figure)
    canvas.disc(x + edge - 0.05, y - edge + 0.05, 0.02, inks.accent)


def two_discs(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Drama: two that overlap, printed over each other."""
    h = canvas.height
    size = min(0.29, h * 0.32) * dice.between(0.92, 1.08)
    turn, apart = dice.pick((0, 35, -35, 60, 90)) + dice.between(-8, 8), size * dice.between(0.45, 0.75)
    one, two = around(0.5, h / 2, apart, turn), around(0.5, h / 2, -apart, turn)
    canvas.disc(*one, size, inks.figure)
    canvas.overprint(*two, size * dice.between(0.7, 1.0), inks.second)
    if dice.chance(0.6):
        canvas.disc(*around(0.5, h / 2, size * 1.25, turn + dice.pick((90, -90))), 0.035, inks.accent)
    if dice.chance(0.5):
        canvas.line([(0, h * 0.9), (1, h * 0.9)], 0.008, inks.second)


def keyhole(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Mystery: light falls through a keyhole."""
    h, x, y, size = canvas.height, 0.5, canvas.height * 0.4, min(0.13, canvas.height * 0.15)
    lean = dice.between(-0.25, 0.25)
    canvas.polygon([(x - 0.04, y), (x + 0.04, y), (x + lean + 0.5, h), (x + lean - 0.5, h)], inks.second)
    for ring in range(dice.whole(1, 3)):
        canvas.ring(x, y, size * (2.1 + 0.55 * ring), 0.01, inks.second)
    canvas.disc(x, y, size, inks.figure)
    canvas.polygon(
        [
            (x - size * 0.42, y),
            (x + size * 0.42, y),
            (x + size * 0.95, y + size * 2.7),
            (x - size * 0.95, y + size * 2.7),
        ],
        inks.figure,
    )
    canvas.disc(*around(x, y, size * 0.5, dice.between(0, 360)), size * 0.16, inks.accent)


def hearts(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Romance: a heart in a heart in a heart."""
    x, y = 0.5 + dice.between(-0.05, 0.05), canvas.height * 0.46
    scale = min(0.3, canvas.height * 0.3)
    lean = dice.between(-14, 14)
    rings = dice.whole(3, 5)
    colours = (inks.figure, inks.accent, inks.second)
    for depth in range(rings):
        _heart(canvas, (x, y), scale * (1 - depth / rings), lean, colours[depth % 3])


def _heart(canvas: Canvas, middle: Point, size: float, lean: float, colour: str) -> None:
    outline = []
    for step in range(72):
        turn = math.radians(step * 5)
        across = 16 * math.sin(turn) ** 3
        up = 13 * math.cos(turn) - 5 * math.cos(2 * turn) - 2 * math.cos(3 * turn) - math.cos(4 * turn)
        reach, angle = math.hypot(across, up) / 15 * size, math.degrees(math.atan2(-up, across))
        outline.append(around(*middle, reach, angle + lean))
    canvas.polygon(outline, colour)


def spiral(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Thriller: a spiral that pulls someone in."""
    x, y = 0.5, canvas.height * 0.5
    way, start, turns = dice.pick((-1, 1)), dice.between(0, 360), dice.between(4.2, 5.4)
    reach = 0.5 * math.hypot(1, canvas.height)
    steps = 260
    outer: list[Point] = []
    inner: list[Point] = []
    for step in range(steps):
        share = step / (steps - 1)
        angle = start + way * share * turns * 360
        outer.append(around(x, y, reach * share**1.35, angle))
        inner.append(around(x, y, reach * (share**1.35) * 0.86, angle))
    for step in range(steps - 1):
        canvas.polygon([outer[step], outer[step + 1], inner[step + 1], inner[step]], inks.figure)
    _falling(canvas, (x, y), dice.between(-40, 40), inks)


def _falling(canvas: Canvas, at: Point, lean: float, inks: Palette) -> None:
    """A small figure, arms and legs thrown out."""
    canvas.disc(*at, 0.105, inks.second)
    for angle, reach in ((40, 0.075), (140, 0.075), (215, 0.06), (325, 0.06)):
        canvas.line([at, around(*at, reach, angle + lean)], 0.019, inks.figure)
    canvas.disc(*around(*at, 0.055, lean - 90), 0.021, inks.figure)
    canvas.line([around(*at, 0.03, lean - 90), around(*at, 0.02, lean + 90)], 0.034, inks.figure)


def chevrons(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """War: chevrons of rank, and the star above them."""
    h, x = canvas.height, 0.5
    count, thick = dice.whole(3, 4), 0.085
    top = h * 0.5
    for stripe in range(count):
        y = top + stripe * thick * 1.5
        colour = inks.figure if stripe % 2 == 0 else inks.second
        canvas.polygon(
            [
                (0.12, y + 0.2),
                (x, y),
                (0.88, y + 0.2),
                (0.88, y + 0.2 + thick),
                (x, y + thick),
                (0.12, y + 0.2 + thick),
            ],
            colour,
        )
    star_y, size = h * 0.3, dice.between(0.13, 0.16)
    turn = dice.between(-12, 12) - 90
    points = [around(x, star_y, size if tip % 2 == 0 else size * 0.42, turn + tip * 36) for tip in range(10)]
    canvas.polygon(points, inks.accent)


def kiss(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Romance: two half discs lean towards each other, and a heart between them."""
    x, y, size = 0.5, canvas.height * 0.54, min(0.3, canvas.height * 0.32)
    apart, lean = dice.between(0.01, 0.03), dice.between(-18, 18)
    canvas.pie(*around(x, y, -apart, lean), size, (lean + 90, lean + 270), inks.figure)
    canvas.pie(*around(x, y, apart, lean), size * dice.between(0.82, 1), (lean - 90, lean + 90), inks.second)
    _heart(canvas, around(x, y, size * 1.28, lean - 90), size * 0.3, lean, inks.accent)
