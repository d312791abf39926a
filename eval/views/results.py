"""The table of a store's results on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.views.wording import counted, headline, protocol_words, spaces_of
from retrieval.fitted_table import FittedTable, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.results.listing import ResultEntry


def results_table(entries: Sequence[ResultEntry]) -> FittedTable:
    """One row per result; hashes are cut to eight digits. A space that all results have is said once, above."""
    spaces = [" + ".join(spaces_of(entry.result)) for entry in entries]
    is_common = len(set(spaces)) == 1
    title = f"{counted(len(entries), 'result')}, headline in percent [95 %]"
    table = FittedTable(f"{title} · space {spaces[0]}" if is_common else title)
    columns: dict[str, Kind] = {
        "id": "text", "mode": "text", "headline": "metric", "protocol": "prose", "space": "text", "universe": "text",
        "split": "text", "created": "text",
    }  # fmt: skip
    for name, kind in columns.items():
        if name != "space" or not is_common:
            table.add_column(name, kind)
    for entry, space in zip(entries, spaces, strict=True):
        result = entry.result
        cells = (
            entry.id, result.mode, headline(result), protocol_words(result), *([] if is_common else [space]),
            f"{result.label_universe.n:,} · {result.label_universe.sha256[:8]}", result.provenance.split_sha256[:8],
            result.created[:16].replace("T", " "),
        )  # fmt: skip
        table.add_row(*cells)
    return table
