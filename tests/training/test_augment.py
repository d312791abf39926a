"""Augmentation: nothing asked changes nothing, captions stay true, and the same seed gives the same pixels."""

from __future__ import annotations

import torch

from training.augment import Augmentation, augment

STILL = Augmentation(scale=1, stretch=0, turn=0, brightness=0, contrast=0, saturation=0, noise=0)


def _images(n: int = 4, side: int = 24) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def _with(how: Augmentation, images: torch.Tensor, *, flip: bool, seed: int = 0, side: int = 24) -> torch.Tensor:
    flips = torch.full((len(images),), flip)
    return augment(images, flips, side, how, torch.Generator().manual_seed(seed))


def test_no_variation_is_the_image_itself() -> None:
    images = _images()
    torch.testing.assert_close(_with(STILL, images, flip=False), images, atol=1e-5, rtol=0)


def test_mirrored_only_where_allowed() -> None:
    images = _images(40)
    found = _with(STILL, images, flip=True)
    mirrored = [torch.allclose(one, other.flip(-1), atol=1e-5) for one, other in zip(found, images, strict=True)]
    same = [torch.allclose(one, other, atol=1e-5) for one, other in zip(found, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32


def test_same_seed_same_pixels_within_range_at_the_size_asked_for() -> None:
    images = _images()
    first = _with(Augmentation(), images, flip=True, side=16)
    assert first.shape == (4, 3, 16, 16)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    assert torch.equal(first, _with(Augmentation(), images, flip=True, side=16))
    assert not torch.equal(first, _with(Augmentation(), images, flip=True, side=16, seed=1))


def test_colours_keep_their_names() -> None:
    """A red image stays red: hue does not turn."""
    red = torch.tensor([0.8, 0.2, 0.1]).view(1, 3, 1, 1).expand(64, 3, 24, 24)
    means = _with(Augmentation(), red, flip=True).mean((2, 3))
    assert bool((means[:, 0] > 1.8 * means[:, 1]).all())
    assert bool((means[:, 1] > means[:, 2]).all())
