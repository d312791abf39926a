"""Similarity search over a store: by sample, identity, label, image, text or vector; images or groups of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from retrieval.errors import InputError, UnknownNameError, unknown
from retrieval.types import Float32, Int64, Neighbors, SpaceInfo, TextEncoder, VectorMatrix
from retrieval.types.store import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = ("id", "key", "source", "uri", "label", "identity", "aspect", "camera", "group", "split")

FEW_BARRED = 64

GroupBy = Literal["identity", "label"]
Combine = Literal["centroid", "max"]


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: exactly one of the fields."""

    id: str | None = None
    identity: str | None = None
    label: str | None = None
    image: Path | None = None
    text: str | None = None
    vector: Float32 | None = None

    @property
    def kind(self) -> str:
        """The name of the field that is set.

        Raises:
            InputError: none is, or more than one.
        """
        names = [
            name for name in ("id", "identity", "label", "image", "text", "vector") if getattr(self, name) is not None
        ]
        if len(names) != 1:
            raise InputError("Search for one thing: an IMAGE, or one of --id, --identity, --label, --text.")
        if isinstance(value := getattr(self, names[0]), str) and not value.strip():
            raise InputError(f"The {names[0]} to search for is empty.")
        return names[0]

    def describe(self) -> dict[str, Any]:
        """The query for a result: its kind and value (a vector only by its kind)."""
        value = getattr(self, self.kind)
        return {"kind": self.kind, "value": None if self.kind == "vector" else str(value)}


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """``combine`` says how several query images count: as their centroid, or each (a score is the best of them).

    ``where`` is SQL over ``samples``. ``group_by`` ranks identities or labels by their best image. The query's own
    samples are left out unless ``include_self``.
    """

    k: int = 10
    view: str = "base"
    where: str | None = None
    group_by: GroupBy | None = None
    combine: Combine = "centroid"
    include_self: bool = False
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: its score (cosine, higher is better) and the sample's row; with ``group_by``, the group's best."""

    rank: int
    score: float
    sample: Mapping[str, Any]
    group: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``; empty columns are left out."""
        row = {name: value for name, value in self.sample.items() if value is not None and name != "key"}
        head = {"rank": self.rank, "score": self.score}
        return head | ({"group": self.group} if self.group is not None else {}) | row


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits with their provenance; ``own`` are the rows of the query's own samples, if it was made of any."""

    query: dict[str, Any]
    space: SpaceInfo
    store_version: int
    options: SearchOptions
    searched: int
    without_vector: int
    exhaustive: bool
    hits: tuple[Hit, ...]
    own: tuple[Mapping[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        options = self.options
        return {
            "query": self.query,
            "space": self.space.name,
            "fingerprint": self.space.fingerprint,
            "store_version": self.store_version,
            "k": options.k,
            "where": options.where,
            "group_by": options.group_by,
            "combine": options.combine,
            "searched": self.searched,
            "without_vector": self.without_vector,
            "exhaustive": self.exhaustive,
            "hits": [hit.to_dict() for hit in self.hits],
        }


@dataclass(frozen=True, slots=True)
class _Pool:
    """Samples that may be found (sorted by id, with the columns SHOWN), and where each one's vector is.

    ``missing`` counts samples that were left out: their source is in this space, but they have no vector yet.
    """

    rows: pa.Table
    at: Int64
    matrix: VectorMatrix
    missing: int


def search(
    snapshot: Snapshot, query: Query, options: SearchOptions | None = None, space: str | None = None
) -> SearchResult:
    """Search the store.

    Raises:
        InputError: the query, ``where`` or k cannot be used.
        UnknownNameError: no such space, view, id, identity or label.
    """
    options = options or SearchOptions()
    if options.k < 1:
        raise InputError(f"-k {options.k}: ask for at least one neighbour.")
    kind, chosen = query.kind, snapshot.space(space)
    matrix = snapshot.vectors(chosen, options.view)
    own = _own_samples(snapshot, query, kind)
    vectors = _query_vectors(query, kind, chosen, matrix, own, options)
    pool = _pool(snapshot, matrix, options.where)
    barred = frozenset() if options.include_self else frozenset(row["id"] for row in own)
    hits = _rank(pool, vectors, options, barred)
    if options.group_by and not hits:
        raise InputError(f"Nothing to group by: no sample that was searched has a known {options.group_by}.")
    return SearchResult(
        query=query.describe(),
        space=chosen,
        store_version=snapshot.store_version,
        options=options,
        searched=pool.rows.num_rows,
        without_vector=pool.missing,
        exhaustive=True,
        hits=tuple(hits),
        own=tuple(own),
    )


def rows_of(keys: Sequence[str] | pa.Array | pa.ChunkedArray, matrix: VectorMatrix) -> Int64:
    """Where each key stands in the matrix, -1 where it has no vector."""
    import pyarrow as pa
    import pyarrow.compute as pc

    stored = pa.array(matrix.keys.tolist(), pa.binary())
    wanted = keys if isinstance(keys, (pa.Array, pa.ChunkedArray)) else pa.array(list(keys), pa.string())
    found = pc.index_in(wanted.cast(pa.binary()), value_set=stored)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def _own_samples(snapshot: Snapshot, query: Query, kind: str) -> list[dict[str, Any]]:
    """The stored samples the query is made of: one for an id, all of an identity or label, none otherwise."""
    if kind == "id":
        return [_one_sample(snapshot, str(query.id))]
    if kind not in {"identity", "label"}:
        return []
    value = str(getattr(query, kind))
    rows: list[dict[str, Any]] = snapshot.samples(SHOWN, **{kind: value}).to_pylist()
    if not rows:
        names = set(snapshot.samples([kind]).column(kind).drop_null().to_pylist())
        raise unknown(kind, value, names)
    return rows


def _one_sample(snapshot: Snapshot, wanted: str) -> dict[str, Any]:
    """Find a sample by id, unique id prefix, or path."""
    for how in ({"id": wanted}, {"uri": wanted}, {"id_prefix": wanted}):
        rows = snapshot.samples(SHOWN, **how).to_pylist()
        if len(rows) == 1:
            return dict(rows[0])
        if rows:
            shown = ", ".join(row["id"] for row in rows[:4])
            raise InputError(f"'{wanted}' may mean {len(rows)} samples ({shown}, ...); write more of the id.")
    raise UnknownNameError(f"No sample with id or path '{wanted}' in the store; 'search IMAGE' finds ids by picture.")


def _query_vectors(
    query: Query, kind: str, space: SpaceInfo, matrix: VectorMatrix, own: list[dict[str, Any]], options: SearchOptions
) -> Float32:
    """Unit vectors (q, d) to search with."""
    if kind == "vector":
        return _given_vector(np.asarray(query.vector, np.float32), space)
    if kind in {"image", "text"}:
        return _encoded(query, kind, space, options.device)
    at = rows_of([row["key"] for row in own], matrix)
    if (at < 0).all():
        raise InputError(
            f"{query.describe()['value']} has no vector in space {space.name}; choose another with --space."
        )
    rows = at[at >= 0]
    if options.combine == "max" or len(rows) == 1:
        return np.asarray(matrix.data[np.unique(rows)], np.float32)
    vectors = np.asarray(matrix.data[rows], np.float32)
    centre = vectors.astype(np.float64).mean(axis=0, keepdims=True)
    length = float(np.linalg.norm(centre))
    if length < 1e-9:
        raise InputError("The images of the query cancel out to a centroid of zero; use --combine max.")
    return np.asarray(centre / length, np.float32)


def _given_vector(vector: Float32, space: SpaceInfo) -> Float32:
    vectors = np.atleast_2d(vector)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if vectors.shape[1] != space.dimension or not np.isfinite(lengths).all() or (lengths == 0).any():
        raise InputError(f"A query vector in space {space.name} has {space.dimension} finite numbers, not all zero.")
    return np.asarray(vectors / lengths, np.float32)


def _encoded(query: Query, kind: str, space: SpaceInfo, device: str) -> Float32:
    from retrieval.encoders.registry import load
    from retrieval.images import file_pixels

    if space.spec.preprocess is None:
        raise InputError(
            f"Space {space.name} was imported and has no encoder; search it by --id, --identity or --label."
        )
    if kind == "image":
        batch = file_pixels(Path(str(query.image)), space.spec.preprocess)[None]
        return load(space.spec, device).encode_images(batch).vectors
    encoder = load(space.spec, device)
    if not isinstance(encoder, TextEncoder):
        raise InputError(f"Space {space.name} has no text tower; --text needs an open_clip space.")
    return encoder.encode_texts([str(query.text)]).vectors


def _pool(snapshot: Snapshot, matrix: VectorMatrix, where: str | None) -> _Pool:
    rows = snapshot.samples(SHOWN, where)
    at = rows_of(rows.column("key"), matrix)
    missing = 0
    if (at < 0).any():  # samples of other sources, or not yet embedded in this space
        kept, left = rows.filter(at >= 0), rows.filter(at < 0)
        sources = set(kept.column("source").unique().to_pylist())
        missing = sum(source in sources for source in left.column("source").to_pylist())
        rows, at = kept, at[at >= 0]
    if not len(at):
        reason = f"'{where}' matches nothing with a vector in this space" if where else "the space has no vectors"
        raise InputError(f"Nothing to search: {reason}.")
    return _Pool(rows, at, matrix, missing)


def _rank(pool: _Pool, vectors: Float32, options: SearchOptions, barred: frozenset[str]) -> list[Hit]:
    """Search wider and wider until the k best hits are certain."""
    from retrieval.search.exact import ExactIndex

    allowed = ~np.isin(pool.rows.column("id").to_numpy(zero_copy_only=False), list(barred))
    samples = np.flatnonzero(allowed)
    if not len(samples):
        return []
    order = np.full(len(pool.matrix.keys), len(pool.at), np.int64)
    np.minimum.at(order, pool.at[samples], samples)
    rows, used = np.unique(pool.at), np.unique(pool.at[samples])
    few = len(rows) - len(used) <= FEW_BARRED  # a filter copies rows together; a few to pass over are cheaper
    exclude = [np.setdiff1d(rows, used)] * len(vectors) if few else None
    index = ExactIndex(pool.matrix.data, order, rows if few else used)
    by_row = samples[np.argsort(pool.at[samples], kind="stable")]
    width = options.k if len(vectors) == 1 else 2 * options.k
    while True:
        found = index.search(vectors, min(width, len(used)), exclude)
        ranked, scores = _samples_of(found, by_row, pool.at[by_row], len(order))
        hits = _hits(pool.rows.take(ranked).to_pylist(), scores.tolist(), options)
        if width >= len(used) or (len(hits) == options.k and hits[-1].score > _unseen(found)):
            return hits
        width *= 4


def _unseen(found: Neighbors) -> float:
    """The best score that a row outside some query's list may still have.

    With one query the list itself is final (ties included), so nothing outside it matters.
    """
    return -np.inf if len(found.scores) == 1 else float(found.scores[:, -1].max())


def _samples_of(found: Neighbors, by_row: Int64, sorted_rows: Int64, n_rows: int) -> tuple[Int64, Float32]:
    """From rows of the matrix to samples (several may share a row): best first, the best score over all queries."""
    best = np.full(n_rows, -np.inf, np.float32)
    there = found.rows >= 0
    np.maximum.at(best, found.rows[there], found.scores[there])
    rows = np.unique(found.rows[there])
    starts, stops = np.searchsorted(sorted_rows, rows), np.searchsorted(sorted_rows, rows, side="right")
    samples = np.concatenate([by_row[start:stop] for start, stop in zip(starts, stops, strict=True)])
    scores = np.repeat(best[rows], stops - starts)
    order = np.lexsort((samples, -scores))
    return samples[order], scores[order]


def _hits(rows: list[dict[str, Any]], scores: list[float], options: SearchOptions) -> list[Hit]:
    hits: list[Hit] = []
    seen: set[str] = set()
    for row, score in zip(rows, scores, strict=True):
        if len(hits) == options.k:
            break
        group = row[options.group_by] if options.group_by else None
        if options.group_by:
            if group is None or group in seen:
                continue
            seen.add(group)
        hits.append(Hit(len(hits) + 1, score, row, group))
    return hits
