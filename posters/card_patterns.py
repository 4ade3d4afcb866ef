"""Motifs that fill the picture from edge to edge."""

import math

from posters.card_canvas import Canvas, Dice, around
from posters.card_palettes import Palette


def burst(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Action: wedges fly apart from a point off the middle."""
    x, y = dice.between(0.3, 0.7), canvas.height * dice.between(0.4, 0.65)
    start, count = dice.between(0, 360), dice.whole(9, 13)
    step = 360 / count
    for spoke in range(count):
        turn = start + spoke * step + dice.between(-6, 6)
        colour = (inks.figure, inks.second)[spoke % 2]
        far = around(x, y, 2, turn), around(x, y, 2, turn + step * dice.between(0.3, 0.55))
        canvas.polygon([(x, y), *far], colour)
    canvas.disc(x, y, dice.between(0.13, 0.17), inks.ground)
    canvas.disc(x, y, 0.09, inks.accent)


def tiles(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Children: building blocks of quarters, halves and dots."""
    across = dice.pick((3, 4))
    side = 1 / across
    colours = (inks.figure, inks.second, inks.accent)
    for row in range(math.ceil(canvas.height / side)):
        for column in range(across):
            x, y = column * side, row * side
            colour = colours[(row + column + dice.whole(0, 1)) % 3]
            shape = dice.whole(0, 4)
            if shape == 0:
                canvas.disc(x + side / 2, y + side / 2, side * 0.42, colour)
            elif shape == 1:
                corner = dice.whole(0, 3)
                cx, cy = x + side * (corner in (1, 2)), y + side * (corner in (2, 3))
                canvas.pie(cx, cy, side, (corner * 90, corner * 90 + 90), colour)
            elif shape == 2:
                canvas.polygon([(x, y + side), (x + side, y + side), (x + side * dice.pick((0, 0.5, 1)), y)], colour)
            elif shape == 3:
                canvas.bar(x, y, x + side, y + side, colour)
                canvas.disc(x + side / 2, y + side / 2, side * 0.24, inks.ground)
            else:
                canvas.pie(x + side / 2, y + side, side / 2, (180, 360), colour)


def frames(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """IMAX: screens within screens, larger than the picture."""
    h = canvas.height
    x, y = dice.between(0.4, 0.6), h * dice.between(0.42, 0.58)
    colours = (inks.figure, inks.second, inks.ground)
    for depth in range(9):
        scale = 0.8**depth * 1.25
        box = (x - scale / 2, y - scale * h / 2, x + scale / 2, y + scale * h / 2)
        canvas.bar(*box, colours[depth % 3])
    canvas.bar(x - 0.075, y - 0.075 * h, x + 0.075, y + 0.075 * h, inks.accent)


def staves(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Musical: five lines that dance, and the notes on them."""
    h, phase, swing = canvas.height, dice.between(0, 6), canvas.height * dice.between(0.08, 0.12)
    tempo = dice.between(5.5, 8)

    def height(x: float, line: int) -> float:
        return h * (0.32 + 0.09 * line) + swing * math.sin(phase + tempo * x)

    for line in range(5):
        canvas.line([(x / 48, height(x / 48, line)) for x in range(-2, 51)], 0.011, inks.second)
    notes = dice.whole(4, 6)
    for note in range(notes):
        x = 0.12 + note * 0.78 / (notes - 1)
        y = height(x, dice.whole(0, 4))
        size = dice.between(0.045, 0.06)
        colour = inks.accent if note == notes // 2 else inks.figure
        canvas.disc(x, y, size, colour)
        canvas.bar(x + size - 0.018, y - 0.24, x + size, y, colour)


def squares(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """No genre: an orderly grid that loosens, after the plotter drawings of Vera Molnar."""
    across = dice.whole(5, 6)
    side = 1 / (across + 1)
    down = int(canvas.height / side) - 1
    lit = dice.whole(0, across * down - 1)
    for cell in range(across * down):
        row, column = divmod(cell, across)
        x, y = side * (column + 1), side * (row + 1) + (canvas.height - side * (down + 1)) / 2
        loose = row / max(1, down - 1)
        turn = 45 + dice.between(-38, 38) * loose
        x, y = x + dice.between(-0.25, 0.25) * side * loose, y + dice.between(-0.25, 0.25) * side * loose
        corners = [around(x, y, side * 0.55, turn + quarter * 90) for quarter in range(4)]
        if cell == lit:
            canvas.polygon(corners, inks.accent)
        canvas.line([*corners, corners[0], corners[1]], 0.011, inks.figure if row % 2 else inks.second)


def grins(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Comedy: rows of faces that are all laughing but one."""
    across = dice.pick((3, 3, 4))
    side = 1 / across
    down = max(1, round(canvas.height / side - 0.25))
    odd = dice.whole(0, across * down - 1)
    for cell in range(across * down):
        row, column = divmod(cell, across)
        x, y = (column + 0.5) * side, canvas.height * (row + 0.5) / down
        radius, sulks = side * 0.36, cell == odd
        colour = inks.second if sulks else inks.figure
        turns, mouth = ((180.0, 360.0), y + radius * 0.75) if sulks else ((0.0, 180.0), y - radius * 0.1)
        canvas.pie(x, mouth, radius, turns, colour)
        for eye in (-1, 1):
            canvas.disc(x + eye * radius * 0.5, y - radius * 0.55, radius * 0.19, colour)


def scratches(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Horror: something with claws was here."""
    h, lean = canvas.height, dice.between(0.12, 0.3) * dice.pick((-1, 1))
    canvas.bar(0, 0, 1, h, inks.second)
    for claw in range(4):
        x = 0.2 + claw * 0.2 + dice.between(-0.03, 0.03)
        top, bottom = h * dice.between(0.04, 0.2), h * dice.between(0.74, 0.97)
        wide = dice.between(0.035, 0.055)
        left, right = [], []
        for step in range(13):
            share = step / 12
            half = wide * math.sin(math.pi * share) ** 0.7
            middle, y = x + lean * (0.5 - share), top + (bottom - top) * share
            left.append((middle - half * dice.between(0.75, 1.15), y))
            right.append((middle + half * dice.between(0.75, 1.15), y))
        canvas.polygon([*left, *reversed(right)], inks.figure)


def skyline(canvas: Canvas, inks: Palette, dice: Dice) -> None:
    """Crime: a city at night, and one window where the light is on."""
    h, cell = canvas.height, 0.042
    windows = []
    x = -0.04
    while x < 1:
        columns, rows = dice.whole(2, 4), dice.whole(5, max(6, int(h * 0.84 / cell / 1.5)))
        wide, top = (columns + 0.9) * cell, h - rows * cell * 1.5
        canvas.bar(x, top, x + wide, h, inks.figure)
        for row in range(rows):
            for column in range(columns):
                windows.append((x + cell * (0.72 + column), top + cell * (0.6 + row * 1.5)))
        x += wide + dice.between(0, 0.03)
    for left, top in windows:
        if dice.chance(0.4):
            canvas.bar(left, top, left + cell * 0.46, top + cell * 0.8, inks.second)
    inside = [window for window in windows if 0.2 < window[0] < 0.8 and 0.35 * h < window[1] < 0.8 * h]
    left, top = dice.pick(inside or windows)
    canvas.bar(left - cell * 0.1, top - cell * 0.1, left + cell * 0.56, top + cell * 0.9, inks.accent)
