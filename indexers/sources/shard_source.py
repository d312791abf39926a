"""The base class of sources whose images lie inside tar or Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexers.sources.base import folder_name
from indexers.sources.shard_files import MemberPaths
from indexers.sources.table_source import RowOptions, TableSource
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.sources.shard_files import ShardFiles
    from indexers.tables import InputTable

OUTSIDE = "images outside the shards"


class ShardSource(TableSource):
    """Rows of shards. Of a folder, what lies beside its shards is counted, too.

    Args:
        path: what the user gave: a folder, a shard or a pattern.
        name: name of the source; None is the kind and the name of the folder or shard.
        shards: the shards.
        table: their rows.
        missing: reasons of rows that have no image, by their ``filepath``.
        options: fields of columns, words of splits, format of times.
    """

    def __init__(
        self,
        path: Path,
        name: str | None,
        shards: ShardFiles,
        table: InputTable,
        missing: Mapping[str, str],
        options: RowOptions,
    ) -> None:
        if name is None and not path.exists():
            name = f"{self.kind}:{folder_name(shards.root)}"
        self._shards = shards
        self.tables = frozenset(shard.rpartition("/")[2] for shard in shards.names) | self.tables
        super().__init__(path, shards.root, name, table, MemberPaths(missing), options)

    def _count_unlisted(self, listed: set[str]) -> None:  # noqa: ARG002 - images outside are never listed
        if self._shards.is_folder:
            for uri in self._images_below(""):
                self.tally.leave_out(OUTSIDE, uri)

    def _refuse_empty(self) -> None:
        """Raise InputError for shards without an image, with the first reason."""
        first = next((f" ({problem.where}: {problem.reason})" for problem in self.problems), "")
        raise InputError(f"{self.path} holds no image in its {len(self._shards.names):,} shards{first}.")
