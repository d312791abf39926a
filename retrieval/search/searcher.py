"""Similarity search over a store: by sample, identity, label, image, text or vector; images or groups of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeAlias, cast

from retrieval.config import takes_options_of
from retrieval.errors import InputError, unknown
from retrieval.search import exact
from retrieval.search.gallery import ROW
from retrieval.search.query_vectors import Encoders, given_vectors, own_samples, stored_vectors
from retrieval.search.ranking import rank
from retrieval.search.request import KINDS, SearchRequest
from retrieval.search.result import SearchResult
from retrieval.search.space_view import SpaceView
from retrieval.types import Float32, SpaceInfo
from retrieval.types.store import EmbeddingStore, Snapshot

Searchable: TypeAlias = str | Path | EmbeddingStore | Snapshot
"""The path of a store, an open store, or a snapshot of one."""


class Searcher:
    """Searches one version of a store, many times: vectors, samples, indexes and encoders are read once and kept.

    >>> with vitrine.Searcher("hands.vitrine") as searcher:  # doctest: +SKIP
    ...     for text in texts:
    ...         result = searcher.search(text=text, k=5)

    Args:
        store: path of a store, an open store, or a snapshot. Until :meth:`close`, the version that was the newest when
            the searcher was made is searched, and ``forget`` waits for it.
        space: the space to search where a request names none; not needed where the store has one.
        index: ``exact`` compares every vector. ``hnsw`` and ``ivf`` are built at the first search and may miss some;
            exact search takes their place in a store of few vectors, and where a condition leaves samples out.

    Raises:
        MissingFileError, StoreError: there is no store.
        UnknownNameError: there is no such space, or kind of index.
    """

    def __init__(self, store: Searchable, space: str | None = None, index: str = "exact") -> None:
        if index not in exact.KINDS:
            raise unknown("kind of search index", index, exact.KINDS)
        self._index, self._space = index, space
        self._encoders = Encoders()
        self._views: dict[tuple[str, str], SpaceView] = {}
        self._open = ExitStack()
        self._store: EmbeddingStore | None = None
        if isinstance(store, (str, Path)):
            from retrieval.store.open import open_store

            store = open_store(store)
        if hasattr(store, "snapshot"):
            self._store = cast("EmbeddingStore", store)
            store = self._open.enter_context(self._store.snapshot())
        self._snapshot = store
        if space is not None:
            self._snapshot.space(space)

    def search(self, request: SearchRequest | None = None, **fields: Any) -> SearchResult:
        """Search for one thing.

        Args:
            request: what to search for; or its fields as keywords, such as ``id="0c1d"``, ``k=5``.
            fields: see :class:`~retrieval.search.request.SearchRequest`.

        Raises:
            InputError: the query, ``where`` or ``k`` cannot be used.
            UnknownNameError: there is no such space, view, id, identity or label.
            SpaceMismatchError: a query vector belongs to another space.
        """
        request = _request(request, fields)
        space = self._snapshot.space(request.space or self._space or request.vector_space)
        view = self._view(space, request.view)
        if request.where is None:
            view.gallery()  # reads all samples, so that the query's own need no reading
        own = own_samples(view, request)
        vectors = self._vectors(request, space, view, own)
        gallery = view.gallery(request.where)
        barred = () if request.include_self else own
        hits, exhaustive = rank(gallery, vectors, request.k, request.group_by, barred)
        if request.group_by and not hits:
            raise InputError(f"Nothing to group by: no sample that was searched has a known {request.group_by}.")
        return SearchResult(
            request=request,
            space=space,
            store_version=self._snapshot.store_version,
            searched=len(gallery),
            without_vector=gallery.without_vector,
            exhaustive=exhaustive,
            hits=tuple(hits),
            own=tuple({name: value for name, value in row.items() if name != ROW} for row in own),
            thumbnails=partial(_thumbnails, self._store or self._snapshot),
        )

    def close(self) -> None:
        """Let the version of the store go that the searcher opened."""
        self._open.close()

    def __repr__(self) -> str:
        spaces = self._space or ", ".join(space.name for space in self._snapshot.spaces)
        return f"Searcher({spaces}; store version {self._snapshot.store_version}, {self._index} search)"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _view(self, space: SpaceInfo, view: str) -> SpaceView:
        key = (space.fingerprint, view)
        if key not in self._views:
            self._views[key] = SpaceView(self._snapshot, space, view, self._index)
        return self._views[key]

    def _vectors(
        self, request: SearchRequest, space: SpaceInfo, view: SpaceView, own: Sequence[Mapping[str, Any]]
    ) -> Float32:
        """Unit vectors (q, d) to search with."""
        if request.vector is not None:
            return given_vectors(request, space)
        if own:
            return stored_vectors(view.matrix.data, own, request, space)
        return self._encoders.encode(request, space)


def _thumbnails(source: EmbeddingStore | Snapshot, keys: Sequence[str]) -> Mapping[str, bytes]:
    """Read thumbnails: of the newest version of a store, which outlives the searcher, or of a snapshot."""
    if not hasattr(source, "snapshot"):
        return source.thumbnails(keys)
    with cast("EmbeddingStore", source).snapshot() as snapshot:
        return snapshot.thumbnails(keys)


def _request(request: SearchRequest | None, fields: Mapping[str, Any]) -> SearchRequest:
    if request is None:
        return SearchRequest.read(fields, "search")
    if not isinstance(request, SearchRequest):
        kinds = ", ".join(f"{kind}=..." for kind in KINDS)
        raise InputError(f"search: say what {request!r} is; write one of {kinds}.")
    if fields:
        raise InputError(f"search: give a request or its fields, not both ({', '.join(fields)}).")
    return request


@takes_options_of(SearchRequest)
def search(store: Searchable, request: SearchRequest | None = None, **fields: Any) -> SearchResult:
    """Search a store once; a :class:`Searcher` answers many queries.

    >>> vitrine.search("hands.vitrine", id="Hands/Hand_0000005.jpg", k=5)  # doctest: +SKIP

    Args:
        store: path of a store, an open store, or a snapshot.
        request: what to search for; or its fields as keywords, exactly one of ``id``, ``identity``, ``label``,
            ``image``, ``text`` and ``vector`` among them.
        **fields: see below.

    Raises:
        MissingFileError, StoreError: there is no store.
        InputError, UnknownNameError, SpaceMismatchError: as :meth:`Searcher.search`.
    """
    with Searcher(store) as searcher:
        return searcher.search(request, **fields)
