"""Names of spaces: short ones for people, and finding a space by what somebody typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.errors import InputError, unknown
from retrieval.types import EncoderSpec, SpaceInfo


def short_name(spec: EncoderSpec, taken: Sequence[str] = ()) -> str:
    """``vit-b-32-laion2b@3f9a``: model, weights, and enough of the fingerprint to be unique among ``taken``."""
    kind, _, value = spec.weights.partition(":")
    weights = {"file": value.rsplit("/", 1)[-1].rsplit(".", 1)[0], "random": f"random{value}"}.get(kind, value)
    # What was imported, and the folder of a trained encoder, say nothing beside the model's own name.
    words = [spec.model] if kind in {"import", "folder"} else [spec.model, weights]
    stem = "-".join(_slug(word) for word in words if word)
    if stem.startswith(f"{_slug(spec.model)}-{_slug(spec.model)}"):  # a file named after its model says it once
        stem = stem[len(_slug(spec.model)) + 1 :]
    for length in range(4, 33):
        name = f"{stem}@{spec.fingerprint[:length]}"
        if name not in taken:
            return name
    return f"{stem}@{spec.fingerprint}"


def space_of(row: Mapping[str, Any], rows: int = 0) -> SpaceInfo:
    """A space from its row of the table ``spaces``; ``rows`` is how many vectors it has."""
    matrix = row.get("matrix")
    return SpaceInfo(
        fingerprint=row["fingerprint"],
        name=row["name"],
        spec=EncoderSpec.from_json(row["spec"]),
        dimension=row["dimension"],
        views=tuple(row["views"]),
        created=row["created"],
        rows=rows,
        state=row["state"],
        parent=row.get("parent"),
        matrix=None if matrix is None else np.frombuffer(matrix, "<f4").reshape(row["matrix_shape"]),
        promoted=row.get("promoted"),
    )


def find_space(spaces: Sequence[SpaceInfo], wanted: str | None) -> SpaceInfo:
    """Find a space by name, name prefix or fingerprint prefix; None works when only one is complete.

    Raises:
        UnknownNameError: nothing matches.
        InputError: the choice is not plain.
    """
    names = [space.name for space in spaces]
    if wanted is None:
        complete = [space for space in spaces if space.state == "complete"]
        if len(complete) == 1:
            return complete[0]
        if not spaces:
            raise InputError("The store has no vectors yet; run 'index' or 'import-vectors' first.")
        if not complete:
            raise InputError(f"No space of the store is complete yet: {', '.join(names)}; finish its refresh first.")
        names = [space.name for space in complete]
        raise InputError(f"The store has {len(complete)} spaces; say which space is meant: {', '.join(names)}.")
    exact = [space for space in spaces if wanted in (space.name, space.fingerprint)]
    start = wanted.lower()  # names are written small, whatever was asked for
    found = exact or [s for s in spaces if s.name.startswith(start) or s.fingerprint.startswith(start)]
    if not found:
        raise unknown("space", wanted, names)
    if len(found) > 1:
        raise InputError(f"'{wanted}' may mean {', '.join(s.name for s in found)}; write more of the name.")
    return found[0]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
