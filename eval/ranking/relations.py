"""Relate the samples of an evaluation: which have one identity, camera or group, by the rules of a mode's options."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from eval.ranking.identities import camera_warnings, effective_identities, resolve_camera_rule
from eval.seams.mode import RelatedArrays
from eval.seams.relations import Relations
from eval.seams.samples import text_codes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.mode import Arrays, ModeConfig

C = TypeVar("C", bound="ModeConfig")

SEPARATOR = "\0"
"""Between the values of several identity columns; no value contains it."""


def settle(arrays: Arrays, config: C) -> tuple[RelatedArrays, C]:
    """Relate the samples by the rules of a mode's options, and resolve the camera rule.

    A mode without one of the options gets the value of it that has no effect. Returns the arrays with their relations,
    and the options with the camera rule that applies.

    Raises:
        InputError: cameras are needed and missing.
    """
    rule = resolve_camera_rule(arrays, getattr(config, "camera_rule", "none"))
    ignored, distractors = (getattr(config, f"{kind}_identities", ()) for kind in ("junk", "distractor"))
    columns = arrays.columns
    unit_names, junk = effective_identities(columns["identity"], ignored, distractors)
    unit, names = text_codes(unit_names)
    named = [columns[name] for name in getattr(config, "identity_columns", ("identity",)) if name != "identity"]
    identity, texts = text_codes(_joined(unit_names, *named)) if named else (unit, names)
    relations = Relations(
        identity=identity,
        unit=unit,
        names=tuple(names),
        texts=tuple(text.replace(SEPARATOR, " · ") for text in texts),
        ignored=junk,
        camera=text_codes(columns["camera"])[0] if rule != "none" else None,
        group=text_codes(columns["group"])[0] if getattr(config, "group_rule", "none") == "exclude" else None,
        warnings=camera_warnings(arrays, rule),
    )
    settled = config.model_copy(update={"camera_rule": rule}) if hasattr(config, "camera_rule") else config
    return RelatedArrays(arrays.ids, arrays.vectors, columns, arrays.parts, relations), settled


def _joined(*columns: NDArray[np.object_]) -> NDArray[np.object_]:
    """Texts that are equal where all columns are; None where one is."""
    rows = zip(*columns, strict=True)
    return np.array([None if None in row else SEPARATOR.join(map(str, row)) for row in rows], dtype=np.object_)
