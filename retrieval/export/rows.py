"""Read what is exported: the samples of a space with their columns, and their vectors in blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError
from retrieval.export.columns import FIELDS, FILEPATH, LENGTH, ORIGIN, PROJECTION
from retrieval.search.vector_rows import find_rows, rows_of
from retrieval.types import BOX_COLUMNS, Float32, Int64, SpaceInfo

if TYPE_CHECKING:
    import pyarrow as pa

    from retrieval.types.store import Snapshot

BLOCK_BYTES = 1 << 25
"""Bytes of vectors in memory at one time."""


@dataclass(frozen=True, slots=True)
class ExportRows:
    """Samples to export, in the order of the data.

    Attributes:
        samples: the columns of n samples as they are written, without their vectors.
        keys: (n,) keys of thumbnails.
        space: the space.
        data: (m, d) float32, all vectors of the space; usually memory-mapped.
        rows: (n,) row of each sample in ``data``.
        provenance: where the vectors come from.
        without_vector: number of samples that were asked for and have no vector in the space.
        renamed: number of samples whose path is that of another one, too; the id is added to it.
    """

    samples: pa.Table
    keys: pa.ChunkedArray
    space: SpaceInfo
    data: Float32
    rows: Int64
    provenance: dict[str, Any]
    without_vector: int
    renamed: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        """Dimension of the vectors."""
        return int(self.data.shape[1])

    @property
    def provenance_json(self) -> str:
        """The provenance as JSON."""
        return json.dumps(self.provenance, ensure_ascii=False, sort_keys=True)

    def blocks(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Float32]]:
        """Yield the number of the first row of each block, and its vectors (b, d)."""
        step = max(1, BLOCK_BYTES // (4 * self.dimension))
        end = len(self) if stop is None else stop
        for first in range(start, end, step):
            yield first, np.asarray(self.data[self.rows[first : min(first + step, end)]], np.float32)

    def with_projection(self) -> ExportRows:
        """Add the first two principal components of the vectors as columns."""
        import pyarrow as pa

        from retrieval.export.projection import principal_components

        samples = self.samples
        points = principal_components(self)
        for name, values in zip(PROJECTION, points.T, strict=True):
            samples = samples.append_column(name, pa.array(values, pa.float32()))
        return replace(self, samples=samples)


def read_rows(snapshot: Snapshot, space: SpaceInfo, view: str, where: str | None) -> ExportRows:
    """Find the samples that meet a condition and have a vector in a space.

    Raises:
        UnknownNameError: the space does not have this view.
        InputError: the condition is invalid, or no sample that meets it has a vector.
    """
    matrix = snapshot.vectors(space, view)
    names = snapshot.column_names("samples")
    meta = sorted(name for name in names if name.startswith("meta_"))
    samples = snapshot.samples([*ORIGIN, "uri", *FIELDS, *BOX_COLUMNS, *meta, "key"], where)
    rows = rows_of(samples.column("key"), matrix)
    without_vector = int((rows < 0).sum())
    samples, rows = samples.filter(rows >= 0), rows[rows >= 0]
    if not len(rows):
        sample = "sample" if where is None else f"sample that meets '{where}'"
        raise InputError(f"No {sample} has a vector in space {space.name}, so there is nothing to export.")
    keys = samples.column("key")
    table, renamed = _with_paths(samples.drop_columns(["key"]))
    empty = [name for name in table.column_names if table.column(name).null_count == len(rows)]
    table = table.drop_columns(empty).append_column(LENGTH, _lengths(snapshot, space, view, keys))
    provenance = {
        "space": space.name,
        "fingerprint": space.fingerprint,
        "family": space.spec.family,
        "model": space.spec.model,
        "weights_digest": space.spec.weights_digest,
        "view": view,
        "store_version": snapshot.store_version,
        "where": where,
    }
    return ExportRows(table, keys, space, matrix.data, rows, provenance, without_vector, renamed)


def _with_paths(samples: pa.Table) -> tuple[pa.Table, int]:
    """Rename ``uri`` to ``filepath``, and make paths that several samples have unique by their ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    uris = samples.column("uri")
    counts = pc.value_counts(uris.combine_chunks())
    repeated = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    is_repeated = pc.is_in(uris, value_set=repeated)
    paths = pc.if_else(is_repeated, pc.binary_join_element_wise(uris, samples.column("id"), "#"), uris)
    at = samples.column_names.index("uri")
    return samples.set_column(at, pa.field(FILEPATH, pa.string()), paths), int(pc.sum(is_repeated).as_py() or 0)


def _lengths(snapshot: Snapshot, space: SpaceInfo, view: str, keys: pa.ChunkedArray) -> pa.Array:
    """Return the lengths of the vectors of keys before normalisation."""
    import pyarrow as pa

    norms = snapshot.norms(space, view)
    stored = norms.column("key").combine_chunks().cast(pa.binary())
    return norms.column(f"n_{view}").combine_chunks().take(pa.array(find_rows(keys, stored)))
