"""Read files of vectors: ``.npz``, ``.npy`` with a table beside it, CSV, TSV and Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pydantic import Field

from indexers.tables import DELIMITERS, PARQUET, find_columns, list_columns, meta_columns, open_table, reading_parquet
from indexers.vectors.arrays import NpzArrays, SharedTexts, check_length, checked_vectors, field_value, load
from indexers.vectors.columns import choose_columns, parquet_vectors, text_vectors
from indexers.vectors.numbered_rows import NumberedRows
from indexers.vectors.similar_names import doubt, fields_in_doubt, role_names
from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError, first_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from indexers.tables import InputTable
    from retrieval.types import Float32, Int64, SourceProblem

FIELDS = ("label", "identity", "camera", "group", "aspect", "split", "captured_at")
ROLES = ("query", "gallery")
LIST_COLUMN = "vector"
"""Default column of vectors in Parquet."""

UNIT_LENGTH = 0.01
"""Vectors are of length one, if their lengths differ from it by no more: half precision keeps three digits."""

SUFFIXES = (*DELIMITERS, ".npz", ".npy", *PARQUET)


_TORCH = "it is of PyTorch, whose files can run code; load it there and save tensor.numpy() with np.save or np.savez; "
_PICKLE = (
    "pickles are never opened, because they can run code; load it where you trust it and save arrays with np.savez; "
)
_HDF5 = "HDF5 is not read; save what h5py reads with np.savez; "
_UNREAD = {".pt": _TORCH, ".pth": _TORCH, ".pkl": _PICKLE, ".pickle": _PICKLE, ".joblib": _PICKLE, ".h5": _HDF5}
UNREAD = _UNREAD | {
    ".hdf5": _HDF5,
    ".mat": "files of MATLAB are not read; save what scipy.io.loadmat reads with np.savez; ",
    ".safetensors": "save what safetensors.numpy.load_file reads with np.savez; ",
    ".txt": "save what np.loadtxt reads with np.save; ",
    ".xlsx": "save the sheet as CSV UTF-8; ",
}
"""Suffix -> how such a file becomes one that is read."""


class VectorOptions(Config):
    """NpzArrays (``.npz``) or columns (Parquet, CSV, TSV) that hold the vectors and the fields of their samples."""

    vectors: str | None = Field(
        default=None,
        description="Array of vectors (.npz), column of lists (Parquet; vector unless given), or columns of numbers "
        "by names and patterns: margin*,shape*.",
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

    def named(self) -> dict[str, str]:
        """Map the fields that the user set to their arrays or columns."""
        return {field: value for field, value in self.said().items() if value}

    def said(self) -> dict[str, str]:
        """Map the fields that the user spoke of to their arrays or columns; empty for those that are left out."""
        values = {field: getattr(self, field) for field in ("filepath", *FIELDS)}
        return {field: value for field, value in values.items() if value is not None}


class ImportedVectors(NamedTuple):
    """Vectors read from a file, with the fields of their samples.

    ``vectors`` (n, d) float32 are finite, not zero and not normalised. ``columns`` maps fields of samples (text;
    ``captured_at`` datetime) and typed ``meta_*`` to n values, None where unknown. ``rows`` are n unique names: those
    in the file if ``named``, else numbers. ``chosen`` is the array or the columns of the vectors, empty if the file
    holds only one set of vectors; it is part of the identity of the vectors. ``notes`` say what of the file was taken
    and what was not.
    """

    vectors: Float32
    columns: dict[str, list[Any]]
    rows: Sequence[str]
    named: bool = False
    chosen: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class BankOptions(Config):
    """NpzArrays of an ``.npz`` file that form a bank."""

    vectors: str = Field(description="Array of vectors (m, d).")
    classes: str = Field(
        description="Array of class names: one per vector or, with class_index, the list that it counts into.",
    )
    class_index: str | None = Field(
        default=None, description="Array of whole numbers from 0 into classes, one per vector."
    )
    texts: str | None = Field(
        default=None,
        description="Array of texts, one per vector. Without it, an array texts or captions where there is one.",
    )


class ImportedBank(NamedTuple):
    """A bank read from a file.

    ``vectors`` (m, d) float32 are unique and not normalised; ``texts`` are their m texts, if there are any. Edge i says
    that vector ``edge_vector[i]`` belongs to class ``edge_class[i]``.
    """

    vectors: Float32
    edge_vector: Int64
    edge_class: NDArray[np.str_]
    texts: tuple[str, ...] | None


def read_vectors(path: Path, options: VectorOptions, *, described: bool = True) -> ImportedVectors:
    """Read a file of vectors and the fields of their samples.

    An ``.npz`` file read without options has the arrays ``query`` and ``gallery`` (n, d), which become the splits of
    these names, and any of ``query_label``, ``gallery_label``, ``..._identity``, ``..._camera``.

    Args:
        path: the file.
        options: its arrays or columns.
        described: whether to read all fields; otherwise only the names of rows are read.

    Raises:
        MissingFileError: the file, or the table beside it, does not exist.
        UnknownNameError: a given array is not in the file.
        InputError: the file is damaged, lengths differ, or a vector is zero or not finite.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        why = UNREAD.get(suffix, "")
        raise InputError(
            f"{path} is no file of vectors that can be read: {why}give .csv, .tsv, .npz, .npy or .parquet."
        )
    if options.metadata is not None and suffix != ".npy":
        raise InputError(f"A metadata table goes with an .npy file; {path} holds its own.")
    if suffix == ".npz":
        arrays = NpzArrays(path)
        return _split_arrays(arrays) if _is_plain(arrays, options) else _named_arrays(arrays, options)
    if suffix == ".npy":
        return _array_and_table(path, options, described=described)
    return _table_of_vectors(path, options, described=described)


def read_bank(path: Path, options: BankOptions) -> ImportedBank:
    """Read text or class vectors and their classes; equal vectors with equal texts are merged.

    Raises:
        MissingFileError: the file does not exist.
        UnknownNameError: a given array is not in the file.
        InputError: the file is not an ``.npz``, lengths differ, or an index is out of range.
    """
    if path.suffix.lower() != ".npz":
        raise InputError(f"A bank is read from an .npz file, not from {path}.")
    arrays = NpzArrays(path)
    vectors = arrays.vectors(options.vectors)
    classes = _classes(arrays, options, len(vectors))
    texts = _texts(arrays, options, len(vectors))
    positions: dict[tuple[bytes, str | None], int] = {}
    edges: dict[tuple[int, str], None] = {}
    first: list[int] = []
    for at, name in enumerate(classes):
        key = (vectors[at].tobytes(), texts[at] if texts else None)
        if key not in positions:
            positions[key] = len(first)
            first.append(at)
        edges[positions[key], name] = None
    rows, names = zip(*edges, strict=True)
    unique_texts = None if texts is None else tuple(texts[at] for at in first)
    return ImportedBank(vectors[first], np.array(rows, dtype=np.int64), np.array(names, dtype=np.str_), unique_texts)


def _is_plain(arrays: NpzArrays, options: VectorOptions) -> bool:
    """Return whether the file is read as arrays ``query`` and ``gallery``: it has them, and no option is set."""
    if options.vectors is not None:
        return False
    if options.named() or not set(ROLES) <= set(arrays.names):
        raise InputError(_ask_for_vectors(arrays))
    return True


def _ask_for_vectors(arrays: NpzArrays) -> str:
    """Return the sentence that asks which array holds the vectors."""
    question = f"Say which array of {arrays.path} holds the vectors (`vectors`); it has: {', '.join(arrays.names)}."
    if set(ROLES) <= set(arrays.names):
        return question
    roles = role_names(arrays.names)
    if roles:
        renamed = ", ".join(f"{name}=z['{old}']" for name, old in roles.items())
        return f"{question} If these are queries and a gallery, name them so: np.savez('new.npz', {renamed})."
    like = [name for name in arrays.names if len(arrays.shape(name)) == 2]
    matrix = f" `vectors={like[0]}` is the only matrix." if len(like) == 1 else ""
    return f"{question}{matrix} Only the names query and gallery need no options."


def _split_arrays(arrays: NpzArrays) -> ImportedVectors:
    parts = {role: arrays.vectors(role) for role in ROLES}
    widths = {role: part.shape[1] for role, part in parts.items()}
    if len(set(widths.values())) > 1:
        turned = len({len(part) for part in parts.values()}) == 1
        raise InputError(
            f"{arrays.path}: query has dimension {widths['query']}, gallery {widths['gallery']}"
            + (
                f", and both have {len(parts['query'])} rows: they lie the other way round; save their transposes "
                "(`query.T`, `gallery.T` in numpy), one row per vector."
                if turned
                else "."
            )
        )
    columns: dict[str, list[Any]] = {}
    for field in FIELDS:
        names = {role: f"{role}_{field}" for role in ROLES}
        absent = [name for name in names.values() if name not in arrays.names]
        if len(absent) == 1:
            raise InputError(f"{arrays.path} has only one of {' and '.join(names.values())}; add {absent[0]}.")
        if not absent:
            columns[field] = [
                cell for role in ROLES for cell in arrays.column(names[role], field, len(parts[role]), widths[role])
            ]
    taken = {*ROLES, *(f"{role}_{field}" for role in ROLES for field in columns)}
    others = [name for name in arrays.names if name not in taken]
    _ask_for_role_fields(arrays, others, columns)
    if not {"identity", "label"} & columns.keys():
        raise InputError(f"{arrays.path} has no query_identity and gallery_identity, nor labels; add them.")
    columns["split"] = [role for role in ROLES for _ in parts[role]]
    rows = NumberedRows({role: len(part) for role, part in parts.items()})
    vectors = np.concatenate([parts[role] for role in ROLES])
    fields = {field: field for field in columns if field != "split"}
    notes = _notes(arrays.path, "query and gallery", vectors, fields, unread=others)
    return ImportedVectors(vectors, columns, rows, notes=notes)


def _ask_for_role_fields(arrays: NpzArrays, others: Sequence[str], columns: Mapping[str, Any]) -> None:
    """Raise InputError if other arrays look like identities, labels or cameras of queries and gallery."""
    meant = {name: old for name, old in role_names([*ROLES, *others]).items() if name not in ROLES}
    doubtful = {name: old for name, old in meant.items() if name.partition("_")[2] in {"identity", "label", "camera"}}
    doubtful = {name: old for name, old in doubtful.items() if name.partition("_")[2] not in columns}
    if doubtful:
        looks = ", ".join(f"'{old}' looks like {name}" for name, old in doubtful.items())
        renamed = ", ".join(f"{name}=z['{old}']" for name, old in doubtful.items())
        raise InputError(
            f"{arrays.path}: {looks}, but has another name; rename it if it is meant, as in np.savez('new.npz', "
            f"query=z['query'], gallery=z['gallery'], {renamed}, ...), or leave it out of the file."
        )


def _named_arrays(arrays: NpzArrays, options: VectorOptions) -> ImportedVectors:
    chosen = options.vectors or ""
    vectors = arrays.vectors(chosen)
    count, dimension = vectors.shape
    same = {field: field for field in ("filepath", *FIELDS) if field in arrays.names and field != chosen}
    fields = {field: name for field, name in (same | options.said()).items() if name}
    columns = {field: arrays.column(name, field, count, dimension) for field, name in fields.items()}
    unread = [name for name in arrays.names if name not in {chosen, *fields.values()}]
    doubts = fields_in_doubt([name for name in unread if arrays.shape(name) == (count,)], {*fields, *options.said()})
    if doubts:
        raise InputError(doubt(str(arrays.path), doubts))
    names = columns.pop("filepath", None)
    rows = _uris(names, count, chosen, arrays.path)
    notes = _notes(arrays.path, f"'{chosen}'", vectors, fields, unread=unread)
    return ImportedVectors(vectors, columns, rows, names is not None, (chosen,), notes)


def _array_and_table(path: Path, options: VectorOptions, *, described: bool) -> ImportedVectors:
    if options.vectors is not None:
        raise InputError(f"{path} is a single array; leave vectors out, or give an .npz file.")
    if options.metadata is None:
        raise InputError(f"{path} says nothing about its vectors; give a table of as many rows with metadata=TABLE.")
    array = load(path)
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is an .npz file; rename it.")
    vectors = checked_vectors(array, str(path))
    return _with_table(vectors, open_table(options.metadata), options, described=described)


def _table_of_vectors(path: Path, options: VectorOptions, *, described: bool) -> ImportedVectors:
    if not path.is_file():
        raise MissingFileError(f"There is no file {path}.")
    parquet = path.suffix.lower() in PARQUET
    names = _parquet_names(path) if parquet else open_table(path).columns
    if options.vectors is None and not parquet:
        raise InputError(
            f"Say which columns of {path} hold the vectors (`vectors=PATTERN*,NAME,...`); it has: "
            f"{list_columns(names)}."
        )
    fields = {options.named().get(field, field) for field in ("filepath", *FIELDS)}
    chosen = choose_columns(path, names, options.vectors or LIST_COLUMN, fields)
    vectors = parquet_vectors(path, chosen) if parquet else text_vectors(path, chosen)
    file_names = options.filepath or "filepath"
    unread = chosen if described or file_names not in names else tuple(name for name in names if name != file_names)
    imported = _with_table(vectors, open_table(path, unread), options, chosen, described=described)
    return imported._replace(chosen=() if chosen == (LIST_COLUMN,) else chosen)


def _parquet_names(path: Path) -> tuple[str, ...]:
    with reading_parquet(path) as file:
        return tuple(file.schema_arrow.names)


def _with_table(
    vectors: Float32, table: InputTable, options: VectorOptions, without: Sequence[str] = (), *, described: bool
) -> ImportedVectors:
    """Join vectors to the rows of a table, in order.

    Args:
        vectors: (n, d).
        table: table with n rows.
        options: columns of the fields.
        without: columns of vectors; those that are neither fields nor vectors become typed ``meta_*``.
        described: whether to read all fields; otherwise only the names of rows are read.
    """
    said: dict[str, str | None] = {field: name or None for field, name in options.said().items()}
    positions = find_columns(table, ("filepath", *FIELDS) if described else ("filepath",), said)
    numbers = {name: at for at, name in enumerate(table.columns)}
    used = {numbers[name] for name in without if name in numbers}
    taken = {*positions.values(), *used}
    free = [name for at, name in enumerate(table.columns) if name and at not in taken]
    doubts = fields_in_doubt(free, {*positions, *said}) if described else {}
    if doubts:
        raise InputError(doubt(str(table.path), doubts))
    meta = meta_columns(table, {*positions.values(), *used}) if described else ()
    columns: dict[str, list[Any]] = {name: [] for name in (*positions, *(f"meta_{column.name}" for column in meta))}
    shared = SharedTexts()
    problems: list[SourceProblem] = []
    count = 0
    for row in table.rows(problems):
        count += 1
        where = f"{table.path.name} row {row.number}"
        for field, position in positions.items():
            columns[field].append(shared(field_value(field, row.cells[position], where)))
        for column in meta:
            columns[f"meta_{column.name}"].append(shared(column.read(row.cells[column.position])))
    if problems:
        raise InputError(f"{problems[0].where} {problems[0].reason}; every vector needs its row.")
    check_length(count, len(vectors), str(table.path), vectors.shape[1])
    names = columns.pop("filepath", None)
    fields = {field: table.columns[at] for field, at in positions.items()}
    what = list_columns(without) if without else "the array"
    notes = _notes(table.path, what, vectors, fields, described=described, metadata=free if described else ())
    return ImportedVectors(vectors, columns, _uris(names, count, "row", table.path), names is not None, notes=notes)


def _notes(
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


def _uris(names: Sequence[str | None] | None, count: int, prefix: str, path: Path) -> Sequence[str]:
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


def _classes(arrays: NpzArrays, options: BankOptions, count: int) -> list[str]:
    """Return the class of each vector."""
    names = arrays.column(options.classes, "label")
    empty = next((at for at, name in enumerate(names) if name is None), None)
    if empty is not None:
        raise InputError(f"Class {empty} (counted from 0) in array '{options.classes}' of {arrays.path} has no name.")
    if options.class_index is None:
        check_length(len(names), count, f"array '{options.classes}' of {arrays.path}")
        return names
    index = arrays.read(options.class_index)
    what = f"Array '{options.class_index}' of {arrays.path}"
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise InputError(f"{what} must hold one whole number per vector.")
    check_length(len(index), count, what)
    outside = (index < 0) | (index >= len(names))
    if outside.any():
        at = int(np.argmax(outside))
        raise InputError(f"Row {at} of {what} is {index[at]}, but '{options.classes}' holds {len(names)} classes.")
    return [names[at] for at in index]


def _texts(arrays: NpzArrays, options: BankOptions, count: int) -> list[str] | None:
    name = options.texts
    if name is None:
        name = next((usual for usual in ("texts", "captions") if usual in arrays.names), None)
    if name is None:
        return None
    texts = [str(cell) for cell in arrays.cells(name)]
    check_length(len(texts), count, f"array '{name}' of {arrays.path}")
    return texts
