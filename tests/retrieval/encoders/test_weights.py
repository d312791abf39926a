from __future__ import annotations

import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from retrieval.encoders.weights import Weights, check_fit, read_weights
from retrieval.errors import InputError, MissingFileError, WeightsError

STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}


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
