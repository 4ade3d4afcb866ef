"""How much work a picture file is beyond its pixels, seen before any of it is done.

The limit on pixels bounds memory. It does not bound time: a scan of a progressive JPEG goes over the whole picture and
may take 40 bytes, so that 10 MB of them are 40 minutes of work; and a part of 12 bytes costs Pillow 5 microseconds, in
which no other thread runs.
"""

from PIL.JpegImagePlugin import MARKER

from posters.errors import PosterRejected, RejectReason

# Encoders write 1 to 12 scans; 50 of 25 million pixels take a second (docs/decisions/0011).
MAX_SCANS = 50
# Encoders cut pixels into parts of 8 kB and more, which makes 1,280 of what is accepted at all.
MAX_PARTS = 10_000
START_OF_SCAN = b"\xff\xda"
PNG_SIGNATURE, PNG_PART = 8, 12  # bytes: what a file begins with, and what a chunk has beside its body
JPEG_START, FILLING = 2, 0xFF
# What Pillow looks for byte by byte behind these; the bodies of the others it reads at once.
NO_BODY = {0x00, FILLING} | {marker & 0xFF for marker, (*_, read) in MARKER.items() if read is None}


def demand_modest(content: bytes, media_type: str, where: str) -> None:
    """Raises PosterRejected (IMAGE_INVALID) for a file of more scans or parts than anybody writes in earnest."""
    if media_type == "image/jpeg":
        # Within a scan a 0 stands behind every 0xff, so that this is counted there by mistake at most in metadata.
        scans = content.count(START_OF_SCAN)
        if scans > MAX_SCANS:
            raise _immodest(where, f"{scans:,} scans, at most {MAX_SCANS} are accepted")
    parts = _parts_of_jpeg(content) if media_type == "image/jpeg" else _parts_of_png(content)
    if media_type != "image/webp" and parts > MAX_PARTS:
        raise _immodest(where, f"more than {MAX_PARTS:,} parts")


def _parts_of_png(content: bytes) -> int:
    """Chunks, counted no further than one above the limit."""
    at, parts = PNG_SIGNATURE, 0
    while at < len(content) and parts <= MAX_PARTS:
        at += PNG_PART + int.from_bytes(content[at : at + 4], "big")
        parts += 1
    return parts


def _parts_of_jpeg(content: bytes) -> int:
    """Segments before the first scan, and bytes that fill the room between them, counted as the chunks of a PNG."""
    at, parts = JPEG_START, 0
    while at + 3 < len(content) and parts <= MAX_PARTS and content[at : at + 2] != START_OF_SCAN:
        if content[at] != FILLING or content[at + 1] in NO_BODY:
            at += 1
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        parts += 1
    return parts


def _immodest(where: str, why: str) -> PosterRejected:
    return PosterRejected(RejectReason.IMAGE_INVALID, where, f"{why}; open it in a picture editor and save it again")
