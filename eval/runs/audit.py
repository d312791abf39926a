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
from eval.audit.duplicates import MAX_BITS, NEAR_ALONE, NEAR_WITH_HASH, SpaceVectors
from eval.audit.findings import SEVERITIES, AuditReport, Finding, NeighbourSearch
from eval.audit.labels import MARGIN
from eval.audit.near import comparisons, left_out, near_neighbours, near_pairs, vector_pairs
from eval.audit.spellings import name_findings
from eval.audit.vectors import near_findings, suspect_findings
from eval.protocols.base import Protocol, Request, whole_split
from eval.protocols.copies import classified_pictures, ranked_pictures
from eval.registry import load_protocol
from eval.runs.neighbours import NeighbourSearcher
from eval.runs.reading import find_split_set, pool_of, space_vectors
from eval.seams.samples import Pool
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Float32, Int64, SplitSet
    from retrieval.types.store import EmbeddingStore, Snapshot

COLUMNS = ("source", "uri", "key", "label", "identity", "aspect", "camera", "group", "split", "phash")
COPIES_SEEN = 8
"""Number of neighbours of each sample among which near-duplicates are searched."""

MOST_COMPARISONS = 500_000_000
"""Largest number of pairs of perceptual hashes that an audit compares, in some ten seconds, if it may be inexact."""


class AuditInput(NamedTuple):
    """The input of the checks.

    ``rows`` (m,) are the samples of ``pool`` that have a vector, ``vectors`` (m, d) their vectors, and ``space`` those
    of the whole space. ``groups_meet`` is False if the protocol leaves samples of the query's group out of the gallery.
    """

    pool: Pool
    roles: DataRoles
    rows: Int64
    vectors: Float32
    space: SpaceVectors
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
    exact: bool = False,
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
        exact: whether to compare all pairs of vectors and hashes, however many there are.

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
        vectors_of_space = space_vectors(snapshot, space_info, pool)
        rows = np.flatnonzero(vectors_of_space.rows >= 0)
        sets: tuple[SplitSet, ...] = () if given is None else (given,)
        if given is None and protocol is not None:
            request = Request(aspect, None, seed, None, rule.options.read({}, f"protocol {protocol}"))
            sets = tuple(rule.parts(_drawn_from(pool, rows, rule), request).values())
        vectors = np.ascontiguousarray(vectors_of_space.data[vectors_of_space.rows[rows]], np.float32)
        version = snapshot.store_version
    roles = data_roles(pool, sets)._replace(left_out=left_out(pool, rule.settings))
    groups_meet = rule.settings.get("group_rule") != "exclude"
    audit_input = AuditInput(pool, roles, rows, vectors, vectors_of_space, groups_meet)
    findings, search = _findings(audit_input, space_info.name, bits, exact=exact)
    splits = whole_split({str(number): part for number, part in enumerate(sets)}) if sets else None
    named = {sample for finding in findings for item in finding.items for sample in item.samples}
    return AuditReport(
        store_version=version,
        space=space_info.name,
        split_set=splits.name if splits else None,
        split_sha256=splits.sha256 if splits else None,
        samples=len(pool),
        thresholds=_thresholds(vectors_of_space.scale, bits),
        findings=tuple(findings),
        uris={key: uri for key, uri in zip(pool.ids.tolist(), pool.columns["uri"], strict=True) if key in named},
        search=search,
    )


def _findings(
    audit_input: AuditInput, space: str, bits: int, *, exact: bool
) -> tuple[list[Finding], NeighbourSearch | None]:
    pool, roles, rows, vectors, space_vectors, groups_meet = audit_input
    findings = [
        *identity_findings(pool, roles),
        *name_findings(pool),
        *content_findings(pool, roles),
        *group_findings(pool, roles if groups_meet else roles._replace(draws=())),
        *size_findings(pool, roles),
        *vector_findings(pool, np.isin(np.arange(len(pool)), rows), space),
    ]
    search = None
    if len(rows) > 1:
        nearest = NeighbourSearcher(exact=exact)
        neighbours = nearest(vectors, min(COPIES_SEEN, len(rows) - 1))
        all_hashes = nearest.is_exact(len(rows)) or comparisons(pool, space_vectors) <= MOST_COMPARISONS
        pairs = (
            near_pairs(pool, space_vectors, bits)
            if all_hashes
            else near_neighbours(pool, space_vectors, neighbours, bits)
        )
        findings += near_findings(pool, roles, pairs)
        alone = vector_pairs(pool, space_vectors, neighbours, pairs)
        findings += near_findings(pool, roles, alone, alone=True)
        findings += suspect_findings(pool, roles, rows, vectors, nearest)
        limit = NEAR_ALONE * (space_vectors.scale or 1)
        search = nearest.describe(vectors, neighbours, limit, all_hashes=all_hashes)
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)), search


def _pool(snapshot: Snapshot, rule: Protocol) -> Pool:
    """Read all samples; a column that the store lacks is None for all of them."""
    columns = dict.fromkeys(["id", *COLUMNS, *rule.columns])
    stored = set(snapshot.column_names("samples"))
    table = snapshot.samples([name for name in columns if name in stored])
    if not table.num_rows:
        raise InputError("The store has no samples to audit; index some first.")
    pool = pool_of(table)
    absent = {name: np.full(len(pool), None, np.object_) for name in COLUMNS if name not in pool.columns}
    return Pool(pool.ids, {**pool.columns, **absent})


def _drawn_from(pool: Pool, rows: Int64, rule: Protocol) -> Pool:
    """The samples that an evaluation draws from: every picture once, of sources with vectors, to classify with a label.

    Args:
        pool: all samples.
        rows: (m,) those that have a vector.
        rule: the protocol.
    """
    samples = pool.take(pool.among("source", *set(pool.columns["source"][rows])))
    if rule.task == "classification":
        return classified_pictures(samples.take(samples.known("label")), drawn=rule.is_random).pool
    return ranked_pictures(samples).pool


def _thresholds(scale: float | None, bits: int) -> dict[str, float | None]:
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
