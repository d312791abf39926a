"""The order in which warnings are shown: those that make numbers wrong before those that explain them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from eval.audit.crossings import SENTENCES

SHARED = [re.escape(words).replace(re.escape("{n:,}"), r"[\d,]+") for pair in SENTENCES.values() for words in pair]

GRAVITY = tuple(
    re.compile("|".join(patterns))
    for patterns in (
        (*SHARED, "may have learnt them", "tested samples are of split val", "were forgotten"),
        ("On test the fusion is worse", "NLL .* is above", "by construction", "is less than one of them"),
        ("several spellings", "placeholder", "were not looked for", "counts as an identity"),
        ("take no part", "left out", "no positive", "have no identity", "without a", r"\blacks?\b"),
    )
)
"""Patterns of warnings, the worst first: samples on both sides, numbers that mislead, names in doubt, samples that are
not counted. Others come last."""


def worst_first(warnings: Iterable[str]) -> list[str]:
    """Return warnings, each once, sorted by :data:`GRAVITY`; those of one kind stay in their order."""
    return sorted(dict.fromkeys(warnings), key=_gravity)


def _gravity(warning: str) -> int:
    return next((rank for rank, pattern in enumerate(GRAVITY) if pattern.search(warning)), len(GRAVITY))
