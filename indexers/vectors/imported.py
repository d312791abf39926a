"""What is read from a file of vectors, and the options that say where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from indexers.vectors.numbered_rows import NumberedRows
from indexers.vectors.unit_vectors import UNIT_LENGTH, unit_vectors
from retrieval.config import Config
from retrieval.errors import InputError, first_names
from retrieval.export.columns import FIELDS, LENGTH

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from retrieval.types import Embeddings, Float32, Int64


class VectorOptions(Config):
    """Arrays (``.npz``, ``.mat``, ``.pt``) or columns (Parquet, CSV, TSV) of the vectors and the fields of samples."""

    vectors: str | None = Field(
        default=None,
        description="Array of vectors (.npz, .mat, .pt; QUERY,GALLERY for two, and so for the fields), column of lists "
        "(Parquet; vector unless given), or columns of numbers by names and patterns: margin*,shape*.",
    )
    metadata: Path | None = Field(default=None, description="Table beside an .npy file, one row per vector.")
    filepath: str | None = Field(default=None, description="Array or column that names the rows.")
    label: str | None = Field(default=None, description="Array or column of labels.")
    identity: str | None = Field(default=None, description="Array or column of identities.")
    camera: str | None = Field(default=None, description="Array or column of cameras.")
    group: str | None = Field(default=None, description="Array or column of groups (burst, specimen).")
    aspect: str | None = Field(default=None, description="Array or column of aspects.")
    split: str | None = Field(default=None, description="Array or column of splits.")
    captured_at: str | None = Field(default=None, description="Array or column of times of capture.")
    vector_length: str | None = Field(
        default=None,
        description="Array or column of the lengths that vectors had before they were made of length one, as "
        "export-vectors writes it.",
    )

    def named(self) -> dict[str, str]:
        """Map the fields that the user set to their arrays or columns."""
        return {field: value for field, value in self.said().items() if value}

    def said(self) -> dict[str, str]:
        """Map the fields that the user spoke of to their arrays or columns; empty for those that are left out."""
        values = {field: getattr(self, field) for field in ("filepath", *FIELDS)}
        return {field: value for field, value in values.items() if value is not None}

    def length_name(self, names: Collection[str]) -> str | None:
        """Return the array or column of lengths before, of those that a file has; None if there is none."""
        if self.vector_length is None:
            return LENGTH if LENGTH in names else None
        return self.vector_length or None


class ImportedVectors(NamedTuple):
    """Vectors read from a file, with the fields of their samples.

    ``vectors`` (n, d) float32 are finite, not zero and not normalised. ``columns`` maps fields of samples (text;
    ``captured_at`` datetime) and typed ``meta_*`` to n values, None where unknown. ``rows`` are n unique names: those
    in the file if ``named``, else numbers. ``chosen`` is the array or the columns of the vectors, empty if the file
    holds only one set of vectors; it is part of the identity of the vectors. ``notes`` say what of the file was taken
    and what was not. ``lengths`` (n,) float32 are those that vectors of length one had before, if the file has them.
    ``files`` are those that were read, if there are several.
    """

    vectors: Float32
    columns: dict[str, list[Any]]
    rows: Sequence[str]
    named: bool = False
    chosen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lengths: Float32 | None = None
    files: tuple[Path, ...] = ()

    def units(self, rows: Int64) -> Embeddings:
        """Return the unit vectors of rows, and the lengths that they had; see :func:`unit_vectors`."""
        return unit_vectors(self.vectors[rows], None if self.lengths is None else self.lengths[rows])


def taken_notes(
    path: Path,
    what: str,
    vectors: Float32,
    fields: Mapping[str, str],
    *,
    described: bool = True,
    metadata: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return sentences that say what of a file was taken, and whether its vectors are not of length one."""
    count, dimension = vectors.shape
    taken = [f"{count:,} vectors of {dimension} numbers ({what})"]
    taken += [field if field == name else f"{field} = '{name}'" for field, name in fields.items()]
    line = f"Taken from {path.name}: {', '.join(taken)}"
    if described and not {"label", "identity"} & fields.keys():
        line += ", no label and no identity"
    line += f"; metadata: {first_names(metadata, 6)}" if metadata else ""
    line += f"; not read: {first_names(unread, 6)}" if unread else ""
    lengths = np.linalg.norm(vectors[:: max(1, count // 1000)].astype(np.float64), axis=1)
    if (np.abs(lengths - 1) <= UNIT_LENGTH).all():
        return (f"{line}.",)
    least, most = lengths.min(), lengths.max()
    kept = (
        f"The vectors have lengths from {least:.3g} to {most:.3g}; they are compared by angle, their lengths are kept."
    )
    return f"{line}.", kept


def row_names(names: Sequence[str | None] | None, count: int, prefix: str, path: Path) -> Sequence[str]:
    """Return the uris of n rows: their file paths, or ``<prefix>/<number>`` from 0 if ``names`` is None."""
    if names is None:
        return NumberedRows({prefix: count})
    seen: set[str] = set()
    for at, name in enumerate(names):
        if not name or name in seen:
            why = f"repeats '{name}'" if name else "is empty"
            raise InputError(f"The filepath of row {at} (counted from 0) in {path} {why}; each vector needs its own.")
        seen.add(name)
    return [str(name) for name in names]
