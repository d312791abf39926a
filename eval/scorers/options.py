"""Types of scorer options that may list several values: ``-o k=20`` lists one, ``-o k=1,5,20`` three."""

from __future__ import annotations

from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from eval.seams.options import split_text

T = TypeVar("T")


def _without_repeats(values: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


ValueList: TypeAlias = Annotated[
    tuple[T, ...], BeforeValidator(split_text), AfterValidator(_without_repeats), Field(min_length=1)
]
"""Values in the given order, without repeats. Each value makes a setting."""

Positive: TypeAlias = Annotated[float, Field(ge=1e-6, le=1e6)]
"""A positive number; products and quotients with numbers outside these bounds leave the range of float32."""
