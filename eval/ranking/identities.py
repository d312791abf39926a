"""Identities of samples by the rules of a mode: junk and distractors, the camera rule, the universe of identities."""

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


def is_one_of(identities: NDArray[np.object_], names: Iterable[str]) -> NDArray[np.bool_]:
    """Whether each identity (n,) is one of ``names``, leading zeros aside."""
    bare = {name.lstrip("0") for name in names}
    if not bare:
        return np.zeros(len(identities), np.bool_)
    return np.array([value is not None and str(value).lstrip("0") in bare for value in identities], np.bool_)


def effective_identities(
    identities: NDArray[np.object_], junk: Iterable[str], distractors: Iterable[str]
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Identities (n,) with None for junk and distractors, and whether each sample (n,) is junk."""
    ignored = is_one_of(identities, junk)
    effective = identities.copy()
    effective[ignored | is_one_of(identities, distractors)] = None
    return effective, ignored


def resolve_camera_rule(arrays: Arrays, rule: CameraRule) -> CameraRule:
    """Resolve ``auto`` by the cameras of all queries and gallery samples.

    It becomes ``market1501`` if all cameras are known, and ``none`` if none is. If some are known it stays ``auto``:
    the rule then applies to pairs of samples whose cameras are known. Samples that are only held out, for a threshold
    or a cohort, have no influence.

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
    """Say to how many samples the resolved camera rule does not apply; empty if to none."""
    if rule != "auto":
        return ()
    rows, unknown = _without_camera(arrays)
    if not len(unknown):
        return ()
    warning = (
        f"{len(unknown)} of {len(rows)} samples have no camera (the first is {arrays.ids[unknown[0]]}): samples of the "
        "query's identity and camera are left out only where both cameras are known; index again with cameras, or pass "
        "`camera_rule=none`."
    )
    return (warning,)


def tested_rows(arrays: Arrays) -> Int64:
    """Rows of all queries and gallery samples of all draws."""
    is_tested = np.zeros(len(arrays.ids), np.bool_)
    for draws in arrays.parts.values():
        for draw in draws:
            is_tested[draw["query"]] = is_tested[draw["gallery"]] = True
    return np.flatnonzero(is_tested)


def _without_camera(arrays: Arrays) -> tuple[Int64, Int64]:
    """Rows of all queries and gallery samples, and those of them whose camera is unknown."""
    rows = tested_rows(arrays)
    return rows, rows[[camera is None for camera in arrays.columns["camera"][rows]]]


def universe_of(names: Iterable[str]) -> Universe:
    """Number of distinct names, and the SHA-256 of their sorted JSON list."""
    distinct = sorted(set(names))
    return Universe(
        n=len(distinct), sha256=hashlib.sha256(json.dumps(distinct, ensure_ascii=False).encode()).hexdigest()
    )
