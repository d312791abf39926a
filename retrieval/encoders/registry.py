"""The table of all encoder families; :func:`resolve` makes the spec of an encoder, :func:`load` builds it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.encoders import precision
from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.hub import HUB
from retrieval.encoders.licences import licence
from retrieval.encoders.names import complete, several_weights
from retrieval.encoders.preprocess import is_open, override
from retrieval.encoders.request import EncoderRequest, split_name, weight_source
from retrieval.errors import InputError, WeightsError, first_names
from retrieval.lookup import load_entry
from retrieval.types import EncoderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.encoders.family import Family
    from retrieval.encoders.request import Parts
    from retrieval.types import Encoder

FAMILIES = {
    "adapter": ".adapter_encoder:FAMILY",
    "checkpoint": ".checkpoint_encoder:FAMILY",
    "clipreid": ".clipreid_encoder:FAMILY",
    "hf": ".hf_encoder:FAMILY",
    "miewid": ".miewid_encoder:FAMILY",
    "onnx": ".onnx_encoder:FAMILY",
    "open_clip": ".open_clip_encoder:FAMILY",
    "timm": ".timm_encoder:FAMILY",
    "torchvision": ".torchvision_encoder:FAMILY",
}


def family(name: str) -> Family:
    """Return a family by name.

    Raises:
        UnknownNameError: the family does not exist.
    """
    loaded: Family = load_entry("encoder family", FAMILIES, name, __package__)
    return loaded


def resolve(request: EncoderRequest) -> EncoderSpec:
    """Return the spec of the encoder in a request. Weights are downloaded if necessary, but no model is built.

    Raises:
        UnknownNameError: a family, model, tag, precision, device or preprocessing key does not exist, or a name may
            mean several encoders.
        InputError: a value is invalid, or no weights are named.
        MissingFileError: a file does not exist.
        NetworkError: a download failed.
    """
    named = complete(request.name, FAMILIES, family)
    parts = split_name(replace(request, name=named.name))
    named_family = family(parts.family)
    model, implied = named_family.check(parts.model)
    source = _source(named_family, parts, model, implied or named.weights, request)
    description = named_family.describe(model, source)
    building_family = family(description.family)  # for a folder, the family in its card
    contrastive = building_family.is_contrastive(description.model)
    device = precision.choose_device(request.device)
    preprocess = override(description.preprocess, request.preprocess)
    if is_open(preprocess):
        raise InputError(
            f"{parts.family}/{model} does not say the size of its images; give it: `preprocess=img_size=224`, or "
            "height by width, `preprocess=img_size=256x128`."
        )
    wanted = (
        request.precision if description.precision is None or request.precision != "auto" else description.precision
    )
    digest = _digest(building_family, description.model, description.source)
    return EncoderSpec(
        family=description.family,
        model=description.model,
        weights=description.source,
        weights_digest=digest,
        preprocess=preprocess,
        precision=precision.choose_precision(wanted, device, contrastive=contrastive),
        batch_size=description.batch_size or precision.batch_size(device, contrastive=contrastive),
        licence=licence(description),  # of the model card, which is downloaded with the weights
    )


def _source(named_family: Family, parts: Parts, model: str, implied: str | None, request: EncoderRequest) -> str:
    """Return the location of the weights that were given, or that the name of the model implies.

    Raises:
        UnknownNameError: the bare name of a model has many weights.
        InputError: no weights are given, or weights are given for a folder or a file, which has its own.
    """
    if implied is not None and implied.startswith((FOLDER, "file:")):
        if parts.weights is not None or request.random_init is not None:
            what = "a folder with its own weights" if implied.startswith(FOLDER) else "a file with its weights"
            raise InputError(f"{model} is {what}; leave out `weights` and `random_init`.")
        return implied
    if request.random_init is not None:
        return f"random:{request.random_init}"
    weights, tags = parts.weights or implied, named_family.tags(model)
    if weights is None and tags and not request.name.startswith(f"{parts.family}/"):
        raise several_weights(request.name, f"{parts.family}/{model}", tags)
    if weights is None:
        raise InputError(_no_weights(parts.family, model, tags))
    return weight_source(weights, tags, f"{parts.family}/{model}")


def load(spec: EncoderSpec, device: str = "auto") -> Encoder:
    """Build the encoder of a spec, after checking the digest of its weights.

    Args:
        spec: the encoder.
        device: torch device, or ``auto``.

    Raises:
        WeightsError: the weights have changed, or do not fit the model.
        MissingFileError: the file of weights does not exist.
        NetworkError: a download failed.
        InputError: the encoder cannot run on the device, or the spec is that of an imported space.
    """
    if spec.family == "imported":
        raise InputError(f"the space of '{spec.model}' was imported: it has vectors but no encoder.")
    building_family = family(spec.family)
    device = precision.choose_device(device)
    random = spec.weights.startswith("random:")
    artefact = None if random else building_family.find(spec.model, spec.weights)
    digest = _random_digest(spec.weights) if artefact is None else artefact.digest
    if digest != spec.weights_digest:
        where = spec.weights.removeprefix("file:").removeprefix(FOLDER)
        raise WeightsError(
            f"{where} is not what this space was made with (digest {_short(digest)} instead of "
            f"{_short(spec.weights_digest)}); give the original weights, or index into a new space."
        )
    return building_family.build(spec, device, artefact)


def _short(digest: str) -> str:
    return digest if digest.startswith("random-init:") else digest[:12]


def _digest(family_of_model: Family, model: str, source: str) -> str:
    """Return the digest of the weights at a location."""
    return _random_digest(source) if source.startswith("random:") else family_of_model.find(model, source).digest


def _random_digest(source: str) -> str:
    """Identify random weights by seed and version of torch; its builds (+cpu, +cu126) give the same values."""
    import torch

    return f"random-init:{source.removeprefix('random:')}:torch-{torch.__version__.partition('+')[0]}"


def _no_weights(name: str, model: str, tags: Sequence[str]) -> str:
    listed = f" (its tags: {first_names(tags)})" if tags else ""
    example = f" For example `encoder={name}/{model}:{tags[0]}`." if tags else ""
    return (
        f"{name}/{model} needs weights: `weights=TAG`{listed}, `weights=FILE`, "
        f"`weights={HUB}ORGANISATION/REPOSITORY[@REVISION]`, or `random_init=SEED`.{example}"
    )
