"""Similarity search over a store with a sample, identity, label, image, text or vector as query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeAlias, cast

from retrieval.config import takes_options_of
from retrieval.errors import InputError, unknown
from retrieval.search import exact
from retrieval.search.gallery import ROW, Gallery
from retrieval.search.query_vectors import Encoders, given_vectors, query_samples, stored_vectors
from retrieval.search.ranking import rank
from retrieval.search.request import KINDS, SearchRequest
from retrieval.search.result import SearchResult
from retrieval.search.space_view import SpaceView
from retrieval.types import PREPROJ, Float32, SpaceInfo
from retrieval.types.store import EmbeddingStore, Snapshot

Searchable: TypeAlias = str | Path | EmbeddingStore | Snapshot
"""The path of a store, an open store, or a snapshot of one."""


class Searcher:
    """Searches one version of a store many times; vectors, samples, indexes and encoders are read once and kept.

    >>> with vitrine.Searcher("hands.vitrine") as searcher:  # doctest: +SKIP
    ...     for text in texts:
    ...         result = searcher.search(text=text, k=5)

    Args:
        store: path of a store, an open store, or a snapshot. Of a store, the version that is the newest now is searched
            until :meth:`close`, for which ``forget`` waits.
        space: the space for requests that name none. Without it, the default space of the store.
        index: ``exact`` compares every vector. ``hnsw`` and ``ivf`` are built at the first search and may miss some
            neighbours; search is exact nevertheless if the store has few vectors or a condition leaves few of them.
            Requests with ``approx=True`` use the index that ``index_ann`` saved instead.

    Raises:
        MissingFileError: the path does not exist.
        StoreError: the path is not a store that can be read.
        UnknownNameError: the space or the kind of index does not exist.
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
        """Search with one query.

        Args:
            request: the request; or None, and its fields as keywords, such as ``id="0c1d", k=5``.
            fields: fields of :class:`~retrieval.search.request.SearchRequest`.

        Raises:
            InputError: the query, ``where`` or ``k`` is invalid.
            UnknownNameError: the space, view, id, identity or label does not exist.
            SpaceMismatchError: a query vector belongs to another space.
        """
        request = _request(request, fields)
        space = self._snapshot.space(request.space or self._space or request.vector_space)
        view = self._view(space, request.view)
        if request.where is None:
            view.gallery(approx=request.approx)  # reads all samples, so that those of the query are not read separately
        samples = query_samples(view, request)
        warnings: list[str] = []
        vectors = self._vectors(request, space, view, samples, warnings)
        gallery = view.gallery(request.where, approx=request.approx)
        excluded = () if request.include_self else samples
        if _is_all_of(gallery, request, excluded):
            excluded = ()
            warnings.append(f"All samples searched have the {request.kind} of the query itself; they are ranked.")
        hits, exhaustive = rank(gallery, vectors, request.k, request.group_by, excluded)
        if request.group_by and not hits:
            raise InputError(f"Nothing to group by: no sample that was searched has a known {request.group_by}.")
        if request.approx and exhaustive:
            warnings.append(f"{view.saved.reason or _unused(request)}; the search was exact.")
        return SearchResult(
            request=request,
            space=space,
            store_version=self._snapshot.store_version,
            searched=len(gallery),
            without_vector=gallery.without_vector,
            exhaustive=exhaustive,
            index="exact" if exhaustive else view.saved.kind if request.approx else self._index,
            hits=tuple(hits),
            query_samples=tuple({name: value for name, value in row.items() if name != ROW} for row in samples),
            warnings=tuple(warnings),
            thumbnails=partial(_thumbnails, self._store or self._snapshot),
        )

    def close(self) -> None:
        """Release the version of the store, if the searcher opened it."""
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
        self,
        request: SearchRequest,
        space: SpaceInfo,
        view: SpaceView,
        samples: Sequence[Mapping[str, Any]],
        warnings: list[str],
    ) -> Float32:
        """Return the query vectors (q, d), of length 1; ``samples`` are those of the query."""
        if samples and request.vector is None and request.image is None:
            return stored_vectors(view.matrix.data, samples, request, space)
        if request.view == PREPROJ:
            raise InputError(
                f"The view {PREPROJ} of space {space.name} has vectors of another dimension; search it with samples of "
                "the store (`id`, `identity`, `label`), or search the view base."
            )
        if request.vector is not None:
            return given_vectors(request, space)
        return self._encoders.encode(request, space, warnings)


def _is_all_of(gallery: Gallery, request: SearchRequest, samples: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a search with an identity or a label is among its samples alone, which are then not left out."""
    if request.kind not in {"identity", "label"} or len(gallery) > len(samples):
        return False
    ids = {row["id"] for row in samples}
    return all(sample in ids for sample in gallery.samples.column("id").to_pylist())


def _thumbnails(source: EmbeddingStore | Snapshot, keys: Sequence[str]) -> Mapping[str, bytes]:
    """Read thumbnails of a snapshot, or of the newest version of a store, which can be read after :meth:`close`."""
    if not hasattr(source, "snapshot"):
        return source.thumbnails(keys)
    with cast("EmbeddingStore", source).snapshot() as snapshot:
        return snapshot.thumbnails(keys)


def _unused(request: SearchRequest) -> str:
    """Return why a saved index that can be used was not used."""
    if request.where is None:
        return f"The saved index has too few candidates for {request.k:,} hits"
    return f"'{request.where}' leaves too few samples for the saved index"


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
    """Search a store with one query; use :class:`Searcher` for several.

    >>> vitrine.search("hands.vitrine", id="Hands/Hand_0000005.jpg", k=5)  # doctest: +SKIP

    Args:
        store: path of a store, an open store, or a snapshot.
        request: the request; or None, and its fields as keywords, including exactly one of ``id``, ``identity``,
            ``label``, ``image``, ``text`` and ``vector``.
        **fields: see below.

    Raises:
        MissingFileError: the path does not exist.
        StoreError: the path is not a store that can be read.
        InputError, UnknownNameError, SpaceMismatchError: as :meth:`Searcher.search`.
    """
    with Searcher(store) as searcher:
        return searcher.search(request, **fields)
