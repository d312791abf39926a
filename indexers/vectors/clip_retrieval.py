"""Read a folder of clip-retrieval: shards of vectors in ``img_emb`` or ``text_emb``, and their ``metadata``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from indexers.tables import reading_parquet
from indexers.vectors.arrays import load
from indexers.vectors.named_arrays import checked_vectors
from indexers.vectors.sharded_table import ShardedTable
from indexers.vectors.with_table import with_table
from retrieval.errors import InputError, first_names, unknown
from retrieval.export.columns import FILEPATH, IMAGE_PATH, IMG_EMB, METADATA, NOT_READ, PROVENANCE, TEXT_EMB

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.vectors.imported import ImportedVectors, VectorOptions
    from retrieval.types import Float32


class _Shard(NamedTuple):
    """A file of vectors, the table of its rows, and their number."""

    vectors: Path
    table: Path
    rows: int


def read_shards(folder: Path, options: VectorOptions, *, described: bool) -> ImportedVectors:
    """Read the vectors of all shards, in the order of their numbers, and the rows of metadata that belong to them.

    ``vectors`` is ``img_emb`` or ``text_emb``; without it, that of the images if the folder has both. The paths of rows
    are the column ``image_path``.

    Raises:
        InputError: a shard is missing, has another number of rows than its metadata, or another dimension.
        UnknownNameError: the folder does not have the vectors that ``vectors`` names.
    """
    if options.metadata is not None:
        raise InputError(f"A metadata table goes with an .npy file; {folder} holds its own in {METADATA}.")
    present = [name for name in (IMG_EMB, TEXT_EMB) if _numbered(folder, name, "npy")]
    if not present:
        raise InputError(
            f"{folder} is a folder without {IMG_EMB}/{IMG_EMB}_0.npy, as clip-retrieval writes it; give a file of "
            "vectors."
        )
    chosen = options.vectors or present[0]
    if chosen not in present:
        raise unknown(f"folder of vectors in {folder}", chosen, present)
    shards = _paired(folder, chosen)
    vectors = _vectors(shards)
    names, ours = _columns(shards)
    if options.filepath is None and FILEPATH not in names and IMAGE_PATH in names:
        options = options.model_copy(update={"filepath": IMAGE_PATH})
    not_read = tuple(name for name in names if ours and name in NOT_READ)
    table = ShardedTable(folder, [(shard.table, shard.rows) for shard in shards], frozenset(not_read))
    unread = (*not_read, *table.ignored, *(name for name in present if name != chosen))
    imported = with_table(vectors, table, options, described=described, unread=unread, what=chosen)
    files = tuple(path for shard in shards for path in (shard.vectors, shard.table))
    notes = (*imported.notes, *table.notes, *_gaps(folder, chosen))
    return imported._replace(chosen=(chosen,), files=files, notes=notes)


def _numbered(folder: Path, name: str, suffix: str) -> dict[int, Path]:
    """Map the numbers of the shards in a folder to their files.

    Raises:
        InputError: two files have one number.
    """
    pattern = re.compile(rf"{name}_([0-9]+)\.{suffix}")
    shards: dict[int, Path] = {}
    for path in sorted((folder / name).glob(f"{name}_*.{suffix}")):
        match = pattern.fullmatch(path.name)
        if match is None:
            continue
        if other := shards.get(int(match[1])):
            raise InputError(f"{folder}: {other.name} and {path.name} have the same number; move one away.")
        shards[int(match[1])] = path
    return dict(sorted(shards.items()))


def _paired(folder: Path, chosen: str) -> list[_Shard]:
    """Pair the files of vectors with those of metadata by their numbers, and compare their rows."""
    vectors, tables = _numbered(folder, chosen, "npy"), _numbered(folder, METADATA, "parquet")
    for have, lack, other in ((vectors, tables, METADATA), (tables, vectors, chosen)):
        missing = [path for number, path in have.items() if number not in lack]
        if missing:
            raise InputError(
                f"{folder} has no shard of {other} for {first_names(path.name for path in missing)}; fetch what is "
                f"missing, or move the others away ({len(missing):,} in all)."
            )
    shards = []
    for number, path in vectors.items():
        with reading_parquet(tables[number]) as file:
            shards.append(_Shard(path, tables[number], file.metadata.num_rows))
    return shards


def _vectors(shards: list[_Shard]) -> Float32:
    """Read the vectors of all shards (n, d); those of a single one in float32 stay memory-mapped."""
    arrays = [(shard, load(shard.vectors)) for shard in shards]
    widths: Mapping[int, Path] = {}
    for shard, array in arrays:
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            raise InputError(f"{shard.vectors} is no array of shape (rows, dimension).")
        if len(array) != shard.rows:
            raise InputError(
                f"{shard.vectors.name} has {len(array):,} rows and {shard.table.name} has {shard.rows:,}; they are not "
                "of one run, or one is cut off: fetch both again."
            )
        widths = {**widths, array.shape[1]: shard.vectors}
    if len(widths) > 1:
        (one, first), (other, second), *_ = widths.items()
        raise InputError(f"{first.name} has vectors of dimension {one} and {second.name} of {other}; move one away.")
    if len(arrays) == 1:
        return checked_vectors(arrays[0][1], str(shards[0].vectors))
    vectors = np.empty((sum(shard.rows for shard in shards), next(iter(widths))), np.float32)
    start = 0
    for shard, array in arrays:
        vectors[start : start + shard.rows] = checked_vectors(array, str(shard.vectors))
        start += shard.rows
    return vectors


def _columns(shards: list[_Shard]) -> tuple[list[str], bool]:
    """Return the names of all columns of metadata, and whether export-vectors wrote them."""
    names: dict[str, None] = {}
    ours = True
    for shard in shards:
        with reading_parquet(shard.table) as file:
            names |= dict.fromkeys(file.schema_arrow.names)
            ours &= PROVENANCE.encode() in (file.schema_arrow.metadata or {})
    return list(names), ours


def _gaps(folder: Path, chosen: str) -> tuple[str, ...]:
    """Return a sentence if numbers are missing between those of the shards: a part of a run may have failed."""
    numbers = list(_numbered(folder, chosen, "npy"))
    missing = sorted(set(range(numbers[-1])) - set(numbers))
    if not missing:
        return ()
    return (f"{folder.name} has no shards {first_names(map(str, missing), 6)} of {numbers[-1] + 1:,}.",)
