"""Short ids of stored results: the beginnings of their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from retrieval.errors import InputError, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.results.schema import EvalResult


MIN_DIGITS = 8
"""Digits of an id at least; ids have more where two hashes begin with the same digits."""


class ResultEntry(NamedTuple):
    """A stored result with its ``sha256`` and its ``id``, the beginning of the hash that no other result has."""

    id: str
    sha256: str
    result: EvalResult


def short_ids(hashes: Sequence[str]) -> list[str]:
    """Cut hashes to one length at which they differ, at least :data:`MIN_DIGITS` digits."""
    length = MIN_DIGITS
    while len({digest[:length] for digest in hashes}) < len(set(hashes)):
        length += 1
    return [digest[:length] for digest in hashes]


def find_result(entries: Sequence[ResultEntry], prefix: str) -> ResultEntry:
    """Find the one result whose hash begins with ``prefix``.

    Raises:
        UnknownNameError: there is none.
        InputError: there are several.
    """
    matches = [entry for entry in entries if prefix and entry.sha256.startswith(prefix.lower())]
    if not matches:
        raise unknown("result", prefix, [entry.id for entry in entries])
    if len(matches) > 1:
        raise InputError(f"{len(matches)} results begin with '{prefix}': {', '.join(entry.id for entry in matches)}.")
    return matches[0]
