"""Motifs that are places: land, sky, and someone or something in it."""

import math

from posters.card_canvas import Canvas, Dice, Point, around
from posters.card_palettes import Palette


def mountains(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Adventure: ranges behind ranges, a sun, and a way over them."""
    h = canvas.height
    canvas.disc(dice.between(0.25, 0.75), h * dice.between(0.26, 0.36), dice.between(0.11, 0.16), inks.accent)
    for depth, colour in enumerate((inks.second, inks.figure)):
        base = h * (0.56 + 0.2 * depth)
        peaks: list[Point] = [(-0.1, base)]
        x = -0.1
        while x < 1.1:
            x += dice.between(0.14, 0.24)
            peaks.append((x, base - h * dice.between(0.16, 0.3)))
            x += dice.between(0.12, 0.2)
            peaks.append((x, base + h * dice.between(-0.04, 0.06)))
        canvas.polygon([*peaks, (1.2, h), (-0.2, h)], colour)
    phase = dice.between(0, 6)
    for dot in range(13):
        x = 0.06 + dot * 0.073
        canvas.disc(x, h * (0.88 + 0.04 * math.sin(phase + dot * 0.62)), 0.012, inks.accent)


def bouncing(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Animation: the drawings of one bouncing ball, the last one filled in."""
    h, floor, radius = canvas.height, canvas.height * 0.84, 0.075
    canvas.bar(0, floor, 1, h, inks.second)
    first, second = dice.between(0.3, 0.4), dice.between(0.7, 0.78)  # where it touches the floor
    tall = (floor - 2 * radius) * dice.between(0.8, 0.92)
    frames, mirrored = dice.whole(13, 19), dice.chance(0.5)
    for frame in range(frames + 1):
        x = 0.1 + 0.72 * frame / frames
        # Three arcs of a bouncing ball: falling to the first touch, up and down to the second, and up again.
        if x < first:
            up = 1 - ((x - 0.1) / (first - 0.1)) ** 2
        elif x < second:
            up = 0.62 * (1 - ((2 * x - first - second) / (second - first)) ** 2)
        else:
            up = 0.62 * (1 - ((2 * x - 3 * second + first) / (second - first)) ** 2)
        x, y = (1 - x if mirrored else x), floor - radius - tall * up
        if frame < frames:
            canvas.ring(x, y, radius * 0.8, 0.009, inks.figure)
        else:
            canvas.disc(x, y, radius * 1.25, inks.figure)
            canvas.disc(x - radius * 0.4, y - radius * 0.4, radius * 0.34, inks.accent)


def castle(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Fantasy: towers under a crescent moon."""
    h = canvas.height
    x, y, size = dice.between(0.26, 0.74), h * dice.between(0.25, 0.32), dice.between(0.13, 0.17)
    canvas.disc(x, y, size, inks.figure)
    canvas.disc(x + size * dice.pick((-0.45, 0.45)), y - size * 0.18, size * 0.86, inks.ground)
    for _ in range(16):
        canvas.disc(dice.between(0.04, 0.96), h * dice.between(0.05, 0.55), dice.between(0.004, 0.009), inks.accent)
    canvas.oval(0.5, h * 1.12, (0.72, h * 0.32), inks.second)
    middle = dice.between(0.36, 0.64)
    for offset, tall in ((-0.17, 0.2), (0.15, 0.26), (-0.05, 0.42), (0.06, 0.32)):
        left, wide, top = middle + offset, 0.085, h * (0.88 - tall * dice.between(0.92, 1.1))
        canvas.bar(left, top, left + wide, h, inks.second)
        canvas.polygon([(left - 0.02, top), (left + wide + 0.02, top), (left + wide / 2, top - 0.17)], inks.second)
        canvas.pill(left + wide * 0.36, top + 0.045, left + wide * 0.64, top + 0.095, inks.figure)


def blinds(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Film-Noir: light through blinds, and someone in a hat standing before it."""
    h, slats, slant = canvas.height, dice.whole(8, 10), dice.between(0.1, 0.2) * dice.pick((-1, 1))
    step = h * 1.3 / slats
    for slat in range(-1, slats + 1):
        top, low = slat * step, slat * step + step * 0.5
        canvas.polygon([(0, top), (1, top - slant), (1, low - slant), (0, low)], inks.second)
    _man_in_hat(canvas, dice.between(0.4, 0.6), h * 0.44, inks)


def _man_in_hat(canvas: Canvas, x: float, y: float, inks: Palette) -> None:
    dark, h = inks.ground, canvas.height
    canvas.oval(x, y + 0.02, (0.082, 0.108), dark)
    canvas.oval(x, y - 0.052, (0.185, 0.03), inks.figure)  # the brim catches the light
    canvas.polygon(
        [(x - 0.1, y - 0.06), (x - 0.088, y - 0.16), (x, y - 0.145), (x + 0.088, y - 0.16), (x + 0.1, y - 0.06)],
        inks.figure,
    )
    canvas.bar(x - 0.1, y - 0.085, x + 0.1, y - 0.055, dark)
    shoulder = [(x - 0.3, h), (x - 0.27, y + 0.27), (x - 0.07, y + 0.15), (x - 0.055, y + 0.08)]
    canvas.polygon([*shoulder, *((2 * x - across, down) for across, down in reversed(shoulder))], dark)
    ember = (x + 0.15, y + 0.1)
    canvas.line([(x + 0.045, y + 0.07), ember], 0.016, inks.figure)
    canvas.disc(*ember, 0.015, inks.accent)


def drips(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Horror: something runs down from above, over a moon."""
    h, edge = canvas.height, canvas.height * 0.13
    canvas.disc(dice.between(0.36, 0.64), h * 0.56, dice.between(0.22, 0.27), inks.accent)
    canvas.bar(0, 0, 1, edge, inks.figure)
    x, was_long = -0.03, dice.chance(0.5)
    while x < 1:
        wide, gap = dice.between(0.055, 0.1), dice.between(0.03, 0.05)
        was_long = not was_long
        long = edge + h * (dice.between(0.3, 0.62) if was_long else dice.between(0.06, 0.2))
        canvas.pill(x, -wide, x + wide, long, inks.figure)
        canvas.fillet(x + wide, edge, gap, inks.figure)
        x += wide + gap


def planet(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Sci-Fi: a planet in its ring, orbits and far stars."""
    h = canvas.height
    x, y, size = dice.between(0.38, 0.62), h * dice.between(0.44, 0.56), min(0.23, h * 0.25)
    for _ in range(26):
        canvas.disc(dice.between(0, 1), dice.between(0, h), dice.between(0.003, 0.008), inks.accent)
    for orbit in range(3):
        canvas.ring(x, y, size * (1.75 + orbit * 0.5), 0.006, inks.second)
    lean = dice.between(-32, 32)
    canvas.line(_ellipse((x, y), (size * 1.6, size * 0.36), lean, (0, 360)), 0.022, inks.accent)
    canvas.disc(x, y, size, inks.figure)
    for band in (-0.42, -0.1, 0.3):
        ends = [around(*around(x, y, size * band, lean + 90), side * size * 0.86, lean) for side in (-1, 1)]
        canvas.line(ends, size * 0.09, inks.second)
    canvas.line(_ellipse((x, y), (size * 1.6, size * 0.36), lean, (0, 180)), 0.022, inks.accent)  # its near half
    canvas.disc(*around(x, y, size * dice.pick((1.72, 2.22)), dice.between(200, 340)), 0.036, inks.accent)


def _ellipse(middle: Point, radii: Point, lean: float, turns: tuple[int, int]) -> list[Point]:
    points = []
    for turn in range(turns[0], turns[1] + 1, 4):
        across, down = radii[0] * math.cos(math.radians(turn)), radii[1] * math.sin(math.radians(turn))
        points.append(around(*middle, math.hypot(across, down), math.degrees(math.atan2(down, across)) + lean))
    return points


def mesas(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Western: a striped sun goes down behind the mesas."""
    h = canvas.height
    x, y, size = dice.between(0.32, 0.68), h * 0.5, min(0.33, h * 0.36)
    canvas.disc(x, y, size, inks.accent)
    for stripe in range(5):
        low = y + size * (-0.05 + stripe * 0.2)
        canvas.bar(0, low, 1, low + size * (0.03 + stripe * 0.016), inks.ground)
    ground = h * 0.76
    left = -0.08
    while left < 1:
        wide, tall = dice.between(0.16, 0.34), h * dice.between(0.08, 0.24)
        canvas.polygon(
            [
                (left, ground + 0.02),
                (left + 0.05, ground - tall),
                (left + wide - 0.05, ground - tall),
                (left + wide, ground + 0.02),
            ],
            inks.figure,
        )
        left += wide + dice.between(0.03, 0.18)
    canvas.bar(0, ground, 1, h, inks.second)
    _cactus(canvas, dice.pick((0.16, 0.84)) + dice.between(-0.05, 0.05), ground + 0.06, inks.second)


def _cactus(canvas: Canvas, x: float, foot: float, colour: str) -> None:
    canvas.pill(x - 0.024, foot - 0.32, x + 0.024, foot + 0.1, colour)
    for side, low, high in ((-1, 0.13, 0.24), (1, 0.1, 0.2)):
        arm = x + side * 0.075
        canvas.pill(min(x, arm) - 0.016, foot - low - 0.016, max(x, arm) + 0.016, foot - low + 0.016, colour)
        canvas.pill(arm - 0.016, foot - high, arm + 0.016, foot - low + 0.016, colour)


def horizon(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Drama: a great half disc on the horizon and its reflection in strips."""
    h, line = canvas.height, canvas.height * dice.between(0.52, 0.6)
    x, size = dice.between(0.3, 0.7), min(0.34, h * 0.4) * dice.between(0.8, 1.05)
    canvas.bar(0, line, 1, h, inks.second)
    canvas.pie(x, line, size, (180, 360), inks.figure)
    strips = 5
    for strip in range(strips):
        y = line + (h - line) * (0.1 + strip * 0.18)
        half = size * (0.86 - 0.15 * strip) * dice.between(0.85, 1.1)
        drift = dice.between(-0.05, 0.05)
        canvas.pill(x - half + drift, y, x + half + drift, y + 0.022, inks.figure)
    sail = x + dice.pick((-1, 1)) * dice.between(0.16, 0.24)
    canvas.polygon([(sail, line - 0.14), (sail, line - 0.015), (sail + 0.075, line - 0.015)], inks.accent)
    canvas.pill(sail - 0.05, line - 0.01, sail + 0.09, line + 0.012, inks.accent)


def stairs(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Drama: a stair, its shadow, and someone on the way."""
    h, steps = canvas.height, dice.whole(5, 7)
    mirrored = dice.chance(0.5)

    def at(x: float) -> float:
        return 1 - x if mirrored else x

    def block(left: float, top: float, right: float, bottom: float, colour: str) -> None:
        canvas.bar(min(at(left), at(right)), top, max(at(left), at(right)), bottom, colour)

    wide, tall = 1 / steps, h * 0.72 / steps
    canvas.disc(at(dice.between(0.2, 0.34)), h * 0.26, min(0.14, h * 0.16), inks.accent)
    for step in range(steps):
        left, top = step * wide, h - (step + 1) * tall
        block(left, top, 1, h, inks.figure if step % 2 else inks.second)
    someone = dice.whole(2, steps - 2)
    x, foot = at((someone + 0.5) * wide), h - (someone + 1) * tall
    canvas.pill(x - 0.022, foot - 0.125, x + 0.022, foot, "#17161a")
    canvas.disc(x, foot - 0.152, 0.026, "#17161a")


def corridor(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Thriller: a lit door at the end, and the long shadow of whoever stands in it."""
    h, x = canvas.height, dice.between(0.4, 0.6)
    top, floor, half = h * 0.3, h * 0.6, 0.1
    canvas.polygon([(0, 0), (x - half, top), (x + half, top), (1, 0)], inks.accent)
    canvas.polygon([(0, h), (x - half, floor), (x + half, floor), (1, h)], inks.accent)
    canvas.bar(x - half, top, x + half, floor, inks.second)
    canvas.polygon([(x - half, floor), (x + half, floor), (x + 0.34, h), (x - 0.34, h)], inks.second)
    lean = dice.between(-0.06, 0.06)
    canvas.polygon([(x - 0.03, floor), (x + 0.03, floor), (x + 0.11 + lean, h), (x - 0.11 + lean, h)], inks.figure)
    canvas.pill(x - 0.033, floor - 0.17, x + 0.033, floor + 0.01, inks.figure)
    canvas.disc(x, floor - 0.205, 0.034, inks.figure)


def curtain(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Comedy: the curtain opens on a bowler hat and a cane."""
    h, floor = canvas.height, canvas.height * 0.8
    canvas.bar(0, floor, 1, h, inks.second)
    x = 0.5 + dice.between(-0.06, 0.06)
    canvas.oval(x, floor + (h - floor) * 0.45, (0.3, (h - floor) * 0.36), inks.accent)
    foot, lean = floor + (h - floor) * 0.4, dice.between(-16, 16)
    top = around(x + 0.17, foot, 0.36, lean - 90)
    canvas.line(
        [(x + 0.17, foot), top, around(*top, 0.05, lean - 30), around(*top, 0.075, lean + 20)], 0.018, inks.figure
    )
    canvas.pie(x - 0.05, foot - 0.03, 0.11, (180, 360), inks.figure)
    canvas.bar(x - 0.16, foot - 0.06, x + 0.06, foot - 0.03, inks.second)
    canvas.pill(x - 0.22, foot - 0.034, x + 0.12, foot, inks.figure)
    folds, opening = 5, dice.between(0.36, 0.42)
    for side in (0, 1):
        for fold in range(folds, 0, -1):
            reach = (0.5 - opening * 0.15) * fold / folds
            hem = (0.5 - opening * 0.62) * fold / folds
            edges = [
                (0, 0),
                (reach, 0),
                (reach * 0.93, h * 0.3),
                (hem * 1.02, h * 0.62),
                (hem, h * 0.92),
                (0, h * 0.92),
            ]
            canvas.polygon([(1 - px if side else px, py) for px, py in edges], inks.accent if fold % 2 else inks.second)


def rocket(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Sci-Fi: a rocket leaves on a trail of smoke."""
    h, lean = canvas.height, dice.between(-24, 24)
    for _ in range(22):
        canvas.disc(dice.between(0, 1), dice.between(0, h * 0.8), dice.between(0.003, 0.008), inks.accent)
    x, y, size = 0.5, h * 0.42, min(0.3, h * 0.32)

    def at(across: float, down: float) -> Point:
        return around(*around(x, y, size * across, lean), size * down, lean + 90)

    for puff in range(9):
        canvas.disc(
            *at(dice.between(-0.12, 0.12) * puff * 0.4, 1.05 + puff * 0.24), size * (0.1 + 0.055 * puff), inks.second
        )
    canvas.polygon([at(-0.17, 0.7), at(0.17, 0.7), at(0.0, 1.25)], inks.accent)
    canvas.polygon([at(-0.5, 0.82), at(-0.26, 0.15), at(0.26, 0.15), at(0.5, 0.82), at(0, 0.6)], inks.accent)
    nose = [(0.28 * math.sin(math.pi * step / 24) ** 0.8, -1 + 1.72 * step / 24) for step in range(25)]
    hull = [at(across, down) for across, down in nose] + [at(-across, down) for across, down in reversed(nose)]
    canvas.polygon(hull, inks.figure)
    canvas.disc(*at(0, -0.28), size * 0.14, inks.second)
    canvas.disc(*at(0, -0.28), size * 0.09, inks.ground)
