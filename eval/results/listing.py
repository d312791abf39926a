"""Results of a store, addressed by the beginning of their hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.results.schema import EvalResult


SHORTEST = 8
"""Digits of an id, more where two results begin alike."""


class Kept(NamedTuple):
    """A stored result that can be read: ``id`` is the shortest beginning of ``sha256`` that no other has."""

    id: str
    sha256: str
    result: EvalResult


def short_ids(hashes: Sequence[str]) -> list[str]:
    """The beginnings of hashes, as short as tells them apart, at least :data:`SHORTEST` digits."""
    length = SHORTEST
    while len({each[:length] for each in hashes}) < len(set(hashes)):
        length += 1
    return [each[:length] for each in hashes]


def find_result(kept: Sequence[Kept], prefix: str) -> Kept:
    """The one result whose hash begins with ``prefix``.

    Raises:
        UnknownNameError: there is none.
        InputError: there are several.
    """
    from retrieval.errors import InputError, unknown

    found = [each for each in kept if prefix and each.sha256.startswith(prefix.lower())]
    if not found:
        raise unknown("result", prefix, [each.id for each in kept])
    if len(found) > 1:
        raise InputError(f"{len(found)} results begin with '{prefix}': {', '.join(each.id for each in found)}.")
    return found[0]
