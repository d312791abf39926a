"""Names of spaces: short ones for people, and finding a space by what somebody typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def find_space(spaces: Sequence[SpaceInfo], wanted: str | None) -> SpaceInfo:
    """Find a space by name, name prefix or fingerprint prefix; None works when there is only one.

    Raises:
        UnknownNameError: nothing matches.
        InputError: the choice is not plain.
    """
    names = [space.name for space in spaces]
    if wanted is None:
        if len(spaces) == 1:
            return spaces[0]
        if not spaces:
            raise InputError("The store has no vectors yet; run 'index' or 'import-vectors' first.")
        raise InputError(f"The store has {len(spaces)} spaces; say which space is meant: {', '.join(names)}.")
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
