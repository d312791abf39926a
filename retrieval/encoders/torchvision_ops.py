"""Make torchvision importable if its compiled library does not load; call before importing open_clip or timm.

The torchvision wheel of the package index is built for CUDA. With a CPU build of torch its compiled library does not
load, so its operators are not registered and ``import torchvision`` fails with ``operator torchvision::nms does not
exist``. Declaring the schemas of these operators is enough for models and transforms, which are pure Python;
``torchvision.ops.nms`` and the JPEG codec cannot be used. If the compiled library loads, nothing is declared.
"""

from __future__ import annotations

import functools
import importlib.util
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache
def repair_torchvision() -> torch.library.Library | None:
    """Import torchvision, declaring its operators first if they are missing; once per process.

    Returns:
        The library object that keeps the declarations alive, or None if the compiled library of torchvision loads.
    """
    import torch

    library = None
    if not _compiled_half_loads():
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for name in ("nms", "qnms"):
            library.define(name + _ARGUMENTS)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Failed to load image Python extension")
        importlib.import_module("torchvision")
    return library


def _compiled_half_loads() -> bool:
    """Return whether the compiled library loads; torchvision may load it again."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    for file in sorted(Path(spec.origin).parent.glob("_C*.*")):
        try:
            torch.ops.load_library(file)  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return True
    return False
