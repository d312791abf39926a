"""The base class of configurations and requests, which are immutable and refuse unknown keys."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from retrieval.errors import InputError, UnknownOptionError, suggest
from retrieval.text_files import parse_yaml

F = TypeVar("F", bound=Callable[..., object])

PLAIN_TEXT = re.compile(r"[-+]?0[0-9]+|%.*")
"""Values that YAML would read otherwise, or not at all: identities with leading zeros, and formats of times."""


class Config(BaseModel):
    """Base class of configurations: immutable, validated by pydantic, unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, protected_namespaces=(), allow_inf_nan=False
    )

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate a mapping of options.

        Args:
            values: option -> value.
            where: the file, command or function, with which the message begins.

        Raises:
            UnknownOptionError: an option, or a choice of one, does not exist.
            InputError: an option is missing or has an invalid value.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            is_name = error.errors(include_url=False)[0]["type"] in {"extra_forbidden", "literal_error"}
            kind = UnknownOptionError if is_name else InputError
            raise kind(f"{where}: {_sentence(cls, error)}") from None

    @classmethod
    def read_saved(cls, values: Mapping[str, Any], where: str) -> Self:
        """Validate the values of a file that Vitrine wrote, in which an unknown key is no wrong name of the user.

        Raises:
            InputError: the values are not those of this class.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise InputError(f"{where}: {_sentence(cls, error)}") from None

    @classmethod
    def option_names(cls) -> frozenset[str]:
        """Return the names of the options as users and result files write them (``lambda``, not ``lambda_``)."""
        return frozenset(info.alias or name for name, info in cls.model_fields.items())


LONGEST = 200
"""Characters of a value that a message repeats; those of a damaged file may be tables."""


def split_commas(text: str) -> list[str]:
    """Split ``"a, b"`` into ``["a", "b"]``; parts are stripped, empty parts are kept."""
    return [part.strip() for part in text.split(",")]


def parse_assignments(pairs: Iterable[str], where: str, texts: Collection[str] = ()) -> dict[str, Any]:
    """Parse ``key=value`` pairs; values are YAML scalars or lists, so ``k=10`` is a number and ``a=1,2`` stays text.

    Args:
        pairs: the pairs.
        where: the option that takes them, with which messages begin.
        texts: keys whose values stay text, such as those of names, which may be ``none``, ``-`` or ``#N/A``.

    Raises:
        InputError: a pair has no ``=``, a value is not YAML, or a key is repeated.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or not key:
            raise InputError(f"{where} '{pair}' is not key=value.")
        if key in values:
            raise InputError(f"{where} {key} is given twice.")
        values[key] = text.strip() if key.rpartition(".")[2] in texts else parse_value(text, f"{where} {key}")
    return values


def parse_value(text: str, what: str) -> Any:
    """Parse a value that is given as text: a YAML scalar or list.

    Numbers with leading zeros stay text, because they are identities, which YAML would read as octal numbers; so do
    formats of times such as ``%d.%m.%y``.

    Args:
        text: the value.
        what: what it is a value of, with which messages begin.

    Raises:
        InputError: it is not YAML.
    """
    if PLAIN_TEXT.fullmatch(text.strip()):
        return text.strip()
    try:
        return parse_yaml(text, what)
    except InputError as error:
        if "is not YAML" not in str(error):
            raise
        raise InputError(f"{what}: '{text[:100]}' is not a value that can be read.") from None


def takes_options_of(request: type[Config]) -> Callable[[F], F]:
    """Decorate a function that takes ``**options``: the fields of a request become keywords in its signature.

    Each field has one line under ``Options:`` in the docstring. Fields that are parameters of the function already are
    left out.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        own_params = [param for param in signature.parameters.values() if param.kind is not param.VAR_KEYWORD]
        own_names = {param.name for param in own_params}
        fields = {name: info for name, info in request.model_fields.items() if name not in own_names}
        keywords = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if info.is_required() else info.get_default(call_default_factory=True),
                annotation=info.annotation,
            )
            for name, info in fields.items()
        ]
        function.__signature__ = signature.replace(parameters=[*own_params, *keywords])  # type: ignore[attr-defined]
        lines = "".join(f"\n        {name}: {info.description}" for name, info in fields.items())
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n    Options:{lines}\n    "
        return function

    return decorate


def _sentence(cls: type[BaseModel], error: ValidationError) -> str:
    """Convert the first error of pydantic to one sentence with the way out."""
    fields = {name: info.alias or name for name, info in cls.model_fields.items()}
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        names = sorted(fields.values())
        return f"there is no option '{key}'.{suggest(key, names)} Options: {', '.join(names)}."
    if first["type"] == "missing":
        return f"option '{key}' is needed."
    message = first["msg"].removeprefix("Value error, ")
    if message == first["msg"]:  # a sentence of pydantic
        message = message[:1].lower() + message[1:]
    if not key:  # options that exclude each other
        return f"{message}."
    given = repr(first["input"])
    given = given if len(given) <= LONGEST else f"{given[:LONGEST]}..."
    return f"{key}={given} cannot be used: {message}."
