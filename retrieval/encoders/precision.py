"""Which device, which arithmetic and which batch size an encoder runs with: rules, recorded in the space.

``auto`` by device and family:

========  ============================  ==========================  ================
device    open_clip                     timm, torchvision           images a forward
========  ============================  ==========================  ================
cpu       bf16 weights where the CPU    fp32                        16 / 8
          has avx512_bf16 or amx_bf16,
          fp32 elsewhere
cuda      fp16                          fp32                        128
mps       fp32                          fp32                        32
========  ============================  ==========================  ================

Why the families differ: on hand photographs the vectors of a trained EfficientNet-B3 in bf16 had a cosine to fp32
of .94 at worst and .982 on average, so half precision changes what a convolutional classifier sees; ViT-B/32 kept
.99995 and ran twice as fast. Why 8: EfficientNet-B3 on two cores is twice as fast in batches of 8 as of 32. An
explicit ``--precision`` always wins.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from retrieval.errors import InputError, unknown
from retrieval.types import Precision

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(device: str) -> str:
    """Turn ``auto`` into ``cuda``, ``mps`` or ``cpu``, and check that a device that was asked for is there.

    Raises:
        UnknownNameError: not one of auto, cpu, cuda (or ``cuda:1``), mps.
        InputError: torch does not see that device here.
    """
    kind = device.partition(":")[0]
    if kind not in DEVICES:
        raise unknown("device", device, DEVICES)
    if device == "cpu":
        return device
    import torch

    seen = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name, there in seen.items() if there), "cpu")
    number = device.partition(":")[2]
    if not seen.get(kind) or (number and not (number.isdigit() and int(number) < torch.cuda.device_count())):
        raise InputError(f"torch sees no device '{device}' on this machine; choose the device cpu or auto.")
    return device


def choose_precision(precision: str, device: str, *, contrastive: bool) -> Precision:
    """Apply the table above; ``device`` is already chosen, ``contrastive`` says open_clip.

    Raises:
        UnknownNameError: not one of auto, fp32, bf16, fp16.
    """
    if precision != "auto":
        if precision not in get_args(Precision):
            raise unknown("precision", precision, ("auto", *get_args(Precision)))
        return cast("Precision", precision)
    if not contrastive:
        return "fp32"
    if device.startswith("cuda"):
        return "fp16"
    return "bf16" if device == "cpu" and cpu_has_bf16() else "fp32"


def batch_size(device: str, *, contrastive: bool) -> int:
    """Images of every forward on this device; shorter batches are padded to it."""
    if device.startswith("cuda"):
        return 128
    if device == "mps":
        return 32
    return 16 if contrastive else 8


@functools.cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (avx512_bf16 or amx_bf16, as Linux lists them)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def torch_dtype(precision: Precision) -> torch.dtype:
    """The torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
