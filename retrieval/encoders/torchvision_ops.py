"""Let torchvision import where only its Python half works: call :func:`repair_torchvision` before open_clip or timm.

The torchvision wheel of the package index is built for CUDA. Beside a CPU build of torch its compiled half does
not load, the operators it would have registered are unknown, and ``import torchvision`` stops at
``operator torchvision::nms does not exist``. Declaring the schemas of those operators is enough: models,
transforms and data sets are pure Python. ``torchvision.ops.nms`` and its JPEG codec stay unusable (images are
decoded with Pillow). Where the compiled half loads, nothing is declared.
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
    """Import torchvision, declaring its missing operators first if need be; once per process.

    Returns:
        The library object that keeps the declarations alive (held by this function's cache), or None where the
        compiled half of torchvision loads.
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
    """Load the compiled operators the way torchvision itself will; loading them twice does nothing."""
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
