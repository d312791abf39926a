"""The checks of an audit that need no vectors: identities, contents, groups, counts. Pure functions over columns."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.audit.findings import Finding, Item, finding
from eval.audit.leaks import HELD_OUT, draw_rows, learnt_rows, shared_identities
from retrieval.types import Int64, SplitSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from eval.seams.samples import Pool

NAMES = ("identity", "label")
ACROSS, IN_DRAW, SAME_SIDE = 2, 1, 0


class DataRoles(NamedTuple):
    """Who meets whom, as masks (n,) over samples: ``learnt``, ``held_out``, and (queries, gallery) of every draw.

    ``left_out`` are codes (n,), -1 for none: a gallery image that shares one with the query has no part in its ranking.
    """

    learnt: NDArray[np.bool_]
    held_out: NDArray[np.bool_]
    draws: tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]
    left_out: tuple[Int64, ...] = ()

    def relation(self, first: Int64, second: Int64) -> Int64:
        """How pairs of rows meet: ``ACROSS`` train and test, ``IN_DRAW`` as query and gallery, or ``SAME_SIDE``."""
        across = (self.learnt[first] & self.held_out[second]) | (self.held_out[first] & self.learnt[second])
        shared_in_draws = np.zeros(len(first), np.bool_)
        for asks, answers in self.draws:
            shared_in_draws |= (asks[first] & answers[second]) | (answers[first] & asks[second])
        for codes in self.left_out:
            shared_in_draws &= (codes[first] < 0) | (codes[first] != codes[second])
        return np.where(across, ACROSS, np.where(shared_in_draws, IN_DRAW, SAME_SIDE)).astype(np.int64)


def data_roles(pool: Pool, sets: Iterable[SplitSet]) -> DataRoles:
    """Read roles from split sets; where these say nothing of train or test, from the samples' own splits."""
    sets = tuple(sets)
    learnt = learnt_rows(pool, sets)
    named = [part.sample[np.isin(part.role, HELD_OUT)] for part in sets]
    held_out = np.isin(pool.ids, np.concatenate(named)) if named else pool.among("split", *HELD_OUT)
    draws = tuple((_mask(pool, query), _mask(pool, gallery)) for query, gallery in draw_rows(sets, pool))
    if not sets:
        draws = ((pool.among("split", "query"), pool.among("split", "gallery")),)
    return DataRoles(learnt, held_out & ~learnt, draws)


def _mask(pool: Pool, rows: Int64) -> NDArray[np.bool_]:
    mask = np.zeros(len(pool), np.bool_)
    mask[rows] = True
    return mask


def identity_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Identities that are learnt from and held out: within an aspect (error), or under another aspect only (note)."""
    strict = shared_identities(pool, roles.learnt, roles.held_out)
    anyhow = shared_identities(pool, roles.learnt, roles.held_out, any_aspect=True)
    other = sorted(set(anyhow.values) - set(strict.values))
    return [
        *finding(
            "shared-identity",
            "error",
            _identity_items(pool, roles, strict.values),
            "Identities have images in both train (or val) and test: the numbers are of people seen in training; "
            "divide by identity.",
        ),
        *finding(
            "shared-identity-other-aspect",
            "note",
            _identity_items(pool, roles, other),
            "Identities of the test set are in train (or val) under another aspect: a model trained on all "
            "aspects has seen these people.",
        ),
    ]


def content_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """The same picture (content and crop) more than once, and under different labels or identities."""
    found: dict[int, list[Item]] = defaultdict(list)
    conflicts = []
    for rows in _groups(pool.columns["key"]):
        found[_worst_pair(roles, rows)].append(Item(_ids(pool, rows), f"{len(rows)} samples with one content"))
        for name in NAMES:
            values = sorted({str(value) for value in pool.columns[name][rows] if value is not None})
            if len(values) > 1:
                conflicts.append(Item(_ids(pool, rows), f"{name} {' and '.join(values)}"))
    return [
        *finding(
            "duplicate-across-splits",
            "error",
            found[ACROSS],
            "Pictures are in both train (or val) and test, byte for byte; leave one side out.",
        ),
        *finding(
            "duplicate-in-draw",
            "error",
            found[IN_DRAW],
            "Pictures are query and gallery of one draw, byte for byte: their match is certain; keep one copy.",
        ),
        *finding(
            "conflicting-names",
            "error",
            conflicts,
            "Pictures carry different labels or identities on the same content; at most one is right.",
        ),
        *finding("duplicate", "note", found[SAME_SIDE], "Pictures are there more than once on one side."),
    ]


def group_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Bursts, specimens, sites (column ``group``) that meet themselves."""
    found: dict[int, list[Item]] = defaultdict(list)
    for rows in _groups(pool.columns["group"]):
        name = pool.columns["group"][rows[0]]
        found[_worst(roles, rows)].append(Item(_ids(pool, rows), f"group {name}, {len(rows)} samples"))
    return [
        *finding(
            "group-across-splits",
            "error",
            found[ACROSS],
            "Groups have images in both train (or val) and test; divide by group.",
        ),
        *finding(
            "group-in-draw",
            "error",
            found[IN_DRAW],
            "Groups are query and gallery of one draw: images of one burst find each other; draw by group, or use "
            "a protocol that leaves the query's group out.",
        ),
    ]


def size_findings(pool: Pool, roles: DataRoles) -> list[Finding]:
    """Identities with one held-out image (of all, where nothing is held out), per aspect; test labels not in train."""
    singles = []
    judged = roles.held_out if roles.held_out.any() else ~roles.learnt
    for (name, aspect), rows in _by_identity(pool, judged).items():
        if len(rows) == 1:
            where = f", {aspect}" if aspect is not None else ""
            singles.append(Item(_ids(pool, rows), f"identity {name}{where}: one image, so no query"))
    labels = pool.columns["label"]
    learnt = {label for label in labels[roles.learnt] if label is not None}
    unseen: dict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(roles.held_out & pool.known("label")).tolist():
        if learnt and labels[row] not in learnt:
            unseen[labels[row]].append(row)
    return [
        *finding(
            "single-image-identity",
            "note",
            singles,
            "Identities have a single image to evaluate: each is a gallery distractor and never a query.",
        ),
        *finding(
            "label-not-in-train",
            "warning",
            [Item(_ids(pool, rows[:1]), f"label {name}: {len(rows)} test images") for name, rows in unseen.items()],
            "Labels of the test set have no train image, so no prototype or shot.",
        ),
    ]


def vector_findings(pool: Pool, vectors: NDArray[np.bool_], space: str) -> list[Finding]:
    """Samples without a vector in the space; ``vectors`` (n,) says which have one."""
    items = [Item((str(pool.ids[row]),), "no vector") for row in np.flatnonzero(~vectors).tolist()]
    message = f"Samples have no vector in space {space}; index the same images again."
    return finding("no-vector", "warning", items, message)


def _identity_items(pool: Pool, roles: DataRoles, names: list[str]) -> list[Item]:
    rows: Mapping[str, list[int]] = defaultdict(list)
    wanted = set(names)
    for row in np.flatnonzero((roles.learnt | roles.held_out) & pool.known("identity")).tolist():
        if str(pool.columns["identity"][row]) in wanted:
            rows[str(pool.columns["identity"][row])].append(row)
    items = []
    for name in names:
        mine = np.array(rows[name], np.int64)
        learnt, held_out = mine[roles.learnt[mine]], mine[roles.held_out[mine]]
        shown = np.concatenate([learnt[:1], held_out[:1]])
        detail = f"identity {name}: {len(learnt)} train or val images, {len(held_out)} test images"
        items.append(Item(_ids(pool, shown), detail))
    return items


def _worst(roles: DataRoles, rows: list[int]) -> int:
    """The worst way in which two of these rows meet."""
    group = np.array(rows, np.int64)
    learnt, held_out = roles.learnt[group].any(), roles.held_out[group].any()
    if learnt and held_out:
        return ACROSS
    for queries, galleries in roles.draws:
        asks, answers = queries[group], galleries[group]
        if asks.any() and answers.any() and (asks | answers).sum() > 1:
            return IN_DRAW
    return SAME_SIDE


def _worst_pair(roles: DataRoles, rows: list[int]) -> int:
    """The worst way in which two of a few rows meet, pairs that a ranking leaves out aside."""
    first, second = np.triu_indices(len(rows), 1)
    group = np.array(rows, np.int64)
    return int(roles.relation(group[first], group[second]).max())


def _groups(values: NDArray[np.object_]) -> list[list[int]]:
    """Rows that share a known value, where there are several."""
    rows: dict[object, list[int]] = defaultdict(list)
    for row, value in enumerate(values):
        if value is not None:
            rows[value].append(row)
    return [found for found in rows.values() if len(found) > 1]


def _by_identity(pool: Pool, rows: NDArray[np.bool_]) -> dict[tuple[str, str | None], list[int]]:
    found: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for row in np.flatnonzero(rows & pool.known("identity")).tolist():
        found[pool.columns["identity"][row], pool.columns["aspect"][row]].append(row)
    return found


def _ids(pool: Pool, rows: Iterable[int] | Int64) -> tuple[str, ...]:
    return tuple(str(pool.ids[row]) for row in rows)
