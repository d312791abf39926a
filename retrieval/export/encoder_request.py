"""The request to export the image encoder of a space."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field

from retrieval.config import Config

GraphPrecision: TypeAlias = Literal["fp32", "fp16", "int8"]

IMAGES = 200
"""Images of the store that are compared if the user does not say how many."""


class EncoderExportRequest(Config):
    """A request to write the image encoder of a space to an ONNX file."""

    space: str = Field(description="Space: its name, or the beginning of it.")
    out: Path = Field(
        description="File to write, .onnx; its preprocessing is written beside it, as NAME.preprocess.yaml."
    )
    precision: GraphPrecision = Field(
        default="fp32",
        description="Numbers of the file: fp32; fp16, weights of half the size, computed with in fp32; or int8, "
        "weights and products of whole numbers (dynamic quantisation), a quarter of the size.",
    )
    limit: int = Field(
        default=IMAGES,
        ge=0,
        description="Largest number of images of the store that are encoded by the file and compared with their stored "
        "vectors; 0 compares none.",
    )
    force: bool = Field(default=False, description="Whether to replace existing files.")
    quiet: bool = Field(default=False, description="Whether to show no progress.")
