"""Columns of samples as modes use them: texts as numbers, the camera rule settled, the identities an answer is over."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal

import numpy as np

from eval.results.schema import Universe
from retrieval.errors import InputError
from retrieval.types import Int64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from eval.seams.mode import Arrays

CameraRule = Literal["auto", "none", "market1501"]


def is_named(identities: NDArray[np.object_], names: Iterable[str]) -> NDArray[np.bool_]:
    """Where an identity is one of these names, leading zeros aside: (n,)."""
    bare = {name.lstrip("0") for name in names}
    if not bare:
        return np.zeros(len(identities), np.bool_)
    return np.array([value is not None and str(value).lstrip("0") in bare for value in identities], np.bool_)


def people_of(
    identities: NDArray[np.object_], junk: Iterable[str], distractors: Iterable[str]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Who is on the samples (n,), None for junk and distractors, and which samples (n,) are junk."""
    ignored = is_named(identities, junk)
    people = identities.copy()
    people[ignored | is_named(identities, distractors)] = None
    return people, ignored


def resolve_camera_rule(arrays: Arrays, rule: CameraRule) -> CameraRule:
    """Settle ``auto`` by the cameras of all queries and gallery images.

    It is ``market1501`` where all are known and ``none`` where none is. Where some are it stays ``auto``, and the rule
    holds between images whose cameras are known. Images that are only held out, for a threshold or a cohort, do not
    decide how the others are evaluated.

    Raises:
        InputError: ``market1501`` is asked for and a camera is unknown.
    """
    if rule == "none":  # cameras need not be read
        return rule
    rows, unknown = _without_camera(arrays)
    if rule == "market1501" and len(unknown):
        raise InputError(
            f"camera_rule=market1501 needs every camera, and {len(unknown)} of {len(rows)} samples have none "
            f"(the first is {arrays.ids[unknown[0]]}); index again with cameras, or pass `camera_rule=none`."
        )
    if rule != "auto" or 0 < len(unknown) < len(rows):
        return rule
    return "none" if len(unknown) else "market1501"


def camera_warnings(arrays: Arrays, rule: CameraRule) -> tuple[str, ...]:
    """Say how many samples the settled camera rule cannot judge; nothing where that is none."""
    if rule != "auto":
        return ()
    rows, unknown = _without_camera(arrays)
    if not len(unknown):
        return ()
    words = (
        f"{len(unknown)} of {len(rows)} samples have no camera (the first is {arrays.ids[unknown[0]]}): images of the "
        "query's identity and camera are left out only where both cameras are known; index again with cameras, or pass "
        "`camera_rule=none`."
    )
    return (words,)


def tested_rows(arrays: Arrays) -> Int64:
    """Rows of all queries and gallery images."""
    tested = [draw[role] for draws in arrays.parts.values() for draw in draws for role in ("query", "gallery")]
    return np.unique(np.concatenate(tested))


def _without_camera(arrays: Arrays) -> tuple[Int64, Int64]:
    """Rows of all queries and gallery images, and those of them whose camera is unknown."""
    rows = tested_rows(arrays)
    return rows, rows[[camera is None for camera in arrays.columns["camera"][rows]]]


def universe_of(names: Iterable[str]) -> Universe:
    """How many distinct names there are, and the SHA-256 of their sorted JSON list."""
    listed = sorted(set(names))
    return Universe(n=len(listed), sha256=hashlib.sha256(json.dumps(listed, ensure_ascii=False).encode()).hexdigest())
