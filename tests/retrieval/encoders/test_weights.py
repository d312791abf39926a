from __future__ import annotations

import argparse
import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders import restricted_pickle
from retrieval.encoders.weights import Weights, check_fit, read_weights, strip_prefixes
from retrieval.errors import InputError, MissingFileError, WeightsError

STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}


class Hyper:
    """A class of a project that the reader does not have."""

    def __init__(self, lr: float) -> None:
        self.lr = lr


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def same(found: Weights) -> bool:
    return found.tensors.keys() == STATE.keys() and all(torch.equal(found.tensors[k], v) for k, v in STATE.items())


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", ["plain", "state_dict", "model"])
def test_torch_formats_and_containers(tmp_path: Path, zipped: bool, wrap: str) -> None:  # noqa: FBT001
    content = (
        STATE
        if wrap == "plain"
        else {"epoch": 3, wrap: OrderedDict(STATE), "optimizer": {"state": {0: {"m": torch.ones(1)}}}}
    )
    torch.save(content, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    assert same(read_weights(tmp_path / "w.pt"))


def test_safetensors_whatever_its_name(tmp_path: Path) -> None:
    for name in ("w.safetensors", "w.bin"):
        save_file(STATE, tmp_path / name)
        assert same(read_weights(tmp_path / name))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_foreign_classes_gives_its_tensors(tmp_path: Path, zipped: bool) -> None:  # noqa: FBT001
    foreign = {
        "hyper_parameters": argparse.Namespace(a=Hyper(0.1)),
        "callbacks": {Hyper: [Hyper(1.0)]},
        "paths": {Path("a")},
    }
    torch.save(
        {"state_dict": OrderedDict(STATE), **foreign}, tmp_path / "w.ckpt", _use_new_zipfile_serialization=zipped
    )
    found = read_weights(tmp_path / "w.ckpt")
    assert same(found)
    assert "argparse.Namespace" in found.ignored
    assert any(name.endswith(".Hyper") for name in found.ignored)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_pickled_module_gives_its_tensors(tmp_path: Path, zipped: bool) -> None:  # noqa: FBT001
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.save(model, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    found = read_weights(tmp_path / "w.pt")
    assert found.tensors.keys() == model.state_dict().keys()
    assert torch.equal(found.tensors["0.weight"], model.state_dict()["0.weight"])


@pytest.mark.parametrize("form", ["zip", "legacy", "plain pickle"])
@pytest.mark.parametrize("weights_too", [True, False])
def test_a_pickle_that_would_run_code_does_not_run(tmp_path: Path, form: str, weights_too: bool) -> None:  # noqa: FBT001
    marker, file = tmp_path / "marker", tmp_path / "evil.pt"
    content: Any = {"state_dict": STATE, "x": Evil(marker)} if weights_too else Evil(marker)
    if form == "plain pickle":
        file.write_bytes(pickle.dumps(Evil(marker)))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    if weights_too and form != "plain pickle":
        assert same(read_weights(file))
    else:
        with pytest.raises(
            WeightsError, match=r"evil\.pt holds no weights; it asked to run posix\.system, which was not run"
        ):
            read_weights(file)
    assert not marker.exists()
    code = f"import pickle; pickle.loads({pickle.dumps(Evil(marker))!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert marker.exists(), "the bomb itself does not work, so the test would prove nothing"


def test_a_pickle_cannot_change_what_it_is_handed() -> None:
    def program(module: str, name: str) -> bytes:
        head = b"\x80\x02c" + f"{module}\n{name}\n".encode()
        return head + b"}(X\x01\x00\x00\x00aK\x01u}(X\x0a\x00\x00\x00dump_patchK\x01u\x86b."

    for module, name in (("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"), ("os", "system")):
        reader = restricted_pickle.RestrictedPickle()
        with pytest.raises((AttributeError, TypeError, pickle.UnpicklingError)):
            reader.load(io.BytesIO(program(module, name)))
    assert not hasattr(OrderedDict, "dump_patch")
    assert not hasattr(restricted_pickle.Placeholder, "dump_patch")


def test_dotted_names_reach_nothing() -> None:
    reader = restricted_pickle.RestrictedPickle()
    program = b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93\x8c\x04true\x85R."
    made = reader.load(io.BytesIO(program))
    assert isinstance(made, restricted_pickle.Placeholder)
    assert reader.ignored == ["torch.os.system"]


def test_torchscript_is_read_without_its_code(tmp_path: Path) -> None:
    class Masked(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
            self.mask = torch.ones(2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.inner(x) * self.mask
            return out

    model = Masked().eval().half()
    torch.jit.save(torch.jit.script(model), tmp_path / "jit.pt")
    found = read_weights(tmp_path / "jit.pt").tensors
    assert found.keys() == model.state_dict().keys()
    assert all(
        torch.equal(found[key], value) and found[key].dtype == value.dtype for key, value in model.state_dict().items()
    )


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty.pt": (b"", "is empty"),
    "page.safetensors": (b"<!DOCTYPE html><html>", "web page"),
    "page.bin": (b"\n  <html lang='en'>", "web page"),
    "pointer.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git-lfs pointer"),
    "noise.pt": (bytes(range(256)) * 9, "no weight file"),
    "noise.safetensors": (bytes(range(256)) * 9, "not a safetensors file"),
    "text.pt": (b"hello", "no weight file"),
    "one.pt": (b"\x80", "no weight file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_weights(tmp_path: Path, name: str) -> None:
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        read_weights(tmp_path / name)
    assert name in str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "jit"])
def test_files_cut_short_anywhere_are_sentences(tmp_path: Path, kind: str) -> None:
    file = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    if kind == "safetensors":
        save_file(STATE, file)
    elif kind == "jit":
        torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2)), file)
    else:
        torch.save(STATE, file, _use_new_zipfile_serialization=kind == "zip")
    whole = file.read_bytes()
    for part in (0.05, 0.3, 0.6, 0.9, 0.99):
        file.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(WeightsError, match=file.name):
            read_weights(file)


def test_other_things_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone\.pt"):
        read_weights(tmp_path / "gone.pt")
    with pytest.raises(InputError, match="cannot be read"):
        read_weights(tmp_path)
    torch.save({"epoch": 3}, tmp_path / "no.pt")
    with pytest.raises(WeightsError, match="holds no weights"):
        read_weights(tmp_path / "no.pt")
    save_file({}, tmp_path / "no.safetensors")
    with pytest.raises(WeightsError, match="no tensors"):
        read_weights(tmp_path / "no.safetensors")
    with zipfile.ZipFile(tmp_path / "z.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="damaged"):
        read_weights(tmp_path / "z.pt")


@pytest.mark.parametrize(
    "prefix", ["", "module.", "net.", "net._orig_mod.", "_orig_mod.", "model.", "module.model.", "_orig_mod.module."]
)
def test_prefixes(prefix: str) -> None:
    wrapped = {prefix + key: value for key, value in STATE.items()}
    if prefix and not prefix.startswith("_"):
        wrapped["loss.center"] = torch.zeros(3)
    assert strip_prefixes(wrapped, STATE).keys() == STATE.keys()


def test_a_prefix_that_the_model_itself_has_stays() -> None:
    own = {"model.a": torch.ones(1), "model.b": torch.ones(1)}
    assert strip_prefixes(own, own).keys() == own.keys()
    assert strip_prefixes({f"model.{k}": v for k, v in own.items()}, own).keys() == own.keys()


def under(prefix: str, state: dict[str, torch.Tensor] = STATE) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in state.items()}


def test_any_one_prefix_is_found_beside_other_parts() -> None:
    copies = {key: -value for key, value in STATE.items()}
    beside = {**under("ema.module.", copies), "criterion.weight": torch.ones(1), "val_acc.tp": torch.ones(1)}
    for prefix in ("", "net.", "resnet.", "model.resnet18."):
        found = strip_prefixes({**beside, **under(prefix)}, STATE)
        assert found.keys() == STATE.keys()
        assert all(torch.equal(found[key], value) for key, value in STATE.items())
    assert strip_prefixes(under("ema.", copies), STATE).keys() == STATE.keys()


def test_between_two_networks_nothing_is_guessed() -> None:
    assert not strip_prefixes({**under("student."), **under("teacher.")}, STATE).keys() & STATE.keys()


def test_what_a_network_has_more_is_not_passed_over() -> None:
    assert "dist_token" in strip_prefixes({**STATE, "dist_token": torch.ones(1)}, STATE)


def test_a_misfit_says_which_keys_and_shapes() -> None:
    found = {"layer.weight": torch.zeros(4, 3), "extra": torch.zeros(1)}
    with pytest.raises(WeightsError) as caught:
        check_fit(found, STATE, Weights(Path("w.pt"), found), "timm/x")
    message = str(caught.value)
    for part in (
        "w.pt does not fit timm/x",
        "1 missing (layer.bias)",
        "1 unexpected (extra)",
        "layer.weight (4, 3) instead of (2, 3)",
    ):
        assert part in message
