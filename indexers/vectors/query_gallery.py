"""Read arrays of queries and a gallery, as re-identification keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from indexers.vectors.imported import ROLES, ImportedVectors, taken_notes
from indexers.vectors.numbered_rows import NumberedRows
from indexers.vectors.similar_names import role_names
from retrieval.errors import InputError
from retrieval.export.columns import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from indexers.vectors.named_arrays import NamedArrays


def split_arrays(arrays: NamedArrays) -> ImportedVectors:
    """Read the arrays ``query`` and ``gallery``, which become splits, and ``query_identity``, ``gallery_identity``, ...

    Raises:
        InputError: an array of one role is missing, has another shape, or neither identities nor labels are there.
    """
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
    notes = taken_notes(arrays.path, "query and gallery", vectors, fields, unread=others)
    return ImportedVectors(vectors, columns, rows, notes=notes)


def _ask_for_role_fields(arrays: NamedArrays, others: Sequence[str], columns: Mapping[str, Any]) -> None:
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
