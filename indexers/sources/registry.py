"""The table of all kinds of sources, and the functions that open one by kind or by guessing from a path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from indexers.sources.base import SourceType, has_image
from indexers.sources.coco_table import has_annotations, is_coco
from indexers.sources.gbif import is_gbif
from indexers.sources.inaturalist import is_inaturalist
from indexers.sources.metadata_files import has_metadata
from indexers.sources.presets import guess_preset, known_names
from indexers.sources.shards import kind_of_shards
from indexers.sources.wildlife import is_wildlife
from indexers.sources.yolo_file import find_yolo_file
from indexers.tables import DESCRIBING, TABLE_SUFFIXES, is_table, table_suffix
from retrieval.errors import InputError, MissingFileError
from retrieval.image_listing import is_hidden, is_image
from retrieval.lookup import load_entry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.sources.base import BaseSource

SOURCES = {
    "coco": ".coco:CocoSource",
    "folder": ".folder:FolderSource",
    "gbif": ".gbif:GbifSource",
    "hands11k": ".hands11k:Hands11kSource",
    "imagefolder": ".imagefolder:ImageFolderSource",
    "inaturalist": ".inaturalist:INaturalistSource",
    "manifest": ".manifest:ManifestSource",
    "parquet": ".parquet_shards:ParquetSource",
    "pattern": ".pattern:PatternSource",
    "prepared": ".prepared:PreparedSource",
    "webdataset": ".webdataset:WebDatasetSource",
    "wildlife": ".wildlife:WildlifeSource",
    "yolo": ".yolo:YoloSource",
}

DEPTH = 8
"""Levels of folders in which images are looked for."""

MOST_SETS = 20
"""Sub-folders of a folder that may hold data sets of their own."""


def open_source(
    path: Path, kind: str | None = None, name: str | None = None, options: Mapping[str, Any] | None = None
) -> BaseSource:
    """Open a source; its images are not read yet.

    Args:
        path: the folder or table.
        kind: a key of ``SOURCES``; guessed from the path if None.
        name: name of the source, part of every sample's id; default ``<kind>:<folder or file stem>``.
        options: options of that kind of source.

    Raises:
        UnknownNameError: there is no such kind.
        InputError: the path does not fit the kind, or an option is unknown or has an invalid value.
        MissingFileError: the path does not exist.
    """
    kind = kind or guess_kind(path)
    source = load_source(kind)
    if options and "split" in options and "split" not in source.Options.model_fields:
        raise InputError(f"Source {kind} has its own splits; leave `split` out.")
    return source(path, name, source.Options.read(options or {}, where=f"source '{kind}'"))


def load_source(kind: str) -> SourceType:
    """Import the class of a source by its kind.

    Raises:
        UnknownNameError: there is no such kind.
    """
    return cast("SourceType", load_entry("source", SOURCES, kind, __package__))


def guess_kind(root: Path) -> str:
    """Guess the kind of source from a path.

    Raises:
        MissingFileError: ``root`` does not exist.
        InputError: it is not clear which kind of source ``root`` is.
    """
    way_out = f"say which source it is: {', '.join(SOURCES)}"
    if (kind := kind_of_shards(root)) is not None:
        return kind
    if not os.path.exists(root):  # noqa: PTH110 - Path.exists raises where a parent may not be read
        raise MissingFileError(f"There is no file or folder {root}.")
    if root.is_file():
        return _kind_of_file(root, way_out)
    try:
        entries = sorted(entry for entry in root.iterdir() if not is_hidden(entry.name))
    except OSError as error:
        raise InputError(f"{root} cannot be read: {error.strerror}.") from None
    if (kind := _kind_of_entries(root)) is not None:
        return kind
    if has_metadata(root):
        return "imagefolder"
    if inside := sets_inside(root):
        sets = ", ".join(f"{path} ({what})" for path, what in inside.items())
        raise InputError(f"{root} is no data set itself, but holds {sets}; index {' and '.join(map(str, inside))}.")
    # A table or a data.yaml beside the images describes them; reading only the label folders would ignore it.
    described = [entry for entry in entries if table_suffix(entry) in (*DESCRIBING, ".yaml", ".yml")]
    if not described and any(entry.is_dir() and has_image(entry, DEPTH) for entry in entries):
        return "folder"
    raise _not_plain(root, described, way_out)


def _kind_of_file(path: Path, way_out: str) -> str:
    if path.name == "HandInfo.csv":
        return "hands11k"
    if path.suffix.lower() == ".json" and is_coco(path):
        return "coco"
    if is_wildlife(path):
        return "wildlife"
    if find_yolo_file(path) is not None:
        return "yolo"
    if is_table(path):
        return "manifest"
    raise InputError(f"{path} is neither a folder nor a table ({', '.join(TABLE_SUFFIXES)}); {way_out}.")


def _not_plain(root: Path, described: list[Path], way_out: str) -> InputError:
    """Make the error for a folder whose kind of source cannot be guessed."""
    if not described and has_image(root, 0):
        entry = known_names([path.name for path in root.iterdir() if is_image(path.name)])
        named = f"{entry.way} (the files are named as those of {entry.title}), " if entry else ""
        return InputError(
            f"{root} holds images and no folders of labels; say {named}`levels=_` to index them without labels, "
            "`pattern=REGEX` to read identities or labels from their names, or list them in a table and index that."
        )
    if tables := [str(path) for path in described if is_table(path)]:
        way_out = f"index {' or '.join(tables[:3])} for what the table says, or {way_out}"
    why = f"it holds {described[0].name}" if described else "it has no sub-folder with images"
    return InputError(f"What {root} holds is not plain, because {why}; {way_out}.")


def _kind_of_entries(folder: Path) -> str | None:
    """Return the kind of source that a folder is by the names in it, or None."""
    if (folder / "HandInfo.csv").is_file():
        return "hands11k"
    if guess_preset(folder) is not None:
        return "pattern"
    if (folder / "query0").is_dir() and (folder / "gallery0").is_dir():
        return "prepared"
    signs = {"gbif": is_gbif, "inaturalist": is_inaturalist, "wildlife": is_wildlife, "coco": has_annotations}
    kind = next((kind for kind, holds in signs.items() if holds(folder)), None)
    return kind or ("yolo" if find_yolo_file(folder) is not None else None)


def sets_inside(root: Path, levels: int = 2) -> dict[Path, str]:
    """Find known data sets in the sub-folders of a folder and, if there is none, in those below.

    Returns:
        Path of each data set, and the preset or the kind of source that reads it. Empty where a folder has more than
        :data:`MOST_SETS` sub-folders, which are labels then.
    """
    try:
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir() and not is_hidden(entry.name))
    except OSError:
        return {}
    if len(folders) > MOST_SETS or not levels:
        return {}
    kinds = {folder: kind for folder in folders if (kind := _kind_of_entries(folder)) is not None}
    if kinds:
        return {folder: guess_preset(folder) or kind for folder, kind in kinds.items()}
    return {path: what for folder in folders for path, what in sets_inside(folder, levels - 1).items()}
