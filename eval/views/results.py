"""The table of a store's results on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from eval.views.layout import plain_table
from eval.views.wording import headline, protocol_words, spaces_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from eval.results.listing import ResultEntry


def results_table(entries: Sequence[ResultEntry]) -> Table:
    """One row per result; hashes are cut to eight digits."""
    table = plain_table()
    table.add_column("id", no_wrap=True)
    for name in ("mode", "protocol", "space"):
        table.add_column(name, overflow="fold")
    for name in ("universe", "split", "headline, percent [95 %]", "created"):
        table.add_column(name, no_wrap=True)
    for entry in entries:
        result = entry.result
        cells = (
            entry.id, result.mode, protocol_words(result), " + ".join(spaces_of(result)),
            f"{result.label_universe.n:,} · {result.label_universe.sha256[:8]}", result.provenance.split_sha256[:8],
            headline(result), result.created[:16].replace("T", " "),
        )  # fmt: skip
        table.add_row(*map(Text, cells))
    return table
