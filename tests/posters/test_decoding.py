import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from posters.decoding import MAX_BYTES, decode, examine, pixels
from posters.errors import PosterRejected

Encoded = Callable[..., bytes]
HTML = b"<!doctype html><html><body>404 not found</body></html>"


def refusal(content: bytes) -> PosterRejected:
    with pytest.raises(PosterRejected) as caught:
        decode(content, "folder:6.jpg")
    assert "\n" not in str(caught.value)
    assert "folder:6.jpg" in str(caught.value)
    return caught.value


def png(width: int, height: int, packed_rows: bytes, depth: int = 1) -> bytes:
    """A grey PNG of which only the rows are given, so that it may lie about its size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed_rows) + chunk(b"IEND", b"")


def webp_header(canvas: bytes) -> bytes:
    body = b"WEBP" + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (HTML, "web page"),
        (b"\xef\xbb\xbf  \n<svg/>", "web page"),
        (b"%PDF-1.7 and so on", "25 50 44 46"),
        (b"\xff\xd8", "not a JPEG"),
        (b"RIFF\x00\x00\x00\x00WAVE", "not a JPEG"),
    ],
)
def test_what_is_not_an_image_is_refused_as_invalid(content: bytes, words: str) -> None:
    error = refusal(content)
    assert error.reason == "image_invalid"
    assert words in error.why


def test_a_gif_is_refused_although_pillow_can_read_it(picture: Image.Image, encoded: Encoded) -> None:
    error = refusal(encoded(picture, "GIF"))
    assert error.reason == "image_invalid"
    assert "GIF" in error.why


@pytest.mark.parametrize("file_format", ["BMP", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused(file_format: str, picture: Image.Image, encoded: Encoded) -> None:
    assert refusal(encoded(picture, file_format)).reason == "image_invalid"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_ends_early_is_refused_as_truncated(
    file_format: str, share: float, picture: Image.Image, encoded: Encoded
) -> None:
    whole = encoded(picture.resize((300, 200)), file_format)
    assert refusal(whole[: int(len(whole) * share)]).reason == "image_truncated"


def test_every_shorter_jpeg_is_refused_or_complete(jpeg: bytes, picture: Image.Image) -> None:
    for length in range(len(jpeg)):
        try:
            image = decode(jpeg[:length], "cut")
        except PosterRejected as error:
            assert error.reason in ("image_invalid", "image_truncated")
        else:
            assert image.size == picture.size


def test_a_png_bomb_is_refused_before_a_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = png(10_000, 10_000, zlib.compress(bytes(1251 * 10_000)))
    assert len(bomb) < 20_000
    monkeypatch.setattr(PngImageFile, "load", lambda self: pytest.fail("pixels were decoded"))
    error = refusal(bomb)
    assert error.reason == "image_too_large"
    assert "10000 x 10000" in error.why


def test_a_picture_far_beyond_pillows_own_limit_is_refused_as_too_large() -> None:
    assert refusal(png(2**31 - 1, 2**31 - 1, b"")).reason == "image_too_large"


def test_a_huge_webp_is_refused_before_its_canvas_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posters.decoding.WebPImageFile", lambda file: pytest.fail("the file was opened"))
    extended = webp_header(b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\x00\xff\x3f\x00")
    lossless = webp_header(b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(6))
    lossy = webp_header(b"VP8 " + struct.pack("<I", 10) + bytes(3) + b"\x9d\x01\x2a" + b"\xff\x3f\xff\x3f")
    for content in (extended, lossless, lossy):
        error = refusal(content)
        assert error.reason == "image_too_large"
        assert "16384 x 16384" in error.why or "16383 x 16383" in error.why


EXIF = Image.Exif().tobytes()


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}, {"quality": 80, "exif": EXIF}])
def test_the_three_webp_layouts_are_read(options: dict[str, object], picture: Image.Image, encoded: Encoded) -> None:
    assert decode(encoded(picture, "WEBP", **options), "poster").size == picture.size


def test_a_side_beyond_10000_is_refused(encoded: Encoded) -> None:
    assert refusal(encoded(Image.new("L", (10_001, 20)), "PNG")).reason == "image_too_large"
    assert decode(encoded(Image.new("L", (10_000, 20)), "PNG"), "poster").size == (10_000, 20)


def test_more_bytes_than_allowed_are_refused(jpeg: bytes) -> None:
    error = refusal(jpeg + bytes(MAX_BYTES))
    assert error.reason == "image_too_large"
    assert "10,485,760" in error.why


def test_a_side_below_16_is_refused(encoded: Encoded) -> None:
    error = refusal(encoded(Image.new("RGB", (15, 400)), "PNG"))
    assert error.reason == "image_too_small"
    assert decode(encoded(Image.new("RGB", (16, 16)), "PNG"), "poster").size == (16, 16)


def test_print_colours_are_refused_with_the_way_out(picture: Image.Image, encoded: Encoded) -> None:
    error = refusal(encoded(picture.convert("CMYK"), "JPEG"))
    assert error.reason == "image_cmyk"
    assert "sRGB" in error.why


def test_a_decoder_without_memory_ends_as_a_refusal(monkeypatch: pytest.MonkeyPatch, jpeg: bytes) -> None:
    def exhausted(self: JpegImageFile) -> None:
        raise MemoryError

    monkeypatch.setattr(JpegImageFile, "load", exhausted)
    assert refusal(jpeg).reason == "image_too_large"


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(mode: str, encoded: Encoded) -> None:
    clear = Image.new("RGBA", (20, 20), (200, 0, 0, 0)).convert(mode)
    assert decode(encoded(clear, "PNG"), "poster").getpixel((10, 10)) == (255, 255, 255)


def test_half_transparency_is_blended(encoded: Encoded) -> None:
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert decode(encoded(half, "PNG"), "poster").getpixel((5, 5)) == (127, 127, 127)


def test_the_transparent_colour_of_a_palette_and_of_rgb_lies_on_white(encoded: Encoded) -> None:
    flat = Image.new("RGB", (20, 20), (9, 8, 7))
    by_palette = encoded(flat.convert("P", palette=Image.Palette.ADAPTIVE, colors=4), "PNG", transparency=0)
    assert decode(by_palette, "poster").getpixel((3, 3)) == (255, 255, 255)
    by_colour = encoded(flat, "PNG", transparency=(9, 8, 7))
    assert decode(by_colour, "poster").getpixel((3, 3)) == (255, 255, 255)


def test_16_bits_are_scaled_not_cut_off(encoded: Encoded) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (20, 1))
    image = np.asarray(decode(encoded(Image.fromarray(ramp), "PNG"), "poster"))
    want = np.round(ramp / 257).astype(np.uint8)
    assert (image == want[..., None]).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_every_ordinary_mode_becomes_rgb_as_pillow_makes_it(mode: str, picture: Image.Image, encoded: Encoded) -> None:
    content = encoded(picture.convert(mode), "PNG")
    want = Image.open(io.BytesIO(content)).convert("RGB")
    assert decode(content, "poster").tobytes() == want.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_turned_photo_is_shown_as_its_camera_meant(
    file_format: str, orientation: int, picture: Image.Image, encoded: Encoded
) -> None:
    # The picture as the camera stores it, so that turning it back gives `picture`.
    undo = {2: 0, 3: 1 + 2, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    stored = picture.transpose(Image.Transpose(undo[orientation])) if orientation != 1 else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {"quality": 100, "subsampling": 0}
    shown = decode(encoded(stored, file_format, exif=exif.tobytes(), **options), "poster")
    assert shown.size == picture.size
    difference = np.abs(np.asarray(shown).astype(int) - np.asarray(picture).astype(int))
    assert difference.max() <= (6 if file_format == "JPEG" else 0)


def test_an_unknown_orientation_changes_nothing(picture: Image.Image, encoded: Encoded) -> None:
    exif = Image.Exif()
    exif[0x0112] = 99
    assert decode(encoded(picture, "PNG", exif=exif.tobytes()), "poster").tobytes() == picture.tobytes()


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow warns of broken EXIF; production goes on
@pytest.mark.parametrize("exif", [b"Exif\x00\x00x", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"noise" * 9])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_good_picture_with_broken_exif_is_shown_as_it_is(
    file_format: str, exif: bytes, picture: Image.Image, encoded: Encoded
) -> None:
    assert decode(encoded(picture, file_format, exif=exif), "poster").size == picture.size


def test_of_an_animation_the_first_frame_is_taken(picture: Image.Image, encoded: Encoded) -> None:
    second = Image.new("RGB", picture.size, "red")
    for file_format in ("PNG", "WEBP"):
        content = encoded(picture, file_format, save_all=True, append_images=[second], lossless=True)
        assert decode(content, "poster").tobytes() == picture.tobytes()


def test_the_media_type_is_what_the_bytes_are(picture: Image.Image, encoded: Encoded) -> None:
    for file_format, media_type in (("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")):
        assert examine(encoded(picture, file_format), "poster").media_type == media_type


def test_pixels_are_the_antialiased_resize_of_the_rgb_picture(jpeg: bytes) -> None:
    want = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    got = pixels(jpeg, "poster")
    assert got.dtype == np.uint8
    assert got.flags.writeable
    assert np.array_equal(got, np.asarray(want))


mutations = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=12)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=mutations, kept=st.floats(0.02, 1), kind=st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_mutated_bytes_give_a_picture_or_a_refusal_and_nothing_else(
    changes: list[tuple[int, int]], kept: float, kind: str, picture: Image.Image, encoded: Encoded
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = bytearray(encoded(picture, kind, exif=exif.tobytes()))
    for position, value in changes:
        content[position % len(content)] = value
    try:
        image = decode(bytes(content[: max(1, int(len(content) * kept))]), "mutant")
    except PosterRejected:
        return
    assert image.mode == "RGB"
    assert min(image.size) >= 16


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8X"])
)
def test_noise_behind_a_right_beginning_is_refused(noise: bytes, beginning: bytes) -> None:
    with pytest.raises(PosterRejected):
        decode(beginning + noise, "noise")


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "RGB"])
def test_blending_strip_by_strip_gives_the_pixels_of_blending_at_once(
    mode: str, monkeypatch: pytest.MonkeyPatch, encoded: Encoded
) -> None:
    draw = np.random.default_rng(3)
    noise = Image.fromarray(draw.integers(0, 256, (61, 40, 4), dtype=np.uint8), "RGBA")
    if mode == "P":
        content = encoded(noise.convert("RGB").convert("P"), "PNG", transparency=bytes(range(256)))
    elif mode == "RGB":
        content = encoded(noise.convert("RGB"), "PNG", transparency=noise.convert("RGB").getpixel((7, 7)))
    else:
        content = encoded(noise.convert(mode), "PNG")
    at_once = decode(content, "poster").tobytes()
    monkeypatch.setattr("posters.opaque.STRIP_PIXELS", 7 * 40)  # 61 rows are no multiple of 7
    assert decode(content, "poster").tobytes() == at_once
    whole = Image.open(io.BytesIO(content)).convert("RGBA")
    assert Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB").tobytes() == at_once


def test_a_webp_may_have_fewer_pixels_than_the_others(monkeypatch: pytest.MonkeyPatch, encoded: Encoded) -> None:
    monkeypatch.setattr("posters.decoding.MAX_WEBP_PIXELS", 20 * 20)
    assert refusal(encoded(Image.new("RGB", (21, 20)), "WEBP")).reason == "image_too_large"
    assert decode(encoded(Image.new("RGB", (20, 20)), "WEBP"), "poster").size == (20, 20)
    assert decode(encoded(Image.new("RGB", (21, 20)), "PNG"), "poster").size == (21, 20)
