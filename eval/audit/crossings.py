"""What an evaluation says of copies, near-copies, groups and identities that its draws have on both sides.

The counts are those of the findings of an audit of the same draws: one function counts for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.audit.checks import DataRoles, content_findings, group_findings, identity_findings
from eval.audit.near import comparisons, near_pairs
from eval.audit.vectors import near_findings

if TYPE_CHECKING:
    from eval.audit.duplicates import SpaceVectors
    from eval.seams.samples import Pool

MOST_COMPARISONS = 200_000_000
"""Largest number of pairs of perceptual hashes that an evaluation compares, in a few seconds."""

SENTENCES = {
    "shared-identity": (
        "1 identity evaluated here also has train or val samples of the same aspect",
        "{n:,} identities evaluated here also have train or val samples of the same aspect",
    ),
    "duplicate-across-splits": (
        "1 picture is in both train (or val) and test, byte for byte",
        "{n:,} pictures are in both train (or val) and test, byte for byte",
    ),
    "duplicate-in-draw": (
        "1 picture is query and gallery of one draw, byte for byte: its match is certain",
        "{n:,} pictures are query and gallery of one draw, byte for byte: their match is certain",
    ),
    "duplicate-train-val": (
        "1 picture is in both train and val, byte for byte",
        "{n:,} pictures are in both train and val, byte for byte",
    ),
    "conflicting-names": (
        "1 picture has different labels or identities on the same content, of which at most one is right",
        "{n:,} pictures have different labels or identities on the same content, of which at most one is right",
    ),
    "group-across-splits": (
        "1 group has samples in both train (or val) and test",
        "{n:,} groups have samples in both train (or val) and test",
    ),
    "group-in-draw": (
        "1 group has samples that are query and gallery of one draw",
        "{n:,} groups have samples that are query and gallery of one draw",
    ),
    "near-duplicate-across-splits": (
        "1 pair of nearly the same picture is in train (or val) and test",
        "{n:,} pairs of nearly the same picture are in train (or val) and test",
    ),
    "near-duplicate-in-draw": (
        "1 pair of nearly the same picture is query and gallery of one draw (bursts, copies)",
        "{n:,} pairs of nearly the same picture are query and gallery of one draw (bursts, copies)",
    ),
    "near-duplicate-train-val": (
        "1 pair of nearly the same picture is in train and val",
        "{n:,} pairs of nearly the same picture are in train and val",
    ),
}
"""Check of an audit to what an evaluation says of one finding and of several."""

OF_VAL = ("duplicate-train-val", "near-duplicate-train-val")


def crossing_warnings(
    pool: Pool,
    roles: DataRoles,
    vectors: SpaceVectors,
    *,
    identities: bool = False,
    groups_meet: bool = True,
    val: bool = False,
) -> tuple[str, ...]:
    """Say what of the samples that are evaluated is also in train, or in the gallery.

    Args:
        pool: all samples, with the columns ``key`` and ``split``, and those of :data:`eval.audit.checks.NAMES` where
            there are such.
        roles: of these samples.
        vectors: of these samples.
        identities: whether identities on both sides are told.
        groups_meet: False if the protocol leaves the samples of the query's group out of the gallery.
        val: whether val was drawn, so that what train and val share is said.
    """
    findings = identity_findings(pool, roles) if identities else []
    findings += content_findings(pool, roles)
    if "group" in pool.columns:
        findings += group_findings(pool, roles if groups_meet else roles._replace(draws=()))
    searched = comparisons(pool, vectors) <= MOST_COMPARISONS
    if searched:
        findings += near_findings(pool, roles, near_pairs(pool, vectors, roles=roles))
    told = [
        SENTENCES[finding.check][finding.count > 1].format(n=finding.count) + " (audit shows them)."
        for finding in findings
        if finding.check in SENTENCES and (val or finding.check not in OF_VAL)
    ]
    if not searched:
        told.append(
            "Near-duplicates were not looked for: too many pictures have similar perceptual hashes (audit does)."
        )
    return tuple(told)
