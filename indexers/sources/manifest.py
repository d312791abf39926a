"""Images listed in a table: ``filepath,label[,split,identity,camera,group,aspect,captured_at,...]``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field

from indexers.sources.base import BaseSource, is_image, require_folder, split_name
from indexers.tables import Row, as_text, as_time, find_columns, meta_columns, open_table, place, shown
from retrieval.config import Config
from retrieval.errors import InputError, suggest
from retrieval.types import Problem, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexers.tables import MetaColumn

FIELDS = ("filepath", "label", "identity", "camera", "group", "aspect", "split", "captured_at")

_NAMES = ("label", "identity")
_IRREGULAR = frozenset(("", ".", ".."))


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


class _Seen(NamedTuple):
    row: int
    label: str | None
    identity: str | None
    split: str | None


class _Unusable(Exception):  # noqa: N818 - not an error for people: the row becomes a Problem
    """A row that cannot be used; its message is the reason."""


class ManifestSource(BaseSource):
    """A CSV, TSV or Parquet table with one row per image; every other column becomes typed metadata.

    An image listed again with the same label, identity and split is passed over; with others it is a problem.
    """

    kind: ClassVar[str] = "manifest"
    Options = ManifestOptions

    def __init__(self, path: Path, name: str | None, options: ManifestOptions) -> None:
        self._table = open_table(path)
        root = options.image_root or path.parent
        require_folder(root)
        folder = Path(os.path.abspath(path)).parent.name  # noqa: PTH100 - many a manifest is called manifest.csv
        super().__init__(path, root, name or f"{self.kind}:{folder}/{path.stem}")
        self._as_numbers: set[str] = set()
        self._at = find_columns(self._table, FIELDS, options.columns)
        self._check_columns(options.columns)
        self._roots = tuple(dict.fromkeys((Path(os.path.abspath(root)), root.resolve())))  # noqa: PTH100

    def _check_columns(self, renamed: Mapping[str, str | None]) -> None:
        columns = [name for name in self._table.columns if name]
        unlabelled = any(renamed.get(field, field) is None for field in _NAMES)
        needs = (("filepath",),) if unlabelled else (("filepath",), _NAMES)
        needed = next((need for need in needs if not self._at.keys() & set(need)), None)
        if needed is None:
            return
        if any(is_image(name) for name in columns):
            raise InputError(f"{self.path} has no header line; put one on top, for example filepath,label.")
        hint = f"say which one is meant with `columns={needed[0]}=NAME`"
        if needed == _NAMES:
            hint += ", or with `columns=label=` that there is none"
        if len(columns) == 1 and ";" in columns[0]:
            hint = "it seems to be separated by semicolons, save it with commas"
        raise InputError(
            f"{self.path} has no column '{' or '.join(needed)}'.{suggest(needed[0], columns)} "
            f"It has: {shown(columns)}; {hint}."
        )

    def __iter__(self) -> Iterator[Sample]:
        """Yield a sample per row whose image exists, in the order of the table.

        Raises:
            InputError: a path leads out of ``image_root``, a split is unknown, or no image exists at all.
        """
        self._start()
        self._as_numbers.clear()
        meta = meta_columns(self._table, self._at.values())
        seen: dict[str, _Seen] = {}
        for row in self._table.rows(self.problems):
            try:
                sample = self._sample(row, meta)
            except _Unusable as reason:
                self.problems.append(Problem(place(self.path, row.number), str(reason)))
                continue
            if self._is_new(sample, row.number, seen):
                yield sample
        if not seen:
            self._refuse_nothing()

    def _sample(self, row: Row, meta: Sequence[MetaColumn]) -> Sample:
        filepath = self._text(row, "filepath")
        if filepath is None:
            raise _Unusable("the filepath is empty")
        time_at = self._at.get("captured_at")
        try:
            captured_at = None if time_at is None else as_time(row.cells[time_at])
        except ValueError:
            raise _Unusable(f"captured_at '{row.cells[time_at or 0]}' is not a date like 2024-05-31T14:00:00") from None
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

    def _text(self, row: Row, field: str) -> str | None:
        at = self._at.get(field)
        if at is None:
            return None
        text = as_text(row.cells[at])
        # Leading zeros are lost before we see a number, so people should know.
        if text is not None and not isinstance(row.cells[at], str) and field not in self._as_numbers:
            self._as_numbers.add(field)
            self.notes.append(f"{self.path.name} stores {field} as numbers; they are read as text ('{text}').")
        return text

    def _split(self, row: Row) -> str | None:
        written = self._text(row, "split")
        split = split_name(written) if written else None
        if written and split is None:
            raise InputError(
                f"{place(self.path, row.number)}: '{written}' is no split (train, val, test, query, gallery); "
                "correct it, or pass `columns=split=` to keep the column as metadata."
            )
        return split

    def _uri(self, filepath: str, number: int) -> str:
        """Make a path relative to the root, with forward slashes and no dots."""
        path = filepath.replace("\\", "/") if "\\" in filepath and "/" not in filepath else filepath
        if not os.path.isabs(path) and _IRREGULAR.isdisjoint(path.split("/")):  # noqa: PTH117 - a fast path for most
            return path
        for root in self._roots:
            uri = os.path.relpath(os.path.join(root, path), root)  # noqa: PTH118 - lexical, links stay
            if uri != ".." and not uri.startswith(f"..{os.sep}"):
                return uri.replace(os.sep, "/")
        raise InputError(
            f"{place(self.path, number)}: '{filepath}' lies outside the image root {self._roots[0]}; "
            "set `image_root` to a folder that holds all images."
        )

    def _is_new(self, sample: Sample, number: int, seen: dict[str, _Seen]) -> bool:
        """Whether a row brings an image that exists and was not listed before."""
        before = seen.get(sample.uri)
        if before is None:
            if not os.path.isfile(f"{self.root}/{sample.uri}"):  # noqa: PTH113 - never raises, and fast
                reason = f"there is no image '{sample.uri}' under {self.root.name or self.root}"
                self.problems.append(Problem(place(self.path, number), reason, missing=True))
                return False
            seen[sample.uri] = _Seen(number, sample.label, sample.identity, sample.split)
            return True
        now = _Seen(before.row, sample.label, sample.identity, sample.split)
        if now != before:
            field = next(
                field for field in ("label", "identity", "split") if getattr(now, field) != getattr(before, field)
            )
            reason = (
                f"'{sample.uri}' is listed with {field} '{getattr(now, field)}', but in row {before.row} with "
                f"'{getattr(before, field)}', which is kept"
            )
            self.problems.append(Problem(place(self.path, number), reason))
        return False

    def _refuse_nothing(self) -> None:
        if not self.problems:
            raise InputError(f"{self.path} has a header line but no rows.")
        first = next((problem for problem in self.problems if problem.missing), self.problems[0])
        hint = "set `image_root` to the folder its paths start from" if first.missing else "correct the table"
        raise InputError(f"No row of {self.path} can be used ({first.where}: {first.reason}); {hint}.")
