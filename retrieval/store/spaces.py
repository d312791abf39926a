"""Name spaces, and find a space by the name that a user typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retrieval.errors import InputError, unknown
from retrieval.types import WHOLE, EncoderSpec, SpaceInfo


def short_name(spec: EncoderSpec, names: Sequence[str] = ()) -> str:
    """Return a name like ``vit-b-32-laion2b@3f9a``: model, weights, and the beginning of the fingerprint.

    Of weights in a repository of the hub, which is named after its model, the repository's name is enough.
    The beginning has at least four digits, and as many as make the name differ from ``names``.
    """
    kind, _, value = spec.weights.partition(":")
    weights = {"file": value.rsplit("/", 1)[-1].rsplit(".", 1)[0], "random": f"random{value}"}.get(kind, value)
    # The file of imported vectors and the folder of a trained encoder add nothing to the name of the model.
    words = [spec.model] if kind in {"import", "folder"} else [spec.model, weights]
    if kind == "hf-hub":
        words = [value.rpartition("/")[2]]
    stem = "-".join(_slug(word) for word in words if word)
    if stem.startswith(f"{_slug(spec.model)}-{_slug(spec.model)}"):  # the file is named after its model
        stem = stem[len(_slug(spec.model)) + 1 :]
    if spec.crop != WHOLE:
        stem = f"{stem}-{_slug(spec.crop)}"
    for length in range(4, 33):
        name = f"{stem}@{spec.fingerprint[:length]}"
        if name not in names:
            return name
    return f"{stem}@{spec.fingerprint}"


def space_of(row: Mapping[str, Any], rows: int = 0) -> SpaceInfo:
    """Read a space from its row of the table ``spaces``; ``rows`` is the number of its vectors."""
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


def default_space(spaces: Sequence[SpaceInfo]) -> SpaceInfo | None:
    """Return the space that is taken where none is named; None if a user must name one.

    It is the complete space that was promoted last, else the only complete one.
    """
    complete = [space for space in spaces if space.state == "complete"]
    promoted = [space for space in complete if space.promoted is not None]
    if promoted:
        return max(promoted, key=lambda space: space.promoted or "")
    return complete[0] if len(complete) == 1 else None


def parent_name(spaces: Sequence[SpaceInfo], space: SpaceInfo) -> str | None:
    """Return the name of the space from which a space was made, its fingerprint if it was dropped; None without one."""
    if space.parent is None:
        return None
    names = {other.fingerprint: other.name for other in spaces}
    return names.get(space.parent, f"{space.parent[:12]} (dropped)")


def find_space(spaces: Sequence[SpaceInfo], prefix: str | None) -> SpaceInfo:
    """Find a space by name or fingerprint, or the beginning of one; None finds the default space.

    Raises:
        UnknownNameError: no space matches.
        InputError: several spaces match, or for None, no space is complete.
    """
    names = [space.name for space in spaces]
    if prefix is None:
        default = default_space(spaces)
        if default is None:
            raise _no_default(spaces)
        return default
    exact = [space for space in spaces if prefix in (space.name, space.fingerprint)]
    start = prefix.lower()  # names of spaces are lower case
    matches = exact or [s for s in spaces if s.name.startswith(start) or s.fingerprint.startswith(start)]
    if not matches:
        raise unknown("space", prefix, names)
    if len(matches) > 1:
        raise InputError(f"'{prefix}' may mean {', '.join(s.name for s in matches)}; write more of the name.")
    return matches[0]


def _no_default(spaces: Sequence[SpaceInfo]) -> InputError:
    """Make the error for a store in which no space is the default."""
    if not spaces:
        return InputError("The store has no vectors yet; run 'index' or 'import-vectors' first.")
    names = [space.name for space in spaces if space.state == "complete"]
    if not names:
        listed = ", ".join(space.name for space in spaces)
        return InputError(f"No space of the store is complete yet: {listed}; finish its refresh first.")
    return InputError(
        f"The store has {len(names)} spaces; say which space is meant: {', '.join(names)}. 'promote' makes one the "
        "default."
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
