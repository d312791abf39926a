"""Options of scorers that may hold several candidates: ``-o k=20`` is one, ``-o k=1,5,20`` are three."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

T = TypeVar("T")


def split_candidates(value: object) -> object:
    """Let a text with commas and a bare number be lists."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    return [value] if isinstance(value, int | float) else value


def _each_once(values: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


Candidates: TypeAlias = Annotated[
    tuple[T, ...], BeforeValidator(split_candidates), AfterValidator(_each_once), Field(min_length=1)
]
"""Values in the order they were given, each once."""

Positive: TypeAlias = Annotated[float, Field(ge=1e-6, le=1e6)]
"""A number above 0; what is divided or multiplied by one beyond these would not survive float32."""
