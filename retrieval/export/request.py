"""The request to export vectors or a bank."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from retrieval.config import Config
from retrieval.errors import unknown

Format: TypeAlias = Literal["npz", "parquet", "clip-retrieval"]

SUFFIXES: dict[str, Format] = {".npz": "npz", ".parquet": "parquet", ".pq": "parquet", "": "clip-retrieval"}
"""Suffix of ``out`` -> format; a name without one is a folder."""


class ExportRequest(Config):
    """A request to write the vectors of a space, or a bank, to a file."""

    out: Path = Field(description="File to write: .npz or .parquet; or a folder, as clip-retrieval has it.")
    format: Format | None = Field(
        default=None,
        description="npz, parquet or clip-retrieval (a folder of .npy shards with metadata in Parquet). Without it, by "
        "the suffix of out.",
    )
    space: str | None = Field(
        default=None,
        description="Space: its name or the beginning of it. Without it, the default: the promoted or only one.",
    )
    view: str = Field(default="base", description="View of the space.")
    where: str | None = Field(default=None, description="Only samples that meet this condition over their columns.")
    bank: str | None = Field(
        default=None, description="Export this bank instead (prompts, prototypes, a classifier): its name or hash."
    )
    projection: Literal["pca"] | None = Field(
        default=None,
        description="Add columns projection_x and projection_y: the first two principal components of the vectors.",
    )
    thumbnails: bool = Field(
        default=False, description="Whether to add a column of thumbnails (WebP), in Parquet, for viewers."
    )
    force: bool = Field(default=False, description="Whether to replace an existing file or folder.")
    quiet: bool = Field(default=False, description="Whether to show no progress.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.thumbnails and self.kind != "parquet":
            raise ValueError("`thumbnails` go into Parquet; write `format=parquet` or leave them out")
        if self.bank is not None:
            given = [name for name in ("where", "projection") if getattr(self, name) is not None]
            given += ["thumbnails"] if self.thumbnails else []
            given += ["view"] if self.view != "base" else []
            if given:
                raise ValueError(f"`{given[0]}` is for vectors of samples, not for a bank; leave it out")
            if self.kind == "clip-retrieval":
                raise ValueError("a bank is written as .npz or .parquet; give `out` such a suffix, or say `format`")
        return self

    @property
    def kind(self) -> Format:
        """The format, from the suffix of ``out`` if it was not said.

        Raises:
            UnknownNameError: no format has this suffix.
        """
        if self.format is not None:
            return self.format
        suffix = self.out.suffix.lower()
        if suffix not in SUFFIXES:
            raise unknown("format of exported vectors with the suffix", suffix, filter(None, SUFFIXES))
        return SUFFIXES[suffix]
