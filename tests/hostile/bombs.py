"""Small files that mean a lot of work: huge pictures, long texts, endless scans, and headers that lie about them."""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LIMIT, WEBP_LIMIT = (5000, 5000), (4000, 4000)  # as many pixels as are accepted
LARGE, PICTURE = {"image_too_large"}, {""}
BROKEN = {"image_invalid", "image_truncated"}
ANY = {"", *BROKEN, *LARGE, "image_too_small", "image_cmyk"}
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of PNG
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
SIGNATURE = b"\x89PNG\r\n\x1a\n"

Files = dict[str, tuple[bytes, set[str]]]


def files() -> Files:
    """Content, and the reasons it may be refused for; "" where it may be a picture."""
    named = {"PNG": _png_sizes() | _png_chunks(), "JPEG": _jpegs(), "WebP": _webps()}
    return {f"{kind}: {name}": file for kind, group in named.items() for name, file in group.items()}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(size: tuple[int, int], depth: int = 8, colour: int = RGB, interlaced: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced))


def png(size: tuple[int, int], rows: bytes, *more: bytes, depth: int = 8, colour: int = RGB, lace: int = 0) -> bytes:
    """A PNG of packed rows that may not be what its header says; `more` are chunks before them."""
    return SIGNATURE + header(size, depth, colour, lace) + b"".join(more) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def png_of_16_bits(values: NDArray[np.uint16]) -> bytes:
    """Pillow cannot write it: (height, width, 3)."""
    rows = values.astype(">u2").tobytes()
    stride = values.shape[1] * 6
    filtered = b"".join(b"\0" + rows[at : at + stride] for at in range(0, len(rows), stride))
    return png((values.shape[1], values.shape[0]), zlib.compress(filtered), depth=16)


def empty_rows(size: tuple[int, int], depth: int, colour: int) -> bytes:
    """Packed rows of zeros, as many as the header says."""
    stride = 1 + (size[0] * SAMPLES[colour] * depth + 7) // 8
    packer = zlib.compressobj(1)
    packed = [packer.compress(bytes(stride * min(100, size[1] - top))) for top in range(0, size[1], 100)]
    return b"".join(packed) + packer.flush()


def _png_sizes() -> Files:
    """Sizes that are refused before a pixel is decoded, and those that just are not."""
    small = zlib.compress(bytes(10))
    found: Files = {
        f"states {width} x {height}": (png((width, height), small), LARGE)
        for width, height in ((2**31 - 1, 2**31 - 1), (10_001, 20), (20, 1_000_000), (1_000_000, 20), (5001, 5000))
    }
    found["states 0 x 0"] = png((0, 0), small), {"image_too_small", *BROKEN}
    found["states 1 x 1000000"] = png((1, 1_000_000), small), LARGE | {"image_too_small"}
    bits = zlib.compress(bytes(1251 * 10_000))
    found["10000 x 10000 in 12 kB"] = png((10_000, 10_000), bits, depth=1, colour=GREY), LARGE
    found["states 5000 x 5000, has ten bytes"] = png(LIMIT, small), BROKEN
    clear = chunk(b"PLTE", bytes(range(48))) + chunk(b"tRNS", bytes(range(16)))
    for name, depth, colour, more in (
        ("grey", 8, GREY, b""),
        ("one bit", 1, GREY, b""),
        ("RGB", 8, RGB, b""),
        ("RGB with a clear colour", 8, RGB, chunk(b"tRNS", bytes(6))),
        ("RGB of 16 bits", 16, RGB, b""),
        ("grey of 16 bits", 16, GREY, b""),
        ("grey and alpha", 8, GREY_ALPHA, b""),
        ("RGBA", 8, RGBA, b""),
        ("RGBA of 16 bits", 16, RGBA, b""),
        ("clear palette", 8, PALETTE, clear),
    ):
        rows = empty_rows(LIMIT, depth, colour)
        found[f"5000 x 5000, {name}"] = png(LIMIT, rows, more, depth=depth, colour=colour), PICTURE
    found["5000 x 5000, interlaced"] = png(LIMIT, empty_rows(LIMIT, 8, RGBA), colour=RGBA, lace=1), ANY
    return found


def _png_chunks() -> Files:
    size = (64, 96)
    rows = empty_rows(size, 8, RGB)
    zeros = zlib.compress(bytes(100_000_000), 1)
    moving = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, *size, 2**31 - 1, 2**31 - 1, 0, 0, 9, 9))
    return {
        "zTXt of 100 MB": (png(size, rows, chunk(b"zTXt", b"a\0\0" + zeros)), ANY),
        "iTXt of 100 MB": (png(size, rows, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros)), ANY),
        "iCCP of 100 MB": (png(size, rows, chunk(b"iCCP", b"a\0\0" + zeros)), ANY),
        "200 zTXt of 1 MB": (png(size, rows, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20))) * 200), ANY),
        "850000 texts": (png(size, rows, chunk(b"tEXt", b"") * 850_000), {"image_invalid"}),
        "850000 unknown chunks": (png(size, rows, chunk(b"aaAa", b"") * 850_000), {"image_invalid"}),
        "850000 empty IDAT": (png(size, b"", chunk(b"IDAT", b"") * 850_000 + chunk(b"IDAT", rows)), {"image_invalid"}),
        "IDAT of 100 MB for 18 kB": (png(size, zeros), ANY),
        "chunk of 2 GB": (SIGNATURE + header(size) + struct.pack(">I", 2**31 - 1) + b"IDAT" + rows, ANY),
        "chunk of 4 GB": (SIGNATURE + header(size) + struct.pack(">I", 2**32 - 1) + b"tEXt" + rows, BROKEN),
        "two headers": (png(size, rows, header((9000, 9000))), ANY),
        "no palette": (png(size, rows, colour=PALETTE), ANY),
        "palette of 1 and a long tRNS": (
            png(size, rows, chunk(b"PLTE", b"abc"), chunk(b"tRNS", bytes(256)), colour=PALETTE),
            ANY,
        ),
        "depth 7": (png(size, rows, depth=7), BROKEN),
        "colour 5": (SIGNATURE + header(size, colour=5) + chunk(b"IDAT", rows) + chunk(b"IEND", b""), BROKEN),
        "2000 million frames": (png(size, rows, moving, control), ANY),
        "pHYs, gAMA and cHRM of zero": (
            png(size, rows, chunk(b"pHYs", bytes(9)), chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32))),
            PICTURE,
        ),
        "nothing but a header": (SIGNATURE + header(size), BROKEN),
    }


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def frame(size: tuple[int, int], components: int = 3, sampling: int = 0x11, kind: int = 0xC0, bits: int = 8) -> bytes:
    parts = b"".join(bytes((number + 1, sampling, 0)) for number in range(components))
    return segment(kind, struct.pack(">BHHB", bits, size[1], size[0], components) + parts)


def jpeg(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def many_scans(size: tuple[int, int], mode: str, repeats: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each goes over the whole picture."""
    content = jpeg(Image.effect_noise(size, 90).convert(mode), progressive=True, quality=5)
    last, end = content.rindex(b"\xff\xda"), content.rindex(b"\xff\xd9")
    table = content.rindex(b"\xff\xc4", 0, last)
    return content[:end] + content[table:end] * repeats + content[end:]


def empty_scans(size: tuple[int, int], repeats: int) -> bytes:
    """As `many_scans`, with scans of 40 bytes that say `nothing here`: a quarter of a million fit into 10 MB."""
    content = jpeg(Image.new("L", size, 200), progressive=True)
    last, end = content.rindex(b"\xff\xda"), content.rindex(b"\xff\xd9")
    return content[:end] + content[last:end] * repeats + content[end:]


def _jpegs() -> Files:
    good = jpeg(Image.linear_gradient("L").resize((64, 96)).convert("RGB"), quality=90)
    head, frame_at, scan_at = good[:2], good.index(b"\xff\xc0"), good.index(b"\xff\xda")
    before, after = good[:frame_at], good[frame_at + 19 :]
    ten_million = 10_000_000
    return {
        "states 65500 x 65500": (before + frame((65_500, 65_500)) + after, LARGE),
        "states 5000 x 5000, has 64 x 96": (before + frame(LIMIT) + after, ANY),
        "states 0 lines": (before + frame((64, 0)) + after, BROKEN | {"image_too_small"}),
        "5000 x 5000": (jpeg(Image.new("RGB", LIMIT, "red"), subsampling=0), PICTURE),
        "5000 x 5000, progressive": (jpeg(Image.new("RGB", LIMIT, "red"), subsampling=0, progressive=True), PICTURE),
        "255 components": (before + frame((64, 96), components=80) + after, BROKEN),
        "sampling of 4 x 4": (before + frame((64, 96), sampling=0x44) + after, ANY),
        "sampling of 0": (before + frame((64, 96), sampling=0) + after, ANY),
        "12 bits": (before + frame((64, 96), bits=12) + after, BROKEN),
        "arithmetic": (before + frame((64, 96), kind=0xC9) + after, ANY),
        "lossless": (before + frame((64, 96), kind=0xC3) + after, ANY),
        "two frames": (before + frame((64, 96)) + frame((9999, 2500)) + after, ANY),
        "restart at each block, never marked": (good[:scan_at] + segment(0xDD, b"\0\1") + good[scan_at:], ANY),
        "restart after 65535": (good[:scan_at] + segment(0xDD, b"\xff\xff") + good[scan_at:], ANY),
        "2000 scans of noise": (many_scans((200, 200), "RGB", 2000), {"image_invalid"}),
        "20000 empty scans of 5000 x 5000": (empty_scans(LIMIT, 20_000), {"image_invalid"}),
        "2500000 markers": (head + segment(0xE9, b"") * 2_500_000 + good[2:], {"image_invalid"}),
        "160 comments of 64 kB": (head + segment(0xFE, bytes(65_533)) * 158 + good[2:], PICTURE),
        "10 MB of filling": (head + b"\xff" * ten_million + good[2:], {"image_invalid"}),
        "10 MB between the segments": (head + segment(0xF0, bytes(65_533)) * 158 + good[2:], {"image_invalid"}),
        "40 empty scans of 5000 x 5000": (empty_scans(LIMIT, 40), PICTURE),
        "10 MB of zeros behind it": (good + bytes(ten_million), ANY),
        "10 MB of zeros in the scan": (good[:-2] + bytes(ten_million) + good[-2:], ANY),
        "255 parts of a profile": (head + segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(60_000)) * 150 + good[2:], ANY),
        "quantised by 0": (good.replace(good[good.index(b"\xff\xdb") + 5 :][:64], bytes(64), 1), ANY),
        "nothing but a header": (before + frame((64, 96)), BROKEN),
    }


def broken_exif() -> dict[str, bytes]:
    """EXIF that leads nowhere, in circles, or to an orientation that is none."""
    entry = struct.pack("<HHI", 0x0112, 3, 1)
    ifd = b"Exif\0\0II*\0\x08\0\0\0"
    return {
        "cut": b"Exif\0\0II*\0",
        "offset outside": b"Exif\0\0II*\0\xff\xff\xff\xff",
        "65535 entries": ifd + b"\xff\xff" + entry * 40,
        "its own successor": ifd + b"\1\0" + entry + b"\6\0\0\0" + b"\x08\0\0\0",
        "orientation of 4 GB": ifd + b"\1\0" + struct.pack("<HHII", 0x0112, 3, 2**31, 8) + bytes(4),
        "orientation as text": ifd + b"\1\0" + struct.pack("<HHI", 0x0112, 2, 4) + b"six\0" + bytes(4),
        "orientation as a fraction by 0": ifd + b"\1\0" + struct.pack("<HHII", 0x0112, 5, 1, 8) + bytes(4),
    }


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def part(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(body) if length is None else length) + body + b"\0" * (len(body) % 2)


def canvas(size: tuple[int, int], flags: int = 0) -> bytes:
    width, height = ((side - 1).to_bytes(3, "little") for side in size)
    return part(b"VP8X", bytes((flags, 0, 0, 0)) + width + height)


def _webps() -> Files:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 96)).convert("RGB").save(file, "WEBP", lossless=True)
    good = file.getvalue()
    pixels = good[12:]
    one = part(b"ANMF", bytes(6) + (63).to_bytes(3, "little") + (95).to_bytes(3, "little") + bytes(4) + pixels)
    outside = part(b"ANMF", b"\xff\xff\xff" * 2 + (63).to_bytes(3, "little") * 2 + bytes(4) + pixels)
    control = part(b"ANIM", bytes(6))
    return {
        "states 16384 x 16384": (riff(canvas((16_384, 16_384)), pixels), LARGE),
        "states 16 million x 16": (riff(canvas((2**24, 16)), pixels), LARGE),
        "states 16383 x 16383, lossless": (riff(part(b"VP8L", b"\x2f\xff\xff\xff\x0f" + bytes(40))), LARGE),
        "states 5000 x 5000, has 64 x 96": (riff(canvas(LIMIT), pixels), ANY),
        "states 5000 x 5000, lossless, empty": (riff(part(b"VP8L", b"\x2f\x87\xd3\xe1\x04" + bytes(40))), ANY),
        "4000 x 4000, lossless": (_webp(WEBP_LIMIT, lossless=True), PICTURE),
        "4000 x 4000": (_webp(WEBP_LIMIT, quality=1), PICTURE),
        "4001 x 4000": (_webp((4001, 4000), quality=1), LARGE),
        "4000 x 4000, moving": (riff(canvas(WEBP_LIMIT, flags=2), control, one, one), PICTURE),
        "5000 frames": (riff(canvas((64, 96), flags=2), control, one * 5000), ANY),
        "a frame outside": (riff(canvas((64, 96), flags=2), control, outside), ANY),
        "500000 unknown chunks": (riff(canvas((64, 96)), part(b"aaaa", b"") * 500_000, pixels), ANY),
        "profile of 4 GB": (riff(canvas((64, 96), flags=32), part(b"ICCP", b"abc", length=2**32 - 10), pixels), ANY),
        "EXIF of 9 MB": (riff(canvas((64, 96), flags=8), pixels, part(b"EXIF", bytes(9_000_000))), ANY),
        "nothing but a header": (good[:20], BROKEN),
        "length of 0": (good[:4] + bytes(4) + good[8:], ANY),
        "length of 4 GB": (good[:4] + b"\xff\xff\xff\xff" + good[8:], ANY),
    }


def _webp(size: tuple[int, int], **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "navy").save(file, "WEBP", method=0, **options)
    return file.getvalue()
