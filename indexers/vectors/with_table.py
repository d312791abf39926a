"""Join vectors to the rows of a table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.tables import find_columns, list_columns, meta_columns
from indexers.vectors.imported import ImportedVectors, VectorOptions, row_names, taken_notes
from indexers.vectors.named_arrays import SharedTexts, check_length, field_value, length_value
from indexers.vectors.similar_names import doubt, fields_in_doubt
from indexers.vectors.unit_vectors import check_lengths
from retrieval.errors import InputError
from retrieval.export.columns import FIELDS, FILEPATH, LENGTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.tables import InputTable
    from retrieval.types import Float32, SourceProblem


def with_table(
    vectors: Float32,
    table: InputTable,
    options: VectorOptions,
    without: Sequence[str] = (),
    *,
    described: bool,
    unread: Sequence[str] = (),
    what: str = "the array",
) -> ImportedVectors:
    """Join vectors to the rows of a table, in order.

    Args:
        vectors: (n, d).
        table: table with n rows.
        options: columns of the fields.
        without: columns of vectors; those that are neither fields nor vectors become typed ``meta_*``.
        described: whether to read all fields; otherwise only the names of rows, and the lengths of vectors, are read.
        unread: columns of the file that the table was opened without, for the note.
        what: name of the vectors for the note, if they are no columns.
    """
    said: dict[str, str | None] = {field: name or None for field, name in options.said().items()}
    said |= {} if options.vector_length is None else {LENGTH: options.vector_length or None}
    positions = find_columns(table, (FILEPATH, *FIELDS, LENGTH) if described else (FILEPATH, LENGTH), said)
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
        where = table.location(row.number)
        for field, position in positions.items():
            read = length_value if field == LENGTH else partial(field_value, field)
            columns[field].append(shared(read(row.cells[position], where)))
        for column in meta:
            columns[f"meta_{column.name}"].append(shared(column.read(row.cells[column.position])))
    if problems:
        raise InputError(f"{problems[0].where} {problems[0].reason}; every vector needs its row.")
    check_length(count, len(vectors), str(table.path), vectors.shape[1])
    names = columns.pop(FILEPATH, None)
    lengths = _lengths(columns, vectors, f"column '{table.columns[positions.get(LENGTH, 0)]}' of {table.path}")
    fields = {field: table.columns[at] for field, at in positions.items()}
    what = list_columns(without) if without else what
    metadata = free if described else ()
    notes = taken_notes(table.path, what, vectors, fields, described=described, metadata=metadata, unread=unread)
    rows = row_names(names, count, "row", table.path)
    return ImportedVectors(vectors, columns, rows, names is not None, notes=notes, lengths=lengths)


def _lengths(columns: dict[str, list[Any]], vectors: Float32, what: str) -> Float32 | None:
    """Take the lengths out of the columns and check them; None if there are none."""
    cells = columns.pop(LENGTH, None)
    if cells is None:
        return None
    lengths = np.array(cells, np.float32)
    check_lengths(lengths, vectors, what)
    return lengths
