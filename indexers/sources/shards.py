"""Recognise data sets whose images lie inside tar or Parquet files."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from indexers.sources.base import has_image
from indexers.sources.image_file import has_images
from indexers.sources.shard_files import ShardFiles, find_shards, is_pattern, refuse_packed
from indexers.tables import PARQUET
from retrieval.containers.tar import TarError, tar_members
from retrieval.errors import InputError, MissingFileError
from retrieval.image_listing import is_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOOKED_AT = 50
"""Members of a tar file, of which one must be an image."""


def kind_of_shards(path: Path) -> str | None:
    """Return the kind of source that reads the shards at a path; None if there are none.

    A pattern and a file are told by their content. A folder is one of shards if it holds no image outside them.
    """
    if path.is_dir() and has_image(path):
        return None
    for kind, (suffixes, holds_images) in _KINDS.items():
        shards = _shards(path, suffixes)
        if shards is not None and any(holds_images(file) for _, file in islice(shards.paths(), 3)):
            return kind
    refuse_packed(path)
    return None


def _shards(path: Path, suffixes: tuple[str, ...]) -> ShardFiles | None:
    """Return the shards at a path; None if there are none."""
    if is_pattern(path) and not path.name.lower().endswith(suffixes):
        return None
    try:
        return find_shards(path, suffixes)
    except MissingFileError:
        if is_pattern(path):
            raise
        return None
    except InputError:
        return None


def _tar_has_image(path: Path) -> bool:
    try:
        return any(is_image(member.name) for member in islice(tar_members(path), _LOOKED_AT))
    except (TarError, OSError):
        return False


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Path], bool]]] = {
    "webdataset": ((".tar",), _tar_has_image),
    "parquet": (PARQUET, has_images),
}
"""Kind of source -> suffixes of its shards, and whether a file holds images."""
