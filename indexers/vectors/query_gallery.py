"""Read arrays of queries and a gallery, as re-identification keeps them.

A field has two arrays. The names ``query``, ``gallery``, ``query_identity``, ... and those of scripts (``qf``, ``gf``,
``q_pids``, ``g_camids``; ``query_feats``) are known; others are said as ``QUERY,GALLERY``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from indexers.vectors.imported import ImportedVectors, taken_notes
from indexers.vectors.numbered_rows import NumberedRows
from indexers.vectors.similar_names import ROLES, role_names
from retrieval.config import split_commas
from retrieval.errors import InputError
from retrieval.export.columns import FIELDS, FILEPATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexers.vectors.imported import VectorOptions
    from indexers.vectors.named_arrays import NamedArrays

Pairs: TypeAlias = dict[str, tuple[str, str]]
"""Field, or ``vectors`` -> its array of the queries and its array of the gallery."""


def role_pairs(arrays: NamedArrays, options: VectorOptions) -> Pairs | None:
    """Find the arrays of queries and gallery; None if the file is read in another way.

    Args:
        arrays: the arrays of a file.
        options: arrays that the user named; pairs are written with a comma.

    Raises:
        InputError: an array of one role is missing, an option is no pair, or labels may be identities.
    """
    given = {name: value for name, value in options.said().items() if value}
    if options.vectors is not None:
        given["vectors"] = options.vectors
    matches = role_names(arrays.names)
    if "vectors" not in given and (not matches or not all("," in value for value in given.values())):
        return None
    if "vectors" in given and (given["vectors"] in arrays.names or given["vectors"].count(",") != 1):
        return None
    pairs = _known_pairs(arrays, matches, leave_out=options.said())
    pairs |= {name: _pair(name, value) for name, value in given.items()}
    if "label" in pairs.keys() - given.keys() and "identity" not in pairs and pairs["vectors"] != ROLES:
        query, gallery = pairs["label"]
        raise InputError(
            f"{arrays.path}: '{query}' and '{gallery}' may be identities or labels; say `identity={query},{gallery}` "
            f"or `label={query},{gallery}`."
        )
    said = {pairs[name] for name in given}
    order = ("vectors", FILEPATH, *FIELDS)
    return {name: pairs[name] for name in order if name in given or (name in pairs and pairs[name] not in said)}


def _known_pairs(arrays: NamedArrays, matches: dict[str, str], leave_out: dict[str, str]) -> Pairs:
    """Return the pairs that names of arrays tell, without fields that the user spoke of."""
    pairs: Pairs = {}
    if set(ROLES) <= matches.keys():
        pairs["vectors"] = (matches["query"], matches["gallery"])
    for field in (FILEPATH, *FIELDS):
        names = [matches[name] for name in (f"query_{field}", f"gallery_{field}") if name in matches]
        if field == "split" or field in leave_out or not names:
            continue
        if len(names) == 1:
            absent = "gallery" if f"query_{field}" in matches else "query"
            raise InputError(
                f"{arrays.path} has only one of query_{field} and gallery_{field}; add {absent}_{field}, or leave "
                f"'{names[0]}' out with `{field}=`."
            )
        pairs[field] = (names[0], names[1])
    return pairs


def _pair(name: str, value: str) -> tuple[str, str]:
    parts = split_commas(value)
    if len(parts) != 2:
        raise InputError(
            f"`{name}={value}` is one array, but queries and gallery have one each; write `{name}=QUERY,GALLERY`."
        )
    return parts[0], parts[1]


def read_pairs(arrays: NamedArrays, pairs: Pairs) -> ImportedVectors:
    """Read queries and gallery, which become the splits of these names.

    Raises:
        UnknownNameError: the file has no array of a given name.
        InputError: an array has another shape, or there are neither identities nor labels.
    """
    parts = [arrays.vectors(name) for name in pairs["vectors"]]
    _check_widths(arrays, parts)
    columns: dict[str, list[Any]] = {
        field: [
            cell
            for name, part in zip(names, parts, strict=True)
            for cell in arrays.column(name, field, len(part), part.shape[1])
        ]
        for field, names in pairs.items()
        if field != "vectors"
    }
    if not {"identity", "label"} & columns.keys():
        raise InputError(
            f"{arrays.path} has no query_identity and gallery_identity, nor labels; add them, or say which they are: "
            f"`identity=QUERY,GALLERY`. It has: {', '.join(arrays.names)}."
        )
    columns["split"] = [role for role, part in zip(ROLES, parts, strict=True) for _ in part]
    counts = {role: len(part) for role, part in zip(ROLES, parts, strict=True)}
    paths = columns.pop(FILEPATH, None)
    rows = NumberedRows(counts) if paths is None else _paths(paths, columns["split"], arrays)
    vectors = np.concatenate(parts)
    is_plain = pairs["vectors"] == ROLES
    what = "query and gallery" if is_plain else "{} and {}".format(*(f"'{name}'" for name in pairs["vectors"]))
    fields = {field: field if _is_canonical(field, names) else ", ".join(names) for field, names in pairs.items()}
    del fields["vectors"]
    taken = {name for names in pairs.values() for name in names}
    unread = [name for name in arrays.names if name not in taken]
    notes = taken_notes(arrays.path, what, vectors, fields, unread=unread)
    return ImportedVectors(vectors, columns, rows, paths is not None, () if is_plain else pairs["vectors"], notes)


def _is_canonical(field: str, names: tuple[str, str]) -> bool:
    return names == (f"query_{field}", f"gallery_{field}")


def _check_widths(arrays: NamedArrays, parts: Sequence[Any]) -> None:
    query, gallery = parts
    if query.shape[1] == gallery.shape[1]:
        return
    turned = (
        f", and both have {len(query)} rows: they lie the other way round; save their transposes (`query.T`, "
        "`gallery.T` in numpy), one row per vector"
    )
    raise InputError(
        f"{arrays.path}: query has dimension {query.shape[1]}, gallery {gallery.shape[1]}"
        f"{turned if len(query) == len(gallery) else ''}."
    )


def _paths(paths: Sequence[str | None], roles: Sequence[str], arrays: NamedArrays) -> list[str]:
    """Return paths as names of rows, with the role before them if an image is query and gallery.

    Raises:
        InputError: a path is empty, or repeated in one role.
    """
    names = [path or "" for path in paths]
    if len(set(names)) < len(names):
        names = [f"{role}/{name}" for role, name in zip(roles, names, strict=True)]
    if "" in paths or None in paths or len(set(names)) < len(names):
        raise InputError(f"{arrays.path} has empty or repeated paths; leave them out with `filepath=`.")
    return names
