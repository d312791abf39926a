"""The recipe of the job ``clip``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from retrieval.config import Config
from retrieval.types import Preprocess
from training.augment import Augmentation
from training.config import LoopConfig
from training.vocabulary import BASE


class SourceConfig(Config):
    """A folder with ``captions.csv``; a relative path starts where the command runs.

    Attributes:
        path: of the folder.
        flip: whether a mirrored image still fits its caption.
        whole: train on its test split, too: for a world that is drawn for training alone, and nothing is measured on.
    """

    path: Path
    flip: bool = True
    whole: bool = False


class ModelConfig(Config):
    """An architecture of open_clip, in its own words; vocabulary and image size are filled in.

    Attributes:
        embed_dim: dimension of the vectors.
        vision_cfg: the image tower.
        text_cfg: the text tower.
    """

    embed_dim: int = Field(ge=1)
    vision_cfg: dict[str, Any]
    text_cfg: dict[str, Any]


class PixelConfig(Config):
    """What the encoder sees of an image; saved with it.

    Attributes:
        size: side in pixels.
        stored: side at which training images are kept, from which crops are taken.
        mean: of the channels, in shares of the full range.
        std: of the channels.
        interpolation: of resizing.
        resize_mode: ``shortest`` cuts, ``longest`` pads, ``squash`` stretches images that are not square.
    """

    size: int = Field(112, ge=16, le=1024)
    stored: int = Field(128, ge=16, le=1024)
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.25, 0.25, 0.25)
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"

    def preprocess(self) -> Preprocess:
        """The same, as the encoders know it."""
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

    Attributes:
        name: of the model, for its card.
        sources: folders by name; ``null`` leaves one out.
        tokens: largest vocabulary, learnt from the captions that are trained on.
        batch: images per step.
        batches: ``folder`` fills each batch from one source, so that captions differ in details only, but nothing
            teaches that a text about one source fits no image of another; ``mixed`` draws from all; ``both`` sets a
            quarter of each source aside for mixed batches.
        val_images: at most so many held-out images of each source decide the score.
        model, pixels, augmentation, loop: groups of their own.
    """

    name: str = "clip"
    sources: dict[str, SourceConfig | None]
    tokens: int = Field(1024, ge=BASE, le=49_408)
    batch: int = Field(256, ge=2)
    batches: Literal["folder", "mixed", "both"] = "both"
    val_images: int = Field(600, ge=1)
    model: ModelConfig
    pixels: PixelConfig = PixelConfig()
    augmentation: Augmentation = Augmentation()
    loop: LoopConfig = LoopConfig()

    @field_validator("sources")
    @classmethod
    def _some(cls, sources: dict[str, SourceConfig | None]) -> dict[str, SourceConfig | None]:
        if not any(sources.values()):
            raise ValueError("name at least one folder")
        return sources
