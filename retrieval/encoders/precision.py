"""Choose the device, the number format (precision) and the batch size of an encoder.

:mod:`retrieval.encoders.registry` calls these functions when it opens an encoder. Precision and batch size become part
of the space (the stored vectors of one encoder with one preprocessing), so that later runs compute the same vectors.
What ``auto`` means, by device and encoder family:

========  ===============================  =================  ===========================
device    precision of open_clip           precision of       batch size
                                           timm, torchvision
========  ===============================  =================  ===========================
cpu       bf16 if the CPU has avx512_bf16  fp32               16 for open_clip,
          or amx_bf16, else fp32                              8 for timm and torchvision
cuda      fp16                             fp32               128
mps       fp32                             fp32               32
========  ===============================  =================  ===========================

Precision differs by family because of this measurement (docs/decisions/0003-precision-auto.md): on photographs of human
hands, the bf16 vectors of a trained EfficientNet-B3 had a cosine similarity to its fp32 vectors of .982 on average and
.94 at the lowest; those of a ViT-B/32 had .99995, at twice the speed of fp32. Classifiers have batches of 8 on a CPU
because EfficientNet-B3 on two cores is twice as fast in batches of 8 as in batches of 32. A precision other than
``auto`` is used as it is.
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
    """Turn ``auto`` into ``cuda``, ``mps`` or ``cpu``; check that torch has any other device.

    Raises:
        UnknownNameError: ``device`` is not auto, cpu, cuda (or one of several: ``cuda:1``) or mps.
        InputError: torch has no such device on this machine.
    """
    kind = device.partition(":")[0]
    if kind not in DEVICES:
        raise unknown("device", device, DEVICES)
    if device == "cpu":
        return device
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next((name for name, is_available in available.items() if is_available), "cpu")
    number = device.partition(":")[2]
    number_exists = not number or (number.isdigit() and int(number) < torch.cuda.device_count())
    if not available.get(kind) or not number_exists:
        raise InputError(f"torch sees no device '{device}' on this machine; choose the device cpu or auto.")
    return device


def choose_precision(precision: str, device: str, *, contrastive: bool) -> Precision:
    """Turn ``auto`` into fp32, bf16 or fp16 by the table of this module; return another precision as it is.

    Args:
        precision: auto, fp32, bf16 or fp16.
        device: result of :func:`choose_device`.
        contrastive: whether the encoder maps images and texts to the same vectors (family open_clip).

    Raises:
        UnknownNameError: ``precision`` is none of these.
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
    """Return the number of images in every forward pass; smaller batches are padded to it.

    Args:
        device: result of :func:`choose_device`.
        contrastive: whether the encoder maps images and texts to the same vectors (family open_clip).
    """
    if device.startswith("cuda"):
        return 128
    if device == "mps":
        return 32
    return 16 if contrastive else 8


@functools.cache
def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (avx512_bf16 or amx_bf16); False where there is no /proc/cpuinfo."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def torch_dtype(precision: Precision) -> torch.dtype:
    """Return the torch type of a precision."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
