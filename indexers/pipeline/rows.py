"""Build rows of the table ``samples`` from samples of a source and decoded images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from retrieval.errors import InputError
from retrieval.names import clean_name
from retrieval.store.schema import META_PREFIX, SAMPLES
from retrieval.types import BOX_COLUMNS, Sample

DESCRIBED = ("label", "identity", "aspect", "camera", "group", "split")
"""Columns defined by the source: if they change, the row is rewritten and the image is not embedded again."""

StoreRow = dict[str, Any]


def described(sample: Sample) -> StoreRow:
    """Return the columns of a row that the source defines, with clean names (:func:`retrieval.names.clean_name`)."""
    row: StoreRow = {name: _clean(getattr(sample, name)) for name in DESCRIBED}
    row |= {f"{META_PREFIX}{name}": value for name, value in sample.meta.items()}
    if sample.captured_at is not None:
        row["captured_at"] = sample.captured_at
    return row


def _clean(name: str | None) -> str | None:
    return None if name is None else clean_name(name)


def new_row(sample: Sample, position: int, size: int, mtime_ns: int, content: Mapping[str, Any]) -> StoreRow:
    """Build a complete row.

    Args:
        sample: the sample.
        position: its number in the order of its source.
        size: size of the file in bytes, 0 if there is none.
        mtime_ns: time of the last change of the file, nanoseconds.
        content: columns from decoding or from an import: content, key, width, height, phash, captured_at.
    """
    row: StoreRow = {"id": sample.id, "source": sample.source, "uri": sample.uri, "crop": sample.crop}
    row |= {"position": position, "size": size, "mtime_ns": mtime_ns}
    if sample.box is not None:
        row |= zip(BOX_COLUMNS, sample.box, strict=True)
    if sample.polygon is not None:
        row["polygon"] = [number for corner in sample.polygon for number in corner]
    return row | dict(content) | described(sample)


def changes(sample: Sample, row: Mapping[str, Any]) -> StoreRow:
    """Return the columns in which a sample differs from its stored row; meta columns it no longer has become null."""
    current = described(sample)
    gone = {name: None for name in row if name.startswith(META_PREFIX) and name not in current}
    return {name: value for name, value in (gone | current).items() if not _same(row.get(name), value)}


def _same(stored: Any, value: Any) -> bool:
    """Return whether a stored value equals ``value``; columns of text store numbers and booleans as text."""
    if isinstance(stored, str) and isinstance(value, (bool, int, float)):
        value = str(value).lower() if isinstance(value, bool) else str(value)
    return bool(stored == value)


def table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Convert rows to an Arrow table with the columns of ``samples`` and the ``meta_*`` columns of the rows.

    Raises:
        InputError: a meta column mixes types.
    """
    meta = sorted({name for row in rows for name in row if name.startswith(META_PREFIX)})
    columns = {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in SAMPLES}
    for name in meta:
        columns[name] = _meta_column(name, [row.get(name) for row in rows])
    return pa.table(columns)


def _meta_column(name: str, values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        values = [None if value is None else float(value) for value in values]
        kinds = {float}
    if len(kinds) > 1:
        shown = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(f"Column {name.removeprefix(META_PREFIX)} mixes {shown}; make its values of one kind.")
    kind = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}.get(next(iter(kinds), str))
    return pa.array(values, kind) if kinds else pa.nulls(len(values))
