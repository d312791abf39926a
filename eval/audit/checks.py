"""Checks of an audit that need no vectors: identities, contents, groups, counts. Pure functions over columns."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.audit.findings import Finding, Item, findings_of
from eval.audit.leaks import HELD_OUT, LEARNT, draw_rows, learnt_rows, rows_of_roles, shared_identities
from eval.seams.samples import shared_rows
from retrieval.types import Int64, SplitSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from eval.seams.samples import Pool

NAMES = ("identity", "label")
"""Columns that name what a sample shows."""

ACROSS, IN_DRAW, LEARNT_APART, SAME_SIDE = 3, 2, 1, 0
"""How two samples meet: in train (or val) and test, as query and gallery of a draw, in train and val, or in neither."""


class SplitMasks(NamedTuple):
    """Samples that are train, val and held out in one draw, as masks (n,)."""

    train: NDArray[np.bool_]
    val: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


class DataRoles(NamedTuple):
    """Roles of n samples, as masks (n,): ``learnt`` from, ``held_out``, and (queries, gallery) of every draw.

    ``splits`` are train, val and held-out samples draw by draw: what one draw learns from, another may hold out.
    ``left_out`` are arrays of numbers (n,), -1 for none: a gallery sample with the query's number is left out of its
    ranking.
    """

    learnt: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    draws: tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]
    left_out: tuple[Int64, ...] = ()
    splits: tuple[SplitMasks, ...] = ()

    def relation(self, first: Int64, second: Int64) -> Int64:
        """How pairs of rows meet (pairs,): ``ACROSS``, ``IN_DRAW``, ``LEARNT_APART`` or ``SAME_SIDE``."""
        across, apart = np.zeros(len(first), np.bool_), np.zeros(len(first), np.bool_)
        for train, val, held_out in self.splits:
            learnt = train | val
            across |= (learnt[first] & held_out[second]) | (held_out[first] & learnt[second])
            apart |= (train[first] & val[second]) | (val[first] & train[second])
        met = np.zeros(len(first), np.bool_)
        for queries, gallery in self.draws:
            met |= (queries[first] & gallery[second]) | (gallery[first] & queries[second])
        for numbers in self.left_out:
            met &= (numbers[first] < 0) | (numbers[first] != numbers[second])
        return np.select([across, met, apart], [ACROSS, IN_DRAW, LEARNT_APART], SAME_SIDE).astype(np.int64)


def data_roles(pool: Pool, sets: Iterable[SplitSet]) -> DataRoles:
    """Read roles from split sets; if these have no train or test, from the splits of the samples."""
    sets = tuple(sets)
    learnt = learnt_rows(pool, sets)
    held_out = rows_of_roles(pool, sets, HELD_OUT) if sets else pool.among("split", *HELD_OUT)
    draws = tuple((_mask(pool, query), _mask(pool, gallery)) for query, gallery in draw_rows(sets, pool))
    if not sets:
        draws = ((pool.among("split", "query"), pool.among("split", "gallery")),)
    splits = tuple(_split_masks(sets, pool))
    if not splits:
        val = learnt & pool.among("split", "val") if "split" in pool.columns else np.zeros(len(pool), np.bool_)
        splits = (SplitMasks(learnt & ~val, val, held_out & ~learnt),)
    return DataRoles(learnt, held_out & ~learnt, draws, splits=splits)


def _split_masks(sets: Iterable[SplitSet], pool: Pool) -> Iterator[SplitMasks]:
    """Yield the masks of every draw that has train or val samples."""
    for part in sets:
        if not np.isin(part.role, LEARNT).any():
            continue
        rows = pool.rows(part.sample)
        for draw in np.unique(part.draw):
            of_draw = (rows >= 0) & (part.draw == draw)
            roles = (("train",), ("val",), HELD_OUT)
            yield SplitMasks(*(_mask(pool, rows[of_draw & np.isin(part.role, names)]) for names in roles))


def _mask(pool: Pool, rows: Int64) -> NDArray[np.bool_]:
    mask = np.zeros(len(pool), np.bool_)
    mask[rows] = True
    return mask


def identity_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Find identities that are learnt from and held out: of one aspect (error), or of different aspects only (note)."""
    strict = shared_identities(pool, roles.learnt, roles.held_out)
    of_any_aspect = shared_identities(pool, roles.learnt, roles.held_out, any_aspect=True)
    other = sorted(set(of_any_aspect.values) - set(strict.values))
    return [
        *findings_of(
            "shared-identity",
            "error",
            _identity_items(pool, roles, strict.values),
            "Identities have samples in both train (or val) and test: the metrics are of identities seen in training; "
            "divide by identity.",
        ),
        *findings_of(
            "shared-identity-other-aspect",
            "note",
            _identity_items(pool, roles, other),
            "Identities of the test set are in train (or val) under another aspect: a model trained on all "
            "aspects has seen them.",
        ),
    ]


def content_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Find pictures (content and crop) that occur more than once, and those under different labels or identities."""
    names = [name for name in NAMES if name in pool.columns]
    items: dict[int, list[Item]] = defaultdict(list)
    conflicts = []
    for rows in shared_rows(pool.columns["key"]):
        items[_worst_pair(roles, rows)].append(Item(_ids(pool, rows), f"{len(rows)} samples with one content"))
        for name in names:
            values = sorted({str(value) for value in pool.columns[name][rows] if value is not None})
            if len(values) > 1:
                conflicts.append(Item(_ids(pool, rows), f"{name} {' and '.join(values)}"))
    return [
        *findings_of(
            "duplicate-across-splits",
            "error",
            items[ACROSS],
            "Pictures are in both train (or val) and test, byte for byte; leave one side out.",
        ),
        *findings_of(
            "duplicate-in-draw",
            "error",
            items[IN_DRAW],
            "Pictures are query and gallery of one draw, byte for byte: their match is certain; keep one copy.",
        ),
        *findings_of(
            "conflicting-names",
            "error",
            conflicts,
            "Pictures carry different labels or identities on the same content; at most one is right.",
        ),
        *findings_of(
            "duplicate-train-val",
            "warning",
            items[LEARNT_APART],
            "Pictures are in both train and val, byte for byte: what is chosen on val looks better than it is.",
        ),
        *findings_of(
            "duplicate",
            "note",
            items[SAME_SIDE],
            "Pictures are there more than once on one side; an evaluation counts those of one name once.",
        ),
    ]


def group_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Find groups (bursts, specimens, sites) with samples in train and test, or as query and gallery of a draw."""
    items: dict[int, list[Item]] = defaultdict(list)
    for rows in shared_rows(pool.columns["group"]):
        name = pool.columns["group"][rows[0]]
        items[_worst(roles, rows)].append(Item(_ids(pool, rows), f"group {name}, {len(rows)} samples"))
    return [
        *findings_of(
            "group-across-splits",
            "error",
            items[ACROSS],
            "Groups have samples in both train (or val) and test; divide by group.",
        ),
        *findings_of(
            "group-in-draw",
            "error",
            items[IN_DRAW],
            "Groups are query and gallery of one draw: samples of one burst find each other; draw by group, or use "
            "a protocol that leaves the query's group out.",
        ),
    ]


def size_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Find identities with one held-out sample per aspect, and labels that are not in train.

    If no sample is held out, all that are not learnt from are counted.
    """
    singles = []
    judged = roles.held_out if roles.held_out.any() else ~roles.learnt
    for (name, aspect), rows in _by_identity(pool, judged).items():
        if len(rows) == 1:
            where = f", {aspect}" if aspect is not None else ""
            singles.append(Item(_ids(pool, rows), f"identity {name}{where}: one sample, so no query"))
    labels = pool.columns["label"]
    learnt = {label for label in labels[roles.learnt] if label is not None}
    unseen: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(roles.held_out & pool.known("label")).tolist():
        if learnt and labels[row] not in learnt:
            unseen[labels[row]].append(row)
    return [
        *findings_of(
            "single-image-identity",
            "note",
            singles,
            "Identities have a single sample to evaluate: each is a gallery distractor and never a query.",
        ),
        *findings_of(
            "label-not-in-train",
            "warning",
            [Item(_ids(pool, rows[:1]), f"label {name}: {len(rows)} test samples") for name, rows in unseen.items()],
            "Labels of the test set have no train sample, so no prototype or shot.",
        ),
    ]


def vector_findings(pool: Pool, vectors: NDArray[np.bool_], space: str) -> list[Finding]:
    """Find samples without a vector in the space; ``vectors`` (n,) says which have one."""
    items = [Item((str(pool.ids[row]),), "no vector") for row in np.flatnonzero(~vectors).tolist()]
    message = f"Samples have no vector in space {space}; index the same images again."
    return findings_of("no-vector", "warning", items, message)


def _identity_items(pool: Pool, roles: DataRoles, names: list[str]) -> list[Item]:
    rows: Mapping[str, list[int]] = defaultdict(list)
    selected = set(names)
    for row in np.flatnonzero((roles.learnt | roles.held_out) & pool.known("identity")).tolist():
        if str(pool.columns["identity"][row]) in selected:
            rows[str(pool.columns["identity"][row])].append(row)
    items = []
    for name in names:
        of_name = np.array(rows[name], np.int64)
        learnt, held_out = of_name[roles.learnt[of_name]], of_name[roles.held_out[of_name]]
        shown = np.concatenate([learnt[:1], held_out[:1]])
        detail = f"identity {name}: {len(learnt)} train or val samples, {len(held_out)} test samples"
        items.append(Item(_ids(pool, shown), detail))
    return items


def _worst(roles: DataRoles, rows: list[int]) -> int:
    """The worst relation between two of the rows, from masks: for groups of any size."""
    group = np.array(rows, np.int64)
    if any((train[group] | val[group]).any() and held_out[group].any() for train, val, held_out in roles.splits):
        return ACROSS
    for queries, gallery in roles.draws:
        query, ranked = queries[group], gallery[group]
        if query.any() and ranked.any() and (query | ranked).sum() > 1:
            return IN_DRAW
    return SAME_SIDE


def _worst_pair(roles: DataRoles, rows: list[int]) -> int:
    """The worst relation between two of the rows, pair by pair; pairs that a ranking leaves out do not count."""
    first, second = np.triu_indices(len(rows), 1)
    group = np.array(rows, np.int64)
    return int(roles.relation(group[first], group[second]).max())


def _by_identity(pool: Pool, rows: NDArray[np.bool_]) -> dict[tuple[str, str | None], list[int]]:
    by_identity: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for row in np.flatnonzero(rows & pool.known("identity")).tolist():
        by_identity[pool.columns["identity"][row], pool.columns["aspect"][row]].append(row)
    return by_identity


def _ids(pool: Pool, rows: Iterable[int] | Int64) -> tuple[str, ...]:
    return tuple(str(pool.ids[row]) for row in rows)
