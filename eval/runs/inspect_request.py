"""A request to inspect images, made by the command line and by Python."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from retrieval.config import Config
from retrieval.detectors.yolo_onnx import LEAST, OVERLAP


class InspectRequest(Config):
    """Find the objects of images and answer the condition of each."""

    path: Path | None = Field(default=None, description="Image, or folder of images, which is searched to its depth.")
    detector: Path | None = Field(
        default=None,
        description="Detector: an ONNX file of a YOLO family, a folder of text files with boxes, or drains-tiny, which "
        "ships. With split and no detector, the annotated boxes are taken.",
    )
    split: str | None = Field(default=None, description="Inspect the store's own images of this split, with metrics.")
    space: str | None = Field(default=None, description="Space that answers; without it, the default space.")
    method: str = Field(
        default="prototype", description="Scorer that answers: prototype, knn, gda, linear, classifier or prompts."
    )
    bank: str | None = Field(default=None, description="Bank of the scorer, for classifier and prompts.")
    least: float = Field(default=LEAST, ge=0, le=1, description="Smallest confidence of a detection.")
    overlap: float = Field(
        default=OVERLAP, ge=0, le=1, description="Overlap above which the less confident of two boxes is dropped."
    )
    limit: int | None = Field(default=None, ge=1, description="Largest number of images. Without it, all.")
    device: str = Field(default="auto", description="Device of the encoder: auto, cpu, cuda or mps.")
    quiet: bool = Field(default=False, description="Show no progress.")

    @model_validator(mode="after")
    def _names_images(self) -> InspectRequest:
        """Require either a path with a detector, or a split."""
        if (self.path is None) == (self.split is None):
            raise ValueError("name images or a folder, or `split=val` for the store's own, and not both")
        if self.path is not None and self.detector is None:
            raise ValueError("new images need a `detector`: an ONNX file, or a folder of text files with boxes")
        return self
