"""The recipe of the job ``clip``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveFloat, field_validator

from retrieval.config import Config
from retrieval.types import Preprocess
from training.augment import Augmentation
from training.config import LoopConfig
from training.vocabulary import BASE

SIZES = frozenset(("layers", "width", "head_width", "patch_size", "heads", "context_length"))
"""Keys of a tower that are sizes."""

LARGEST = 65_536
"""Largest size in an architecture, so that a slip of the pen is told before memory is asked for."""


class SourceConfig(Config):
    """A folder with ``captions.csv``."""

    path: Path = Field(description="Folder with captions.csv; a relative path starts where the command runs.")
    flip: bool = Field(True, description="Whether a mirrored image still fits its caption.")
    whole: bool = Field(
        False, description="Train on its test split, too: for a world on which nothing is ever measured."
    )


class ModelConfig(Config):
    """An architecture of open_clip; vocabulary and image size are filled in."""

    embed_dim: int = Field(ge=1, le=LARGEST, description="Dimension of the vectors.")
    vision_cfg: dict[str, Any] = Field(description="Image tower, in the words of open_clip.")
    text_cfg: dict[str, Any] = Field(description="Text tower, in the words of open_clip.")

    @field_validator("vision_cfg", "text_cfg")
    @classmethod
    def _sizes(cls, tower: dict[str, Any]) -> dict[str, Any]:
        for key in SIZES & tower.keys():
            sizes = tower[key] if key == "layers" and isinstance(tower[key], list) else [tower[key]]
            for size in sizes:
                if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
                    raise ValueError(f"{key}={tower[key]!r} is no whole number from 1 to {LARGEST}")
        return tower


class PixelConfig(Config):
    """Preprocessing of images, saved with the encoder."""

    size: int = Field(112, ge=16, le=1024, description="Side of the images that the encoder sees, in pixels.")
    stored: int = Field(
        128, ge=16, le=1024, description="Side at which training images are kept, from which crops are taken."
    )
    mean: tuple[float, float, float] = Field(
        (0.5, 0.5, 0.5), description="Mean of the channels, as shares of the full range."
    )
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        (0.25, 0.25, 0.25), description="Standard deviation of the channels, as shares of the full range."
    )
    interpolation: Literal["bilinear", "bicubic"] = Field("bicubic", description="Interpolation of resizing.")
    resize_mode: Literal["shortest", "longest", "squash"] = Field(
        "shortest", description="Of images that are not square: shortest cuts, longest pads, squash stretches."
    )

    def preprocess(self) -> Preprocess:
        """The preprocessing of the encoder."""
        return Preprocess(
            resize=self.size,
            crop=(self.size, self.size),
            mean=self.mean,
            std=self.std,
            interpolation=self.interpolation,
            mode=self.resize_mode,
        )


class ClipRecipe(Config):
    """Contrastive training of two towers on images and captions.

    Captions of one source differ in details only, so batches of one source are hard, but do not teach that a caption of
    one source fits no image of another; ``batches=both`` therefore puts a quarter of every source into mixed batches.
    """

    name: str = Field("clip", min_length=1, description="Name of the model, for its space and its card.")
    sources: dict[str, SourceConfig | None] = Field(description="Folders by name; null leaves one out.")
    tokens: int = Field(
        1024, ge=BASE, le=49_408, description="Largest vocabulary, learnt from the captions that are trained on."
    )
    batch: int = Field(256, ge=2, le=LARGEST, description="Images per step.")
    batches: Literal["folder", "mixed", "both"] = Field(
        "both",
        description="Each batch from one source (folder), from all (mixed), or a quarter of the images mixed (both).",
    )
    val_images: int = Field(600, ge=1, description="At most so many held-out images of each source decide the score.")
    model: ModelConfig = Field(description="Architecture.")
    pixels: PixelConfig = Field(PixelConfig(), description="What the encoder sees of an image.")
    augmentation: Augmentation = Field(Augmentation(), description="How much images vary.")
    loop: LoopConfig = Field(LoopConfig(), description="How long, how fast and how carefully.")

    @field_validator("sources")
    @classmethod
    def _some(cls, sources: dict[str, SourceConfig | None]) -> dict[str, SourceConfig | None]:
        if not any(sources.values()):
            raise ValueError("name at least one folder")
        return sources
