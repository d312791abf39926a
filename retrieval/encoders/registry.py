"""The closed table of encoder families, and the two doors: :func:`resolve` (identity, no model) and :func:`load`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.encoders import precision
from retrieval.encoders.artefact import FOLDER, open_folder, weight_file
from retrieval.encoders.hub import HUB
from retrieval.encoders.preprocess import override
from retrieval.encoders.request import EncoderRequest, split_name, weight_source
from retrieval.errors import InputError, WeightsError, first_names
from retrieval.lookup import load_entry
from retrieval.types import EncoderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.encoders.artefact import Artefact
    from retrieval.encoders.family import Family
    from retrieval.encoders.request import Parts
    from retrieval.types import Encoder

FAMILIES = {
    "checkpoint": ".checkpoint_encoder:FAMILY",
    "open_clip": ".open_clip_encoder:FAMILY",
    "timm": ".timm_encoder:FAMILY",
    "torchvision": ".torchvision_encoder:FAMILY",
}


def family(name: str) -> Family:
    """Look up a family.

    Raises:
        UnknownNameError: there is no such family.
    """
    loaded: Family = load_entry("encoder family", FAMILIES, name, __package__)
    return loaded


def resolve(request: EncoderRequest) -> EncoderSpec:
    """Turn what the user typed into an encoder's identity. No model is built; only named weights are downloaded.

    Raises:
        UnknownNameError: family, model, tag, precision, device or preprocessing key that does not exist.
        InputError: a value that cannot be used, or no weights are named.
        MissingFileError: a file that does not exist.
        NetworkError: a download is needed and did not succeed.
    """
    parts = split_name(replace(request, name=_full_name(request.name)))
    named = family(parts.family)
    model, implied = named.check(parts.model)
    source = _source(named, parts, model, implied, request.random_init)
    found = named.describe(model, source)
    kin = family(found.family)
    device = precision.choose_device(request.device)
    return EncoderSpec(
        family=found.family,
        model=found.model,
        weights=found.source,
        weights_digest=_digest(kin, found.model, found.source),
        preprocess=override(found.preprocess, request.preprocess),
        precision=precision.choose_precision(request.precision, device, contrastive=kin.contrastive),
        batch_size=precision.batch_size(device, contrastive=kin.contrastive),
    )


def _full_name(name: str) -> str:
    """``FAMILY/PATH`` for a file or folder that is named alone; other names stay as they are.

    Raises:
        InputError: no family knows what lies there.
    """
    path = Path(name).expanduser()
    kind, slash, _ = name.partition("/")
    if (slash and kind in FAMILIES) or not path.exists():
        return name
    claimed = next((key for key in FAMILIES if family(key).claims(path)), None)
    if claimed is not None:
        return f"{claimed}/{path}"
    if path.is_file():
        raise InputError(f"`encoder={name}` is a file; say which model it belongs to: FAMILY/MODEL `weights={name}`.")
    return f"checkpoint/{path}"  # whose error says what the folder should hold


def _source(named: Family, parts: Parts, model: str, implied: str | None, random_init: int | None) -> str:
    """Where the weights are, of what was named and what the model's name implies.

    Raises:
        InputError: no weights are named, or the model is a folder, which has its own.
    """
    if implied is not None and implied.startswith(FOLDER):
        if parts.weights is not None or random_init is not None:
            raise InputError(f"{model} is a folder with its own weights; leave out `weights` and `random_init`.")
        return implied
    if random_init is not None:
        return f"random:{random_init}"
    weights = parts.weights or implied
    if weights is None:
        raise InputError(_no_weights(parts.family, model, named.tags(model)))
    return weight_source(weights, named.tags(model), f"{parts.family}/{model}")


def load(spec: EncoderSpec, device: str = "auto") -> Encoder:
    """Build the encoder of a spec, on any device, after checking that its weights are still the same.

    Raises:
        WeightsError: the weights have changed, do not fit, or are no weights.
        MissingFileError: the weight file is gone.
        NetworkError: the weights have to be downloaded and cannot be.
        InputError: the encoder cannot run on that device, or is an imported space.
    """
    if spec.family == "imported":
        raise InputError(f"the space of '{spec.model}' was imported: it has vectors but no encoder.")
    kin = family(spec.family)
    device = precision.choose_device(device)
    random = spec.weights.startswith("random:")
    artefact = None if random else _artefact(kin, spec.model, spec.weights)
    found = _random_digest(spec.weights) if artefact is None else artefact.digest
    if found != spec.weights_digest:
        where = spec.weights.removeprefix("file:").removeprefix(FOLDER)
        raise WeightsError(
            f"{where} is not what this space was made with (digest {_short(found)} instead of "
            f"{_short(spec.weights_digest)}); give the original weights, or index into a new space."
        )
    return kin.build(spec, device, artefact)


def _short(digest: str) -> str:
    return digest if digest.startswith("random-init:") else digest[:12]


def _artefact(kin: Family, model: str, source: str) -> Artefact:
    if source.startswith("file:"):
        return weight_file(Path(source.removeprefix("file:")))
    if source.startswith(FOLDER):
        return open_folder(Path(source.removeprefix(FOLDER)))
    return kin.find(model, source)


def _digest(kin: Family, model: str, source: str) -> str:
    return _random_digest(source) if source.startswith("random:") else _artefact(kin, model, source).digest


def _random_digest(source: str) -> str:
    """Random values are those of a seed under a torch version; its build (+cpu, +cu126) draws the same."""
    import torch

    return f"random-init:{source.removeprefix('random:')}:torch-{torch.__version__.partition('+')[0]}"


def _no_weights(name: str, model: str, tags: Sequence[str]) -> str:
    some = f" (its tags: {first_names(tags)})" if tags else ""
    return (
        f"{name}/{model} needs weights: `weights=TAG`{some}, `weights=FILE`, `weights={HUB}ORGANISATION/REPOSITORY`, "
        "or `random_init=SEED`."
    )
