"""Checks of an audit on names: spellings that may be of one name, and placeholders. Pure functions over columns."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from eval.audit.findings import Finding, Item, findings_of
from retrieval.names import counted_names, placeholders, suspected_doubles

if TYPE_CHECKING:
    from eval.seams.samples import Pool
    from retrieval.names import NameKind

COLUMNS: tuple[NameKind, ...] = ("identity", "label", "camera", "aspect")
"""Columns whose names are compared."""


def name_findings(pool: Pool) -> list[Finding]:
    """Find names that may be one in several spellings, and names that read like placeholders and hold several samples.

    An item has the first sample of every spelling.
    """
    doubles: list[Item] = []
    unknown: list[Item] = []
    for column in COLUMNS:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, value in enumerate(pool.columns[column]):
            if value is not None:
                rows[str(value)].append(row)
        counts = {name: len(of_name) for name, of_name in rows.items()}
        first = {name: str(pool.ids[of_name[0]]) for name, of_name in rows.items()}
        doubles += [
            Item(tuple(first[name.name] for name in names), f"{column} {counted_names(names)}")
            for names in suspected_doubles(counts)
        ]
        if column != "aspect":
            held = placeholders(counts, column)
            unknown += [Item((first[name.name],), f"{column} {counted_names([name])}") for name in held]
    return [
        *findings_of(
            "suspected-double",
            "warning",
            doubles,
            "Names may be one in several spellings (case, separators, leading zeros, .0) and count as different: write "
            "them alike, or evaluate with join_spellings=true.",
        ),
        *findings_of(
            "placeholder",
            "warning",
            unknown,
            "Names read like placeholders and count as one name each: leave such cells empty, or evaluate with "
            "junk_identities or unlabelled.",
        ),
    ]
