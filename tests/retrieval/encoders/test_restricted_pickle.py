"""A pickle builds tensors and runs nothing."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from retrieval.encoders import restricted_pickle
from retrieval.encoders.weights import Weights, read_weights
from retrieval.errors import WeightsError

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
        reader = restricted_pickle.RestrictedPickle(restricted_pickle.Budget(Path("w.pt")))
        reader.load(io.BytesIO(program(module, name)))
    assert not hasattr(OrderedDict, "dump_patch")
    assert not hasattr(restricted_pickle.Placeholder, "dump_patch")


def test_dotted_names_reach_nothing() -> None:
    reader = restricted_pickle.RestrictedPickle(restricted_pickle.Budget(Path("w.pt")))
    program = b"\x80\x04\x8c\x05torch\x8c\x09os.system\x93\x8c\x04true\x85R."
    made = reader.load(io.BytesIO(program))
    assert isinstance(made, restricted_pickle.Placeholder)
    assert list(reader.ignored) == ["torch.os.system"]
