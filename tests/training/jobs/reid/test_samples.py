"""Which samples are trained on and which held out, and what cannot be trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrieval.errors import InputError
from retrieval.types import Preprocess
from tests.support.reid_training import DrawnImages
from training.data.training_data import TrainingData
from training.jobs.reid.recipe import ImageStageConfig
from training.jobs.reid.samples import check_samples, reid_samples

PIXELS = Preprocess(2, (2, 2), (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))


def _data(target: list[str], role: list[str], **changed: Any) -> TrainingData:
    classes = sorted(set(target))
    names = np.array([f"id{row}" for row in range(len(target))])
    return TrainingData(
        names, names, tuple(classes), np.array([classes.index(name) for name in target]), np.array(role), {}, **changed
    )


STAGE = ImageStageConfig(identities=2, images=2)
DATA = _data(["b", "b", "a", "c", "c", "d", "d", "b"], ["train", "train", "val", "train", "train", "val", "val", "val"])
PAIRS = [name for name in "abcdef" for _ in range(2)]
ONE_HELD_OUT = _data(PAIRS, ["train"] * 10 + ["val"] * 2)
TWO_HELD_OUT = _data(PAIRS, ["train"] * 8 + ["val"] * 4)


def test_identities_of_train_are_numbered_and_their_val_samples_left_out() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 2, 2, 3), dtype=np.uint8)
    samples = reid_samples(DATA, DrawnImages(pixels), PIXELS)
    assert samples.names == ("b", "c")
    assert samples.identity.tolist() == [0, 0, -1, 1, 1, -1, -1, 0]
    assert samples.train.tolist() == [0, 1, 3, 4]
    assert samples.held_out.tolist() == [2, 5, 6]
    assert samples.counts.tolist() == [2, 2]
    images = samples.normalised(pixels)
    assert images.shape == (8, 3, 2, 2)
    assert float(images[3, 1, 0, 1]) == pytest.approx((pixels[3, 0, 1, 1] / 255 - 0.4) / 0.2, abs=1e-5)
    assert check_samples(TWO_HELD_OUT, STAGE, "identity") == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (_data(["a", "a", "b"], ["train"] * 3), "No held-out identity has two images.* 2 or more; train all"),
        (_data(PAIRS, ["train"] * 12), "No held-out identity has two images.*data.val_identities=0.34`, or train all"),
        (ONE_HELD_OUT, "One held-out identity has two images.*data.val_identities=0.34`, or train all"),
        (_data([f"{n:02}" for n in range(20) for _ in "ab"], ["train"] * 40), "`data.val_identities=0.15`"),
        (_data(["a", "a"], ["train"] * 2), "2 identities.*cannot be made of 1 identity; train on more"),
        (_data(["a", "b", "c"], ["train"] * 3), "None of the 3 identities has two images"),
    ],
)
def test_what_cannot_be_trained_on(data: TrainingData, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_samples(data, STAGE, "identity")


def test_an_identity_with_one_image_and_a_training_without_held_out_ones_are_told() -> None:
    notes = check_samples(
        _data(["a", "a", "b"], ["train"] * 3), ImageStageConfig(identities=2, images=2, patience=0), "identity"
    )
    assert "1 of 2 identities has a single image" in notes[0]
    assert notes[1] == "No identity is held out, so the weights of the last epoch are kept."
    (note,) = check_samples(ONE_HELD_OUT, ImageStageConfig(identities=2, images=2, patience=0), "identity")
    assert note == "Only one identity with two images is held out, so the weights of the last epoch are kept."
