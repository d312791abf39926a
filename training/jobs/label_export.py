"""What jobs that learn labels leave behind: the record of a run, and the encoder of a trained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.artefact import FOLDER, find_card
from retrieval.encoders.hub import HUB, hub_file
from retrieval.encoders.shipped import CONFIG, VOCABULARY, shipped, shipped_artefact
from training.checkpoint import BEST
from training.export import Owner, TrainedBank, TrainingRecord, write_encoder
from training.jobs.label_metrics import METRICS, SCORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from retrieval.config import Config
    from retrieval.types import EncoderSpec
    from training.data.data_config import DataConfig
    from training.data.training_data import TrainingData
    from training.loop import TrainingResult


def load_best(out: Path) -> dict[str, torch.Tensor]:
    """Read the weights of the best epoch of a run."""
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = load_file(out / BEST)
    return tensors


def record_of(
    job: str,
    recipe: Config,
    config: DataConfig,
    data: TrainingData,
    result: TrainingResult,
    metrics: Mapping[str, float] | None = None,
    details: Mapping[str, Any] | None = None,
) -> TrainingRecord:
    """Make the record of a run; ``metrics`` are held-out metrics beside those of the best epoch."""
    lines = [line for line in result.history if line["epoch"] == result.best_epoch]
    best = max(lines, key=lambda line: line.get(SCORE, 0.0), default={})
    held_out = {name: float(best[name]) for name in METRICS if name in best}
    return TrainingRecord(
        job=job,
        recipe=recipe.model_dump(mode="json"),
        parent=data.space,
        target=config.target or "label",
        classes=data.classes,
        best_epoch=result.best_epoch,
        metrics={**held_out, **(metrics or {})},
        details=details or {},
    )


def layer_bank(name: str, owner: Owner, classes: Sequence[str], tensors: Mapping[str, torch.Tensor]) -> TrainedBank:
    """Make the bank of a linear layer ``head``, one row a class, in the order of ``classes``."""
    return TrainedBank(
        name=name,
        kind="classifier",
        owner=owner,
        vectors=tensors["head.weight"].numpy(),
        edge_vector=np.arange(len(classes), dtype=np.int64),
        edge_class=np.array(classes, np.str_),
        bias=tensors["head.bias"].numpy(),
    )


def export_tower(out: Path, record: TrainingRecord, spec: EncoderSpec, weights: Mapping[str, torch.Tensor]) -> Path:
    """Write the encoder of a network whose weights were trained.

    Args:
        out: folder of the run.
        record: the record.
        spec: the encoder that the network was loaded from.
        weights: weights under the names of the library.
    """
    files = {} if spec.family != "open_clip" else _clip_files(spec)
    assert spec.preprocess is not None  # noqa: S101 - only imported spaces have none
    return write_encoder(
        out, record, family=spec.family, model=spec.model, preprocess=spec.preprocess, weights=weights, files=files
    )


def _clip_files(spec: EncoderSpec) -> dict[str, bytes]:
    """Return the files besides the weights from which open_clip builds the model of a spec and its tokenizer."""
    from retrieval.encoders.open_clip_encoder import TOKENIZER_FILES, quiet_open_clip

    folder = _folder_of(spec)
    if folder is not None:
        names = (CONFIG, VOCABULARY, *TOKENIZER_FILES)
        files = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    elif spec.model.startswith(HUB):
        files = {CONFIG: hub_file(spec.model.removeprefix(HUB), [CONFIG]).read_bytes()}
    else:
        model_config = quiet_open_clip().get_model_config(spec.model)
        files = {CONFIG: json.dumps({"model_cfg": model_config}).encode()}
    return {**files, CONFIG: _config_with_pixels(json.loads(files[CONFIG]), spec)}


def _folder_of(spec: EncoderSpec) -> Path | None:
    """Return the folder of a shipped model, or of one that was trained or downloaded; None for names and hubs."""
    if spec.weights.startswith(FOLDER):
        folder = Path(spec.weights.removeprefix(FOLDER))
        return (find_card(folder) or folder / CONFIG).parent
    return shipped_artefact(spec.model).path if shipped(spec.model) else None


def _config_with_pixels(config: dict[str, Any], spec: EncoderSpec) -> bytes:
    """Set the size and normalisation of images in open_clip's configuration to those of a spec."""
    pixels = spec.preprocess
    assert pixels is not None  # noqa: S101 - only imported spaces have none
    height, width = pixels.crop
    config["model_cfg"]["vision_cfg"]["image_size"] = height if height == width else [height, width]
    config["preprocess_cfg"] = {
        **config.get("preprocess_cfg", {}),
        "mean": list(pixels.mean),
        "std": list(pixels.std),
        "interpolation": pixels.interpolation,
        "resize_mode": pixels.mode,
    }
    return json.dumps(config, indent=1).encode()
