"""Files that are no JPEG, PNG or WebP picture, whatever their names say; some are two things at once."""

import io
import zipfile

from PIL import Image

INVALID = {"image_invalid"}
JPEG_START, PNG_START = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"\x89PNG\r\n\x1a\n"


def files() -> dict[str, tuple[bytes, set[str]]]:
    """Content, and the reasons it may be refused for."""
    return {name: (content, INVALID) for name, content in (_written() | _typed()).items()} | _polyglots()


def _written() -> dict[str, bytes]:
    """What Pillow itself could read, and what we do not."""
    image = Image.linear_gradient("L").resize((64, 64)).convert("RGB")
    found = {}
    for file_format in ("GIF", "TIFF", "BMP", "ICO", "PPM", "TGA", "PCX", "EPS", "SGI", "DDS"):
        file = io.BytesIO()
        image.save(file, file_format)
        found[file_format] = file.getvalue()
    file = io.BytesIO()
    Image.new("LAB", (64, 64)).save(file, "TIFF")
    return found | {"TIFF in Lab": file.getvalue()}


def _typed() -> dict[str, bytes]:
    return {
        "nothing": b"",
        "one byte": b"\xff",
        "zeros": bytes(5000),
        "text": b"This poster has been removed.\n",
        "HTML": b"<!doctype html><html><body>404</body></html>",
        "HTML after a byte order mark": b"\xef\xbb\xbf \r\n<html></html>",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "SVG with entities": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
        "JSON": b'{"poster_path": "/a.jpg"}',
        "ELF": b"\x7fELF\x02\x01\x01" + bytes(60),
        "shell script": b"#!/bin/sh\nrm -rf /\n",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999999 9999999\n(/etc/passwd) (r) file\n",
        "PDF": b"%PDF-1.7\n1 0 obj <</Type /Catalog /OpenAction <</S /URI /URI (file:///etc/passwd)>>>> endobj\n%%EOF",
        "zip": _zipped(),
        "gzip": b"\x1f\x8b\x08" + bytes(40),
        "RIFF that is a sound": b"RIFF\x24\x00\x00\x00WAVEfmt ",
        "AVIF": b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf",
        "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n",
        "Photoshop": b"8BPS\x00\x01" + bytes(20),
        "MVG": b"push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'ephemeral:/etc/passwd'\n",
        "start of a JPEG, then a page": JPEG_START + b"<html><script>alert(1)</script></html>" * 20 + b"\xff\xd9",
        "start of a PNG, then a page": PNG_START + b"<html></html>" * 50 + b"IEND",
    }


def _polyglots() -> dict[str, tuple[bytes, set[str]]]:
    """A picture that is something else as well stays a picture: it is only ever shown as one."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(file, "JPEG")
    jpeg = file.getvalue()
    comment = b"*/=alert(1);/*<script>alert(1)</script>"
    middle = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    return {
        "JPEG and zip": (jpeg + _zipped(), {""}),
        "JPEG and page": (jpeg[:2] + middle + jpeg[2:], {""}),
        "two JPEGs": (jpeg + jpeg, {""}),
    }


def _zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/cron.d/posters"), "x" * 10_000)  # of 1980, whenever it is made
    return file.getvalue()
