"""The source ``webdataset``: images in tar files, with class, text and fields in members of the same key."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from indexers.sources.shard_files import find_shards
from indexers.sources.shard_source import ShardSource
from indexers.sources.table_source import RowOptions
from indexers.sources.tar_table import TarTable
from retrieval.errors import InputError
from retrieval.text_files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.tables import InputTable

CLASS_NAMES = "classnames.txt"
"""The file in which webdatasets of CLIP benchmarks name the classes that ``.cls`` numbers from 0."""


class WebDatasetOptions(RowOptions):
    """Options of the source ``webdataset``. Columns are ``cls``, ``txt`` and the keys of the ``.json`` members."""

    image: str | None = Field(
        default=None, description="Suffix of the members that are the images, where a key has several: jpg, left.jpg."
    )
    classes: Path | None = Field(
        default=None,
        description=f"File with a line per class, which .cls numbers from 0. Without it, {CLASS_NAMES} beside the "
        "shards, else the numbers are the labels.",
    )


class WebDatasetSource(ShardSource):
    """Tar shards: ``KEY.jpg``, ``KEY.cls``, ``KEY.txt``, ``KEY.json``. Members of one key need not be neighbours."""

    kind: ClassVar[str] = "webdataset"
    tables: frozenset[str] = frozenset({CLASS_NAMES})
    Options = WebDatasetOptions

    def __init__(self, path: Path, name: str | None, options: WebDatasetOptions) -> None:
        shards = find_shards(path, (".tar",))
        classes = _class_names(options.classes or shards.root / CLASS_NAMES, given=options.classes is not None)
        table = TarTable(path, shards, options.image, classes, options.split)
        if classes and "cls" not in table.columns:
            if options.classes is not None:
                raise InputError(f"{options.classes} names the numbers in .cls, and no shard of {path} has a .cls.")
            table.notes.append(
                f"{CLASS_NAMES} names the numbers in .cls, and no shard has a .cls, so it is not read: numbers in "
                "other fields stay numbers."
            )
        super().__init__(path, name, shards, table, {}, options)

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        return {"label": "cls"} if "cls" in table.columns else {}


def _class_names(path: Path, *, given: bool) -> list[str]:
    """Read the names of classes; a name that stands twice begins with its number.

    Raises:
        InputError: the file cannot be read, or a line between others is blank.
    """
    if not given and not path.is_file():
        return []
    names = read_text(path, "a list of class names").splitlines()
    while names and not names[-1].strip():
        names.pop()
    blank = next((at for at, name in enumerate(names, 1) if not name.strip()), None)
    if blank is not None:
        raise InputError(
            f"{path} line {blank} is blank, and a class needs a name; write one there, or delete the line."
        )
    counts = Counter(names)
    return [f"{at} {name.strip()}" if counts[name] > 1 else name.strip() for at, name in enumerate(names)]
