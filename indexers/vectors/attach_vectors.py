"""Import vectors for samples that are indexed already: a second space over the same samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.vectors.import_vectors import ImportTarget, import_sources, target_space
from indexers.vectors.match_samples import match_rows, quoted
from retrieval.errors import InputError, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexers.vectors.imported import ImportedVectors
    from retrieval.types import Float32, Int64
    from retrieval.types.store import Snapshot, SourceInfo, StoreWriter

SAME_VECTOR = 1e-3
"""Vectors of one image are equal if their distance is at most this fraction of their length, because GPUs sum in any
order."""


@dataclass(frozen=True, slots=True)
class AttachReport:
    """Result of attaching the vectors of a file to the samples of a source.

    ``matched_by`` is how rows were joined to samples: ``path``, ``file name`` or ``name without suffix``. ``rows`` is
    the number of rows of the file and ``matched`` of those with a sample. ``vectors`` is the number of new vectors,
    ``lacking`` the number of samples of the source that have no vector in the space. ``unmatched`` names the rows
    without a sample. ``conflicts`` names the rows that show the image of an earlier row but have another vector; the
    earlier vector was stored. ``taken`` says what of the file was read.
    """

    space: str
    source: str
    matched_by: str
    rows: int
    matched: int
    vectors: int
    lacking: int
    unmatched: tuple[str, ...]
    conflicts: tuple[str, ...]
    store_version: int
    taken: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return asdict(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about unmatched rows and conflicts."""
        notes = list(self.taken)
        if self.unmatched:
            rows = f"{len(self.unmatched):,} ({quoted(self.unmatched)})"
            notes.append(f"Rows without an image in {self.source}: {rows}; the report lists all.")
        if self.conflicts:
            rows = f"{len(self.conflicts):,} ({quoted(self.conflicts)})"
            notes.append(f"Rows with the picture of an earlier row but another vector: {rows}; the first was kept.")
        return tuple(notes)


def attach_vectors(
    path: Path, imported: ImportedVectors, writer: StoreWriter, target: ImportTarget, source: str
) -> AttachReport:
    """Store the vectors of a file for the samples of a source. No sample is created or changed.

    Samples with the same content have one vector; of several rows for it, the first is stored. Vectors that are stored
    in the space already are kept, so importing a file twice changes nothing.

    Args:
        path: the file that ``imported`` was read from.
        imported: the vectors; their rows name images.
        writer: writer of the store.
        target: the space.
        source: name of the source, or its beginning.

    Raises:
        UnknownNameError: the store has no such source.
        InputError: no row names an image of the source, a name is ambiguous, or the space cannot take the vectors.
    """
    if not imported.named:
        raise InputError(f"{path} does not name its rows; say with `filepath` which column names the images.")
    snapshot = writer.snapshot
    info = find_source(snapshot, source)
    samples = snapshot.samples(["uri", "key"], source=info.name)
    samples = samples.filter(samples.column("key").is_valid())
    if not samples.num_rows:
        raise InputError(f"Source '{info.name}' has no samples that vectors could be attached to; index it first.")
    keys = np.array(samples.column("key").to_pylist(), np.str_)
    matches = match_rows(imported.rows, samples.column("uri").to_pylist(), info.root)
    _refuse_import_space(path, snapshot, target)
    space = target_space(path, imported, writer, target)
    rows = np.flatnonzero(matches.samples >= 0)
    first, conflicts = _first_of_key(imported.vectors, rows, keys[matches.samples[rows]])
    stored_keys = np.array(writer.vector_keys(space), np.str_)
    new_rows = first[~np.isin(keys[matches.samples[first]], stored_keys)]
    new_keys = keys[matches.samples[new_rows]]
    writer.append_vectors(space, new_keys.tolist(), {"base": imported.units(new_rows)})
    return AttachReport(
        space=space.name,
        source=info.name,
        matched_by=matches.level,
        rows=len(imported.rows),
        matched=len(rows),
        vectors=len(new_rows),
        lacking=int((~np.isin(keys, np.concatenate([stored_keys, new_keys]))).sum()),
        unmatched=tuple(imported.rows[at] for at in np.flatnonzero(matches.samples < 0).tolist()),
        conflicts=tuple(imported.rows[at] for at in conflicts.tolist()),
        store_version=writer.commit("import-vectors"),
        taken=imported.notes,
    )


def find_source(snapshot: Snapshot, prefix: str) -> SourceInfo:
    """Find a source by its name or the beginning of it.

    Raises:
        UnknownNameError: no source has this name or begins like this.
        InputError: several sources begin like this.
    """
    sources = {info.name: info for info in snapshot.sources}
    names = [prefix] if prefix in sources else [name for name in sources if name.startswith(prefix)]
    if not names:
        raise unknown("source", prefix, sources)
    if len(names) > 1:
        raise InputError(f"'{prefix}' may mean {', '.join(sorted(names))}; write more of the name.")
    return sources[names[0]]


def _refuse_import_space(path: Path, snapshot: Snapshot, target: ImportTarget) -> None:
    """Refuse a space whose vectors were imported as samples: an evaluation would contain each image twice."""
    model = snapshot.space(target.space).spec.model if target.space else target.space_name or path.stem
    sources = import_sources(snapshot, model)
    if sources:
        raise InputError(
            f"The vectors of '{model}' were imported as samples of their own ({sources[0]}); give those attached to "
            "indexed images another space with `space_name`."
        )


def _first_of_key(vectors: Float32, rows: Int64, keys: NDArray[np.str_]) -> tuple[Int64, Int64]:
    """Return the first row of each key, and the later rows of a key that have another vector.

    ``keys[i]`` is the key of row ``rows[i]`` of ``vectors``.
    """
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[group] != np.arange(len(rows)))
    repeated, stored = vectors[rows[later]], vectors[rows[first[group[later]]]]
    differs = np.linalg.norm(repeated - stored, axis=1) > SAME_VECTOR * np.linalg.norm(stored, axis=1)
    return rows[np.sort(first)], rows[later[differs]]
