"""Picture files that nobody would send in good faith, a thousand and more of them, always the same for a seed.

Hundreds are cut or changed copies of a few good ones; the others were thought out: `bombs` say little and mean much,
`foreign` are no pictures of ours. A tenth are controls: unusual, and in order.
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from tests.hostile import bombs, foreign

CONTROLS = 100
ORIENTATION = 0x0112
FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class HostileImage:
    """One file. `wanted` are the reasons it may be refused for; with "" among them it may be a picture as well."""

    name: str
    content: bytes
    wanted: frozenset[str]


GOOD = ("control", "mode", "orientation 6")  # what is spoiled
EITHER = frozenset({"", "image_invalid", "image_truncated", "image_too_large", "image_too_small", "image_cmyk"})
PICTURE = frozenset({""})


def corpus(count: int, seed: int) -> list[HostileImage]:
    """`count` files: all that were thought out, and as many changed copies as are left over."""
    changed = changed_copies(random.Random(seed))
    return thought_out() + [next(changed) for _ in range(count - len(thought_out()))]


@cache
def thought_out() -> list[HostileImage]:
    """Those that owe nothing to chance; a few seconds of work."""
    return [*controls(), *modes(), *with_exif(), *_given(bombs.files()), *_given(foreign.files())]


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def picture(number: int, size: tuple[int, int] = (120, 180)) -> Image.Image:
    """Coloured waves, of another length and colour for each number; unlike its mirror images."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    draw = np.random.default_rng(number)
    waves = [128 + 60 * np.sin((x * a + y * b) / 9) + 60 * x / size[0] for a, b in draw.uniform(0.2, 2, (3, 2))]
    return Image.fromarray(np.clip(np.stack(waves, axis=-1), 0, 255).astype(np.uint8))


def controls() -> Iterator[HostileImage]:
    """A hundred pictures in order: three formats, sizes from 16 to 10,000, every way they are written."""
    ways: list[tuple[str, dict[str, object]]] = [
        ("JPEG", {"quality": 90}),
        ("JPEG", {"quality": 40, "progressive": True}),
        ("JPEG", {"quality": 75, "subsampling": 0, "restart_marker_rows": 1}),
        ("PNG", {"compress_level": 9}),
        ("WEBP", {"quality": 80}),
        ("WEBP", {"lossless": True}),
    ]
    sizes = [(120, 180), (16, 16), (342, 513), (17, 400), (500, 31), (224, 224), (1000, 1500), (3000, 20)]
    for number in range(CONTROLS):
        file_format, options = ways[number % len(ways)]
        size = sizes[number % len(sizes)]
        if number in (50, 51):
            size = (10_000, 16) if number == 50 else (16, 10_000)
        content = encoded(picture(number, size), file_format, **options)
        yield HostileImage(f"control {number}: {file_format} {size}", content, PICTURE)


def modes() -> Iterator[HostileImage]:
    """Every kind of pixel that the three formats know; one of them, print colours, is refused."""
    base, draw = picture(7), np.random.default_rng(7)
    alpha = Image.fromarray(draw.integers(0, 256, (180, 120), dtype=np.uint8))
    clear = base.copy()
    clear.putalpha(alpha)
    few = base.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    grey16 = Image.fromarray(np.asarray(base.convert("L")).astype(np.uint16) * 257)
    written: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "1": (base.convert("1"), "PNG", {}),
        "L": (base.convert("L"), "PNG", {}),
        "L JPEG": (base.convert("L"), "JPEG", {}),
        "LA": (clear.convert("LA"), "PNG", {}),
        "P": (few, "PNG", {}),
        "P, 2 bits": (base.convert("P", palette=Image.Palette.ADAPTIVE, colors=4), "PNG", {"bits": 2}),
        "P, one clear colour": (few, "PNG", {"transparency": 3}),
        "P, each colour its own": (few, "PNG", {"transparency": bytes(range(0, 256, 16))}),
        "RGB, one clear colour": (base, "PNG", {"transparency": base.getpixel((3, 3))}),
        "RGBA": (clear, "PNG", {}),
        "RGBA WebP": (clear, "WEBP", {"quality": 70}),
        "RGBA WebP, lossless": (clear, "WEBP", {"lossless": True}),
        "I;16": (grey16, "PNG", {}),
        "YCbCr": (base.convert("YCbCr"), "JPEG", {}),
        "animated PNG": (base, "PNG", {"save_all": True, "append_images": [picture(8), picture(9)]}),
        "animated WebP": (base, "WEBP", {"save_all": True, "append_images": [picture(8), picture(9)]}),
    }
    for name, (image, file_format, options) in written.items():
        yield HostileImage(f"mode {name}", encoded(image, file_format, **options), PICTURE)
    yield HostileImage("mode RGB, 16 bits", bombs.png_of_16_bits(np.asarray(base).astype(np.uint16) * 257), PICTURE)
    yield HostileImage("mode CMYK", encoded(base.convert("CMYK"), "JPEG"), frozenset({"image_cmyk"}))


def with_exif() -> Iterator[HostileImage]:
    """Turned pictures, and EXIF that is none: the picture counts."""
    base = picture(11)
    for file_format in FORMATS:
        for orientation in (*range(9), 99, 2**16 - 1):
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            content = encoded(base, file_format, exif=exif.tobytes())
            yield HostileImage(f"orientation {orientation}, {file_format}", content, PICTURE)
        for name, exif_bytes in bombs.broken_exif().items():
            content = encoded(base, file_format, exif=exif_bytes)
            yield HostileImage(f"EXIF {name}, {file_format}", content, PICTURE)


def changed_copies(draw: random.Random) -> Iterator[HostileImage]:
    """Good files cut at any place, with bytes flipped, overwritten, doubled, left out or put in; without end."""
    good = {image.name: image.content for image in thought_out() if image.name.startswith(GOOD)}
    names, number = sorted(good), 0
    while True:
        name = draw.choice(names)
        how = CHANGES[number % len(CHANGES)]
        content = how(draw, good[name])
        yield HostileImage(f"{number} {how.__name__.strip('_')} of {name}", content, EITHER)
        number += 1


def _cut(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content))]


def _cut_head(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(min(700, len(content)))]


def _flipped(draw: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randint(1, 12)):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _flipped_head(draw: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.randint(1, 6)):
        changed[draw.randrange(4, min(200, len(changed)))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
    return bytes(changed)


def _noisy(draw: random.Random, content: bytes) -> bytes:
    start = draw.randrange(len(content))
    noise = draw.randbytes(draw.randint(1, 400))
    return content[:start] + noise + content[start + len(noise) :]


def _doubled(draw: random.Random, content: bytes) -> bytes:
    start, end = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:end] + content[start:]


def _left_out(draw: random.Random, content: bytes) -> bytes:
    start, end = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:start] + content[min(end, start + 500) :]


def _inserted(draw: random.Random, content: bytes) -> bytes:
    start = draw.randrange(len(content))
    return content[:start] + draw.randbytes(draw.randint(1, 60)) + content[start:]


CHANGES = (_cut, _flipped, _cut_head, _flipped_head, _noisy, _doubled, _left_out, _inserted)


def _given(files: dict[str, tuple[bytes, set[str]]]) -> Iterator[HostileImage]:
    for name, (content, wanted) in files.items():
        yield HostileImage(name, content, frozenset(wanted))
