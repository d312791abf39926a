"""Sentences that say why queries have no positive, with the way out: for errors and warnings of re-identification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.errors import first_names
from retrieval.names import shown_name, spelling_matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def some(names: Iterable[str], most: int = 3) -> str:
    """Join the first ``most`` of the different names, sorted and in quotation marks; ``"none"`` without any."""
    return first_names([f"'{name}'" for name in sorted(set(names))], most) or "none"


def other_spelling(queries: Collection[str], gallery: Collection[str]) -> str | None:
    """Describe two identities of the two sides that may be one in two spellings; None if there are none."""
    matches = spelling_matches(queries, gallery)
    if not matches:
        return None
    name, other = min(matches.items())
    return (
        f"Query identity {shown_name(name)} and gallery identity {shown_name(other)} may be one in two spellings (a "
        "program that reads identities as numbers loses leading zeros, or adds .0); `join_spellings=true` joins them, "
        "or write them alike and index again."
    )


def why_nothing_matches(queries: Collection[str], gallery: Collection[str], where: str) -> str:
    """Say that no query has a sample of its identity in the gallery, before any exclusion.

    Args:
        queries: identities of queries.
        gallery: identities of the gallery.
        where: the part, as `` of NAME``, or an empty text.
    """
    hint = other_spelling(queries, gallery) or "Are they written alike (leading zeros, prefixes)?"
    return (
        f"No query{where} has a sample of its identity in the gallery: query identities {some(queries)}; gallery "
        f"identities {some(gallery)}. {hint}"
    )


def why_all_are_excluded(*, camera: bool, group: bool, where: str) -> str:
    """Say that the exclusions leave no query a positive.

    Args:
        camera: whether samples of the query's camera were left out.
        group: whether samples of the query's group were left out.
        where: the part, as `` of NAME``, or an empty text.
    """
    if camera and group:
        return (
            f"Every query{where} shares its camera or its group with all other samples of its identity, and those are "
            "left out; to keep them, pass `camera_rule=none` or `group_rule=none`."
        )
    if group:
        return (
            f"Every query{where} shares its group with all other samples of its identity, and group_rule=exclude "
            "leaves those out; to keep them, pass `group_rule=none`."
        )
    return (
        f"Every query{where} shares its camera with all gallery samples of its identity, and camera_rule=market1501 "
        "leaves those out; to keep them, pass `camera_rule=none`."
    )


def without_positive(counts: tuple[int, int, int], draws: int, absent: Collection[str], *, counted: bool) -> str:
    """Say how many queries have no valid positive, and why.

    Args:
        counts: queries without a valid positive, those of them whose positives were all left out, and all queries.
        draws: number of draws that the counts are summed over.
        absent: identities of queries that are not in the gallery.
        counted: whether such queries are in the denominator.
    """
    without, lost, total = counts
    over = f" over {draws} draws" if draws > 1 else ""
    why = f", {lost} of them because their positives share their camera or group" if lost else ""
    gone = f"; not in the gallery: identities {some(absent)}" if absent else ""
    end = "they count 0 in the metrics" if counted else "not in the metrics"
    return f"{without} of {total} queries{over} have no valid positive in the gallery{why}{gone}; {end}."
