"""Notes on the names in a store: spellings that may be of one name, and placeholders that count as a name."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from retrieval.names import PLURALS, counted_names, placeholders, suspected_doubles, written_ways

if TYPE_CHECKING:
    from retrieval.names import NameKind
    from retrieval.types.store import Snapshot

WAYS_OUT: dict[NameKind, str] = {
    "label": "leave them out of evaluations with -o unlabelled={names}",
    "identity": "leave them out of evaluations with -o junk_identities={names}, or keep them in the gallery, where "
    "they match nothing, with -o distractor_identities={names}",
    "camera": "leave their cells empty and index again",
    "group": "leave their cells empty and index again",
}
"""What to do about placeholders of a column; those of an aspect change no number."""

SHOWN = 5
"""Largest number of placeholders that a note lists."""


def name_notes(snapshot: Snapshot) -> list[str]:
    """Say which names of a store may be one name in several spellings, and which stand for one that is not known.

    All samples of the store count, since its sources may spell their names differently. Spellings of groups are not
    compared: they are codes, and nearly as many as samples.
    """
    notes: list[str] = []
    whole = " The names of all sources of the store count." if len(snapshot.sources) > 1 else ""
    for kind, counts in _count_names(snapshot).items():
        doubles = suspected_doubles(counts) if kind != "group" else []
        if doubles:
            notes.append(
                f"{PLURALS[kind].capitalize()} in several spellings that may be one: {written_ways(doubles)}. "
                f"Write them alike and index again, or join them in evaluations with -o join_spellings=true.{whole}"
            )
        least = 1 if kind in {"label", "identity"} else 2  # one sample of a camera or a group changes no number
        held = placeholders(counts, kind, least)[:SHOWN] if kind in WAYS_OUT else ()
        if held:
            way = WAYS_OUT[kind].format(names=shlex.quote(",".join(name for name, _ in held)))
            notes.append(
                f"{PLURALS[kind].capitalize()} that read like placeholders: {counted_names(held)}. Each counts "
                f"as one {kind}; {way}.{whole}"
            )
    return notes


def _count_names(snapshot: Snapshot) -> dict[NameKind, Counter[str]]:
    """Count the samples of every name, column by column."""
    import pyarrow.compute as pc

    counts: dict[NameKind, Counter[str]] = {kind: Counter() for kind in PLURALS}
    for part in snapshot.sample_parts(list(PLURALS)):
        for kind, names in counts.items():
            pairs = pc.value_counts(part.column(kind)).to_pylist()
            names.update({pair["values"]: pair["counts"] for pair in pairs if pair["values"] is not None})
    return counts
