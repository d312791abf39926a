"""Near-duplicates by perceptual hash in the draws of an evaluation. Pure functions over arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.audit.checks import IN_DRAW, data_roles
from eval.audit.duplicates import MAX_BITS, NearPairs, near_duplicates
from eval.ranking.identities import is_one_of
from eval.seams.samples import text_codes
from retrieval.types import Float32, Int64, Neighbors, SplitSet

if TYPE_CHECKING:
    from eval.seams.samples import Pool


def near_in_draws(
    pool: Pool, parts: Mapping[str, SplitSet], rules: Mapping[str, Any], rows: Int64, vectors: Float32
) -> tuple[str, ...]:
    """Say how many pairs of nearly the same picture are query and gallery of one draw; empty if none is.

    Only pairs whose perceptual hashes nearly agree are considered, which costs little; an audit also searches by
    vector.

    Args:
        pool: samples, with the column ``key``, and perhaps ``phash``.
        parts: per part its draws.
        rules: ``group_rule``, ``camera_rule`` and ``distractor_identities`` of the evaluation.
        rows: (m,) rows of the pool.
        vectors: (m, d) of these rows, of length one.
    """
    if len(rows) < 2 or "phash" not in pool.columns or not pool.known("phash")[rows].any():
        return ()
    no_neighbours = Neighbors(np.empty((len(rows), 0), np.int64), np.empty((len(rows), 0), np.float32))
    pairs = near_pairs(pool, rows, vectors, no_neighbours, MAX_BITS)
    if not len(pairs.first):
        return ()
    roles = data_roles(pool, parts.values())._replace(left_out=left_out(pool, rules))
    count = int((roles.relation(rows[pairs.first], rows[pairs.second]) == IN_DRAW).sum())
    if not count:
        return ()
    pair = "pair of nearly the same picture is" if count == 1 else "pairs of nearly the same picture are"
    return (f"{count} {pair} query and gallery of one draw (bursts, copies; audit shows them).",)


def near_pairs(pool: Pool, rows: Int64, vectors: Float32, neighbours: Neighbors, bits: int) -> NearPairs:
    """Find near-duplicates among ``rows`` of a pool; pairs are positions in ``rows`` (:mod:`eval.audit.duplicates`)."""
    contents = np.unique(pool.columns["key"][rows].astype(np.str_), return_inverse=True)[1].astype(np.int64)
    values = [0 if value is None else int(value) for value in pool.columns["phash"][rows]]
    hashes = np.array(values, np.int64).view(np.uint64)
    return near_duplicates(vectors, contents, hashes, pool.known("phash")[rows], neighbours, bits)


def left_out(pool: Pool, rules: Mapping[str, Any]) -> tuple[Int64, ...]:
    """Numbers (n,) that two samples share if a protocol's rules leave one out of the ranking of the other."""
    numbers = []
    if rules.get("group_rule") == "exclude":
        numbers.append(text_codes(pool.columns["group"])[0])
    if rules.get("camera_rule", "auto") != "none":
        identity, camera = (text_codes(pool.columns[name])[0] for name in ("identity", "camera"))
        both_known = (identity >= 0) & (camera >= 0)
        # Distractors have no identity, so none of them is left out.
        both_known &= ~is_one_of(pool.columns["identity"], rules.get("distractor_identities", ()))
        numbers.append(np.where(both_known, identity * (camera.max(initial=0) + 1) + camera, -1))
    return tuple(numbers)
