"""Pictures of every mode to RGB: transparency on white, 16 bits to 8, and no more memory than one other copy takes."""

import numpy as np
from PIL import Image

STRIP_PIXELS = 1 << 20  # blended at once: 16 MB for a step that would take 16 bytes a pixel, 400 MB of the largest


def opaque(image: Image.Image) -> Image.Image:
    """The picture as RGB; the one given where it is that already."""
    if image.mode.startswith("I"):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Strip by strip, to the same pixels as at once; a plain convert("RGB") would show the hidden colour."""
    width, height = image.size
    shown, rows = Image.new("RGB", image.size), max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows))).convert("RGBA")
        shown.paste(Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip).convert("RGB"), (0, top))
    return shown


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to 8: 65535 / 255 = 257, rounded; Pillow's own conversion cuts everything above 255 off."""
    shades = ((np.arange(1 << 16, dtype=np.uint32) + 128) // 257).astype(np.uint8)
    return Image.fromarray(shades[np.asarray(image)])
