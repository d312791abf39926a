"""Requests of encoders, and the location of their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from retrieval.encoders.artefact import split_inside
from retrieval.encoders.hub import HUB
from retrieval.encoders.weights import SUFFIXES
from retrieval.errors import InputError, MissingFileError, UnknownNameError, first_names, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class EncoderRequest:
    """An encoder as the user names it.

    Attributes:
        name: ``FAMILY/MODEL``, the shorthand ``FAMILY/MODEL:WEIGHTS``, or what
            :func:`retrieval.encoders.names.complete` completes: an alias, a repository, a folder, a file.
        weights: a tag of the model, a file, one network in a file (``FILE#teacher.backbone``), or
            ``hf-hub:ORGANISATION/REPOSITORY[@REVISION]``.
        random_init: seed of random weights, instead of ``weights``.
        preprocess: files or ``key=value[,key=value]`` items (:func:`retrieval.encoders.preprocess.override`).
        precision: ``auto``, ``fp32``, ``bf16`` or ``fp16``.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
    """

    name: str
    weights: str | None = None
    random_init: int | None = None
    preprocess: tuple[str, ...] = ()
    precision: str = "auto"
    device: str = "auto"


class Parts(NamedTuple):
    """The parts of an encoder's name; ``weights`` is None if none are given."""

    family: str
    model: str
    weights: str | None


def split_name(request: EncoderRequest) -> Parts:
    """Split ``FAMILY/MODEL[:WEIGHTS]``; weights may be given in the name or in ``weights``.

    Raises:
        InputError: the name has another form, or weights are given twice or beside ``random_init``.
    """
    family, slash, rest = request.name.partition("/")
    if not slash or not family or not rest:
        raise InputError(f"`encoder` '{request.name}' is not FAMILY/MODEL, as in open_clip/ViT-B-32 or timm/resnet50.")
    if rest.startswith(HUB) or split_inside(rest)[0].exists():
        model, short = rest, ""
    else:
        model, _, short = rest.partition(":")
    if short and request.weights is not None:
        raise InputError(f"weights are named twice: '{short}' in `encoder` and `weights={request.weights}`; drop one.")
    weights = short or request.weights
    if weights is not None and request.random_init is not None:
        raise InputError(
            f"`random_init={request.random_init}` and the weights '{weights}' exclude each other; drop one."
        )
    if request.random_init is not None and not 0 <= request.random_init < 2**63:
        raise InputError(f"`random_init={request.random_init}` cannot be used; give a whole number from 0.")
    return Parts(family, model, weights)


def weight_source(text: str, tags: Sequence[str], label: str) -> str:
    """Return the location of weights: ``tag:T``, ``file:/absolute/path[#network]`` or ``hf-hub:REPOSITORY[@REVISION]``.

    Args:
        text: the weights as the user gives them.
        tags: tags of the model.
        label: name of the model, for messages.

    Raises:
        MissingFileError: the text is the path of a file that does not exist.
        InputError: the text is the path of a folder.
        UnknownNameError: the text is neither a tag of the model nor a file.
    """
    if text.startswith(HUB):
        return text
    if text in tags:
        return f"tag:{text}"
    path, inside = split_inside(text)
    if path.is_file():
        return f"file:{path.resolve()}" + (f"#{inside}" if inside else "")
    if path.is_dir():
        raise InputError(f"`weights={text}` is a folder; name the weight file in it.")
    if path.suffix.partition("#")[0] in SUFFIXES or "/" in text:
        raise MissingFileError(f"`weights={text}`: no such file; check the path, or name a tag of {label}.")
    listed = f" Tags: {first_names(tags, 8)}." if tags else " It has no tags."
    raise UnknownNameError(
        f"{label} has no weights tag '{text}', and no such file exists.{suggest(text, tags)}{listed}"
    )
