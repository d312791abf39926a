"""The closed table of encoder families, and the two doors: :func:`resolve` (identity, no model) and :func:`load`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retrieval.encoders import precision
from retrieval.encoders.digests import file_digest
from retrieval.encoders.hub import HUB
from retrieval.encoders.preprocess import override
from retrieval.encoders.request import EncoderRequest, split_name, weight_source
from retrieval.encoders.weights import Weights, read_weights
from retrieval.errors import InputError, WeightsError, unknown
from retrieval.types import EncoderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Encoder, Preprocess

FAMILIES = {
    "open_clip": ".open_clip_encoder:FAMILY",
    "timm": ".timm_encoder:FAMILY",
    "torchvision": ".torchvision_encoder:FAMILY",
}


class Family(Protocol):
    """What a family of encoders knows. ``source`` is ``tag:T``, ``file:PATH``, ``hf-hub:R`` or ``random:SEED``."""

    contrastive: bool

    def check(self, model: str) -> tuple[str, str | None]:
        """The model's own name, and the weights that the name itself implies.

        Raises:
            UnknownNameError: there is no such model.
        """
        ...

    def tags(self, model: str) -> Sequence[str]:
        """Tags of published weights, best known first."""
        ...

    def find(self, model: str, source: str) -> Path:
        """The file of a ``tag:`` or ``hf-hub:`` source, downloaded if need be.

        Raises:
            NetworkError: it has to be downloaded and cannot be.
        """
        ...

    def describe(self, model: str, source: str) -> tuple[str, str, Preprocess]:
        """The final model name and source (aliases resolved), and the preprocessing these weights were trained with."""
        ...

    def build(self, spec: EncoderSpec, device: str, weights: Weights | None) -> Encoder:
        """Build the model and fill it with ``weights``, or with random values if None.

        Raises:
            WeightsError: the weights do not fit.
        """
        ...


def family(name: str) -> Family:
    """Look up a family.

    Raises:
        UnknownNameError: there is no such family.
    """
    if name not in FAMILIES:
        raise unknown("encoder family", name, FAMILIES)
    module, _, attribute = FAMILIES[name].partition(":")
    found: Family = getattr(importlib.import_module(module, __package__), attribute)
    return found


def resolve(request: EncoderRequest) -> EncoderSpec:
    """Turn what the user typed into an encoder's identity. No model is built; only named weights are downloaded.

    Raises:
        UnknownNameError: family, model, tag, precision, device or preprocessing key that does not exist.
        InputError: a value that cannot be used, or no weights are named.
        MissingFileError: a file that does not exist.
        NetworkError: a download is needed and did not succeed.
    """
    parts = split_name(request)
    kin = family(parts.family)
    model, implied = kin.check(parts.model)
    device = precision.choose_device(request.device)
    exact = precision.choose_precision(request.precision, device, contrastive=kin.contrastive)
    named = parts.weights or (None if request.random_init is not None else implied)
    if request.random_init is not None:
        source = f"random:{request.random_init}"
    elif named is None:
        raise InputError(_no_weights(parts.family, model, kin.tags(model)))
    else:
        source = weight_source(named, kin.tags(model), f"{parts.family}/{model}")
    model, source, own = kin.describe(model, source)
    pixels = override(own, request.preprocess)
    return EncoderSpec(
        family=parts.family,
        model=model,
        weights=source,
        weights_digest=_digest(kin, model, source),
        preprocess=pixels,
        precision=exact,
        batch_size=precision.batch_size(device, contrastive=kin.contrastive),
    )


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
    found = _digest(kin, spec.model, spec.weights)
    if found != spec.weights_digest:
        where = spec.weights.removeprefix("file:")
        raise WeightsError(
            f"{where} is not what this space was made with (digest {_short(found)} instead of "
            f"{_short(spec.weights_digest)}); give the original weights, or index into a new space."
        )
    if spec.weights.startswith("random:"):
        return kin.build(spec, device, None)
    return kin.build(spec, device, read_weights(_path(kin, spec.model, spec.weights)))


def _short(digest: str) -> str:
    return digest if digest.startswith("random-init:") else digest[:12]


def _path(kin: Family, model: str, source: str) -> Path:
    return Path(source.removeprefix("file:")) if source.startswith("file:") else kin.find(model, source)


def _digest(kin: Family, model: str, source: str) -> str:
    if source.startswith("random:"):
        import torch

        # Random values are those of a seed under a torch version; its build (+cpu, +cu126) draws the same.
        return f"random-init:{source.removeprefix('random:')}:torch-{torch.__version__.partition('+')[0]}"
    return file_digest(_path(kin, model, source))


def _no_weights(name: str, model: str, tags: Sequence[str]) -> str:
    some = f" (its tags: {', '.join(list(tags)[:3])}{', ...' if len(tags) > 3 else ''})" if tags else ""
    return (
        f"{name}/{model} needs weights: --weights TAG{some}, --weights FILE, --weights {HUB}ORGANISATION/REPOSITORY, "
        "or --random-init SEED."
    )
