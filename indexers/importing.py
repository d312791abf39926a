"""Vectors made elsewhere, as a space, samples or a bank of the store."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.imports import BankOptions, VectorOptions, read_bank, read_vectors
from indexers.plan import Stored
from indexers.rows import Row, changes, new_row, table
from retrieval.errors import InputError
from retrieval.store.schema import escape
from retrieval.types import Bank, Embeddings, EncoderSpec, Float32, Sample, SpaceInfo

if TYPE_CHECKING:
    from indexers.imports import ImportedVectors
    from retrieval.store.writer import StoreWriter


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows in the file, vectors that were new, samples that were new or changed."""

    space: str
    rows: int
    vectors: int
    samples: int
    changed: int
    store_version: int

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def import_vectors(
    path: Path, writer: StoreWriter, options: VectorOptions, *, space_name: str | None = None, space: str | None = None
) -> ImportReport:
    """Import a file of vectors; the same file twice changes nothing.

    Without ``space`` the file makes a space of its own, called ``space_name`` (default: the file's name). With it,
    the user says that these vectors come from the encoder of an imported space that exists.

    Raises:
        InputError: the file cannot be used, or another file made a space of this name.
    """
    found = read_vectors(path, options)
    target = _target(path, writer, found.vectors.shape[1], space_name, space)
    source = f"import:{path.stem}"
    writer.put_source(source, "import", str(path.resolve().parent))
    keys = [hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in found.vectors]
    have = set(writer.vector_keys(target))
    fresh = [at for key, at in _first_places(keys).items() if key not in have]
    writer.append_vectors(target, [keys[at] for at in fresh], {"base": _unit_vectors(found.vectors[fresh])})
    new, changed = _rows(found, keys, source, writer)
    writer.append_samples(table(new))
    writer.update_samples(table(changed))
    commit = writer.commit("import-vectors")
    return ImportReport(target.name, len(keys), len(fresh), len(new), len(changed), commit.store_version)


def _target(path: Path, writer: StoreWriter, dimension: int, space_name: str | None, space: str | None) -> SpaceInfo:
    if space is not None:
        target = writer.snapshot.space(space)
        if not target.imported:
            raise InputError(
                f"Space {target.name} has an encoder of its own; only imported spaces take vectors of files."
            )
        if target.dimension != dimension:
            raise InputError(
                f"{path}: vectors have {dimension} dimensions, space {target.name} has {target.dimension}."
            )
        return target
    name = space_name or path.stem
    spec = EncoderSpec("imported", name, f"import:{path.name}", _file_digest(path), None, "fp32", 1)
    for known in writer.snapshot.spaces:
        if known.imported and known.spec.model == name and known.fingerprint != spec.fingerprint:
            raise InputError(
                f"{path}: another file made a space called '{name}'. If these vectors come from the same encoder, say "
                f"--space {known.name}; otherwise give this space a name with --space-name."
            )
    return writer.register_space(spec, dimension, ("base",))


def _file_digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _rows(found: ImportedVectors, keys: list[str], source: str, writer: StoreWriter) -> tuple[list[Row], list[Row]]:
    """Rows the store lacks, and rows it has that say something else."""
    stored = Stored(writer.snapshot.samples(where=f"source = {escape(source)}"))
    samples = [_sample(found, at, source) for at in range(len(keys))]
    new: list[Row] = []
    changed: list[Row] = []
    for sample, key, row in zip(samples, keys, stored.find([s.id for s in samples]), strict=True):
        if row is None:
            new.append(new_row(sample, 0, 0, {"content": key, "key": key}))
        elif (news := changes(sample, row)) or row["key"] != key:
            changed.append({**row, **news, "content": key, "key": key})
    return new, changed


def _sample(found: ImportedVectors, at: int, source: str) -> Sample:
    fields = {name: values[at] for name, values in found.columns.items() if not name.startswith("meta_")}
    meta = {n.removeprefix("meta_"): values[at] for n, values in found.columns.items() if n.startswith("meta_")}
    return Sample(source=source, uri=found.rows[at], meta=meta, **fields)


def import_bank(path: Path, writer: StoreWriter, options: BankOptions, *, name: str | None, space: str | None) -> Bank:
    """Import text or class vectors as a bank of an existing space; they are made unit vectors.

    Raises:
        InputError: the dimensions differ from the space's.
    """
    found = read_bank(path, options)
    target = writer.snapshot.space(space)
    if target.dimension != found.vectors.shape[1]:
        raise InputError(
            f"{path}: vectors have {found.vectors.shape[1]} dimensions, space {target.name} has {target.dimension}."
        )
    bank = Bank(
        name=name or path.stem,
        space=target.fingerprint,
        origin=f"import:{path.name}",
        vectors=_unit_vectors(found.vectors).vectors,
        edge_vector=found.edge_vector,
        edge_class=found.edge_class,
        texts=found.texts,
    )
    writer.save_bank(bank)
    return bank


def _first_places(keys: list[str]) -> dict[str, int]:
    """Where each key stands first."""
    places: dict[str, int] = {}
    for at, key in enumerate(keys):
        places.setdefault(key, at)
    return places


def _unit_vectors(vectors: Float32) -> Embeddings:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    return Embeddings((wide / lengths[:, None]).astype(np.float32), lengths.astype(np.float32))
