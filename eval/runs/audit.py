"""From a store to an audit report: reads samples and vectors, opens no image. Alone in the audit it knows stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.audit.checks import (
    DataRoles,
    content_findings,
    data_roles,
    group_findings,
    identity_findings,
    size_findings,
    vector_findings,
)
from eval.audit.duplicates import MAX_BITS, NEAR_ALONE, NEAR_WITH_HASH, typical_distance
from eval.audit.findings import SEVERITIES, AuditReport, Finding
from eval.audit.labels import MARGIN
from eval.audit.near import left_out, near_pairs
from eval.audit.vectors import near_findings, suspect_findings
from eval.protocols.base import Protocol, Request, whole_split
from eval.registry import load_protocol
from eval.runs.reading import find_split_set
from eval.seams.samples import Pool
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Float32, Int64, Neighbors, SpaceInfo, SplitSet
    from retrieval.types.store import EmbeddingStore, Snapshot

COLUMNS = ("source", "uri", "key", "label", "identity", "aspect", "camera", "group", "split", "phash")
COPIES_SEEN = 8
"""How many neighbours of each sample are looked at for near-duplicates whose hashes disagree."""


class Audited(NamedTuple):
    """What an audit looks at: samples, their roles, and the vectors (m, d) of the ``rows`` (m,) that have one.

    ``groups_meet`` is False where the protocol takes images of the query's own group out of the gallery.
    """

    pool: Pool
    roles: DataRoles
    rows: Int64
    vectors: Float32
    groups_meet: bool


def audit(
    store: EmbeddingStore,
    *,
    space: str | None = None,
    protocol: str | None = None,
    aspect: str | None = None,
    split_set: str | Path | None = None,
    seed: int = 0,
    bits: int = MAX_BITS,
) -> AuditReport:
    """Audit the samples of a store, and the draws of a split set or protocol.

    Without either, the roles are those of the samples' own column ``split``.

    Args:
        store: where samples and vectors are.
        space: whose vectors are looked at; not needed where there is one.
        protocol: a protocol whose draws are looked at.
        aspect: of the protocol's draws.
        split_set: a stored split set, the beginning of its name, or a CSV file.
        seed: of the protocol's draws.
        bits: how many bits the perceptual hashes of near-duplicates may differ in, 0 to 3.

    Raises:
        InputError: there are no samples, both a split set and a protocol are named, or an aspect of no protocol.
        UnknownNameError: of a space, protocol or split set.
    """
    if split_set is not None and protocol not in {None, "fixed"}:
        raise InputError(
            f"A split set gives the draws, so `protocol={protocol}` has none to make; leave one of them out."
        )
    if aspect is not None and (protocol is None or split_set is not None):
        raise InputError(f"`aspect={aspect}` is of a protocol's draws; name one with `protocol`.")
    with store.snapshot() as snapshot:
        chosen = snapshot.space(space)
        given = None if split_set is None else find_split_set(store, snapshot, split_set)
        rule = load_protocol(protocol or "fixed")
        pool = _pool(snapshot, rule)
        sets: tuple[SplitSet, ...] = () if given is None else (given,)
        if given is None and protocol is not None:
            request = Request(aspect, None, seed, None, rule.options.read({}, f"protocol {protocol}"))
            sets = tuple(rule.parts(pool, request).values())
        rows, vectors = _vectors(snapshot, chosen, pool)
        version = snapshot.store_version
    roles = data_roles(pool, sets)._replace(left_out=left_out(pool, rule.settings))
    audited = Audited(pool, roles, rows, vectors, rule.settings.get("group_rule") != "exclude")
    found = _findings(audited, chosen.name, bits)
    splits = whole_split({str(at): part for at, part in enumerate(sets)}) if sets else None
    named = {sample for one in found for item in one.items for sample in item.samples}
    return AuditReport(
        store_version=version,
        space=chosen.name,
        split_set=splits.name if splits else None,
        split_sha256=splits.sha256 if splits else None,
        samples=len(pool),
        thresholds=_thresholds(vectors, bits),
        findings=tuple(found),
        places={key: uri for key, uri in zip(pool.ids.tolist(), pool.columns["uri"], strict=True) if key in named},
    )


def _findings(audited: Audited, space: str, bits: int) -> list[Finding]:
    pool, roles, rows, vectors, groups_meet = audited
    found = [
        *identity_findings(pool, roles),
        *content_findings(pool, roles),
        *group_findings(pool, roles if groups_meet else roles._replace(draws=())),
        *size_findings(pool, roles),
        *vector_findings(pool, np.isin(np.arange(len(pool)), rows), space),
    ]
    if len(rows) > 1:
        neighbours = nearest_others(vectors, min(COPIES_SEEN, len(rows) - 1))
        pairs = near_pairs(pool, rows, vectors, neighbours, bits)
        found += near_findings(pool, roles, rows, pairs)
        found += suspect_findings(pool, roles, rows, vectors, nearest_others)
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def nearest_others(vectors: Float32, k: int) -> Neighbors:
    """Find the k nearest other rows of every row of (n, d), exactly, in bounded memory."""
    from retrieval.search.exact import ExactIndex
    from retrieval.types import Neighbors

    index = ExactIndex(vectors)
    step = max(1, 8_000_000 // (vectors.shape[1] * (k + 1)))
    parts = []
    for start in range(0, len(vectors), step):
        queries = vectors[start : start + step]
        own = [np.array([start + at], np.int64) for at in range(len(queries))]
        parts.append(index.search(queries, k, own))
    return Neighbors(np.concatenate([part.rows for part in parts]), np.concatenate([part.scores for part in parts]))


def _pool(snapshot: Snapshot, rule: Protocol) -> Pool:
    """All samples; a column that the store lacks is unknown everywhere."""
    wanted = dict.fromkeys(["id", *COLUMNS, *rule.columns])
    have = set(snapshot.column_names("samples"))
    table = snapshot.samples([name for name in wanted if name in have])
    if not table.num_rows:
        raise InputError("The store has no samples to audit; index some first.")
    values = {name: np.array(table.column(name).to_pylist(), dtype=np.object_) for name in table.column_names}
    ids = values.pop("id").astype(np.str_)
    for name in COLUMNS:
        values.setdefault(name, np.full(len(ids), None, np.object_))
    return Pool(ids, values)


def _vectors(snapshot: Snapshot, space: SpaceInfo, pool: Pool) -> tuple[Int64, Float32]:
    """Rows of the pool that have a vector, and these vectors (m, d)."""
    matrix = snapshot.vectors(space, space.views[0])
    places = {key: at for at, key in enumerate(matrix.keys.tolist())}
    at = np.array([places.get(str(key).encode(), -1) for key in pool.columns["key"]], np.int64)
    rows = np.flatnonzero(at >= 0)
    return rows, np.ascontiguousarray(matrix.data[at[rows]], np.float32)


def _thresholds(vectors: Float32, bits: int) -> dict[str, float | None]:
    scale = typical_distance(vectors) if len(vectors) > 1 else None
    return {
        "phash_bits": bits,
        "typical_distance": scale,
        "near_with_hash_cosine": None if scale is None else 1 - NEAR_WITH_HASH * scale,
        "near_alone_cosine": None if scale is None else 1 - NEAR_ALONE * scale,
        "suspect_margin": MARGIN,
    }


def keys_of(snapshot: Snapshot) -> dict[str, str]:
    """Sample id to the key of its thumbnail and vectors."""
    table = snapshot.samples(["id", "key"])
    return dict(zip(table.column("id").to_pylist(), table.column("key").to_pylist(), strict=True))
