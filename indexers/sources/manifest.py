"""The source ``manifest``: images listed in a table, ``filepath,label[,split,identity,camera,...]``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field

from indexers.sources.base import NO_IMAGE, BaseSource, is_image, require_folder, split_name
from indexers.tables import (
    TableRow,
    as_text,
    as_time,
    find_columns,
    list_columns,
    meta_columns,
    open_table,
    row_location,
)
from retrieval.config import Config
from retrieval.errors import InputError, suggest
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexers.tables import MetaColumn

FIELDS = ("filepath", "label", "identity", "camera", "group", "aspect", "split", "captured_at")

_CLASS_FIELDS = ("label", "identity")
"""A table needs a column of at least one of these."""

_IRREGULAR = frozenset(("", ".", ".."))
"""Parts of a path that a uri must not have."""


class ManifestOptions(Config):
    """Options of the source ``manifest``."""

    image_root: Path | None = Field(
        default=None, description="Folder where relative paths start. Without it, the folder of the table."
    )
    columns: Mapping[str, str | None] = Field(
        default={},
        description="Own name in the table of a field (filepath, label, identity, ...); an empty name keeps a column "
        "from being used for the field.",
    )


class _Listing(NamedTuple):
    """The first row that lists an image."""

    row: int
    label: str | None
    identity: str | None
    split: str | None


class _RowError(Exception):
    """A row cannot be used; the message is the reason of its ``SourceProblem``. Never leaves this module."""


class ManifestSource(BaseSource):
    """A CSV, TSV or Parquet table with one row per image; columns that are no field become typed metadata.

    A row that repeats an image with the same label, identity and split is skipped; with other values it is a problem.
    """

    kind: ClassVar[str] = "manifest"
    Options = ManifestOptions

    def __init__(self, path: Path, name: str | None, options: ManifestOptions) -> None:
        self._table = open_table(path)
        root = options.image_root or path.parent
        require_folder(root)
        folder = Path(os.path.abspath(path)).parent.name  # noqa: PTH100 - many a manifest is called manifest.csv
        super().__init__(path, root, name or f"{self.kind}:{folder}/{path.stem}")
        self._number_fields: set[str] = set()  # fields whose columns hold numbers, noted once each
        self._positions = find_columns(self._table, FIELDS, options.columns)
        self._check_columns(options.columns)
        self._roots = tuple(dict.fromkeys((Path(os.path.abspath(root)), root.resolve())))  # noqa: PTH100

    def _check_columns(self, renamed: Mapping[str, str | None]) -> None:
        """Require a column filepath, and a column label or identity unless the user says that there is none."""
        columns = [name for name in self._table.columns if name]
        unlabelled = any(renamed.get(field, field) is None for field in _CLASS_FIELDS)
        needs = (("filepath",),) if unlabelled else (("filepath",), _CLASS_FIELDS)
        needed = next((need for need in needs if not self._positions.keys() & set(need)), None)
        if needed is None:
            return
        if any(is_image(name) for name in columns):
            raise InputError(f"{self.path} has no header line; put one on top, for example filepath,label.")
        hint = f"say which one is meant with `columns={needed[0]}=NAME`"
        if needed == _CLASS_FIELDS:
            hint += ", or with `columns=label=` that there is none"
        if len(columns) == 1 and ";" in columns[0]:
            hint = "it seems to be separated by semicolons, save it with commas"
        raise InputError(
            f"{self.path} has no column '{' or '.join(needed)}'.{suggest(needed[0], columns)} "
            f"It has: {list_columns(columns)}; {hint}."
        )

    def _samples(self) -> Iterator[Sample]:
        """Yield a sample per row whose image exists, in the order of the table.

        Raises:
            InputError: a path leads out of ``image_root``, a split is unknown, or no image exists at all.
        """
        self._number_fields.clear()
        meta = meta_columns(self._table, self._positions.values())
        listings: dict[str, _Listing] = {}
        for row in self._rows(self._table):
            try:
                sample = self._sample(row, meta)
            except _RowError as reason:
                self.problems.append(
                    SourceProblem(row_location(self.path, row.number), str(reason), kind="unusable rows")
                )
                continue
            if self._is_new(sample, row.number, listings):
                yield sample
        if not listings:
            self._refuse_empty()

    def _sample(self, row: TableRow, meta: Sequence[MetaColumn]) -> Sample:
        filepath = self._text(row, "filepath")
        if filepath is None:
            raise _RowError("the filepath is empty")
        time_at = self._positions.get("captured_at")
        try:
            captured_at = None if time_at is None else as_time(row.cells[time_at])
        except ValueError:
            raise _RowError(f"captured_at '{row.cells[time_at or 0]}' is not a date like 2024-05-31T14:00:00") from None
        return Sample(
            self.name,
            self._uri(filepath, row.number),
            label=self._text(row, "label"),
            identity=self._text(row, "identity"),
            aspect=self._text(row, "aspect"),
            camera=self._text(row, "camera"),
            group=self._text(row, "group"),
            split=self._split(row),
            captured_at=captured_at,
            meta={column.name: column.read(row.cells[column.position]) for column in meta},
        )

    def _text(self, row: TableRow, field: str) -> str | None:
        at = self._positions.get(field)
        if at is None:
            return None
        text = as_text(row.cells[at])
        # Numbers have lost the leading zeros that an identity may have had, so users are told.
        if text is not None and not isinstance(row.cells[at], str) and field not in self._number_fields:
            self._number_fields.add(field)
            self.notes.append(f"{self.path.name} stores {field} as numbers; they are read as text ('{text}').")
        return text

    def _split(self, row: TableRow) -> str | None:
        text = self._text(row, "split")
        split = split_name(text) if text else None
        if text and split is None:
            raise InputError(
                f"{row_location(self.path, row.number)}: '{text}' is no split (train, val, test, query, gallery); "
                "correct it, or pass `columns=split=` to keep the column as metadata."
            )
        return split

    def _uri(self, filepath: str, number: int) -> str:
        """Return a path relative to the root, with forward slashes and without ``.`` and ``..``."""
        path = filepath.replace("\\", "/") if "\\" in filepath and "/" not in filepath else filepath
        if not os.path.isabs(path) and _IRREGULAR.isdisjoint(path.split("/")):  # noqa: PTH117 - a fast path for most
            return path
        for root in self._roots:
            uri = os.path.relpath(os.path.join(root, path), root)  # noqa: PTH118 - lexical, links stay
            if uri != ".." and not uri.startswith(f"..{os.sep}"):
                return uri.replace(os.sep, "/")
        raise InputError(
            f"{row_location(self.path, number)}: '{filepath}' lies outside the image root {self._roots[0]}; "
            "set `image_root` to a folder that holds all images."
        )

    def _is_new(self, sample: Sample, number: int, listings: dict[str, _Listing]) -> bool:
        """Return whether the image of a row exists and no earlier row lists it; records it in ``listings`` if so."""
        first = listings.get(sample.uri)
        if first is None:
            if not os.path.isfile(f"{self.root}/{sample.uri}"):  # noqa: PTH113 - never raises, and fast
                reason = f"there is no image '{sample.uri}' under {self.root.name or self.root}"
                self.problems.append(
                    SourceProblem(row_location(self.path, number), reason, missing=True, kind=NO_IMAGE)
                )
                return False
            listings[sample.uri] = _Listing(number, sample.label, sample.identity, sample.split)
            return True
        repeat = _Listing(first.row, sample.label, sample.identity, sample.split)
        if repeat != first:
            field = next(
                field for field in ("label", "identity", "split") if getattr(repeat, field) != getattr(first, field)
            )
            reason = (
                f"'{sample.uri}' is listed with {field} '{getattr(repeat, field)}', but in row {first.row} with "
                f"'{getattr(first, field)}', which is kept"
            )
            self.problems.append(SourceProblem(row_location(self.path, number), reason, kind="rows in conflict"))
        else:
            self.tally.leave_out("rows listed again", row_location(self.path, number))
        return False

    def _refuse_empty(self) -> None:
        """Raise InputError for a table without a usable row, with the reason of the first row."""
        if not self.problems:
            raise InputError(f"{self.path} has a header line but no rows.")
        first = next((problem for problem in self.problems if problem.missing), self.problems[0])
        hint = "set `image_root` to the folder its paths start from" if first.missing else "correct the table"
        raise InputError(f"No row of {self.path} can be used ({first.where}: {first.reason}); {hint}.")
