"""Small files that would fill the memory or run without end are refused in one sentence."""

from __future__ import annotations

import io
import json
import pickle
import struct
import time
import zipfile
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image

from retrieval.encoders import restricted_pickle
from retrieval.encoders.weights import read_weights
from retrieval.errors import InputError, VitrineError, WeightsError
from tests.support.command_line import call_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATE = OrderedDict({"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)})
DOUBLED = b"]" + b"2\x86" * 60
"""A tuple of a tuple of a tuple ..., each twice: 2 ** 60 values in 120 bytes."""


@pytest.fixture
def few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restricted_pickle, "MOST_VALUES", 100_000)


def torch_zip(path: Path, program: bytes, members: dict[str, bytes] | None = None, packing: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in ({"data.pkl": program, "version": b"3\n"} | (members or {})).items():
            archive.writestr(f"archive/{name}", content)
    return path


def tensor(numbers: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """Return the program of a state dict of one tensor, without its end."""

    def text(value: str) -> bytes:
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def whole(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    storage += b"J" + struct.pack("<i", numbers) + b"tQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + whole(size) + whole(stride) + b"\x89Nt"
    return b"\x80\x02}" + text("w") + rebuild + b"R" + b"s"


def test_what_is_packed_must_not_swell(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "w.pth", b"\x80\x02}.", {"data/0": bytes(200 << 20)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match=r"more than 10 times as much; fetch it again, or save it with torch.save"):
        read_weights(path)


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02" + b"]" * 200_000 + b".",  # more lists than can be
        b"\x80\x02}" + DOUBLED + b"K\x00s.",  # a key whose hash takes 2 ** 60 steps
        b"\x80\x02]" + b"(h\x00h\x00l" * 3 + b".",
        b"\x80\x02]r\xff\xff\xff\x0f.",  # position 268 million of the memo
        b"\x80\x02" + b"]2a" + b"2a" * 40 + b".",  # a list that contains itself
        b"\x80\x02cos\nsystem\nq\x00" + b"(h\x00h\x00o" * 1000 + b".",
        b"\x80\x02" + tensor(2, (10, 10), (10, 1))[2:] + b".",  # a storage smaller than its tensor
        b"\x80\x02" + tensor(2, (2**31 - 1,) * 2, (0, 0))[2:] + b".",  # one number that stands for 2 ** 62
    ],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.usefixtures("few_values")
def test_a_hostile_pickle_is_refused_quickly(program: bytes, zipped: bool, tmp_path: Path) -> None:  # noqa: FBT001
    path = tmp_path / "w.pth"
    if zipped:
        torch_zip(path, program, {"data/0": bytes(8)})
    else:
        path.write_bytes(program)
    started = time.monotonic()
    with pytest.raises(VitrineError) as raised:
        read_weights(path)
    assert str(path) in str(raised.value)
    assert time.monotonic() - started < 30


def shared_lists() -> Any:
    value: Any = [torch.ones(1)]
    for _ in range(7):
        value = [value] * 40
    return {"a": value}


def shared_state_dicts() -> Any:
    state = {f"layer{at}.weight": torch.ones(1) for at in range(300)}
    return {"runs": [[state] * 1000] * 1000}


def itself() -> Any:
    value: dict[str, Any] = {f"k{at}": at for at in range(8)}
    value |= {f"v{at}": value for at in range(30)}
    return value


@pytest.mark.usefixtures("few_values")
@pytest.mark.parametrize("make", [shared_lists, shared_state_dicts, itself])
def test_values_that_are_repeated_without_end_are_refused(make: Callable[[], Any], tmp_path: Path) -> None:
    torch.save(make(), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"or contains itself; save the state dict alone"):
        read_weights(tmp_path / "w.pth")


def test_the_state_dict_alone_is_read(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "w.pth")  # the way out of the error above
    assert read_weights(tmp_path / "w.pth").tensors.keys() == STATE.keys()


class Loop(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)
        self._modules["again"] = self
        self._modules["more"] = self


@pytest.mark.usefixtures("few_values")
def test_a_module_that_contains_itself_is_refused(tmp_path: Path) -> None:
    torch.save(Loop(), tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="contains itself"):
        read_weights(tmp_path / "w.pt")


def test_ordinary_contents_beside_the_weights_pass(tmp_path: Path) -> None:
    ordinary = {
        "state_dict": STATE,
        "history": [{"epoch": at, "loss": 1 / (at + 1), "lr": [0.1, 0.2]} for at in range(5000)],
        "files": [f"images/{at}.jpg" for at in range(10_000)],
        "optimizer": {"state": {at: {"step": at} for at in range(1000)}, "groups": {(0, "a"): {1: 2}}},
        "shapes": {"w": torch.Size([2, 3])},
        "averaged": STATE,
    }
    for zipped in (True, False):
        torch.save(ordinary, tmp_path / "w.ckpt", _use_new_zipfile_serialization=zipped)
        found = read_weights(tmp_path / "w.ckpt")
        assert all(torch.equal(found.tensors[key], value) for key, value in STATE.items())
        assert found.container == "state_dict"
        assert not found.ignored


def test_pickles_of_python_2_are_read(tmp_path: Path) -> None:
    pairs = [["layer.weight", 1], ["layer.bias", 2]]
    program = b"\x80\x02ccollections\nOrderedDict\n" + pickle.dumps((pairs,), 2)[2:-1] + b"R."
    reader = restricted_pickle.RestrictedPickle(restricted_pickle.Budget(tmp_path / "w.pth"))
    assert reader.load(io.BytesIO(program)) == OrderedDict({"layer.weight": 1, "layer.bias": 2})


def test_a_header_of_safetensors_has_a_limit(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {"x": " " * (17 << 20)}}).encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    with pytest.raises(WeightsError, match="header of more than 16 MiB"):
        read_weights(tmp_path / "w.safetensors")


def test_a_torchscript_archive_that_repeats_a_storage_is_read_once(tmp_path: Path) -> None:
    part = tensor(250_000, (250_000,), (1,))[2:]  # }X...w...s: a dictionary with one tensor
    program = b"\x80\x02" + b"(" + part * 500 + b"l."
    path = torch_zip(tmp_path / "w.pt", program, {"constants.pkl": b"\x80\x02).", "data/0": bytes(1_000_000)})
    with pytest.raises(WeightsError, match="TorchScript archive without weights"):
        read_weights(path)


@pytest.mark.usefixtures("few_values")
def test_the_command_line_says_it_in_one_sentence(tmp_path: Path) -> None:
    torch.save(itself(), tmp_path / "w.pth")
    (tmp_path / "images" / "oak").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(tmp_path / "images" / "oak" / "0.png")
    options = ("--source", "folder", "--store", tmp_path / "store", "--encoder", "timm/test_vit")
    said = call_cli("index", tmp_path / "images", *options, "--weights", tmp_path / "w.pth", check=1).stderr
    assert said.count("\n") == 3  # the first lines say what is loaded, and what the encoder is
    assert "contains itself; save the state dict alone" in said
