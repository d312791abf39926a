"""Describe an encoder in words and as data for programs: full name, licence, size of its images, normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.encoders.aliases import find_alias
from retrieval.encoders.artefact import FOLDER
from retrieval.encoders.hub import HUB

if TYPE_CHECKING:
    from retrieval.types import EncoderSpec, Preprocess

NAMED_BY_PLACE = ("hf", "miewid", "onnx")
"""Families whose models are named by the repository or file of their weights."""

RESIZING = {"shortest": "shorter side", "longest": "longer side", "squash": "both sides"}
"""What is resized, by the mode of a preprocessing."""


def full_name(spec: EncoderSpec) -> str:
    """Return the name with which the encoder can be named again, ``FAMILY/MODEL[:WEIGHTS]`` or the path of a folder.

    Random weights are no part of the name.
    """
    name = f"{spec.family}/{spec.model}"
    kind, _, value = spec.weights.partition(":")
    if spec.weights.startswith(FOLDER):
        return value
    if kind == "random" or spec.model.startswith(HUB):
        return name
    if spec.family in NAMED_BY_PLACE:
        return f"{spec.family}/{value}"
    return f"{name}:{value if kind in ('tag', 'file') else spec.weights}"


def encoder_line(spec: EncoderSpec, typed: str | None = None) -> str:
    """Return one line that says what an encoder is.

    Args:
        spec: the encoder.
        typed: its name as the user typed it; what an alias stands for is explained, and what else it may mean.
    """
    alias = find_alias(typed.partition(":")[0].removeprefix(HUB)) if typed else None
    shown = f"'{typed}' is" if alias else "Encoder"
    kind = spec.weights.partition(":")[0]
    seed = f" with random weights (seed {spec.weights.partition(':')[2]})" if kind == "random" else ""
    unknown = "licence not known here, see its model card" if kind in ("tag", HUB.rstrip(":")) else ""
    parts = [f"{full_name(spec)}{seed}", f"licence {spec.licence}" if spec.licence else unknown]
    pixels = "" if spec.preprocess is None else f"; images of {_pixels(spec.preprocess)}"
    usual = alias is not None and spec.preprocess is not None and spec.preprocess.crop == (alias.size, alias.size)
    remark = f" {alias.remark}" if alias and usual and alias.remark else ""
    return f"{shown} {', '.join(part for part in parts if part)}{pixels}.{remark}"


def _pixels(pixels: Preprocess) -> str:
    height, width = pixels.crop
    mean, std = ("/".join(f"{value:.3g}" for value in values) for values in (pixels.mean, pixels.std))
    resized = f"{RESIZING[pixels.mode]} to {pixels.resize}, {pixels.interpolation}"
    return f"{width} x {height} pixels ({resized}), mean {mean}, std {std}"


def encoder_data(spec: EncoderSpec) -> dict[str, Any]:
    """Return an encoder as JSON data."""
    pixels = spec.preprocess
    return {
        "name": full_name(spec),
        "family": spec.family,
        "model": spec.model,
        "weights": spec.weights,
        "licence": spec.licence,
        "size": None if pixels is None else list(pixels.crop),
        "mean": None if pixels is None else list(pixels.mean),
        "std": None if pixels is None else list(pixels.std),
        "precision": spec.precision,
    }
