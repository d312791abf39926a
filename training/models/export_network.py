"""What :func:`training.export.write_encoder` needs of a trained network, for every family that is trained.

The encoder that is written gives the vectors of :meth:`training.models.towers.ImageTower.vectors`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.encoders.artefact import FOLDER, find_card
from retrieval.encoders.clipreid_encoder import SMALL_TEXT
from retrieval.encoders.hub import HUB, hub_file
from retrieval.encoders.repository_configs import CONFIG, OPEN_CLIP_CONFIG
from retrieval.encoders.shipped import VOCABULARY, shipped, shipped_artefact
from retrieval.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from retrieval.types import EncoderSpec, Preprocess
    from training.models.towers import ImageTower

CLIPREID = "clipreid"


class ExportedNetwork(NamedTuple):
    """Arguments of :func:`training.export.write_encoder`: ``write_encoder(out, record, **exported._asdict())``."""

    family: str
    model: str
    preprocess: Preprocess
    weights: Mapping[str, torch.Tensor]
    files: Mapping[str, bytes]


def export_network(
    tower: ImageTower, weights: Mapping[str, torch.Tensor] | None = None, *, family: str | None = None
) -> ExportedNetwork:
    """Return what is to be written of a trained network.

    Args:
        tower: the network, with the spec of the encoder it was loaded from.
        weights: its weights under the names of :attr:`ImageTower.network`; None for those it has.
        family: ``clipreid`` for a CLIP whose vectors are the features before and after its projection; None for the
            family of the encoder that it was loaded from.

    Raises:
        InputError: the network has no such features.
        NetworkError: the configuration of a hub repository could not be downloaded.
    """
    spec, kind = tower.spec, family or tower.spec.family
    if spec.preprocess is None or (kind == CLIPREID and not tower.widths.proj):
        raise InputError(
            f"{spec.family}/{spec.model} has no features before and after a projection, which CLIP-ReID joins; name a "
            "space of an encoder such as open_clip/ViT-B-16 with `space`."
        )
    tensors = dict(tower.network.state_dict() if weights is None else weights)
    files: dict[str, bytes] = {}
    if kind == CLIPREID:
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("visual.")}
        config = _clip_config(spec)
        model = {**config["model_cfg"], "text_cfg": SMALL_TEXT}
        files = {OPEN_CLIP_CONFIG: _json({**config, "model_cfg": model})}
    elif kind == "open_clip":
        files = {**_tokenizer_files(spec), OPEN_CLIP_CONFIG: _json(_clip_config(spec))}
    elif kind == "timm":
        files = _timm_files(spec)
    name = spec.model.removeprefix(HUB).partition("@")[0]
    return ExportedNetwork(kind, name, spec.preprocess, tensors, files)


def _clip_config(spec: EncoderSpec) -> dict[str, Any]:
    """Return open_clip's configuration of a spec, with the size and the normalisation of its images."""
    from retrieval.encoders.open_clip_encoder import quiet_open_clip, read_model_config

    folder, pixels = _folder(spec), spec.preprocess
    if folder is not None:
        config = read_model_config(folder / OPEN_CLIP_CONFIG)
    elif spec.model.startswith(HUB):
        config = read_model_config(hub_file(spec.model.removeprefix(HUB), [OPEN_CLIP_CONFIG]))
    else:
        config = {"model_cfg": quiet_open_clip().get_model_config(spec.model)}
    if pixels is None:
        return config
    height, width = pixels.crop
    vision = {**config["model_cfg"]["vision_cfg"], "image_size": height if height == width else [height, width]}
    usual = {
        "mean": list(pixels.mean),
        "std": list(pixels.std),
        "interpolation": pixels.interpolation,
        "resize_mode": pixels.mode,
    }
    return {
        "model_cfg": {**config["model_cfg"], "vision_cfg": vision},
        "preprocess_cfg": {**config.get("preprocess_cfg", {}), **usual},
    }


def _folder(spec: EncoderSpec) -> Path | None:
    """Return the folder with the files of an encoder; None for models that are named by tag, file or repository."""
    if shipped(spec.model) and not spec.weights.startswith(FOLDER):
        return shipped_artefact(spec.model).path
    if not spec.weights.startswith(FOLDER):
        return None
    folder = Path(spec.weights.removeprefix(FOLDER))
    card = find_card(folder)
    return folder if card is None else card.parent


def _tokenizer_files(spec: EncoderSpec) -> dict[str, bytes]:
    """Return the files of the tokenizer of a spec that has its own."""
    from retrieval.encoders.open_clip_encoder import TOKENIZER_FILES

    folder, names = _folder(spec), (VOCABULARY, *TOKENIZER_FILES)
    if folder is not None:
        return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    files = {}
    if spec.model.startswith(HUB) and _clip_config(spec)["model_cfg"]["text_cfg"].get("hf_tokenizer_name"):
        for name in TOKENIZER_FILES:
            with suppress(UnknownNameError):  # no tokenizer has all of them
                files[name] = hub_file(spec.model.removeprefix(HUB), [name]).read_bytes()
    return files


def _timm_files(spec: EncoderSpec) -> dict[str, bytes]:
    """Return the configuration that says how the network differs from timm's of the same name."""
    from retrieval.encoders.timm_repositories import model_args

    arguments = model_args(spec.model, spec.weights)
    return {CONFIG: _json({"architecture": spec.model, "model_args": arguments})} if arguments else {}


def _json(values: Any) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()
