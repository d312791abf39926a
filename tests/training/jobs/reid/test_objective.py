"""The weighted sum of losses of the image stage against its parts written out."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from training.jobs.reid.network import ReidNetwork
from training.jobs.reid.objective import ReidObjective, both_ways
from training.jobs.reid.recipe import PromptConfig, ReidLosses
from training.losses.center import center_loss, wen_update
from training.losses.image_text import image_to_text
from training.losses.margin_softmax import arcface_logits, class_cosines, dynamic_margins
from training.losses.triplet import batch_hard_triplet
from training.models.bnneck import make_bnneck
from training.models.towers import TowerFeatures

TARGET = torch.tensor([0, 0, 1, 1, 2, 2])
COUNTS = torch.tensor([2, 4, 16])
GENERATOR = torch.Generator().manual_seed(0)


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=GENERATOR)


FEATURES = TowerFeatures(_drawn(6, 3), _drawn(6, 5), _drawn(6, 4))
TEXTS = _drawn(3, 4)


def _network() -> ReidNetwork:
    module: Any = torch.nn.Module()
    module.neck = make_bnneck(5, 3, torch.Generator().manual_seed(1))
    module.neck_proj = make_bnneck(4, 3, torch.Generator().manual_seed(2))
    module.arcface = torch.nn.Parameter(torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(3)))
    module.centers = torch.nn.Parameter(torch.randn(3, 5, generator=torch.Generator().manual_seed(4)))
    return ReidNetwork(cast("Any", None), module, None, ())


def _losses(**values: Any) -> ReidLosses:
    off = {"id": 0, "triplet": 0, "supcon": 0, "i2t": 0, "arcface": 0, "center": 0}
    return ReidLosses.read({**off, **values}, "losses")


def _value(losses: ReidLosses, network: ReidNetwork, **how: Any) -> tuple[float, dict[str, float]]:
    objective = ReidObjective(losses, PromptConfig(normalise=how.pop("normalise", False)), COUNTS, **how)
    loss, parts = objective(network, FEATURES, TARGET, TEXTS[TARGET], TEXTS)
    return float(loss.detach()), {name: float(part.detach()) for name, part in parts.items()}


def test_identity_and_triplet_are_of_all_features() -> None:
    network = _network()
    assert FEATURES.proj is not None
    pairs: list[tuple[Any, torch.Tensor]] = [
        (network.module.neck, FEATURES.feat),
        (network.module.neck_proj, FEATURES.proj),
    ]
    ids = sum(
        float(cross_entropy(neck(feature).logits, TARGET, label_smoothing=0.1).detach()) for neck, feature in pairs
    )
    triplets = sum(float(batch_hard_triplet(feature, TARGET)) for feature in FEATURES if feature is not None)
    loss, parts = _value(_losses(id=0.25, triplet=2), network)
    assert parts == pytest.approx({"id": ids, "triplet": triplets})
    assert loss == pytest.approx(0.25 * ids + 2 * triplets)


@pytest.mark.parametrize("normalise", [False, True])
def test_texts_are_compared_with_projected_features(normalise: bool) -> None:  # noqa: FBT001
    images, texts = FEATURES.proj, TEXTS
    assert images is not None
    if normalise:
        images, texts = normalize(images, dim=1), normalize(texts, dim=1)
    _, parts = _value(_losses(supcon=1, i2t=1), _network(), normalise=normalise)
    assert parts["supcon"] == pytest.approx(float(both_ways(images, texts[TARGET], TARGET, 1.0)))
    assert parts["i2t"] == pytest.approx(float(image_to_text(images, texts, TARGET)))


@pytest.mark.parametrize("margin", [0.3, "dynamic"])
def test_arcface_is_behind_the_neck(margin: float | str) -> None:
    network = _network()
    angles = dynamic_margins(COUNTS) if margin == "dynamic" else torch.full((3,), 0.3)
    cosines = class_cosines(network.module.neck(FEATURES.feat).features, network.arcface)  # type: ignore[operator]
    expected = float(cross_entropy(arcface_logits(cosines, TARGET, angles, 20), TARGET).detach())
    loss, _ = _value(_losses(arcface=1, arcface_scale=20, arcface_margin=margin, sub_centres=2), network)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_a_fault_of_the_original_logs_arcface_without_training_it() -> None:
    loss, parts = _value(_losses(id=1, arcface=1), _network(), arcface_counts=False)
    assert loss == pytest.approx(parts["id"])
    assert parts["arcface"] > 0


@pytest.mark.parametrize("form", ["clip_reid", "wen"])
def test_centers_have_their_own_update_whatever_the_weight_of_the_loss(form: Any) -> None:
    network = _network()
    objective = ReidObjective(_losses(id=1, center=5e-4, center_form=form), PromptConfig(), COUNTS)
    loss, parts = objective(network, FEATURES, TARGET, None, None)
    assert float(parts["center"].detach()) == pytest.approx(
        float(center_loss(FEATURES.feat, TARGET, network.centers, form).detach())
    )
    loss.backward()  # type: ignore[no-untyped-call]
    objective.set_center_gradient(network.centers)
    if form == "wen":
        expected = wen_update(FEATURES.feat, TARGET, network.centers)
    else:
        (expected,) = torch.autograd.grad(center_loss(FEATURES.feat, TARGET, network.centers), network.centers)
    torch.testing.assert_close(network.centers.grad, expected, rtol=1e-4, atol=1e-5)
