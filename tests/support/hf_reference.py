"""Vectors of the folders of :mod:`tests.support.hf_folders` as transformers computes them.

The suite compares with ``hf_reference.json``, and with transformers itself where it is installed. The file was written
by transformers 5.24.0 with torch 2.13.0 on a CPU, in a checkout of Vitrine::

    pip install --target SITE --no-deps transformers tokenizers regex
    PYTHONPATH=SITE python -m tests.support.hf_reference
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from retrieval.encoders.torchvision_ops import repair_torchvision
from tests.support import hf_folders

FILE = Path(__file__).with_suffix(".json")
TEXTS = ("a photo of a hand", "mushroom", "")
SIZES = {"clip": 32, "siglip": 32, "dinov2": 24}
"""Side of the images by kind, as the folders say."""


def images(case: str, size: int | None = None) -> Any:
    """Two images (2, side, side, 3) uint8."""
    side = size or SIZES[case.partition("-")[0]]
    return np.random.default_rng(11).integers(0, 256, (2, side, side, 3), dtype=np.uint8)


def tokens(case: str) -> torch.Tensor:
    """Tokens of :data:`TEXTS` for CLIP; numbers below 64 for SigLIP."""
    from retrieval.encoders.open_clip_encoder import quiet_open_clip

    if case == "siglip":
        return torch.from_numpy(np.random.default_rng(5).integers(0, 64, (3, 16)))
    made: torch.Tensor = quiet_open_clip().SimpleTokenizer(context_length=16)(list(TEXTS))
    return made


def reference(folder: Path, case: str, size: int | None = None) -> dict[str, list[list[float]]]:
    """Return the unit vectors of images and texts as transformers computes them."""
    repair_torchvision()
    import transformers

    transformers.logging.set_verbosity_error()
    names = {"clip": "CLIPModel", "clip-gelu": "CLIPModel", "clip-image": "CLIPVisionModelWithProjection",
             "siglip": "SiglipModel", "dinov2-registers": "Dinov2WithRegistersModel"}  # fmt: skip
    model = getattr(transformers, names.get(case, "Dinov2Model")).from_pretrained(str(folder)).eval()
    config = json.loads((folder / "preprocessor_config.json").read_text())
    mean, std = (torch.tensor(config[f"image_{name}"]).view(3, 1, 1) for name in ("mean", "std"))
    pixels = (torch.from_numpy(images(case, size)).permute(0, 3, 1, 2) / 255 - mean) / std
    options = {} if case.startswith("dinov2") else {"interpolate_pos_encoding": True}
    vectors: dict[str, Any] = {}
    with torch.no_grad():
        if hasattr(model, "get_text_features"):
            vectors["images"] = model.get_image_features(pixels, **options)
            vectors["texts"] = model.get_text_features(tokens(case))
        else:
            output = model(pixels, **options)
            vectors["images"] = output.image_embeds if case == "clip-image" else output
    plain = {key: getattr(value, "pooler_output", value) for key, value in vectors.items()}
    return {key: torch.nn.functional.normalize(value, dim=1).tolist() for key, value in plain.items()}


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        made = {case: reference(hf_folders.save(Path(place) / case, case), case) for case in hf_folders.CONFIGS}
    rounded = {case: {kind: np.round(rows, 6).tolist() for kind, rows in parts.items()} for case, parts in made.items()}
    FILE.write_text("{\n" + ",\n".join(f'"{case}": {json.dumps(parts)}' for case, parts in rounded.items()) + "\n}\n")
