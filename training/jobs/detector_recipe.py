"""The recipe of the job ``detector``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from indexers.sources.split_words import read_split_option
from retrieval.config import Config
from training.augment import ColourVariation
from training.config import LoopConfig

STRIDES = (8, 16, 32)
"""Pixels between the cells of each grid that answers boxes."""


class LabelledFolder(Config):
    """A data set of YOLO: a folder with ``data.yaml``."""

    path: Path = Field(description="Folder with data.yaml; a relative path starts where the command runs.")
    class_map: Path | None = Field(
        None, description="YAML file of the object and condition of each class; guessed without it, as index does."
    )
    split: Annotated[Mapping[str, str], BeforeValidator(read_split_option)] = Field(
        {}, description="Splits that keys of data.yaml are; test: train for a world on which nothing is ever measured."
    )


class DetectorSizes(Config):
    """Sizes of the network."""

    widths: tuple[int, int, int, int, int] = Field(
        (16, 24, 48, 80, 112), description="Channels after each of the five halvings of the image."
    )
    neck: int = Field(56, ge=8, le=1024, description="Channels of the grids from which boxes are answered.")

    @field_validator("widths")
    @classmethod
    def _some_channels(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not all(4 <= width <= 2048 for width in widths):
            raise ValueError("widths are five numbers of 4 to 2048")
        return widths


class DetectorAugmentation(ColourVariation):
    """How much training images vary."""

    flip: bool = Field(True, description="Mirror half of the images, left to right.")
    scale: tuple[float, float] = Field(
        (0.7, 1.3),
        description="Side of the view, as a share of the image's side, from, to; above 1 there is grey around the "
        "image.",
    )

    @model_validator(mode="after")
    def _range(self) -> DetectorAugmentation:
        if not 0.1 <= self.scale[0] <= self.scale[1] <= 10:
            raise ValueError("scale is a range of two numbers from 0.1 to 10, low to high")
        return self


class DetectionLoss(Config):
    """Loss, and which cells answer for an object (Feng et al. 2021, TOOD)."""

    cells: int = Field(10, ge=1, le=1000, description="Cells that answer for an object, at most.")
    score_power: float = Field(0.5, ge=0, le=10, description="Power of the class score in the fit of a cell.")
    overlap_power: float = Field(6.0, ge=0, le=20, description="Power of the overlap in the fit of a cell.")
    box_weight: float = Field(2.0, ge=0, le=100, description="Weight of the loss of boxes; that of classes has 1.")


class DetectorRecipe(Config):
    """Training of a small detector of object types on folders of YOLO.

    Classes are types of objects (``toe drain``), not their conditions.
    """

    name: str = Field("detector", pattern=r"^\w[\w.-]*$", max_length=100, description="Name of the ONNX files.")
    sources: dict[str, LabelledFolder | None] = Field(description="Data sets by name; null leaves one out.")
    classes: tuple[str, ...] | None = Field(
        None, description="Types of objects to find; others are no objects. Without it, all types of the sources."
    )
    size: int = Field(256, ge=64, le=2048, multiple_of=32, description="Side of the images in pixels, letterboxed.")
    batch: int = Field(32, ge=2, le=4096, description="Images per step.")
    val_images: int = Field(300, ge=1, description="At most so many held-out images of each source decide the score.")
    model: DetectorSizes = Field(DetectorSizes(), description="Sizes of the network.")
    augmentation: DetectorAugmentation = Field(DetectorAugmentation(), description="How much images vary.")
    loss: DetectionLoss = Field(DetectionLoss(), description="Loss.")
    overlap: float = Field(
        0.6, gt=0, le=1, description="Overlap above which the end-to-end form drops the less confident of two boxes."
    )
    weights: Literal["fp16", "fp32"] = Field("fp16", description="Numbers of the weights in the ONNX files.")
    loop: LoopConfig = Field(LoopConfig(), description="How long, how fast and how carefully.")

    @field_validator("sources")
    @classmethod
    def _some_sources(cls, sources: dict[str, LabelledFolder | None]) -> dict[str, LabelledFolder | None]:
        if not any(sources.values()):
            raise ValueError("name at least one folder")
        return sources
