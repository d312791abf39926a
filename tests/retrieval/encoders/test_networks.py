"""One network of a training checkpoint: prefixes, several networks, averaged copies, heads set aside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from retrieval.encoders.networks import select_network
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.encoders.weights import Weights, read_weights
from retrieval.errors import WeightsError
from tests.support.command_line import call_cli, call_json
from tests.support.images import write_images

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}
OTHER = {key: value + 0.5 for key, value in STATE.items()}


def network(tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return select_network(Weights(Path("w.pt"), dict(tensors)), expected)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "net.", "net._orig_mod.", "_orig_mod.", "model.", "module.model.", "_orig_mod.module."]
)
def test_prefixes(prefix: str) -> None:
    wrapped = {prefix + key: value for key, value in STATE.items()}
    if prefix and not prefix.startswith("_"):
        wrapped["loss.center"] = torch.zeros(3)
    assert network(wrapped, STATE).keys() == STATE.keys()


def test_a_prefix_that_the_model_itself_has_stays() -> None:
    own = {"model.a": torch.ones(1), "model.b": torch.ones(1)}
    assert network(own, own).keys() == own.keys()
    assert network({f"model.{k}": v for k, v in own.items()}, own).keys() == own.keys()


def under(prefix: str, state: dict[str, torch.Tensor] = STATE) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state.items()}


def test_any_one_prefix_is_found_beside_other_parts() -> None:
    copies = {key: -value for key, value in STATE.items()}
    beside = {**under("ema.module.", copies), "criterion.weight": torch.ones(1), "val_acc.tp": torch.ones(1)}
    for prefix in ("", "net.", "resnet.", "model.resnet18."):
        found = network({**beside, **under(prefix)}, STATE)
        assert found.keys() == STATE.keys()
        assert all(torch.equal(found[key], value) for key, value in STATE.items())
    assert network(under("ema.", copies), STATE).keys() == STATE.keys()


def test_what_a_network_has_more_is_not_passed_over() -> None:
    assert "dist_token" in network({**STATE, "dist_token": torch.ones(1)}, STATE)


def test_between_two_networks_nothing_is_guessed() -> None:
    with pytest.raises(WeightsError, match=r"2 networks.*`weights=w.pt#student` or `weights=w.pt#teacher`"):
        network({**under("student."), **under("teacher.")}, STATE)


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


SHAPES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "DINO": (
        {"student": under("module.backbone.", OTHER), "teacher": under("backbone."), "epoch": 9},
        ("student.module.backbone", "teacher.backbone"),
    ),
    "rank 0 of DINOv2": (
        {"model": under("student.backbone.", OTHER) | under("teacher.backbone."), "iteration": 5},
        ("student.backbone", "teacher.backbone"),
    ),
    "MoCo": (
        {"state_dict": under("module.encoder_q.", OTHER) | under("module.encoder_k."), "arch": "resnet50"},
        ("module.encoder_k", "module.encoder_q"),
    ),
    "Lightly": (
        {"state_dict": under("student_backbone.", OTHER) | under("teacher_backbone.")},
        ("student_backbone", "teacher_backbone"),
    ),
    "BYOL": (
        {"state_dict": under("online_network.net.", OTHER) | under("target_network.net.")},
        ("online_network.net", "target_network.net"),
    ),
    "a list": ({"networks": [STATE, OTHER]}, ("networks.0", "networks.1")),
    "deeply": ({"run": {"last": {"student": OTHER, "teacher": STATE}}}, ("run.last.student", "run.last.teacher")),
}


@pytest.mark.parametrize("name", SHAPES)
def test_several_networks_are_named_and_each_can_be_chosen(tmp_path: Path, name: str) -> None:
    content, candidates = SHAPES[name]
    path = saved(tmp_path / "w.pth", content)
    with pytest.raises(WeightsError) as error:
        select_network(read_weights(path), STATE)
    assert tuple(re.findall(r"`weights=\S+#(\S+)`", str(error.value))) == candidates
    chosen = {}
    for candidate in candidates:
        chosen[candidate] = select_network(read_weights(path, candidate), STATE)
        assert chosen[candidate].keys() == STATE.keys()
    first, second = chosen.values()
    assert not torch.equal(first["layer.bias"], second["layer.bias"])


def test_a_network_may_be_named_without_its_wrappers(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", {"model": under("student.module._orig_mod.backbone.", OTHER) | under("teacher.")})
    for inside in ("student.backbone", "model.student.backbone", "student.module.backbone", "student"):
        found = select_network(read_weights(path, inside), STATE)
        assert torch.equal(found["layer.bias"], OTHER["layer.bias"])
    with pytest.raises(WeightsError, match=r"no tensors of 'pupil'; it holds model \(4 tensors\)"):
        read_weights(path, "pupil")


@pytest.mark.parametrize(
    ("content", "other"),
    [
        ({"state_dict": STATE, "state_dict_ema": OTHER}, "state_dict_ema"),
        ({"model": STATE, "model_ema": {"module": OTHER}}, "model_ema.module"),
        ({"state_dict": under("net.") | under("ema.module.", OTHER)}, "ema.module"),
        ({"state_dict": under("backbone.") | under("backbone_momentum.", OTHER)}, "backbone_momentum"),
    ],
)
def test_averaged_weights_beside_are_said_and_can_be_chosen(tmp_path: Path, content: Any, other: str) -> None:
    path = saved(tmp_path / "w.pth.tar", content)
    weights = read_weights(path)
    assert torch.equal(select_network(weights, STATE)["layer.bias"], STATE["layer.bias"])
    (note,) = weights.notes
    assert f"`weights={path}#{other}`" in note
    chosen = select_network(read_weights(path, other), STATE)
    assert torch.equal(chosen["layer.bias"], OTHER["layer.bias"])


def test_tensors_of_the_optimizer_are_no_network(tmp_path: Path) -> None:
    state = {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": []}
    path = saved(tmp_path / "w.pth", {"optimizer": state, "net_g": STATE})
    assert select_network(read_weights(path), STATE).keys() == STATE.keys()
    with pytest.raises(WeightsError, match="holds no weights"):
        read_weights(saved(tmp_path / "o.pth", {"optimizer": state}))


@pytest.fixture(scope="module")
def resnet() -> dict[str, torch.Tensor]:
    repair_torchvision()
    import timm

    torch.manual_seed(0)
    return dict(timm.create_model("test_resnet", num_classes=0).state_dict())


def vectors_of(store: Path) -> Any:
    from retrieval.store.open import open_store

    with open_store(store).snapshot() as snapshot:
        return snapshot.vectors(snapshot.space()).data.copy()


def index(folder: Path, weights: Path | str, store: Path, check: int = 0) -> Any:
    return call_cli(
        "index", folder, "--source", "folder", "--encoder", "timm/test_resnet", "--weights", str(weights),
        "--store", store, "--precision", "fp32", check=check,
    )  # fmt: skip


@pytest.mark.parametrize(
    "head", ["classifier", "heads", "projection_head.0", "bottleneck", "fc", "arcface", "head.mlp.0"]
)
def test_heads_of_other_names_are_set_aside_and_named(
    tmp_path: Path, resnet: dict[str, torch.Tensor], head: str
) -> None:
    write_images(tmp_path / "images", 3)
    layers = ("fc.0", "fc.2") if head == "fc" else (head,)  # of MoCo v2: a perceptron in the classifier's place
    person = under("module.", resnet) | {f"module.{layer}.weight": torch.randn(751, 7) for layer in layers}
    saved(tmp_path / "model.pth.tar-60", {"state_dict": person, "epoch": 60})
    done = index(tmp_path / "images", tmp_path / "model.pth.tar-60", tmp_path / "s")
    index(tmp_path / "images", saved(tmp_path / "plain.pt", resnet), tmp_path / "plain")
    np.testing.assert_array_equal(vectors_of(tmp_path / "s"), vectors_of(tmp_path / "plain"))
    assert head.split(".", maxsplit=1)[0] in " ".join(done.stdout.split() + done.stderr.split())


def test_student_and_teacher_are_two_spaces_through_the_command_line(
    tmp_path: Path, resnet: dict[str, torch.Tensor]
) -> None:
    write_images(tmp_path / "images", 3)
    head = {"head.mlp.0.weight": torch.randn(8, 16)}
    other = {key: value * 1.5 if value.is_floating_point() else value for key, value in resnet.items()}
    student = under("module.backbone.", other) | under("module.", head)
    path = saved(
        tmp_path / "both.pth", {"student": student, "teacher": under("backbone.", resnet) | head, "args": None}
    )
    said = index(tmp_path / "images", path, tmp_path / "s", check=1).stderr
    assert re.findall(r"--weights \S+#([\w.]+\w)", said) == ["student.module.backbone", "teacher.backbone"]
    for inside in ("teacher.backbone", "student.backbone"):
        index(tmp_path / "images", f"{path}#{inside}", tmp_path / "s")
    assert len(call_json("info", "--store", tmp_path / "s")["spaces"]) == 2
    index(tmp_path / "images", saved(tmp_path / "plain.pt", resnet), tmp_path / "plain")
    index(tmp_path / "images", f"{path}#teacher.backbone", tmp_path / "teacher")
    np.testing.assert_array_equal(vectors_of(tmp_path / "teacher"), vectors_of(tmp_path / "plain"))


def test_a_trunk_that_fits_only_partly_is_refused(tmp_path: Path, resnet: dict[str, torch.Tensor]) -> None:
    write_images(tmp_path / "images", 3)
    partly = {key: value for key, value in resnet.items() if not key.startswith("layer4.")}
    said = index(tmp_path / "images", saved(tmp_path / "w.pt", partly), tmp_path / "s", check=1).stderr
    assert "does not fit timm/test_resnet" in said
