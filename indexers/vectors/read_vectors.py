"""Read files of vectors: ``.npz``, ``.npy`` with a table beside it, CSV, TSV and Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexers.tables import DELIMITERS, PARQUET, list_columns, open_table, reading_parquet, snake_case
from indexers.vectors.arrays import NpzArrays, load
from indexers.vectors.clip_retrieval import read_shards
from indexers.vectors.columns import choose_columns, parquet_vectors, text_vectors
from indexers.vectors.imported import ImportedVectors, VectorOptions, row_names, taken_notes
from indexers.vectors.mat_arrays import MatArrays
from indexers.vectors.named_arrays import NamedArrays, checked_vectors
from indexers.vectors.query_gallery import read_pairs, role_pairs
from indexers.vectors.similar_names import doubt, fields_in_doubt
from indexers.vectors.torch_arrays import TorchArrays
from indexers.vectors.unit_vectors import check_lengths
from indexers.vectors.with_table import with_table
from retrieval.errors import InputError, MissingFileError
from retrieval.export.columns import FIELDS, FILEPATH, LENGTH, NOT_READ, PROVENANCE, VECTOR, VECTORS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from retrieval.types import Float32

TORCH = (".pt", ".pth")

SUFFIXES = (*DELIMITERS, ".npz", ".npy", ".mat", *TORCH, *PARQUET)


_PICKLE = (
    "pickles are never opened, because they can run code; load it where you trust it and save arrays with np.savez; "
)
_HDF5 = "HDF5 is not read; save what h5py reads with np.savez; "
_UNREAD = {".pkl": _PICKLE, ".pickle": _PICKLE, ".joblib": _PICKLE, ".h5": _HDF5}
UNREAD = _UNREAD | {
    ".hdf5": _HDF5,
    ".safetensors": "save what safetensors.numpy.load_file reads with np.savez; ",
    ".txt": "save what np.loadtxt reads with np.save; ",
    ".xlsx": "save the sheet as CSV UTF-8; ",
}
"""Suffix -> how such a file becomes one that is read."""


def read_vectors(path: Path, options: VectorOptions, *, described: bool = True) -> ImportedVectors:
    """Read a file of vectors, or a folder of clip-retrieval, and the fields of their samples.

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
    if path.is_dir():
        return read_shards(path, options, described=described)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        why = UNREAD.get(suffix, "")
        raise InputError(
            f"{path} is no file of vectors that can be read: {why}give .csv, .tsv, .npz, .npy, .mat, .pt or .parquet."
        )
    if options.metadata is not None and suffix != ".npy":
        raise InputError(f"A metadata table goes with an .npy file; {path} holds its own.")
    if suffix == ".npz":
        return _from_arrays(NpzArrays(path), options)
    if suffix == ".mat":
        return _from_arrays(MatArrays(path), options)
    if suffix in TORCH:
        return _from_arrays(TorchArrays(path), options)
    if suffix == ".npy":
        return _array_and_table(path, options, described=described)
    return _table_of_vectors(path, options, described=described)


def _from_arrays(arrays: NamedArrays, options: VectorOptions) -> ImportedVectors:
    """Read an array of vectors, or arrays of queries and a gallery."""
    pairs = role_pairs(arrays, options)
    if pairs is not None:
        return read_pairs(arrays, pairs)
    if options.vectors is not None:
        return _named_arrays(arrays, options, options.vectors)
    if {PROVENANCE, VECTORS, "classes", "kind"} <= set(arrays.names):
        raise InputError(f"{arrays.path} is a bank that was exported; say `kind=bank`.")
    if {PROVENANCE, VECTORS} <= set(arrays.names):  # written by export-vectors
        return _named_arrays(arrays, options, VECTORS)
    raise InputError(_ask_for_vectors(arrays))


def _ask_for_vectors(arrays: NamedArrays) -> str:
    """Return the sentence that asks which array holds the vectors, and says what to write if the names tell it."""
    question = f"Say which array of {arrays.path} holds the vectors (`vectors`); it has: {list_columns(arrays.names)}."
    matrices = [name for name in arrays.names if len(shape := arrays.shape(name)) == 2 and 1 not in shape]
    if len(matrices) != 1:
        return f"{question} Of queries and a gallery say both: `vectors=QUERY,GALLERY`."
    count = arrays.shape(matrices[0])[0]
    others = [name for name in arrays.names if name != matrices[0] and arrays.is_column(name, count)]
    fields = fields_in_doubt(others, {name for name in FIELDS if name in others})
    names = "".join(f" `{field}={name}`" for field, name in fields.items())
    return f"{question} `vectors={matrices[0]}` is the only matrix{f'; by their names,{names}' if names else ''}."


def _named_arrays(arrays: NamedArrays, options: VectorOptions, chosen: str) -> ImportedVectors:
    vectors = arrays.vectors(chosen)
    count, dimension = vectors.shape
    same = {field: field for field in (FILEPATH, *FIELDS) if field in arrays.names and field != chosen}
    fields = {field: name for field, name in (same | options.said()).items() if name}
    columns = {field: arrays.column(name, field, count, dimension) for field, name in fields.items()}
    lengths = _lengths(arrays, options, vectors)
    fields |= {} if lengths is None else {LENGTH: options.vector_length or LENGTH}
    free = [name for name in arrays.names if name not in {chosen, *fields.values()}]
    metadata = [name for name in free if name.startswith("meta_") and arrays.is_column(name, count)]
    columns |= {f"meta_{snake_case(name)}": arrays.metadata(name) for name in metadata}
    unread = [name for name in free if name not in metadata]
    looked_at = [name for name in unread if arrays.is_column(name, count) and not _is_ours(arrays, name)]
    doubts = fields_in_doubt(looked_at, {*fields, *options.said()})
    if doubts:
        raise InputError(doubt(str(arrays.path), doubts))
    names = columns.pop(FILEPATH, None)
    rows = row_names(names, count, chosen, arrays.path)
    notes = taken_notes(arrays.path, f"'{chosen}'", vectors, fields, metadata=metadata, unread=unread)
    return ImportedVectors(vectors, columns, rows, names is not None, (chosen,), notes, lengths)


def _is_ours(arrays: NamedArrays, name: str) -> bool:
    """Return whether an array is one that export-vectors writes and no import reads."""
    return PROVENANCE in arrays.names and name in NOT_READ


def _lengths(arrays: NamedArrays, options: VectorOptions, vectors: Float32) -> Float32 | None:
    name = options.length_name(arrays.names)
    if name is None:
        return None
    lengths = arrays.lengths(name, len(vectors))
    check_lengths(lengths, vectors, f"array '{name}' of {arrays.path}")
    return lengths


def _array_and_table(path: Path, options: VectorOptions, *, described: bool) -> ImportedVectors:
    if options.vectors is not None:
        raise InputError(f"{path} is a single array; leave vectors out, or give an .npz file.")
    if options.metadata is None:
        raise InputError(f"{path} says nothing about its vectors; give a table of as many rows with metadata=TABLE.")
    array = load(path)
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is an .npz file; rename it.")
    vectors = checked_vectors(array, str(path))
    return with_table(vectors, open_table(options.metadata), options, described=described)


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
    length = options.length_name(names)
    fields = {options.named().get(field, field) for field in (FILEPATH, *FIELDS)} | {length or LENGTH}
    chosen = choose_columns(path, names, options.vectors or VECTOR, fields)
    vectors = parquet_vectors(path, chosen) if parquet else text_vectors(path, chosen)
    not_read = _not_read(path, names, {*fields, *chosen}) if parquet else ()
    without = (*chosen, *not_read)
    file_names = options.filepath or FILEPATH
    if not described and file_names in names:
        without = tuple(name for name in names if name not in {file_names, length})
    table = open_table(path, without)
    imported = with_table(vectors, table, options, chosen, described=described, unread=not_read)
    return imported._replace(chosen=() if chosen == (VECTOR,) else chosen)


def _not_read(path: Path, names: Sequence[str], taken: Collection[str]) -> tuple[str, ...]:
    """Return the columns of a Parquet file that export-vectors writes and no import reads; none of other files."""
    with reading_parquet(path) as file:
        if PROVENANCE.encode() not in (file.schema_arrow.metadata or {}):
            return ()
    return tuple(name for name in names if name in NOT_READ and name not in taken)


def _parquet_names(path: Path) -> tuple[str, ...]:
    with reading_parquet(path) as file:
        return tuple(file.schema_arrow.names)
