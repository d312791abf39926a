"""Classifiers that people have: whatever their checkpoint looks like, the store gives the model's own logits."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from indexers.api import index
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.store.open import open_store
from tests.support.shared_data import SHARED, needs_shared

MEAN, STD = (0.4308, 0.4084, 0.3393), (0.1063, 0.1023, 0.1123)
SIZES = [(90, 70), (64, 120), (200, 33), (80, 80)]
State = Mapping[str, torch.Tensor]


class Schedule:
    """A class of a project that the reader does not have."""

    def __init__(self, steps: int) -> None:
        self.steps = steps


def build(family: str, name: str, classes: int) -> Any:
    """A model with weights and batch statistics that are not those it began with."""
    repair_torchvision()
    import timm
    import torchvision

    torch.manual_seed(classes)
    if family == "timm":
        model = timm.create_model(name, num_classes=classes)
    else:
        model = torchvision.models.get_model(name, num_classes=classes)
    with torch.no_grad():
        model.train()(torch.randn(4, 3, 64, 64))
    return model.eval()


def under(prefix: str, state: State) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state.items()}


def beside(state: State) -> dict[str, torch.Tensor]:
    """What training modules keep beside their network, a copy of other values among it."""
    other = {key: torch.zeros_like(value) for key, value in state.items()}
    return {
        "criterion.weight": torch.ones(3),
        "val_acc.tp": torch.zeros(3),
        "metrics.confmat": torch.zeros(3, 3),
        **under("ema.module.", other),
    }


def lightning(prefix: str, state: State) -> dict[str, Any]:
    """A checkpoint as Lightning lays it out, optimiser and objects of the project included."""
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    return {
        "epoch": 7,
        "global_step": 900,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {**beside(state), **under(prefix, state)},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 8}}}},
        "callbacks": {
            "ModelCheckpoint{'monitor': 'val_acc'}": {"best_model_path": Path("best.ckpt"), "best": torch.ones(1)}
        },
        "optimizer_states": [optimiser.state_dict()],
        "lr_schedulers": [{"last_lr": [0.1], "own": Schedule(3)}],
        "hparams_name": "kwargs",
        "hyper_parameters": {"args": argparse.Namespace(schedule=Schedule(5)), "kind": Schedule, "root": Path("runs")},
    }


LAYOUTS: dict[str, Callable[[State], Any]] = {
    "lightning net": lambda state: lightning("net.", state),
    "lightning compiled": lambda state: lightning("net._orig_mod.", state),
    "lightning model": lambda state: lightning("model.", state),
    "lightning own name": lambda state: lightning("resnet.", state),
    "plain": dict,
    "plain with others beside": lambda state: {**beside(state), **state},
    "parallel": lambda state: {"model": under("module.", state), "ema": under("module.", state), "acc1": 71.5},
    "dropout before the head": lambda state: {key.replace("fc.", "fc.1."): value for key, value in state.items()},
    "teacher of more classes": lambda state: {**under("net.", state), "t.fc.weight": torch.ones(1000, 512)},
}


def reference(model: Any, files: list[Path], resize: int, crop: int) -> Any:
    """Logits (n, classes) of the model itself, by the transform it was trained with."""
    repair_torchvision()
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.Resize(resize),
            transforms.CenterCrop(crop),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    with torch.no_grad():
        return np.stack([model(transform(Image.open(file).convert("RGB"))[None])[0].numpy() for file in files])


def from_store(store: Path, root: Path, files: list[Path]) -> Any:
    """Logits (n, classes) by arithmetic on what the store holds: ``norm * (W @ v) + b``."""
    opened = open_store(store)
    (bank,) = opened.banks()
    assert bank.name == "classifier"
    assert bank.bias is not None
    with opened.snapshot() as snapshot:
        space = snapshot.space()
        matrix, norms = snapshot.vectors(space), snapshot.norms(space)
        rows = snapshot.samples(["uri", "key"]).to_pylist()
    lengths = dict(zip(norms["key"].to_pylist(), norms["n_base"].to_pylist(), strict=True))
    places = {bytes(key).decode(): at for at, key in enumerate(matrix.keys)}
    key_of = {row["uri"]: row["key"] for row in rows}
    keys = [key_of[file.relative_to(root).as_posix()] for file in files]
    vectors = np.stack([matrix.data[places[key]] for key in keys])
    return np.array([lengths[key] for key in keys])[:, None] * (vectors @ bank.vectors.T) + bank.bias


def indexed(root: Path, store: Path, encoder: str, preprocess: str) -> None:
    report = index(root, store, encoder=encoder, preprocess=preprocess, precision="fp32", device="cpu", quiet=True)
    assert not report.failures


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """JPEGs of several shapes under class/file."""
    root, rng = tmp_path_factory.mktemp("drawn"), np.random.default_rng(0)
    files = []
    for at, size in enumerate(SIZES):
        file = root / f"class{at % 2}" / f"{at}.jpg"
        file.parent.mkdir(exist_ok=True)
        noise = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        noise.resize(size, Image.Resampling.BICUBIC).save(file, quality=95)
        files.append(file)
    return files


def check(family: str, name: str, classes: int, layout: str, drawn: list[Path], tmp_path: Path) -> None:
    model, root = build(family, name, classes), drawn[0].parents[1]
    torch.save(LAYOUTS[layout](model.state_dict()), tmp_path / "last.ckpt")
    own = "mean=.4308,.4084,.3393,std=.1063,.1023,.1123,interpolation=bilinear"
    indexed(root, tmp_path / "s", f"{family}/{name}:{tmp_path / 'last.ckpt'}", f"resize=64,crop=56,{own}")
    ours, theirs = from_store(tmp_path / "s", root, drawn), reference(model, drawn, 64, 56)
    assert ours.shape == (len(drawn), classes)
    assert np.ptp(theirs, axis=0).max() > 1e-2  # images differ, so that agreeing means something
    np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_models_own_logits(layout: str, drawn: list[Path], tmp_path: Path) -> None:
    check("torchvision", "resnet18", 7, layout, drawn, tmp_path)


@pytest.mark.parametrize("layout", ["lightning compiled", "plain with others beside"])
@pytest.mark.parametrize(
    ("family", "name", "classes"),
    [("timm", "resnet18", 7), ("timm", "resnet26", 169), ("torchvision", "resnet18", 169)],
)
def test_both_families_and_many_classes(
    family: str, name: str, classes: int, layout: str, drawn: list[Path], tmp_path: Path
) -> None:
    check(family, name, classes, layout, drawn, tmp_path)


@needs_shared
def test_real_photographs_through_the_transform_of_the_reports(tmp_path: Path) -> None:
    root = SHARED / "species" / "mushrooms"
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})[:6]
    for file in files:
        copy = tmp_path / "images" / file.parent.name / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(file)
    model = build("torchvision", "resnet18", 169)
    torch.save(lightning("net._orig_mod.", model.state_dict()), tmp_path / "last.ckpt")
    (tmp_path / "reports.yaml").write_text(
        f"resize: 440\ncrop: 384\nmean: {list(MEAN)}\nstd: {list(STD)}\ninterpolation: bilinear\n"
    )
    encoder = f"torchvision/resnet18:{tmp_path / 'last.ckpt'}"
    indexed(tmp_path / "images", tmp_path / "s", encoder, str(tmp_path / "reports.yaml"))
    shown = [tmp_path / "images" / file.parent.name / file.name for file in files]
    ours = from_store(tmp_path / "s", tmp_path / "images", shown)
    np.testing.assert_allclose(ours, reference(model, files, 440, 384), atol=1e-4, rtol=1e-4)
