"""Strict, frozen configuration: unknown keys are errors with a suggestion, values are checked, nothing is global."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.errors import InputError, suggest

F = TypeVar("F", bound=Callable[..., object])

LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")


class Config(BaseModel):
    """Base of every configuration: immutable, extra keys forbidden."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=())

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate ``values``; ``where`` names the file or option in the message of an :class:`InputError`."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(f"{where}: {_sentence(cls, error)}") from None

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Names of the options as people and result files write them (``lambda``, not ``lambda_``)."""
        return frozenset(info.alias or name for name, info in cls.model_fields.items())


def split_commas(text: str) -> list[str]:
    """Split ``"a, b"`` into ``["a", "b"]``; parts are stripped, empty ones stay."""
    return [part.strip() for part in text.split(",")]


def parse_assignments(pairs: Iterable[str], where: str) -> dict[str, Any]:
    """Read ``key=value`` pairs; values are YAML scalars or lists, so ``k=10`` is a number and ``a=1,2`` stays text.

    A number with leading zeros stays text, too: it is an identity, and YAML would read an octal number.

    Raises:
        InputError: a pair has no ``=``, a value is not YAML, or a key is given twice.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"{where} '{pair}' is not key=value.")
        if key in values:
            raise InputError(f"{where} {key} is given twice.")
        try:
            values[key] = text.strip() if LEADING_ZERO.fullmatch(text.strip()) else yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"{where} {key}: '{text}' is not a value that can be read.") from None
    return values


def takes_options_of(request: type[Config]) -> Callable[[F], F]:
    """Give a function that takes ``**options`` the fields of a request as keyword arguments, for people and editors.

    The docstring gains one line for each under ``Options:``; a field that the function names itself is left out.
    """

    def documented(function: F) -> F:
        signature = inspect.signature(function)
        named = [param for param in signature.parameters.values() if param.kind is not param.VAR_KEYWORD]
        taken = {param.name for param in named}
        fields = {name: info for name, info in request.model_fields.items() if name not in taken}
        keywords = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if info.is_required() else info.get_default(call_default_factory=True),
                annotation=info.annotation,
            )
            for name, info in fields.items()
        ]
        function.__signature__ = signature.replace(parameters=[*named, *keywords])  # type: ignore[attr-defined]
        lines = "".join(f"\n        {name}: {info.description}" for name, info in fields.items())
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n    Options:{lines}\n    "
        return function

    return documented


def _sentence(cls: type[BaseModel], error: ValidationError) -> str:
    """Turn pydantic's first complaint into one sentence with the way out."""
    fields = {name: info.alias or name for name, info in cls.model_fields.items()}
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        names = sorted(fields.values())
        return f"there is no option '{key}'.{suggest(key, names)} Options: {', '.join(names)}."
    if first["type"] == "missing":
        return f"option '{key}' is needed."
    said = first["msg"].removeprefix("Value error, ")
    message = said if said != first["msg"] else said[:1].lower() + said[1:]
    if not key:  # fields that do not go together
        return f"{message}."
    return f"{key}={first['input']!r} cannot be used: {message}."
