"""Checks of an audit that need vectors: near-duplicates and suspected labels. Pure functions over arrays."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from eval.audit.checks import ACROSS, IN_DRAW, LEARNT_APART, NAMES, DataRoles
from eval.audit.duplicates import NearPairs, typical_distance
from eval.audit.findings import Finding, Item, findings_of
from eval.audit.labels import NEIGHBOURS, Nearest, suspects
from eval.audit.near import NO_HASH, distinct_contents
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from eval.seams.samples import Pool


def near_findings(pool: Pool, roles: DataRoles, pairs: NearPairs, *, alone: bool = False) -> list[Finding]:
    """Make findings of near-duplicates: across splits, in a draw, in train and val, or with different names.

    Each pair of contents counts once, however many samples have them. Pairs with different labels or identities make no
    number look better, and are a finding of their own.

    Args:
        pool: all samples.
        roles: of all samples.
        pairs: pairs of rows of the pool.
        alone: whether the pairs are near by vector alone.
    """
    names = [name for name in NAMES if name in pool.columns]
    relation = roles.relation(pairs.first, pairs.second)
    items: dict[int, list[Item]] = defaultdict(list)
    differing: list[Item] = []
    for at in distinct_contents(pool, pairs, relation).tolist():
        a, b = int(pairs.first[at]), int(pairs.second[at])
        differ = [name for name in names if _differ(pool.columns[name][a], pool.columns[name][b])]
        words = [f"{name} {pool.columns[name][a]} and {pool.columns[name][b]}" for name in differ]
        bits = f"{pairs.bits[at]} bits" if pairs.bits[at] < NO_HASH else "no hash"
        detail = ", ".join([f"distance {pairs.distance[at]:.3f} of the typical", bits, *words])
        item = Item((str(pool.ids[a]), str(pool.ids[b])), detail, float(1 - pairs.distance[at]))
        (differing if differ else items[int(relation[at])]).append(item)
    check, what = (
        ("near-vector", "of nearly the same vector") if alone else ("near-duplicate", "of nearly the same picture")
    )
    checks: list[tuple[str, list[Item], str]] = [
        ("across-splits", items[ACROSS], f"Pairs {what} are in train (or val) and test."),
        ("in-draw", items[IN_DRAW], f"Pairs {what} are query and gallery of one draw (bursts, copies)."),
        ("train-val", items[LEARNT_APART], f"Pairs {what} are in train and val."),
        ("other-name", differing, f"Pairs {what} have different labels or identities; one may be wrong."),
    ]
    return [
        finding
        for end, cases, message in checks
        for finding in findings_of(f"{check}-{end}", "warning", cases, message)
    ]


def suspect_findings(pool: Pool, roles: DataRoles, rows: Int64, vectors: Float32, nearest: Nearest) -> list[Finding]:
    """Find samples whose neighbours agree on another label, or on another identity of the same aspect.

    Neighbours of train (and val) samples are such samples, those of held-out ones held out.

    Args:
        pool: all samples.
        roles: of all samples.
        rows: (m,) rows of the pool that have a vector.
        vectors: (m, d) of length one.
        nearest: finds the neighbours.
    """
    findings = []
    for name in NAMES:
        items = []
        for part in _judged_together(pool, roles, rows, name):
            items += _suspect_items(pool, rows[part], vectors[part], nearest, name)
        message = f"Samples may have the wrong {name}: their nearest neighbours agree on another; look at them."
        findings += findings_of(f"suspected-{name}", "warning", items, message)
    return findings


def _suspect_items(pool: Pool, rows: Int64, vectors: Float32, nearest: Nearest, name: str) -> list[Item]:
    if len(rows) < 3:
        return []
    values = pool.columns[name][rows].astype(np.str_)
    names, labels = np.unique(values, return_inverse=True)
    scale = typical_distance(vectors)
    neighbours = nearest(vectors, min(NEIGHBOURS, len(rows) - 1))
    suspected = suspects(vectors, labels.astype(np.int64), neighbours, scale, nearest)
    return [
        Item(
            (str(pool.ids[rows[row]]), str(pool.ids[rows[witness]])),
            f"{name} {values[row]}, neighbours say {names[suggested]} (nearer by {margin:.2f} of the typical distance)",
            float(margin),
        )
        for row, suggested, margin, witness in zip(*suspected, strict=True)
    ]


def _judged_together(pool: Pool, roles: DataRoles, rows: Int64, name: str) -> Iterator[Int64]:
    """Yield sets of positions in ``rows`` whose neighbours are within the set."""
    has_name: NDArray[np.bool_] = pool.known(name)[rows]
    aspects = pool.columns["aspect"][rows] if name == "identity" else np.full(len(rows), None, np.object_)
    divided: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for at in np.flatnonzero(has_name).tolist():
        divided[bool(roles.learnt[rows[at]]), str(aspects[at])].append(at)
    for _, part in sorted(divided.items()):
        yield np.array(part, np.int64)


def _differ(first: object, second: object) -> bool:
    return first is not None and second is not None and first != second
