"""Requests to index images and to import vectors, made by commands and by Python functions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from indexers.pipeline.report import COMMIT_SECONDS
from indexers.sources.split_words import read_split_option
from indexers.vectors.imported import VectorOptions
from indexers.vectors.read_bank import BankOptions
from retrieval.config import Config, split_commas
from retrieval.crops import parse_policy
from retrieval.errors import unknown
from retrieval.image_formats import MAX_PIXELS
from retrieval.types import PREPROJ

VIEWS = ("base", "hflip", PREPROJ)

WAIT_SECONDS = 600.0


def _text(value: object) -> object:
    """Convert a path to text for options that are a name or a path."""
    return str(value) if isinstance(value, Path) else value


def _views(value: object) -> object:
    """Convert a list, or text such as ``base,hflip``, to unique views with ``base`` first."""
    listed = split_commas(value) if isinstance(value, str) else value
    if not isinstance(listed, list | tuple):
        return value
    views = dict.fromkeys(str(view).strip() for view in listed if str(view).strip())
    for view in views:
        if view not in VIEWS:
            raise unknown("view", view, VIEWS)
    return ("base", *(view for view in views if view != "base"))


def _preprocess(value: object) -> object:
    """Convert a mapping such as ``{"resize": 320}``, one text or one path to items ``key=value`` and paths."""
    if isinstance(value, Mapping):
        return tuple(f"{key}={_joined(item)}" for key, item in value.items())
    if isinstance(value, str | Path):
        return (str(value),)
    return tuple(_text(item) for item in value) if isinstance(value, list | tuple) else value


def _crop(value: str | None) -> str | None:
    """Convert a crop policy to the text that spaces have."""
    return None if value is None else parse_policy(value).text


def _joined(value: object) -> str:
    return "/".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


Text: TypeAlias = Annotated[str, BeforeValidator(_text)]


class IndexRequest(Config):
    """A request to embed the images of ``path`` into a store."""

    path: Path = Field(description="Folder or table of images, or a pattern of shards such as 'set-{000..012}.tar'.")
    source: str | None = Field(
        default=None,
        description="Kind of source: folder, imagefolder, manifest, wildlife, coco, yolo, gbif, inaturalist, "
        "parquet, webdataset, hands11k, pattern or prepared. Without it, guessed where it is plain.",
    )
    source_name: str | None = Field(
        default=None, description="Name that is part of every sample's id. Without it, the kind and the folder's name."
    )
    columns: Mapping[str, str | None] = Field(
        default={}, description="Sources that read tables: their own name of a field, such as filepath: image."
    )
    image_root: Path | None = Field(
        default=None,
        description="Sources that read tables: folder where relative paths start, or that holds the images.",
    )
    pattern: str | None = Field(
        default=None, description="Sources pattern and prepared: regular expression that reads the file names."
    )
    preset: str | None = Field(
        default=None,
        description="Source pattern: known data set whose names and splits are read, such as market1501 or veri.",
    )
    split: Annotated[Mapping[str, str], BeforeValidator(read_split_option)] = Field(
        default={},
        description="What words of splits mean, in folders, tables and patterns: Training=train, val=test, WORD=none "
        "for no split; one split alone is that of all samples. Usual words are known.",
    )
    levels: str | None = Field(
        default=None,
        description="Source folder: what each level of folders is, such as split/label, _/label or identity/camera.",
    )
    source_options: Mapping[str, Any] = Field(default={}, description="Other options of the source.")
    encoder: Text | None = Field(
        default=None,
        description="Encoder: a name such as bioclip-2 (vitrine encoders lists them), FAMILY/MODEL or "
        "FAMILY/MODEL:WEIGHTS such as timm/resnet50:a1_in1k, hf-hub:ORGANISATION/REPOSITORY, or the path of a folder "
        "or file. Without it, the encoder of the store's default space.",
    )
    weights: Text | None = Field(
        default=None,
        description="Weights of the encoder: a tag of the model, a file (FILE#NETWORK for one of several in it), or "
        "hf-hub:ORGANISATION/REPOSITORY, with @REVISION (a commit, tag or branch) for another than the newest version.",
    )
    random_init: int | None = Field(default=None, description="Seed of random weights, instead of weights.")
    preprocess: Annotated[tuple[str, ...], BeforeValidator(_preprocess)] = Field(
        default=(),
        description="Changes to the model's own preprocessing: img_size=224, or resize=320,crop=300, or YAML or JSON "
        "files of these.",
    )
    class_names: Path | None = Field(
        default=None,
        description="File of names of the classifier's outputs in their order: one a line, INDEX<TAB>NAME, or JSON.",
    )
    crop: Annotated[str | None, AfterValidator(_crop)] = Field(
        default=None,
        description="What the encoder sees of a sample that is a box: box, box+context(0.3), full+box (drawn on the "
        "whole image), circle, blur-outside(0.03), or full+crop (two views). Each makes a space of its own. "
        "Without it, box, or that of the store's default space where no encoder is named.",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto", description="Number format of the forward pass. auto decides by device and CPU, once per space."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="Device that embeds. auto is CUDA where there is one, then MPS, then the CPU."
    )
    views: Annotated[tuple[str, ...], BeforeValidator(_views)] = Field(
        default=("base",),
        description="Views to store: base, hflip (mirrored), preproj (before the projection of an open_clip encoder).",
    )
    thumbnails: bool = Field(
        default=True, description="Whether to store small pictures; leave them out of sensitive or very large sets."
    )
    prune: bool = Field(default=False, description="Whether to drop samples whose files or rows are gone.")
    include_forgotten: bool = Field(
        default=False,
        description="Whether to take in images that were forgotten, and to stop remembering that they were.",
    )
    max_pixels: int = Field(
        default=MAX_PIXELS,
        ge=1,
        description="Largest number of pixels of an image that is decoded: a limit against files that unpack to fill "
        "memory; one pixel takes 3 bytes.",
    )
    workers: int | None = Field(
        default=None, ge=1, description="Number of decoding threads. Without it, one per core, and at least two."
    )
    commit_seconds: float = Field(
        default=COMMIT_SECONDS, ge=0, description="Seconds between commits: the work that a kill may cost at the most."
    )
    wait: float = Field(default=WAIT_SECONDS, ge=0, description="Seconds to wait for another writer of the store.")
    quiet: bool = Field(default=False, description="Whether to show no progress.")


class ImportRequest(VectorOptions):
    """A request to import vectors computed elsewhere: as samples, for indexed samples, or as a bank."""

    path: Path = Field(
        description="File of vectors: .npz, .npy with a table, .mat, .pt, CSV, TSV or Parquet; or a folder of "
        "clip-retrieval.",
    )
    kind: Literal["vectors", "bank"] = Field(
        default="vectors", description="Whether the vectors are of samples, or a bank of texts or classes."
    )
    attach: str | None = Field(
        default=None,
        description="Source of indexed images that the vectors belong to. Without it, the rows become samples of "
        "their own.",
    )
    classes: str | None = Field(
        default=None, description="Bank: array of class names of each vector, or the list that class_index counts into."
    )
    class_index: str | None = Field(
        default=None, description="Bank: array of whole numbers from 0 into classes, one per vector."
    )
    texts: str | None = Field(
        default=None, description="Bank: array of texts. Without it, an array texts or captions where there is one."
    )
    bank_name: str | None = Field(default=None, description="Bank: its name. Without it, the file's.")
    space_name: str | None = Field(default=None, description="Name of the new space. Without it, the file's.")
    space: str | None = Field(
        default=None, description="Imported space to add to; for a bank, the space that it belongs to."
    )
    prune: bool = Field(
        default=False, description="Whether to drop rows of an earlier import of this file that it no longer has."
    )
    include_forgotten: bool = Field(
        default=False,
        description="Whether to take in rows that were forgotten, and to stop remembering that they were.",
    )
    wait: float = Field(default=WAIT_SECONDS, ge=0, description="Seconds to wait for another writer of the store.")

    @model_validator(mode="after")
    def _fits_the_kind(self) -> ImportRequest:
        """Raise an error for options that the request would ignore."""
        bank = self.kind == "bank"
        ignored = [*FIELDS_OF_VECTORS, "metadata", "attach", "space_name"] if bank else FIELDS_OF_BANKS
        given = [name for name in ignored if getattr(self, name) is not None]
        if bank and self.prune:
            given.append("prune")
        if given:
            other, kind = ("vectors of samples", "bank") if bank else ("a bank", "vectors")
            raise _refusal(given, f"is for {other}, not for `kind={kind}`; leave it out")
        if self.attach is not None:
            if fields := [name for name in self.named() if name != "filepath"]:
                raise _refusal(fields, "does not go with `attach`: the images keep what the store knows of them")
            if self.prune:
                raise _refusal(["prune"], "drops samples that an import made, and with `attach` it makes none")
        return self

    def vector_options(self) -> VectorOptions:
        """Return the arrays or columns of vectors and fields."""
        return VectorOptions(**{name: getattr(self, name) for name in VectorOptions.model_fields})

    def bank_options(self) -> BankOptions:
        """Return the arrays of the bank."""
        return BankOptions(**{name: getattr(self, name) for name in BankOptions.model_fields})


FIELDS_OF_VECTORS = tuple(name for name in VectorOptions.model_fields if name not in {"vectors", "metadata"})
FIELDS_OF_BANKS = ("classes", "class_index", "texts", "bank_name")


def _refusal(names: list[str], why: str) -> PydanticCustomError:
    options = ", ".join(f"`{name}`" for name in names)
    return PydanticCustomError("combination", "{options} {why}", {"options": options, "why": why})
