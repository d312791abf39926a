"""Changes of a recipe: ``key=value``, with dots for keys inside keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from retrieval.config import Config, parse_value
from retrieval.errors import InputError


class Override(NamedTuple):
    """A change of a recipe.

    Attributes:
        path: the keys, from the outermost.
        text: the value as it was written.
    """

    path: tuple[str, ...]
    text: str


def apply_overrides(recipe: dict[str, Any], pairs: Iterable[str], cls: type[Config] | None) -> None:
    """Change a recipe in place.

    Args:
        recipe: the recipe.
        pairs: ``key=value`` each, where the value is a YAML scalar or list.
        cls: class of the recipe, if it is known.

    Raises:
        InputError: a pair has no ``=``, its value is not YAML, a key is repeated, or is inside one that is a value.
    """
    seen = set[tuple[str, ...]]()
    for pair in pairs:
        override = read_override(pair, cls)
        key = ".".join(override.path)
        if override.path in seen:
            raise InputError(f"override {key} is given twice.")
        seen.add(override.path)
        _set(recipe, override, parse_value(override.text, f"override {key}"))


def read_override(pair: str, cls: type[Config] | None) -> Override:
    """Split a pair into keys and value.

    Names of options may be written with ``-`` for ``_``. In a mapping the keys are names, of classes or sources, which
    stay as they are; in one of names to numbers the key ends at the last ``=``, so it may have dots and ``=`` in it:
    ``data.oversample.condition=damaged=0.3``.

    Args:
        pair: the pair.
        cls: class of the recipe, if it is known.

    Raises:
        InputError: it has no ``=``, or an empty key.
    """
    path, rest, kind = list[str](), pair, cls
    while True:
        if _is_of_numbers(kind):
            name, equals, text = rest.rpartition("=")
            path.append(name.strip())
            break
        head, equals, text = rest.partition("=")
        name, dot, _ = head.partition(".")
        path.append(name.strip() if _is_mapping(kind) else name.strip().replace("-", "_"))
        if not dot:
            break
        kind, rest = _kind_inside(kind, path[-1]), rest[len(name) + 1 :]
    if not equals or not all(path):
        raise InputError(f"override '{pair}' is not key=value.")
    return Override(tuple(path), text)


def _kind_inside(kind: Any, name: str) -> Any:
    """Return the type of what a key holds: a class of options, a mapping, or None for anything else."""
    if _is_mapping(kind):
        inside = get_args(kind)[1]
    elif isinstance(kind, type) and issubclass(kind, Config):
        fields = {info.alias or field: info for field, info in kind.model_fields.items()}
        inside = fields[name].annotation if name in fields else None
    else:
        return None
    plain = (_plain(choice) for choice in ((inside,) if _is_mapping(inside) else (inside, *get_args(inside))))
    kinds = [one for one in plain if _is_mapping(one) or (isinstance(one, type) and issubclass(one, Config))]
    return kinds[0] if kinds else None


def _plain(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_mapping(kind: Any) -> bool:
    origin = get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _is_of_numbers(kind: Any) -> bool:
    return _is_mapping(kind) and _plain(get_args(kind)[1]) in (int, float)


def _set(recipe: dict[str, Any], override: Override, value: Any) -> None:
    *outer, last = override.path
    inside = recipe
    for name in outer:
        inside = inside.setdefault(name, {})
        if not isinstance(inside, dict):
            raise InputError(
                f"override {'.'.join(override.path)} cannot be applied: '{name}' is a value, not a group of keys."
            )
    inside[last] = value
