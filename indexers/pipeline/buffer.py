"""Rows, vectors and thumbnails that wait for the next commit. A row is added only after its vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from indexers.pipeline.rows import StoreRow, table
from retrieval.types import Embeddings, SpaceInfo
from retrieval.types.store import StoreWriter

MOST_ROWS = 50_000
"""Flush at this many rows or vectors even if the time of the next commit has not come, so that memory is bounded."""


class WriteBuffer:
    """Rows, vectors and thumbnails of one space, in the order in which they were added."""

    def __init__(self) -> None:
        self.fresh_rows: list[StoreRow] = []
        self.changed_rows: list[StoreRow] = []
        self.thumbnails: dict[str, bytes] = {}
        self._vectors: dict[bool, list[tuple[Sequence[str], dict[str, Embeddings]]]] = {False: [], True: []}
        self._keys = 0  # of vectors

    def __len__(self) -> int:
        return len(self.fresh_rows) + len(self.changed_rows)

    @property
    def full(self) -> bool:
        """Whether the buffer must be flushed to bound memory."""
        return max(len(self), self._keys) >= MOST_ROWS

    def add_vectors(self, keys: Sequence[str], views: dict[str, Embeddings], *, replace: bool) -> None:
        """Queue vectors, by view; ``replace`` if the space has vectors of these keys already, in fewer views."""
        if keys:
            self._vectors[replace].append((keys, views))
            self._keys += len(keys)

    def flush(self, writer: StoreWriter, space: SpaceInfo | None) -> None:
        """Write everything and empty the buffer; the caller commits."""
        if space is not None:
            for replace, batches in self._vectors.items():
                if batches:
                    keys = [key for part, _ in batches for key in part]
                    views = {view: _joined([part[view] for _, part in batches]) for view in batches[0][1]}
                    (writer.replace_vectors if replace else writer.append_vectors)(space, keys, views)
                batches.clear()
        if self.thumbnails:
            writer.append_thumbnails(self.thumbnails)
        if self.fresh_rows:
            writer.append_samples(table(self.fresh_rows))
        if self.changed_rows:
            writer.update_samples(table(self.changed_rows))
        self._keys = 0
        self.thumbnails.clear()
        self.fresh_rows.clear()
        self.changed_rows.clear()


def _joined(parts: Sequence[Embeddings]) -> Embeddings:
    return Embeddings(np.concatenate([p.vectors for p in parts]), np.concatenate([p.norms for p in parts]))
