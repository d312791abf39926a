"""The vectors of one view of a space with their samples, kept between queries."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from retrieval.containers import SEPARATOR
from retrieval.search.approximate import ApproximateIndex
from retrieval.search.exact import make_index
from retrieval.search.gallery import COLUMNS, ROW, Gallery
from retrieval.search.saved_index import SavedIndex, find_saved
from retrieval.search.vector_rows import find_rows, stored_keys
from retrieval.store.conditions import matching
from retrieval.types import SpaceInfo, require_same_space
from retrieval.types.store import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

CONDITIONS = 8
"""Number of galleries of conditions that are kept; the least recently used is dropped."""


class SpaceView:
    """The vectors of one view of a space, and the galleries of earlier searches.

    Args:
        snapshot: the searched version of the store.
        space: the space.
        view: the view.
        index: ``exact``, or the kind of an approximate index, which is built when it is first used.

    Raises:
        UnknownNameError: the space does not have this view.
    """

    def __init__(self, snapshot: Snapshot, space: SpaceInfo, view: str, index: str = "exact") -> None:
        self.matrix = snapshot.vectors(space, view)
        require_same_space(space, self.matrix.space, f"View '{view}'")
        self._snapshot, self._space, self._view, self._kind = snapshot, space, view, index
        self._samples: pa.Table | None = None
        self._galleries: dict[tuple[str | None, bool], Gallery] = {}

    def gallery(self, where: str | None = None, *, approx: bool = False) -> Gallery:
        """Return the gallery of the samples that meet a condition, made at its first use.

        Args:
            where: the condition; None for all samples.
            approx: whether to search with the saved index, where there is one that can be used.

        Raises:
            InputError: the condition is invalid, or no sample with a vector meets it.
        """
        gallery = self._galleries.pop((where, approx), None)
        if gallery is None:
            samples = self._all_samples() if where is None else self._with_rows(self._snapshot.samples(COLUMNS, where))
            index = self.saved.index if approx else self._made
            gallery = Gallery(samples, self.matrix.data, index, where)
        self._galleries[where, approx] = gallery
        for key in [key for key in self._galleries if key[0] is not None][:-CONDITIONS]:
            del self._galleries[key]
        return gallery

    def matching(self, **equal: str) -> list[dict[str, Any]]:
        """Return the samples (``COLUMNS`` and ``ROW``) with these values in columns, or with an ``id_prefix``."""
        if self._samples is None:
            samples = self._with_rows(self._snapshot.samples(COLUMNS, **equal))
        else:
            prefix = equal.pop("id_prefix", None)
            samples = matching(self._samples, equal, prefix)
        rows: list[dict[str, Any]] = samples.to_pylist()
        return rows

    def of_content(self, content: str) -> list[dict[str, Any]]:
        """Return the samples (``COLUMNS`` and ``ROW``) of a file with this content hash, and of boxes of it."""
        import pyarrow.compute as pc

        keys = self._all_samples().column("key")
        whole, box = pc.equal(keys, content), pc.starts_with(keys, f"{content}#")
        rows: list[dict[str, Any]] = self._all_samples().filter(pc.or_(whole, box)).to_pylist()
        return rows

    def ending(self, path: str) -> list[dict[str, Any]]:
        """Return the samples (``COLUMNS`` and ``ROW``) whose path ends with the last folders and name ``path``.

        The name of a member of a container may be the end, too.
        """
        import pyarrow.compute as pc

        uris = self._all_samples().column("uri")
        below, inside = pc.ends_with(uris, f"/{path}"), pc.ends_with(uris, f"{SEPARATOR}{path}")
        rows: list[dict[str, Any]] = self._all_samples().filter(pc.or_(below, inside)).to_pylist()
        return rows

    def values(self, column: str) -> set[str]:
        """Return the distinct values of a column of text."""
        values = self._snapshot.samples([column]).column(column).drop_null().unique()
        return set(values.to_pylist())

    def _all_samples(self) -> pa.Table:
        if self._samples is None:
            self._samples = self._with_rows(self._snapshot.samples(COLUMNS))
        return self._samples

    @cached_property
    def _keys(self) -> pa.Array:
        return stored_keys(self.matrix)

    @cached_property
    def saved(self) -> SavedIndex:
        """The index that ``index-ann`` saved for this view."""
        return find_saved(self._snapshot, self._space, self._view, self.matrix.data)

    @cached_property
    def _made(self) -> ApproximateIndex | None:
        """The approximate index of the kind that this view was opened with."""
        index = make_index(self._kind, self.matrix.data)
        return index if isinstance(index, ApproximateIndex) else None

    def _with_rows(self, samples: pa.Table) -> pa.Table:
        import pyarrow as pa

        return samples.append_column(ROW, pa.array(find_rows(samples.column("key"), self._keys)))
