"""The checks of an audit that look at vectors: near-duplicates and suspected labels. Pure functions over arrays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eval.audit.checks import ACROSS, IN_DRAW, NAMES, DataRoles
from eval.audit.duplicates import NearPairs, typical_distance
from eval.audit.findings import Finding, Item, Severity, finding
from eval.audit.labels import NEIGHBOURS, suspects
from retrieval.types import Float32, Int64, Neighbors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from eval.seams.samples import Pool

Nearest: TypeAlias = Callable[[Float32, int], Neighbors]
"""From vectors (n, d) to the k nearest other rows of each of them."""


def near_findings(pool: Pool, roles: DataRoles, rows: Int64, pairs: NearPairs) -> list[Finding]:
    """Sort near-duplicates by how they meet.

    Args:
        pool: all samples.
        roles: roles of all samples.
        rows: (m,) rows of the pool that ``pairs`` number.
        pairs: near-duplicates.
    """
    first, second = rows[pairs.first], rows[pairs.second]
    relation = roles.relation(first, second)
    found: dict[tuple[int, bool], list[Item]] = defaultdict(list)
    for at in range(len(first)):
        a, b = int(first[at]), int(second[at])
        differ = [name for name in NAMES if _differ(pool.columns[name][a], pool.columns[name][b])]
        said = [f"{name} {pool.columns[name][a]} and {pool.columns[name][b]}" for name in differ]
        bits = f"{pairs.bits[at]} bits" if pairs.bits[at] < 64 else "no hash"
        detail = ", ".join([f"distance {pairs.distance[at]:.3f} of the typical", bits, *said])
        item = Item((str(pool.ids[a]), str(pool.ids[b])), detail, float(1 - pairs.distance[at]))
        found[int(relation[at]), bool(differ)].append(item)
    told: list[tuple[str, Severity, list[Item], str]] = [
        (
            "near-duplicate-across-splits",
            "warning",
            found[ACROSS, False],
            "Pairs of nearly the same picture are in train (or val) and test.",
        ),
        (
            "near-duplicate-in-draw",
            "warning",
            found[IN_DRAW, False],
            "Pairs of nearly the same picture are query and gallery of one draw (bursts, copies).",
        ),
        (
            "near-duplicate-other-name",
            "warning",
            [item for (_, differ), items in sorted(found.items()) if differ for item in items],
            "Pairs of nearly the same picture have different labels or identities; one may be wrong.",
        ),
    ]
    return [one for args in told for one in finding(*args)]


def suspect_findings(pool: Pool, roles: DataRoles, rows: Int64, vectors: Float32, nearest: Nearest) -> list[Finding]:
    """Samples whose neighbours agree on another label, or another identity of the same aspect.

    Train (and val) samples are judged among themselves and the held-out among themselves, each left out.

    Args:
        pool: all samples.
        roles: roles of all samples.
        rows: (m,) rows of the pool that have a vector.
        vectors: (m, d) of length one.
        nearest: finds neighbours.
    """
    found = []
    for name in NAMES:
        items = []
        for part in _judged_together(pool, roles, rows, name):
            items += _suspect_items(pool, rows[part], vectors[part], nearest, name)
        message = f"Samples may have the wrong {name}: their nearest neighbours agree on another; look at them."
        found += finding(f"suspected-{name}", "warning", items, message)
    return found


def _suspect_items(pool: Pool, rows: Int64, vectors: Float32, nearest: Nearest, name: str) -> list[Item]:
    if len(rows) < 3:
        return []
    values = pool.columns[name][rows].astype(np.str_)
    names, labels = np.unique(values, return_inverse=True)
    scale = typical_distance(vectors)
    found = suspects(vectors, labels.astype(np.int64), nearest(vectors, min(NEIGHBOURS, len(rows) - 1)), scale)
    return [
        Item(
            (str(pool.ids[rows[row]]), str(pool.ids[rows[witness]])),
            f"{name} {values[row]}, neighbours say {names[suggested]} (nearer by {margin:.2f} of the typical distance)",
            float(margin),
        )
        for row, suggested, margin, witness in zip(*found, strict=True)
    ]


def _judged_together(pool: Pool, roles: DataRoles, rows: Int64, name: str) -> Iterator[Int64]:
    """Parts of ``rows`` (as positions) that are judged among themselves."""
    known: NDArray[np.bool_] = pool.known(name)[rows]
    aspects = pool.columns["aspect"][rows] if name == "identity" else np.full(len(rows), None, np.object_)
    divided: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for at in np.flatnonzero(known).tolist():
        divided[bool(roles.learnt[rows[at]]), str(aspects[at])].append(at)
    for _, part in sorted(divided.items()):
        yield np.array(part, np.int64)


def _differ(first: object, second: object) -> bool:
    return first is not None and second is not None and first != second
