"""Columns of a table that say, or may say, which split a row is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from indexers.sources.split_words import SplitWords, flagged_split, is_flag, split_name, unknown_words
from indexers.tables import as_text
from retrieval.types import MetaValue

if TYPE_CHECKING:
    from indexers.tables import InputTable

MOST_WORDS = 12
"""A column with more different values is not one of splits."""


class SplitColumn:
    """The column of splits of a table, or its absence.

    Args:
        table: the table.
        position: position of the column; None if there is none.
        option: what words mean, as the option ``split`` says.
    """

    def __init__(self, table: InputTable, position: int | None, option: Mapping[str, str]) -> None:
        self._table, self._position = table, position
        self._name = "" if position is None else table.columns[position]
        self._words = SplitWords(option, self._name)
        self._seen: set[str] = set()

    @property
    def is_given(self) -> bool:
        """Whether there is a column, or a split of the whole table."""
        return self._position is not None or self._words.whole is not None

    def read(self, word: str | None) -> str | None:
        """Return the split that a cell means.

        Raises:
            InputError: it means none; the message counts all words of the column that do not.
        """
        if word is None:
            return self._words.split(None)
        if not self._words.knows(word):
            at = self._position or 0
            counts = Counter(filter(None, (as_text(row.cells[at]) for row in self._table.rows([]))))
            otherwise = "or pass `columns=split=` to keep the column as metadata"
            raise unknown_words(counts, self._words, f"Column '{self._name}' of {self._table.path}", otherwise)
        self._seen.add(word)
        return self._words.split(word)

    def check(self) -> None:
        """Check that the column has every word that the option maps. Call when all cells were read.

        Raises:
            InputError: it lacks one, or it has splits beside one for the whole table.
        """
        path = self._table.path
        self._words.check(
            f"Column '{self._name}' of {path}" if self._name else f"{path} without `columns=split=NAME`", self._seen
        )


class SplitColumnSearch:
    """Looks for splits among the metadata columns of a table that has no column ``split``.

    Args:
        columns: metadata field -> name of its column in the table.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = dict(columns)
        self._values: dict[str, set[str]] = {field: set() for field in columns}

    def add(self, meta: Mapping[str, MetaValue]) -> None:
        """Look at the fields of one row."""
        for field in list(self._values):
            value = meta.get(field)
            if value is None:
                continue
            values = self._values[field]
            values.add(str(value))
            if len(values) > MOST_WORDS:
                del self._values[field]

    def notes(self) -> list[str]:
        """Return a note for each column whose values are words of at least two splits, or flags such as is_train."""
        notes = []
        for field, values in self._values.items():
            column = self._columns[field]
            splits = {split_name(value) for value in values} - {None}
            flags = flagged_split(column) and len(values) > 1 and all(map(is_flag, values))
            if flags or (len(splits) > 1 and 2 * len(splits) >= len(values)):
                shown = ", ".join(sorted(values))
                notes.append(
                    f"Column '{column}' ({shown}) is kept as metadata, and no sample has a split; to take it as the "
                    f"split, pass `columns=split={column}`."
                )
        return notes
