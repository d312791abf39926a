"""Types of options: texts such as ``a,b`` and single values become tuples."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from retrieval.config import split_commas


def split_text(value: object) -> object:
    """Make a list of ``"a,b"`` and of a single number; anything else is returned as it is."""
    if isinstance(value, str):
        return split_commas(value)
    return [value] if isinstance(value, int | float) else value


def _split_texts(value: object) -> object:
    """Let ``-o junk_identities=-1`` give a list of texts, and nothing an empty one."""
    listed = [] if value is None or value == "" else split_text(value)
    return [str(item) for item in listed] if isinstance(listed, list) else listed


Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(split_text), Field(min_length=1)]


Identities: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split_texts)]


NAME_OPTIONS = frozenset(["junk_identities", "distractor_identities", "unlabelled"])
"""Options of names, whose values a command line reads as text even where YAML would not."""


Ranks: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=1, le=10_000)], ...], BeforeValidator(split_text), Field(min_length=1)
]


Fractions: TypeAlias = Annotated[
    tuple[Annotated[float, Field(gt=0, lt=1)], ...], BeforeValidator(split_text), Field(min_length=1)
]


Tops: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=1, le=100_000)], ...], BeforeValidator(split_text), Field(min_length=1)
]


MacroOver = Literal["present", "universe", "truth"]


Alphas: TypeAlias = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], ...], BeforeValidator(split_text), Field(min_length=1)
]


Weights: TypeAlias = Annotated[
    tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...],
    BeforeValidator(split_text),
    Field(min_length=2),
]


Positives: TypeAlias = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...],
    BeforeValidator(split_text),
    Field(min_length=1),
]


Depths: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(split_text), Field(min_length=1)]
