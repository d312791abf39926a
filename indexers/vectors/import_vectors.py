"""Store vectors computed elsewhere as a space with samples, or as a bank."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from indexers.pipeline.names import name_notes
from indexers.pipeline.plan import StoredRows, read_stored_rows
from indexers.pipeline.rows import StoreRow, changes, new_row, table
from indexers.vectors.read_bank import BankOptions, read_bank
from indexers.vectors.unit_vectors import unit_vectors
from retrieval.errors import InputError
from retrieval.types import Bank, EncoderSpec, Sample, SpaceInfo, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from indexers.vectors.imported import ImportedVectors
    from retrieval.types.store import Snapshot, StoreWriter

Digests: TypeAlias = "NDArray[np.uint64]"
"""Digests of vectors, two numbers a row (n, 2): an eighth of what their keys take as texts."""

_BLOCK = 65_536
"""Rows that are written at one time."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Result of importing vectors as samples.

    ``rows`` is the number of rows of the file; ``vectors`` and ``samples`` count new ones, ``changed`` samples whose
    fields or vector changed. ``vanished`` samples of an earlier import are no longer in the file; ``pruned`` of them
    were deleted. ``notes`` are sentences for the user.
    """

    space: str
    rows: int
    vectors: int
    samples: int
    changed: int
    vanished: int
    pruned: int
    store_version: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class BankReport:
    """Result of importing a bank: its name, and its numbers of vectors and classes."""

    bank: str
    vectors: int
    classes: int

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """Where imported vectors are stored.

    ``space_name`` names a new space; None is the stem of the file name. ``space`` names an existing imported space
    instead: the vectors come from the same encoder as its vectors. ``prune`` deletes samples of an earlier import of
    the file that it no longer has; ``include_forgotten`` takes in rows that were forgotten.
    """

    space_name: str | None = None
    space: str | None = None
    prune: bool = False
    include_forgotten: bool = False


def import_vectors(path: Path, imported: ImportedVectors, writer: StoreWriter, target: ImportTarget) -> ImportReport:
    """Store the vectors of a file, and a sample per row. Importing a file twice changes nothing.

    Rows are written in blocks and committed together, so that memory does not grow with their number beyond what
    ``imported`` and the keys of the rows take.

    Args:
        path: the file that ``imported`` was read from.
        imported: the vectors and the fields of their samples.
        writer: writer of the store.
        target: the space, and whether to prune.

    Raises:
        InputError: another file created a space of this name, the dimensions differ, or the vectors of the space are
            attached to indexed samples.
    """
    space = target_space(path, imported, writer, target)
    _refuse_attached(space, writer)
    model = space.spec.model
    source = f"import:{model}" if model == path.stem else f"import:{model}/{path.stem}"
    digests = _digests(imported)
    stored = read_stored_rows(writer.snapshot, source)
    forgotten = _forgotten_rows(imported, digests, source, stored, writer.snapshot)
    if forgotten.any() and target.include_forgotten:
        ids = [_sample(imported, int(at), source).id for at in np.flatnonzero(forgotten)]
        writer.lift_forgotten(ids, _keys(digests[forgotten]))
    elif forgotten.any():
        imported, digests = _rows_where(imported, ~forgotten), digests[~forgotten]
    notes = imported.notes + _refuse_copies(path, imported, digests, source, stored, writer, prune=target.prune)
    writer.put_source(source, "import", str(path.resolve().parent))
    vectors = _write_vectors(imported, digests, space, writer)
    samples = changed = 0
    for start in range(0, len(digests), _BLOCK):
        new_rows, changed_rows = _rows(imported, start, _keys(digests[start : start + _BLOCK]), source, stored)
        writer.append_samples(table(new_rows))
        writer.update_samples(table(changed_rows))
        samples, changed = samples + len(new_rows), changed + len(changed_rows)
    vanished = stored.vanished()
    if vanished and target.prune:
        writer.delete_samples(vanished)
    version = writer.commit("import-vectors")
    return ImportReport(
        space=space.name,
        rows=len(digests),
        vectors=vectors,
        samples=samples,
        changed=changed,
        vanished=len(vanished),
        pruned=len(vanished) if target.prune else 0,
        store_version=version,
        notes=(*notes, *name_notes(writer.snapshot)),
    )


def _forgotten_rows(
    imported: ImportedVectors, digests: Digests, source: str, stored: StoredRows, snapshot: Snapshot
) -> NDArray[np.bool_]:
    """Return (n,) whether a row is a sample that was forgotten, or has a vector that is; not those that are stored."""
    record = snapshot.forgotten()
    mask = np.zeros(len(digests), np.bool_)
    for start in range(0, len(digests) if len(record) else 0, _BLOCK):
        keys = _keys(digests[start : start + _BLOCK])
        ids = [_sample(imported, start + at, source).id for at in range(len(keys))]
        gone = record.ids_of(ids)
        rows = [sample in gone or record.has_key(key) for sample, key in zip(ids, keys, strict=True)]
        mask[start : start + len(rows)] = np.array(rows) & ~stored.has(ids)
    return mask


def _rows_where(imported: ImportedVectors, mask: NDArray[np.bool_]) -> ImportedVectors:
    """Return some rows, and a note about the others, which were forgotten."""
    rows = np.flatnonzero(mask).tolist()
    first = imported.rows[int(np.flatnonzero(~mask)[0])]
    note = (
        f"{len(mask) - len(rows):,} rows (first {first}) were forgotten and are left out; `include_forgotten` takes "
        "them in again."
    )
    return imported._replace(
        vectors=imported.vectors[rows],
        columns={name: [values[at] for at in rows] for name, values in imported.columns.items()},
        rows=[imported.rows[at] for at in rows],
        notes=(*imported.notes, note),
        lengths=None if imported.lengths is None else imported.lengths[rows],
    )


def _write_vectors(imported: ImportedVectors, digests: Digests, space: SpaceInfo, writer: StoreWriter) -> int:
    """Append the vectors that the space lacks, of equal ones the first; return their number."""
    stored_keys = set(writer.vector_keys(space))
    rows = np.flatnonzero(_first_of_equal(digests))
    count = 0
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        keys = _keys(digests[block])
        fresh = [at for at, key in enumerate(keys) if key not in stored_keys]
        writer.append_vectors(space, [keys[at] for at in fresh], {"base": imported.units(block[fresh])})
        count += len(fresh)
    return count


def _refuse_copies(
    path: Path,
    imported: ImportedVectors,
    digests: Digests,
    source: str,
    stored: StoredRows,
    writer: StoreWriter,
    *,
    prune: bool,
) -> tuple[str, ...]:
    """Refuse samples whose vectors are stored as those of other samples: an evaluation would count each twice.

    Args:
        path: the file.
        imported: its rows.
        digests: digests of their vectors.
        source: source of their samples.
        stored: stored samples of the source.
        writer: writer of the store.
        prune: whether samples of this source that the file no longer has are dropped.

    Returns:
        A note if a smaller part of the vectors is stored already.

    Raises:
        InputError: more than half of the new samples repeat stored ones.
    """
    owners = _import_owners(writer.snapshot, source if prune else None)
    new, repeated = 0, Counter[str]()
    for start in range(0, len(digests) if owners else 0, _BLOCK):
        keys = _keys(digests[start : start + _BLOCK])
        is_stored = stored.has([_sample(imported, start + at, source).id for at in range(len(keys))])
        new += len(keys) - int(is_stored.sum())
        repeated.update(owners[key] for key, old in zip(keys, is_stored, strict=True) if not old and key in owners)
    total = repeated.total()
    if not total:
        return ()
    owner = max(sorted(repeated), key=repeated.__getitem__)
    count = f"{total:,} of {new:,} new rows of {path} have vectors"
    if 2 * total <= new:
        return (f"{count} that the store has as samples of '{owner}', too; they count as samples of their own.",)
    if owner == source:
        raise InputError(
            f"{count} that were imported before under other names of rows, so each would count twice; name the rows as "
            "before (`filepath`), or drop the earlier samples with `prune`."
        )
    raise InputError(
        f"{count} that the store has as samples of '{owner}', so each would count twice; leave them as "
        "they are, or give this file a store of its own with `store`."
    )


def _import_owners(snapshot: Snapshot, without: str | None) -> dict[str, str]:
    """Map the keys of imported samples to their sources, except those of the source ``without``."""
    sources = [info.name for info in snapshot.sources if info.name.startswith("import:") and info.name != without]
    return {
        key: source for source in sources for key in snapshot.samples(["key"], source=source).column("key").to_pylist()
    }


def target_space(path: Path, imported: ImportedVectors, writer: StoreWriter, target: ImportTarget) -> SpaceInfo:
    """Find or register the space in which the vectors of ``path`` are stored.

    Raises:
        InputError: another file created a space of this name, or ``target.space`` cannot take the vectors.
    """
    dimension = imported.vectors.shape[1]
    if target.space is not None:
        return _check_space(path, writer.snapshot.space(target.space), dimension)
    name = target.space_name or path.stem
    digest_of_file = _content_digest(imported.files or (path,), imported.chosen)
    spec = EncoderSpec("imported", name, f"import:{path.name}", digest_of_file, None, "fp32", 1)
    for space in writer.snapshot.spaces:
        if space.imported and space.spec.model == name and space.fingerprint != spec.fingerprint:
            raise InputError(
                f"{path}: another file, or other vectors of this one, made a space called '{name}'. If these vectors "
                f"come from the same encoder, say `space={space.name}`; otherwise give this space a name with "
                "`space_name`."
            )
    return writer.register_space(spec, dimension, ("base",))


def _check_space(path: Path, space: SpaceInfo, dimension: int) -> SpaceInfo:
    """Return the space if vectors of a file with this dimension may be added to it."""
    if not space.imported:
        raise InputError(f"Space {space.name} has an encoder of its own; only imported spaces take vectors of files.")
    if space.dimension != dimension:
        raise InputError(f"{path}: vectors have {dimension} dimensions, space {space.name} has {space.dimension}.")
    return space


def import_sources(snapshot: Snapshot, model: str) -> list[str]:
    """Return the names of the sources with samples that were imported into the space called ``model``."""
    names = sorted(source.name for source in snapshot.sources)
    imports = [name for name in names if name == f"import:{model}" or name.startswith(f"import:{model}/")]
    return [name for name in imports if snapshot.samples(["id"], source=name).num_rows]


def _refuse_attached(space: SpaceInfo, writer: StoreWriter) -> None:
    """Refuse a space whose vectors are attached to indexed samples: an evaluation would contain each image twice."""
    stored_keys = set(writer.vector_keys(space))
    if not stored_keys:
        return
    sources = [info.name for info in writer.snapshot.sources if not info.name.startswith("import:")]
    source = next(
        (
            name
            for name in sources
            if not stored_keys.isdisjoint(writer.snapshot.samples(["key"], source=name).column("key").to_pylist())
        ),
        None,
    )
    if source is not None:
        raise InputError(
            f"The vectors of space {space.name} are attached to images of '{source}'; say `attach={source}`, or "
            "give samples of their own another space with `space_name`."
        )


def _content_digest(files: Sequence[Path], chosen: tuple[str, ...]) -> str:
    """Hash files and, if they hold several sets of vectors, the names of the chosen arrays or columns."""
    contents = []
    for path in files:
        with path.open("rb") as handle:
            contents.append(hashlib.file_digest(handle, "sha256").hexdigest())
    return digest(*contents, *chosen, size=32) if chosen else contents[0]


def _rows(
    imported: ImportedVectors, start: int, keys: list[str], source: str, stored: StoredRows
) -> tuple[list[StoreRow], list[StoreRow]]:
    """Return the rows of new samples, and the new rows of stored samples that changed; ``keys`` are from ``start``."""
    samples = [_sample(imported, start + at, source) for at in range(len(keys))]
    new: list[StoreRow] = []
    changed: list[StoreRow] = []
    for sample, key, row in zip(samples, keys, stored.find([s.id for s in samples]), strict=True):
        if row is None:
            new.append(new_row(sample, stored.position(row), 0, 0, {"content": key, "key": key}))
        elif (values := changes(sample, row)) or row["key"] != key:
            changed.append({**row, **values, "content": key, "key": key})
    return new, changed


def _sample(imported: ImportedVectors, at: int, source: str) -> Sample:
    fields = {name: values[at] for name, values in imported.columns.items() if not name.startswith("meta_")}
    meta = {n.removeprefix("meta_"): values[at] for n, values in imported.columns.items() if n.startswith("meta_")}
    return Sample(source=source, uri=imported.rows[at], meta=meta, **fields)


def import_bank(path: Path, writer: StoreWriter, options: BankOptions, *, name: str | None, space: str | None) -> Bank:
    """Store text or class vectors, L2-normalised except the weights of a classifier, as a bank of an existing space.

    Args:
        path: an ``.npz`` file.
        writer: writer of the store.
        options: the arrays of the file.
        name: name of the bank; None is the stem of the file name.
        space: name of the space; None if the store has only one.

    Raises:
        InputError: the dimension of the vectors differs from that of the space.
    """
    imported = read_bank(path, options)
    info = writer.snapshot.space(space)
    if info.dimension != imported.vectors.shape[1]:
        raise InputError(
            f"{path}: vectors have {imported.vectors.shape[1]} dimensions, space {info.name} has {info.dimension}."
        )
    bank = Bank(
        name=name or path.stem,
        space=info.fingerprint,
        kind=imported.kind or ("prototypes" if imported.texts is None else "prompts"),
        origin=f"import:{path.name}",
        vectors=imported.vectors if imported.kind == "classifier" else unit_vectors(imported.vectors).vectors,
        edge_vector=imported.edge_vector,
        edge_class=imported.edge_class,
        texts=imported.texts,
        bias=imported.bias,
        temperature=imported.temperature,
    )
    writer.save_bank(bank)
    return bank


def _digests(imported: ImportedVectors) -> Digests:
    """Hash vectors (n, d), with their lengths before if the file has them, to (n, 2) whole numbers of 64 bits."""
    vectors, lengths = imported.vectors, imported.lengths
    digests = np.empty((len(vectors), 2), np.uint64)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        if lengths is not None:  # vectors of one direction that had different lengths are different vectors
            block = np.concatenate([block, lengths[start : start + _BLOCK, None]], axis=1)
        hashes = b"".join(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in block)
        digests[start : start + _BLOCK] = np.frombuffer(hashes, np.uint64).reshape(-1, 2)
    return digests


def _keys(digests: Digests) -> list[str]:
    """Return the keys of vectors, the hex digits of their digests (n, 2)."""
    digits = digests.tobytes().hex()
    return [digits[at : at + 32] for at in range(0, len(digits), 32)]


def _first_of_equal(digests: Digests) -> NDArray[np.bool_]:
    """Return (n,) whether no earlier row has the same digest."""
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    first = np.ones(len(digests), np.bool_)
    first[order[1:]] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return first
