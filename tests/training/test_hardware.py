"""Settings resolved for devices that this machine need not have."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from retrieval.errors import InputError, UnknownNameError
from training import hardware
from training.hardware import HardwareConfig, decoding_threads, resolve_hardware, settings_of


@pytest.mark.parametrize(
    ("device", "has_bf16", "amp", "precision", "channels_last", "pinned"),
    [
        ("cpu", True, "auto", "bf16", True, False),
        ("cpu", False, "auto", "fp32", True, False),
        ("cpu", False, "bf16", "bf16", True, False),
        ("cuda", False, "auto", "bf16", True, True),
        ("cuda:1", False, "fp16", "fp16", True, True),
        ("cuda", True, "off", "fp32", True, True),
        ("mps", True, "auto", "fp32", False, False),
        ("mps", True, "off", "fp32", False, False),
    ],
)
def test_what_a_device_does(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    amp: Any,
    precision: str,
    *,
    has_bf16: bool,
    channels_last: bool,
    pinned: bool,
) -> None:
    monkeypatch.setattr(hardware, "cpu_has_bf16", lambda: has_bf16)
    settings = settings_of(HardwareConfig(amp=amp), device)
    assert (settings.device, settings.precision) == (device, precision)
    assert (settings.channels_last, settings.pin_memory, settings.compile) == (channels_last, pinned, False)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mps_trains_in_float32_only(amp: Any) -> None:
    with pytest.raises(InputError, match=f"amp={amp}: training on MPS is in float32"):
        settings_of(HardwareConfig(amp=amp), "mps")


def test_processes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert decoding_threads() == 12
    monkeypatch.setattr(hardware, "ranks", lambda: 4)
    assert decoding_threads() == 3


def test_devices_are_looked_up() -> None:
    assert resolve_hardware(HardwareConfig(), "cpu").device == "cpu"
    with pytest.raises(UnknownNameError, match="No device 'gpu'"):
        resolve_hardware(HardwareConfig(), "gpu")


def test_images_and_convolutions_have_their_channels_last() -> None:
    settings = settings_of(HardwareConfig(amp="off"), "cpu")
    model = settings.prepare(torch.nn.Conv2d(3, 4, 3))
    images = settings.images(torch.rand(2, 3, 8, 8))
    assert images.is_contiguous(memory_format=torch.channels_last)
    weight = model.get_parameter("weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    with settings.autocast():
        assert model(images).dtype == torch.float32
    assert settings.scaler() is None
    plain = settings_of(HardwareConfig(amp="off", channels_last=False), "cpu")
    assert plain.images(images).is_contiguous()


@pytest.mark.parametrize(("amp", "dtype"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_half_precision_and_its_scaler(amp: Any, dtype: torch.dtype) -> None:
    settings = settings_of(HardwareConfig(amp=amp), "cpu")
    with settings.autocast():
        assert torch.nn.Linear(4, 4)(torch.ones(1, 4)).dtype == dtype
    assert (settings.scaler() is not None) == (amp == "fp16")


def test_a_compiled_model_keeps_the_names_of_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []

    def note(self: torch.nn.Module) -> None:
        compiled.append(self)

    monkeypatch.setattr(torch.nn.Module, "compile", note)  # the compiler takes a minute
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    settings = settings_of(HardwareConfig(compile=True), "cpu")
    assert settings.prepare(model).state_dict().keys() == {"0.weight", "0.bias"}
    settings.prepare(model, (model[0],))
    assert compiled == [model, model[0]]
