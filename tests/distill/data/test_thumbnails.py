"""Small pictures of images as they are stored."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from distill.data.thumbnails import LONGEST_SIDE, thumbnail


def seen(image: torch.Tensor) -> Image.Image:
    return Image.open(io.BytesIO(thumbnail(image)))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA")])
def test_a_small_image_keeps_its_pixels(channels: int, mode: str) -> None:
    image = torch.randint(0, 256, (channels, 5, 7), dtype=torch.uint8)

    picture = seen(image)

    assert picture.mode == mode
    shown = np.atleast_3d(np.asarray(picture))
    assert (shown[..., 0] == image[0].numpy()).all()


def test_a_large_image_gets_smaller_and_keeps_its_shape() -> None:
    assert seen(torch.zeros(3, 400, 200, dtype=torch.uint8)).size == (LONGEST_SIDE // 2, LONGEST_SIDE)


def test_floats_are_stretched_over_all_grays_and_one_gray_is_black() -> None:
    picture = seen(torch.tensor([[[-1.0, 0.0, 3.0]]]))

    assert np.asarray(picture).tolist() == [[0, 64, 255]]
    assert np.asarray(seen(torch.full((1, 2, 2), 7.0))).max() == 0
