"""How the device is used: number formats, memory layout, compilation, pinned memory. All jobs resolve it here.

========  =====================================  =============  =============  =================
device    ``amp=auto``                           channels-last  pinned memory  gradient scaler
========  =====================================  =============  =============  =================
cpu       bf16 if the CPU multiplies it, else    yes            no             with fp16
          float32
cuda      bf16                                   yes            yes            with fp16
mps       float32, and nothing else              no             no             no
========  =====================================  =============  =============  =================
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from retrieval.config import Config
from retrieval.encoders.precision import choose_device, cpu_has_bf16, torch_dtype
from retrieval.errors import InputError
from training.processes import ranks

if TYPE_CHECKING:
    import torch

MOST_THREADS = 16


class HardwareConfig(Config):
    """Keys of a recipe about the use of the device."""

    amp: Literal["auto", "bf16", "fp16", "off"] = Field(
        "auto", description="Half precision; auto means bf16 on CPUs that have it and on CUDA, and none on MPS."
    )
    channels_last: bool = Field(
        True, description="Lay images out with channels last, which convolutions are faster with; never on MPS."
    )
    compile: bool = Field(False, description="Compile the model with torch.compile, which pays for long runs.")

    @field_validator("amp", mode="before")
    @classmethod
    def _off(cls, amp: object) -> object:
        """YAML reads ``off`` as false."""
        return "off" if amp is False else amp


@dataclass(frozen=True, slots=True)
class Hardware:
    """Resolved settings.

    Attributes:
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: number format of autocast; ``fp32`` does not cast.
        channels_last: memory layout of images and convolutions.
        compile: whether models are compiled.
        pin_memory: whether batches are copied to the device from pinned memory.
    """

    device: str
    precision: Literal["fp32", "bf16", "fp16"]
    channels_last: bool
    compile: bool
    pin_memory: bool

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which a model is applied."""
        import torch

        kind, dtype = self.device.partition(":")[0], torch_dtype(self.precision)
        return torch.autocast(kind, None if self.precision == "fp32" else dtype, enabled=self.precision != "fp32")

    def scaler(self) -> torch.amp.GradScaler | None:
        """The scaler of gradients in fp16, for :class:`training.optimisers.Optimisers`; None in other formats."""
        import torch

        return torch.amp.GradScaler(self.device.partition(":")[0]) if self.precision == "fp16" else None

    def prepare(self, model: torch.nn.Module, compiled: Iterable[torch.nn.Module] | None = None) -> torch.nn.Module:
        """Move a model to the device and lay it out; compile it if the recipe asks for it.

        Args:
            model: the model; the names of its weights stay as they are.
            compiled: its parts that are called, by default the model itself.
        """
        import torch

        model = model.to(self.device)
        if self.channels_last:
            model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.compile:
            for part in (model,) if compiled is None else compiled:
                part.compile()
        return model

    def images(self, batch: torch.Tensor) -> torch.Tensor:
        """Move images (n, 3, height, width) to the device, in the layout of the model."""
        import torch

        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        batch = batch.contiguous(memory_format=layout)
        if self.pin_memory:
            batch = batch.pin_memory()
        return batch.to(self.device, non_blocking=self.pin_memory)


def decoding_threads() -> int:
    """Number of threads that decode images: one per core, divided among the processes of a run."""
    return min(MOST_THREADS, max(1, (os.cpu_count() or 1) // ranks()))


def resolve_hardware(config: HardwareConfig, device: str) -> Hardware:
    """Resolve the settings of a recipe for a device.

    Args:
        config: the recipe's keys.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        UnknownNameError: there is no such device.
        InputError: torch does not see it, or it cannot do what the recipe asks for.
    """
    return settings_of(config, choose_device(device))


def settings_of(config: HardwareConfig, device: str) -> Hardware:
    """The settings on a device that need not be there.

    Raises:
        InputError: half precision on MPS.
    """
    kind = device.partition(":")[0]
    if kind == "mps" and config.amp in {"bf16", "fp16"}:
        raise InputError(f"amp={config.amp}: training on MPS is in float32; leave amp at auto or off.")
    if config.amp == "auto":
        has_bf16 = kind == "cuda" or (kind == "cpu" and cpu_has_bf16())
        precision: Literal["fp32", "bf16", "fp16"] = "bf16" if has_bf16 else "fp32"
    else:
        precision = "fp32" if config.amp == "off" else config.amp
    return Hardware(
        device=device,
        precision=precision,
        channels_last=config.channels_last and kind != "mps",
        compile=config.compile,
        pin_memory=kind == "cuda",
    )
