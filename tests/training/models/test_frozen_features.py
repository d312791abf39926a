import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.small_towers import tower
from training.models.freezing import freeze
from training.models.frozen_features import BATCH, FrozenSplit, cache_frozen, split_frozen
from training.models.towers import ImageTower


def _split(kind: str, unfreeze: int = 1) -> FrozenSplit:
    made = tower(kind)
    freeze(made, unfreeze)
    split = split_frozen(made)
    assert split is not None
    return split


def _images(made: ImageTower, n: int = 5) -> torch.Tensor:
    return torch.randn(n, 3, *made.side, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("vit", "visual.transformer.resblocks.1"),
        ("resnet", "visual.layer4"),
        ("timm", "blocks.4"),
        ("timm-vit", "blocks.5"),
        ("torchvision", "layer4"),
    ],
)
def test_both_parts_together_give_the_features_and_the_gradients(kind: str, boundary: str) -> None:
    split = _split(kind)
    assert split.boundary == boundary
    made = split.tower
    made.network.train()
    images = _images(made)
    gradients = []
    for kept in (False, True):
        made.network.zero_grad()
        torch.manual_seed(0)
        features = split.features(split.before(images)) if kept else made.features(images)
        torch.stack([part.square().sum() for part in features if part is not None]).sum().backward()  # type: ignore[no-untyped-call]
        gradients.append({name: p.grad.clone() for name, p in made.network.named_parameters() if p.grad is not None})
        assert all(feature is None or len(feature) == len(images) for feature in features)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-3, atol=1e-4)


def test_there_is_no_split_where_all_or_nothing_is_trained() -> None:
    made = tower("vit")
    assert split_frozen(made) is None
    freeze(made, "none")
    assert split_frozen(made) is None


def test_a_network_that_hands_over_more_is_not_split() -> None:
    made = tower("timm")
    freeze(made, 1)
    plain = made.network.forward
    made.network.forward = lambda images: plain(images) + images.mean()
    assert split_frozen(made) is None


@pytest.mark.parametrize("half", [False, True])
def test_features_are_computed_once_and_read_from_the_file(tmp_path: Path, half: bool) -> None:  # noqa: FBT001
    split = _split("timm")
    images = _images(split.tower, BATCH + 3)
    asked: list[int] = []

    def load(rows: np.ndarray) -> torch.Tensor:
        asked.extend(rows)
        return images[rows]

    keys, path = np.array([f"key{row}" for row in range(len(images))]), tmp_path / "frozen.npy"
    cached = cache_frozen(split, load, keys, path, half=half, quiet=True)
    again = cache_frozen(split, load, keys, path, half=half, quiet=True)
    assert asked == list(range(len(images)))
    assert len(cached) == len(images)
    rows = np.array([18, 2, 2])
    expected = split.before(images[rows])
    tolerance = 1e-2 if half else 1e-5
    torch.testing.assert_close(cached.rows(rows, "cpu"), expected, rtol=tolerance, atol=tolerance)
    assert torch.equal(cached.rows(rows, "cpu"), again.rows(rows, "cpu"))
    assert path.stat().st_size < (2 if half else 4) * expected[0].numel() * len(images) + 200


def test_features_of_other_images_or_another_network_are_computed_again(tmp_path: Path) -> None:
    split, path = _split("timm"), tmp_path / "frozen.npy"
    images = _images(split.tower, 3)
    calls = []

    def load(rows: np.ndarray) -> torch.Tensor:
        calls.append(len(rows))
        return images[rows]

    keys = np.array(["a", "b", "c"])
    for names, of in ((keys, split), (keys[::-1], split), (keys[::-1], _split("timm", 2))):
        cache_frozen(of, load, names, path, quiet=True)
    assert calls == [3, 3, 3]
    described = json.loads(path.with_suffix(".json").read_text())
    assert described["boundary"] == "blocks.3"
    path.with_suffix(".json").unlink()  # as a run leaves it that was killed
    cache_frozen(_split("timm", 2), load, keys[::-1], path, quiet=True)
    assert calls == [3, 3, 3, 3]
