"""Small pictures of stored images, for people."""

import io

import numpy as np
from PIL import Image
from torch import Tensor

LONGEST_SIDE = 96


def thumbnail(image: Tensor) -> bytes:
    """A PNG of (channels, height, width), uint8 or float32, no side longer than `LONGEST_SIDE`.

    Floats are stretched from their least to their largest value. Of channels that are neither gray nor
    colors the first is shown.
    """
    pixels = image.cpu().numpy()
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255 / (high - low) if high > low else 0)).round().astype(np.uint8)
    if len(pixels) not in (3, 4):
        picture = Image.fromarray(pixels[0])
    else:
        picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
