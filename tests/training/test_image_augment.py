"""Augmentation: what each part does, against timm and slow references; the same generator gives the same image."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError
from retrieval.types import Preprocess, UInt8
from training.image_augment import AugmentationPlan, ImageAugmentation, part_of_image, seeded

SIZE = Preprocess(32, (32, 24), (0.5, 0.25, 0.75), (0.25, 0.25, 0.125))
PICTURE = np.random.default_rng(0).integers(1, 256, (32, 24, 3), dtype=np.uint8)


def plan(*, flip: bool = False, **how: Any) -> AugmentationPlan:
    """A plan that does nothing but what is named."""
    return AugmentationPlan(ImageAugmentation.read({"crop": "none", **how}, "recipe"), SIZE, flip)


def generator(seed: int) -> np.random.Generator:
    """A new generator."""
    return np.random.default_rng(seed)


def test_nothing_is_done_unless_it_is_named() -> None:
    assert np.array_equal(plan().apply(PICTURE, generator(0)), PICTURE)


def test_half_of_the_images_are_mirrored() -> None:
    results = [plan(flip=True).apply(PICTURE, generator(seed)) for seed in range(200)]
    mirrored = [np.array_equal(result, PICTURE[:, ::-1]) for result in results]
    assert all(np.array_equal(result, PICTURE) or mirror for result, mirror in zip(results, mirrored, strict=True))
    assert 70 < sum(mirrored) < 130


def test_padded_crops_are_all_shifts_with_black_borders() -> None:
    offsets = set()
    padded = np.pad(PICTURE, ((2, 2), (2, 2), (0, 0)))
    shifts = {(top, left): padded[top : top + 32, left : left + 24] for top in range(5) for left in range(5)}
    for seed in range(200):
        result = plan(crop="pad", pad=2).apply(PICTURE, generator(seed))
        offsets.add(next(shift for shift, cut in shifts.items() if np.array_equal(cut, result)))
    assert len(offsets) == 25


@settings(max_examples=100)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**20))
def test_parts_of_an_image_lie_in_it_and_have_their_area_and_ratio(width: int, height: int, seed: int) -> None:
    left, top, right, bottom = part_of_image((width, height), (0.2, 0.9), (0.75, 4 / 3), generator(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    if min(width, height) >= 20 and 0.8 < width / height < 1.25:
        assert 0.15 <= (right - left) * (bottom - top) / (width * height) <= 0.95
        assert 0.65 <= (right - left) / (bottom - top) <= 1.5


def test_a_resized_part_has_the_size_of_the_encoder() -> None:
    large = np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert plan(crop="resized").apply(large, generator(0)).shape == (32, 24, 3)
    whole = plan(crop="resized", scale=(1, 1), ratio=(7 / 5, 7 / 5)).apply(large, generator(0))
    expected = Image.fromarray(large).resize((24, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(whole, np.asarray(expected))


def test_rand_augment_is_that_of_timm() -> None:
    repair_torchvision()
    from timm.data.auto_augment import rand_augment_transform

    settings_of_timm = {"translate_const": 10, "img_mean": (128, 64, 191), "interpolation": Image.Resampling.BICUBIC}
    reference = rand_augment_transform("rand-m9-n2-mstd0.5-inc1", settings_of_timm)
    for seed in range(20):
        number = int(generator(seed).integers(2**32))
        random.seed(number)
        np.random.seed(number)
        expected = np.asarray(reference(Image.fromarray(PICTURE)))
        assert np.array_equal(plan(rand_magnitude=9).apply(PICTURE, generator(seed)), expected)


def test_full_strength_never_asks_for_no_bits() -> None:
    for seed in range(100):
        plan(rand_magnitude=10, rand_operations=6).apply(PICTURE[:8, :8], generator(seed))


def test_rare_classes_get_their_own_strength() -> None:
    weak = plan(rand_magnitude=2, rare_magnitude=8)
    for seed in range(5):
        rare = weak.apply(PICTURE, generator(seed), rare=True)
        assert np.array_equal(rare, plan(rand_magnitude=8).apply(PICTURE, generator(seed)))
    assert np.array_equal(plan(rare_magnitude=0).apply(PICTURE, generator(0), rare=True), PICTURE)


def test_the_erased_rectangle_is_that_of_timm() -> None:
    repair_torchvision()
    import torch
    from timm.data.random_erasing import RandomErasing

    erasing = RandomErasing(0.7, min_area=0.02, max_area=0.4, mode="const", device="cpu")
    shares = []
    for seed in range(60):
        random.seed(int(generator(seed).integers(2**32)))
        expected = erasing(torch.ones(1, 32, 24))[0].numpy() == 0
        result = plan(erase=0.7, erase_with="mean").apply(PICTURE, generator(seed))
        assert np.array_equal(result[~expected], PICTURE[~expected])
        assert np.array_equal(result[expected], np.broadcast_to([128, 64, 191], (expected.sum(), 3)))
        shares.append(expected.mean())
    assert 25 < np.count_nonzero(shares) < 58


def test_erased_noise_has_mean_and_deviation_of_the_encoder() -> None:
    results = [plan(erase=1, erase_with="noise").apply(PICTURE, generator(seed)) for seed in range(60)]
    values = np.concatenate([result[(result != PICTURE).any(2)] for result in results]) / 255
    drawn = np.random.default_rng(0).standard_normal((20_000, 3)) * SIZE.std + SIZE.mean
    assert np.allclose(values.mean(0), drawn.clip(0, 1).mean(0), atol=0.01)
    assert np.allclose(values.std(0), drawn.clip(0, 1).std(0), atol=0.01)


def test_generators_of_the_process_are_left_as_they_were_and_threads_do_not_matter() -> None:
    everything = plan(flip=True, crop="pad", rand_magnitude=9, erase=0.5)
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]

    def augmented(seed: int) -> UInt8:
        return everything.apply(PICTURE, generator(seed))

    alone = [augmented(seed) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(augmented, range(40)))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert len({result.tobytes() for result in alone}) == 40
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # type: ignore[index]
    with pytest.raises(ZeroDivisionError), seeded(generator(0)):
        _ = 1 / 0
    assert random.getstate() == before[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": (0.9, 0.5)}, "scale is a range of two numbers above 0, at most 1, low to high"),
        ({"erase_area": (0, 0.5)}, "erase_area is a range"),
        ({"crop": "centre"}, "crop='centre' cannot be used"),
    ],
)
def test_options_that_cannot_be_used_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageAugmentation.read(options, "recipe")
