"""The request to refresh a store with what a training run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from indexers.pipeline.report import COMMIT_SECONDS
from indexers.requests import WAIT_SECONDS
from retrieval.config import Config, split_commas
from retrieval.files import check_picture
from retrieval.image_formats import MAX_PIXELS


def _names(value: object) -> object:
    return tuple(split_commas(value)) if isinstance(value, str) else value


def _texts(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class RefreshRequest(Config):
    """A request to bring a trained encoder and its banks into a store, and to say what changed."""

    checkpoint: Path = Field(description="Folder of a training run, or of the encoder that one left.")
    store: str = Field(description="Folder of the store.")
    space: str | None = Field(
        default=None,
        description="Space whose samples get vectors of the trained encoder. Without it, the one trained from.",
    )
    views: Annotated[tuple[str, ...] | None, BeforeValidator(_names)] = Field(
        default=None, description="Views to store: base, or base,hflip. Without it, those of the other space."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto", description="Number format of the forward pass. auto decides by device and CPU, once per space."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="Device that embeds. auto is CUDA where there is one, then MPS, then the CPU."
    )
    evaluate: Annotated[tuple[str, ...], BeforeValidator(_texts)] = Field(
        default=(),
        description="Evaluations of both spaces, MODE[:KEY=VALUE]... each, such as reid:protocol=clipfh-11k. Without "
        "it, what the training calls for.",
    )
    compare: bool = Field(default=True, description="Whether to compare the two spaces afterwards.")
    sheet: Path | None = Field(
        default=None, description="PNG of the images whose neighbours changed most, with these before and after."
    )
    max_pixels: int = Field(default=MAX_PIXELS, ge=1, description="Largest number of pixels of an image.")
    workers: int | None = Field(
        default=None, ge=1, description="Number of decoding threads. Without it, one per core, and at least two."
    )
    commit_seconds: float = Field(
        default=COMMIT_SECONDS, ge=0, description="Seconds between commits: the work that a kill may cost at the most."
    )
    wait: float = Field(default=WAIT_SECONDS, ge=0, description="Seconds to wait for another writer of the store.")
    quiet: bool = Field(default=False, description="Whether to show no progress.")

    @model_validator(mode="after")
    def _compared(self) -> RefreshRequest:
        """Raise an error for options of a comparison that is not made, and for a sheet that cannot be written."""
        if self.sheet is not None:
            check_picture(self.sheet)
        for name in ("evaluate", "sheet"):
            if getattr(self, name) and not self.compare:
                raise ValueError(f"`{name}` is of the comparison, which is left out")
        return self
