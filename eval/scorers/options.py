"""Options of scorers that may hold several candidates: ``-o k=20`` is one, ``-o k=1,5,20`` are three."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from eval.seams.options import split_text

T = TypeVar("T")


def _without_repeats(values: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


Candidates: TypeAlias = Annotated[
    tuple[T, ...], BeforeValidator(split_text), AfterValidator(_without_repeats), Field(min_length=1)
]
"""Values in the order they were given, each once."""

Positive: TypeAlias = Annotated[float, Field(ge=1e-6, le=1e6)]
"""A number above 0; what is divided or multiplied by one beyond these would not survive float32."""
