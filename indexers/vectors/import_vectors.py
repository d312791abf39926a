"""Vectors made elsewhere, as a space, samples or a bank of the store."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.pipeline.plan import Stored, read_stored
from indexers.pipeline.rows import Row, changes, new_row, table
from indexers.vectors.read_vectors import BankOptions, read_bank
from retrieval.errors import InputError
from retrieval.types import Bank, Embeddings, EncoderSpec, Float32, Sample, SpaceInfo, digest

if TYPE_CHECKING:
    from indexers.vectors.read_vectors import ImportedVectors
    from retrieval.types.store import Snapshot, StoreWriter

_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did: rows in the file, new vectors, new or changed samples, and those the file no longer has."""

    space: str
    rows: int
    vectors: int
    samples: int
    changed: int
    vanished: int
    pruned: int
    store_version: int

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BankReport:
    """What an import of a bank did: its name, and how many vectors and classes it has."""

    bank: str
    vectors: int
    classes: int

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """Where vectors go: a space of their own called ``space_name`` (default: the file's), or an existing ``space``.

    With ``space`` the user says that the vectors come from the encoder of that imported space. ``prune`` drops rows
    of an earlier import of this file that it no longer has.
    """

    space_name: str | None = None
    space: str | None = None
    prune: bool = False


def import_vectors(path: Path, found: ImportedVectors, writer: StoreWriter, to: ImportTarget) -> ImportReport:
    """Import what was read from ``path``; the same file twice changes nothing.

    Raises:
        InputError: another file made a space of this name, the dimensions differ, or the space's vectors belong to
            indexed images.
    """
    target = target_space(path, found, writer, to)
    _refuse_attached(target, writer)
    model = target.spec.model
    source = f"import:{model}" if model == path.stem else f"import:{model}/{path.stem}"
    writer.put_source(source, "import", str(path.resolve().parent))
    keys = [hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in found.vectors]
    have = set(writer.vector_keys(target))
    fresh = [at for key, at in _first_places(keys).items() if key not in have]
    writer.append_vectors(target, [keys[at] for at in fresh], {"base": unit_vectors(found.vectors[fresh])})
    stored = read_stored(writer.snapshot, source)
    new, changed = _rows(found, keys, source, stored)
    writer.append_samples(table(new))
    writer.update_samples(table(changed))
    vanished = stored.vanished()
    if vanished and to.prune:
        writer.delete_samples(vanished)
    version = writer.commit("import-vectors")
    return ImportReport(
        space=target.name,
        rows=len(keys),
        vectors=len(fresh),
        samples=len(new),
        changed=len(changed),
        vanished=len(vanished),
        pruned=len(vanished) if to.prune else 0,
        store_version=version,
    )


def target_space(path: Path, found: ImportedVectors, writer: StoreWriter, to: ImportTarget) -> SpaceInfo:
    """Find or register the space that the vectors of ``path`` go to.

    Raises:
        InputError: another file made a space of this name, or the space that was named cannot take the vectors.
    """
    dimension = found.vectors.shape[1]
    if to.space is not None:
        return _existing(path, writer.snapshot.space(to.space), dimension)
    name = to.space_name or path.stem
    spec = EncoderSpec("imported", name, f"import:{path.name}", _content_digest(path, found.chosen), None, "fp32", 1)
    for known in writer.snapshot.spaces:
        if known.imported and known.spec.model == name and known.fingerprint != spec.fingerprint:
            raise InputError(
                f"{path}: another file, or other vectors of this one, made a space called '{name}'. If these vectors "
                f"come from the same encoder, say `space={known.name}`; otherwise give this space a name with "
                "`space_name`."
            )
    return writer.register_space(spec, dimension, ("base",))


def _existing(path: Path, target: SpaceInfo, dimension: int) -> SpaceInfo:
    if not target.imported:
        raise InputError(f"Space {target.name} has an encoder of its own; only imported spaces take vectors of files.")
    if target.dimension != dimension:
        raise InputError(f"{path}: vectors have {dimension} dimensions, space {target.name} has {target.dimension}.")
    return target


def own_sources(snapshot: Snapshot, model: str) -> list[str]:
    """Sources with samples that imports into the space called ``model`` made."""
    names = sorted(known.name for known in snapshot.sources)
    own = [name for name in names if name == f"import:{model}" or name.startswith(f"import:{model}/")]
    return [name for name in own if snapshot.samples(["id"], source=name).num_rows]


def _refuse_attached(target: SpaceInfo, writer: StoreWriter) -> None:
    """Refuse a space whose vectors belong to indexed images: an evaluation would meet each image twice."""
    have = set(writer.vector_keys(target))
    if not have:
        return
    rows = writer.snapshot.samples(["source", "key"]).to_pylist()
    indexed = (row for row in rows if not row["source"].startswith("import:"))
    source = next((row["source"] for row in indexed if row["key"] in have), None)
    if source is not None:
        raise InputError(
            f"The vectors of space {target.name} are attached to images of '{source}'; say `attach={source}`, or "
            "give samples of their own another space with `space_name`."
        )


def _content_digest(path: Path, chosen: tuple[str, ...]) -> str:
    """Hash the file and, where it holds other vectors too, which ones these are."""
    with path.open("rb") as handle:
        content = hashlib.file_digest(handle, "sha256").hexdigest()
    return digest(content, *chosen, size=32) if chosen else content


def _rows(found: ImportedVectors, keys: list[str], source: str, stored: Stored) -> tuple[list[Row], list[Row]]:
    """Rows the store lacks, and rows it has that say something else."""
    samples = [_sample(found, at, source) for at in range(len(keys))]
    new: list[Row] = []
    changed: list[Row] = []
    for sample, key, row in zip(samples, keys, stored.find([s.id for s in samples]), strict=True):
        if row is None:
            new.append(new_row(sample, stored.position(row), 0, 0, {"content": key, "key": key}))
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
        kind="prototypes" if found.texts is None else "prompts",
        origin=f"import:{path.name}",
        vectors=unit_vectors(found.vectors).vectors,
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


def unit_vectors(vectors: Float32) -> Embeddings:
    """Make vectors (n, d), none zero, of length one; sums in float64, in blocks."""
    out = np.empty_like(vectors, dtype=np.float32)
    norms = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        wide = vectors[start : start + _BLOCK].astype(np.float64)
        lengths = np.linalg.norm(wide, axis=1)
        out[start : start + _BLOCK] = wide / lengths[:, None]
        norms[start : start + _BLOCK] = lengths
    return Embeddings(out, norms)
