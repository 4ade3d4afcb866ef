"""Bytes of unknown origin to an RGB picture, or one typed refusal: what a poster may be is decided here alone.

The limits are those of the design's hostile input table. They are checked against the header, before a pixel is
decoded, so a small file that claims a huge picture costs nothing.
"""

import io
import struct
import threading
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from posters.effort import demand_modest
from posters.errors import PosterRejected, RejectReason
from posters.opaque import opaque

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 25_000_000
MAX_WEBP_PIXELS = 16_000_000  # libwebp takes 16 bytes a pixel, the others 8 to 10: docs/decisions/0011
LARGE_PIXELS = 4_000_000  # more than posters have; the largest that are accepted take 250 MB each
MAX_SIDE = 10_000
MIN_SIDE = 16
INPUT_SIZE = (224, 224)  # what VGG16 was trained on (Simonyan and Zisserman, arXiv 1409.1556)

# The classes, not Image.open: that warns about huge pictures through process-wide state before we can refuse them,
# and opens whatever plugin claims the bytes. A JPEG that carries several pictures gives its first.
OPENERS: dict[str, type[ImageFile]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImageFile,
    "image/webp": WebPImageFile,
}
_ONE_LARGE = threading.RLock()  # of this process, whose memory it guards: eight threads fetch at once
UPRIGHT = {  # EXIF orientation -> how to turn the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION_TAG = 0x0112
# What Pillow raises on EXIF that is broken; the picture itself is then shown as it is.
BROKEN_EXIF = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class DecodedPoster:
    """An upright RGB picture and the media type its bytes really have."""

    image: Image.Image
    media_type: str


def decode(content: bytes, where: str) -> Image.Image:
    """The first frame as an upright RGB picture; transparency lies on white, 16 bits are scaled to 8.

    Args:
        content: the whole file, JPEG, PNG or WebP; its name and declared type play no part.
        where: names the bytes in the error, for example a file name or an address.

    Raises:
        PosterRejected: the bytes are not such a picture, end early, are larger or smaller than allowed, or hold
            print colours. Nothing else is raised, whatever the bytes are.
    """
    return examine(content, where).image


def pixels(content: bytes, where: str) -> NDArray[np.uint8]:
    """The encoder's input: RGB uint8 (224, 224, 3), antialiased bicubic, aspect ratio not kept.

    A new array for the caller to keep. Raises PosterRejected as `decode` does.
    """
    resized = decode(content, where).resize(INPUT_SIZE, Image.Resampling.BICUBIC)
    return np.array(resized, dtype=np.uint8)


def examine(content: bytes, where: str) -> DecodedPoster:
    """As `decode`, with the media type found in the bytes."""
    if len(content) > MAX_BYTES:
        raise _too_large(where, f"{len(content):,} bytes, at most {MAX_BYTES:,} are accepted")
    media_type = _media_type(content, where)
    demand_modest(content, media_type, where)
    try:
        with ExitStack() as held:
            if media_type == "image/webp":  # libwebp sets its canvas aside as soon as it is opened
                _check_size(_webp_canvas(content), where, MAX_WEBP_PIXELS)
                _wait_for_turn(held, _webp_canvas(content))
            image = held.enter_context(OPENERS[media_type](io.BytesIO(content)))
            _check_size(image.size, where)
            if image.mode == "CMYK":
                raise _print_colours(where)
            _wait_for_turn(held, image.size)
            image.load()
            return DecodedPoster(opaque(_upright(image)), media_type)
    except PosterRejected:
        raise
    except MemoryError as err:
        raise _too_large(where, "no memory was left to decode it") from err
    except Exception as err:  # decoders raise a dozen unrelated types on mutated bytes; each becomes one refusal
        raise _broken(content, media_type, where, err) from err


def _media_type(content: bytes, where: str) -> str:
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    raise PosterRejected(RejectReason.IMAGE_INVALID, where, _what_it_is(content))


def _what_it_is(content: bytes) -> str:
    if not content:
        return "the file is empty"
    if content.startswith(b"GIF8"):
        return "a GIF is not accepted; save it as JPEG, PNG or WebP"
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "a web page or XML, not an image; check the address it came from"
    return f"not a JPEG, PNG or WebP image (it starts with {content[:8].hex(' ')})"


def _wait_for_turn(held: ExitStack, size: tuple[int, int]) -> None:
    """Large pictures are decoded one after the other; small ones overtake them."""
    if size[0] * size[1] > LARGE_PIXELS:
        held.enter_context(_ONE_LARGE)


def _check_size(size: tuple[int, int], where: str, most_pixels: int = MAX_PIXELS) -> None:
    width, height = size
    if max(size) > MAX_SIDE or width * height > most_pixels:
        why = f"{width} x {height} pixels, at most {most_pixels:,} and {MAX_SIDE:,} a side are accepted"
        raise _too_large(where, why)
    if min(size) < MIN_SIDE:
        why = f"{width} x {height} pixels, at least {MIN_SIDE} a side are needed"
        raise PosterRejected(RejectReason.IMAGE_TOO_SMALL, where, why)


def _webp_canvas(content: bytes) -> tuple[int, int]:
    """Width and height from the header (RFC 9649): extended, lossless or simple lossy layout."""
    chunk = content[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", content, 26)
    return width & 0x3FFF, height & 0x3FFF


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = UPRIGHT.get(image.getexif().get(ORIENTATION_TAG, 1))
    except BROKEN_EXIF:
        turn = None
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info = image.info  # transparency may live there
    return turned


def _too_large(where: str, why: str) -> PosterRejected:
    return PosterRejected(RejectReason.IMAGE_TOO_LARGE, where, why)


def _print_colours(where: str) -> PosterRejected:
    # Without the profile of the press the colours, and so the features, would be guessed.
    why = "print colours (CMYK); save it as sRGB first, for example: magick poster.jpg -profile sRGB.icc poster-rgb.jpg"
    return PosterRejected(RejectReason.IMAGE_CMYK, where, why)


def _broken(content: bytes, media_type: str, where: str, err: Exception) -> PosterRejected:
    if _ends_early(content, media_type) or "truncated" in str(err):
        why = f"the {media_type} ends early, after {len(content):,} bytes; fetch or copy it again"
        return PosterRejected(RejectReason.IMAGE_TRUNCATED, where, why)
    what = " ".join(str(err).split())[:120] or type(err).__name__
    return PosterRejected(RejectReason.IMAGE_INVALID, where, f"a broken {media_type}: {what}")


def _ends_early(content: bytes, media_type: str) -> bool:
    if media_type == "image/jpeg":
        return b"\xff\xd9" not in content[-64:]
    if media_type == "image/png":
        return b"IEND" not in content[-64:]
    return len(content) < 30 or int.from_bytes(content[4:8], "little") + 8 > len(content)
