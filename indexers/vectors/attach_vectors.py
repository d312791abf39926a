"""Vectors made elsewhere for images that are indexed already: a space of their own over the same samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.vectors.import_vectors import ImportTarget, own_sources, target_space, unit_vectors
from indexers.vectors.match_samples import match_rows, quoted
from retrieval.errors import InputError, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexers.vectors.read_vectors import ImportedVectors
    from retrieval.types import Float32, Int64
    from retrieval.types.store import Snapshot, SourceInfo, StoreWriter

SAME_VECTOR = 1e-3
"""Two vectors of one picture are the same up to this share of their length: graphics cards add in any order."""


@dataclass(frozen=True, slots=True)
class AttachReport:
    """What joining a file to a source did.

    ``matched_by`` is ``path``, ``file name`` or ``name without suffix``; ``vectors`` are new, ``matched`` rows found
    their sample; ``lacking`` samples of the source have no vector in the space now; ``unmatched`` are rows without a
    sample; ``conflicts`` are rows with the picture of an earlier row, whose vector was kept, but another vector.
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

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying beside the counts."""
        notes = []
        if self.unmatched:
            rows = f"{len(self.unmatched):,} ({quoted(self.unmatched)})"
            notes.append(f"Rows without an image in {self.source}: {rows}; the report lists all.")
        if self.conflicts:
            rows = f"{len(self.conflicts):,} ({quoted(self.conflicts)})"
            notes.append(f"Rows with the picture of an earlier row but another vector: {rows}; the first was kept.")
        return tuple(notes)


def attach_vectors(
    path: Path, found: ImportedVectors, writer: StoreWriter, to: ImportTarget, source: str
) -> AttachReport:
    """Store the vectors of ``path`` under the keys of the samples that ``source`` has; no sample is made or changed.

    Vectors belong to pictures: of rows whose samples show the same one, the first counts. A picture that has a vector
    in the space keeps it, so the same file twice changes nothing.

    Args:
        path: the file that ``found`` was read from.
        found: its vectors, whose rows name images.
        writer: of a store that has the source.
        to: the space.
        source: name of the source, or its beginning.

    Raises:
        UnknownNameError: the store has no such source.
        InputError: no row names an image of the source, a name is ambiguous, or the space cannot take the vectors.
    """
    if not found.named:
        raise InputError(f"{path} does not name its rows; say with `filepath` which column names the images.")
    snapshot = writer.snapshot
    chosen = find_source(snapshot, source)
    samples = snapshot.samples(["uri", "key"], source=chosen.name)
    samples = samples.filter(samples.column("key").is_valid())
    if not samples.num_rows:
        raise InputError(f"Source '{chosen.name}' has no samples that vectors could be attached to; index it first.")
    keys = np.array(samples.column("key").to_pylist(), np.str_)
    matches = match_rows(found.rows, samples.column("uri").to_pylist(), chosen.root)
    _refuse_own_samples(path, snapshot, to)
    target = target_space(path, found, writer, to)
    rows = np.flatnonzero(matches.places >= 0)
    first, conflicts = _one_per_key(found.vectors, rows, keys[matches.places[rows]])
    have = np.array(writer.vector_keys(target), np.str_)
    fresh = first[~np.isin(keys[matches.places[first]], have)]
    added = keys[matches.places[fresh]]
    writer.append_vectors(target, added.tolist(), {"base": unit_vectors(found.vectors[fresh])})
    return AttachReport(
        space=target.name,
        source=chosen.name,
        matched_by=matches.level,
        rows=len(found.rows),
        matched=len(rows),
        vectors=len(fresh),
        lacking=int((~np.isin(keys, np.concatenate([have, added]))).sum()),
        unmatched=tuple(found.rows[at] for at in np.flatnonzero(matches.places < 0)),
        conflicts=tuple(found.rows[at] for at in conflicts),
        store_version=writer.commit("import-vectors"),
    )


def find_source(snapshot: Snapshot, wanted: str) -> SourceInfo:
    """Find a source by its name or the beginning of it.

    Raises:
        UnknownNameError: there is none.
        InputError: several begin like that.
    """
    sources = {known.name: known for known in snapshot.sources}
    names = [wanted] if wanted in sources else [name for name in sources if name.startswith(wanted)]
    if not names:
        raise unknown("source", wanted, sources)
    if len(names) > 1:
        raise InputError(f"'{wanted}' may mean {', '.join(sorted(names))}; write more of the name.")
    return sources[names[0]]


def _refuse_own_samples(path: Path, snapshot: Snapshot, to: ImportTarget) -> None:
    """Refuse a space whose rows are samples too: an evaluation would meet each image twice."""
    model = snapshot.space(to.space).spec.model if to.space else to.space_name or path.stem
    own = own_sources(snapshot, model)
    if own:
        raise InputError(
            f"The vectors of '{model}' were imported as samples of their own ({own[0]}); give those attached to "
            "indexed images another space with `space_name`."
        )


def _one_per_key(vectors: Float32, rows: Int64, keys: NDArray[np.str_]) -> tuple[Int64, Int64]:
    """Rows that stand first among those of their key, and later ones that have another vector.

    ``keys[i]`` belongs to row ``rows[i]`` of ``vectors``.
    """
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    later = np.flatnonzero(first[group] != np.arange(len(rows)))
    mine, theirs = vectors[rows[later]], vectors[rows[first[group[later]]]]
    apart = np.linalg.norm(mine - theirs, axis=1) > SAME_VECTOR * np.linalg.norm(theirs, axis=1)
    return rows[np.sort(first)], rows[later[apart]]
