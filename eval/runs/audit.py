"""Audits the samples of a store: reads samples and vectors, and runs all checks. No image is opened."""

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
"""Number of neighbours of each sample among which near-duplicates are searched."""


class AuditInput(NamedTuple):
    """The input of the checks.

    ``rows`` (m,) are the samples of ``pool`` that have a vector, and ``vectors`` (m, d) their vectors. ``groups_meet``
    is False if the protocol leaves samples of the query's group out of the gallery.
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
        space: space of the vectors; None if the store has a single one.
        protocol: protocol whose draws are audited.
        aspect: aspect of the protocol's draws.
        split_set: name of a stored split set, the beginning of its name, or a CSV file.
        seed: seed of the protocol's draws.
        bits: largest number of differing bits of the perceptual hashes of near-duplicates, 0 to 3.

    Raises:
        InputError: there are no samples, or ``split_set`` and ``protocol`` are both given, or ``aspect`` without a
            protocol.
        UnknownNameError: there is no such space, protocol or split set.
    """
    if split_set is not None and protocol not in {None, "fixed"}:
        raise InputError(
            f"A split set gives the draws, so `protocol={protocol}` has none to make; leave one of them out."
        )
    if aspect is not None and (protocol is None or split_set is not None):
        raise InputError(f"`aspect={aspect}` is of a protocol's draws; name one with `protocol`.")
    with store.snapshot() as snapshot:
        space_info = snapshot.space(space)
        given = None if split_set is None else find_split_set(store, snapshot, split_set)
        rule = load_protocol(protocol or "fixed")
        pool = _pool(snapshot, rule)
        sets: tuple[SplitSet, ...] = () if given is None else (given,)
        if given is None and protocol is not None:
            request = Request(aspect, None, seed, None, rule.options.read({}, f"protocol {protocol}"))
            sets = tuple(rule.parts(pool, request).values())
        rows, vectors = _vectors(snapshot, space_info, pool)
        version = snapshot.store_version
    roles = data_roles(pool, sets)._replace(left_out=left_out(pool, rule.settings))
    audit_input = AuditInput(pool, roles, rows, vectors, rule.settings.get("group_rule") != "exclude")
    findings = _findings(audit_input, space_info.name, bits)
    splits = whole_split({str(number): part for number, part in enumerate(sets)}) if sets else None
    named = {sample for finding in findings for item in finding.items for sample in item.samples}
    return AuditReport(
        store_version=version,
        space=space_info.name,
        split_set=splits.name if splits else None,
        split_sha256=splits.sha256 if splits else None,
        samples=len(pool),
        thresholds=_thresholds(vectors, bits),
        findings=tuple(findings),
        uris={key: uri for key, uri in zip(pool.ids.tolist(), pool.columns["uri"], strict=True) if key in named},
    )


def _findings(audit_input: AuditInput, space: str, bits: int) -> list[Finding]:
    pool, roles, rows, vectors, groups_meet = audit_input
    findings = [
        *identity_findings(pool, roles),
        *content_findings(pool, roles),
        *group_findings(pool, roles if groups_meet else roles._replace(draws=())),
        *size_findings(pool, roles),
        *vector_findings(pool, np.isin(np.arange(len(pool)), rows), space),
    ]
    if len(rows) > 1:
        neighbours = nearest_others(vectors, min(COPIES_SEEN, len(rows) - 1))
        pairs = near_pairs(pool, rows, vectors, neighbours, bits)
        findings += near_findings(pool, roles, rows, pairs)
        findings += suspect_findings(pool, roles, rows, vectors, nearest_others)
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def nearest_others(vectors: Float32, k: int) -> Neighbors:
    """Find the k nearest other rows of every row of ``vectors`` (n, d), exactly and in bounded memory."""
    from retrieval.search.exact import ExactIndex
    from retrieval.types import Neighbors

    index = ExactIndex(vectors)
    step = max(1, 8_000_000 // (vectors.shape[1] * (k + 1)))
    parts = []
    for start in range(0, len(vectors), step):
        queries = vectors[start : start + step]
        excluded = [np.array([start + row], np.int64) for row in range(len(queries))]
        parts.append(index.search(queries, k, excluded))
    return Neighbors(np.concatenate([part.rows for part in parts]), np.concatenate([part.scores for part in parts]))


def _pool(snapshot: Snapshot, rule: Protocol) -> Pool:
    """Read all samples; a column that the store lacks is None for all of them."""
    columns = dict.fromkeys(["id", *COLUMNS, *rule.columns])
    stored = set(snapshot.column_names("samples"))
    table = snapshot.samples([name for name in columns if name in stored])
    if not table.num_rows:
        raise InputError("The store has no samples to audit; index some first.")
    values = {name: np.array(table.column(name).to_pylist(), dtype=np.object_) for name in table.column_names}
    ids = values.pop("id").astype(np.str_)
    for name in COLUMNS:
        values.setdefault(name, np.full(len(ids), None, np.object_))
    return Pool(ids, values)


def _vectors(snapshot: Snapshot, space: SpaceInfo, pool: Pool) -> tuple[Int64, Float32]:
    """Rows (m,) of the samples that have a vector, and these vectors (m, d)."""
    matrix = snapshot.vectors(space, space.views[0])
    matrix_rows = {key: row for row, key in enumerate(matrix.keys.tolist())}
    positions = np.array([matrix_rows.get(str(key).encode(), -1) for key in pool.columns["key"]], np.int64)
    rows = np.flatnonzero(positions >= 0)
    return rows, np.ascontiguousarray(matrix.data[positions[rows]], np.float32)


def _thresholds(vectors: Float32, bits: int) -> dict[str, float | None]:
    scale = typical_distance(vectors) if len(vectors) > 1 else None
    return {
        "phash_bits": bits,
        "typical_distance": scale,
        "near_with_hash_cosine": None if scale is None else 1 - NEAR_WITH_HASH * scale,
        "near_alone_cosine": None if scale is None else 1 - NEAR_ALONE * scale,
        "suspect_margin": MARGIN,
    }


def sample_keys(snapshot: Snapshot) -> dict[str, str]:
    """Read the keys of all samples: sample id to the key of its thumbnail and vectors."""
    table = snapshot.samples(["id", "key"])
    return dict(zip(table.column("id").to_pylist(), table.column("key").to_pylist(), strict=True))
