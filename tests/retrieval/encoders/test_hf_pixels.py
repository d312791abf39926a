from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from retrieval.encoders.hf_pixels import read_pixels
from retrieval.errors import InputError
from retrieval.types import Preprocess

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
HALF, QUARTER = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def read(config: Any, folder: Path) -> Preprocess:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(config))
    return read_pixels(path)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 3},
            Preprocess(256, (224, 224), HALF, QUARTER),
        ),
        ({"size": 224, "crop_size": 224, "do_center_crop": True}, Preprocess(224, (224, 224), HALF, QUARTER)),
        (
            {"size": {"height": 384, "width": 384}, "resample": 2},
            Preprocess(384, (384, 384), HALF, QUARTER, "bilinear", "squash"),
        ),
        ({"size": {"height": 256, "width": 128}}, Preprocess(128, (256, 128), HALF, QUARTER, mode="squash")),
        ({"size": 224}, Preprocess(224, (224, 224), HALF, QUARTER, mode="squash")),
        ({"size": 224, "do_normalize": False}, Preprocess(224, (224, 224), (0,) * 3, (1,) * 3, mode="squash")),
    ],
)
def test_ways_to_write_a_size(config: dict[str, Any], expected: Preprocess, tmp_path: Path) -> None:
    assert read({**COLOURS, **config}, tmp_path) == expected
    assert read({"image_processor": {**COLOURS, **config}}, tmp_path) == expected


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ([], "describes no preprocessing"),
        ({"size": 224}, "image_mean or image_std is missing"),
        ({**COLOURS, "size": 224, "image_std": [0, 0, 0]}, "std is"),
        ({**COLOURS, "size": 224, "do_rescale": False}, "not scaled"),
        ({**COLOURS, "size": 224, "rescale_factor": 1.0}, "not scaled"),
        ({**COLOURS, "size": 224, "do_resize": False}, "not resized"),
        ({**COLOURS, "size": 224, "resample": 5}, "resample is 5"),
        ({**COLOURS, "size": {"longest_edge": 224}}, "neither a shorter side nor two sides"),
        ({**COLOURS, "size": {"shortest_edge": 224}, "do_center_crop": True}, "crop_size is None"),
        ({**COLOURS, "size": {"height": 9, "width": 9}, "crop_size": 8, "do_center_crop": True}, "then cropped"),
        ({**COLOURS, "size": 10**9}, "neither a shorter side nor two sides"),
    ],
)
def test_steps_that_are_not_taken_are_a_sentence(config: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read(config, tmp_path)
