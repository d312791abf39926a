import numpy as np
import pytest
from PIL import Image

from retrieval.detectors.letterbox import GREY, letterbox
from retrieval.types import Box


def test_an_image_is_fitted_and_padded_with_grey() -> None:
    fitted = letterbox(Image.new("RGB", (100, 50), "white"), (64, 64))
    assert (fitted.inner, fitted.offset) == ((64, 32), (0, 16))
    assert fitted.pixels.shape == (1, 3, 64, 64)
    assert (fitted.pixels[0, :, 16:48] == 1).all()
    assert (fitted.pixels[0, :, :16] == np.float32(GREY) / np.float32(255)).all()


@pytest.mark.parametrize("size", [(100, 50), (31, 97), (64, 64), (1000, 7)])
@pytest.mark.parametrize("square", [(64, 64), (32, 96)])
def test_boxes_come_back(size: tuple[int, int], square: tuple[int, int]) -> None:
    fitted = letterbox(Image.new("RGB", size), square)
    box = Box(0.25, 0.5, 0.5, 0.25)
    (width, height), (left, top) = fitted.inner, fitted.offset
    edges = [left + width * 0.25, top + height * 0.5, left + width * 0.75, top + height * 0.75]
    assert fitted.fractions(edges) == pytest.approx(box)
    assert left + width <= square[1]
    assert top + height <= square[0]


def test_what_lies_in_the_padding_is_cut_off() -> None:
    fitted = letterbox(Image.new("RGB", (100, 50)), (64, 64))
    assert fitted.fractions([-10, 0, 32, 32]) == Box(0, 0, 0.5, 0.5)
    assert fitted.fractions([0, 0, 64, 16]) is None
