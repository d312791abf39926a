"""Protocols of classification: train, val and test as the data set or a split set gives them, or drawn from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from eval.protocols.base import Protocol, Request
from eval.protocols.copies import shared_pictures
from eval.protocols.general import require_draws
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Int64, SplitSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from eval.seams.samples import Pool

ROLES = ("train", "val", "test")


class SplitOptions(Config):
    """Options of ``split``."""

    test_from: Literal["test", "val"] = Field(
        default="test",
        description="Split whose samples are tested. With val, samples of split test take no part, and settings are "
        "chosen on samples that val_from takes out of train.",
    )


class HoldoutOptions(Config):
    """Options of ``holdout``. The samples that are neither test nor val are train."""

    test_share: float = Field(default=0.3, gt=0, lt=1, description="Share of every class that is test.")
    val_share: float = Field(default=0.2, ge=0, lt=1, description="Share of every class that is val.")

    @model_validator(mode="after")
    def _leaves_some(self) -> HoldoutOptions:
        if self.test_share + self.val_share >= 1:
            raise ValueError("test_share and val_share leave nothing to train on; make them smaller")
        return self


class FoldOptions(Config):
    """Options of ``k-fold``. ``val_from`` takes the val samples out of train."""

    folds: int = Field(
        default=5, ge=2, le=1000, description="Number of draws; every sample is test in exactly one of them."
    )


def group_codes(pool: Pool) -> Int64:
    """Codes (n,) of what no split divides: a group, and a picture. A sample of neither is a group of its own.

    Codes are in the order in which groups first occur.
    """
    groups = pool.columns.get("group")
    if groups is None:
        return join_groups(np.arange(len(pool), dtype=np.int64), shared_pictures(pool))
    numbers: dict[object, int] = {}
    keys = [("sample", row) if group is None else ("group", str(group)) for row, group in enumerate(groups)]
    codes = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    return join_groups(codes, shared_pictures(pool))


def join_groups(codes: Int64, shared: Sequence[Sequence[int]]) -> Int64:
    """Give samples one code (n,) if they have one already or share something, also by way of others.

    Args:
        codes: (n,) codes of groups.
        shared: rows that share something, in lists.
    """
    if not shared:
        return codes
    first = np.arange(int(codes.max()) + 1)

    def find(code: int) -> int:
        while first[code] != code:
            first[code] = first[first[code]]
            code = int(first[code])
        return code

    for rows in shared:
        roots = sorted({find(int(codes[row])) for row in rows})
        first[roots] = roots[0]
    joined: Int64 = np.array([find(code) for code in codes.tolist()], np.int64)
    return joined


def stratified_subsets(
    labels: NDArray[np.str_], groups: Int64, shares: tuple[float, ...], rng: np.random.Generator
) -> Int64:
    """Divide samples at random into subsets with the same shares of every class, without dividing groups.

    Of a class with n groups, one group is first set aside for subset 0. Then subsets 1, 2, ... in turn get
    round(n * share) groups, at least one where the share is positive, as far as groups are left. The remaining groups
    are subset 0. Groups with samples of several classes are divided likewise, as if they were a class of their own.

    Args:
        labels: (n,) class names.
        groups: (n,) codes of groups.
        shares: shares of subsets 1, 2, ....
        rng: generator; it makes one permutation of the groups.

    Returns:
        (n,) the number of each sample's subset.
    """
    codes, first, positions = np.unique(groups, return_index=True, return_inverse=True)
    strata = np.unique(labels, return_inverse=True)[1][first] + 1
    strata[positions[labels != labels[first][positions]]] = 0
    order = rng.permutation(len(codes))
    subset = np.zeros(len(codes), np.int64)
    for stratum in range(int(strata.max()) + 1):
        members = order[strata[order] == stratum]
        left = len(members) - 1
        start = 0
        for number, share in enumerate(shares, start=1):
            size = max(1, round(len(members) * share)) if share > 0 else 0
            size = min(size, left)
            subset[members[start : start + size]] = number
            start, left = start + size, left - size
    result: Int64 = subset[positions]
    return result


def generator(seed: int, draw: int) -> np.random.Generator:
    """Make the random generator of one draw. It depends only on the seed and the number of the draw."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, draw])))


def _labels(pool: Pool, where: str) -> NDArray[np.str_]:
    """Class names (n,).

    Raises:
        InputError: the column is missing, since modes of identities do not read it.
    """
    if "label" not in pool.columns:
        raise InputError(
            f"Protocol {where} is of classification (zeroshot, prototype, knn, fewshot, fusion); choose one of "
            "re-identification, such as monte-carlo or fixed."
        )
    labels: NDArray[np.str_] = pool.columns["label"].astype(np.str_)
    return labels


def _given_roles(pool: Pool, request: Request, where: str) -> SplitSet:
    """Take the roles from the split set or the column ``split``; without either, all samples are test."""
    options = request.options
    assert isinstance(options, SplitOptions)  # noqa: S101 - the caller reads Protocol.options
    _labels(pool, where)
    if request.split_set is not None:
        rows = (pool.rows(request.split_set.sample) >= 0) & np.isin(request.split_set.role, ROLES)
        splits = SplitSet(
            where, request.split_set.draw[rows], request.split_set.sample[rows], request.split_set.role[rows]
        )
    else:
        rows = pool.among("split", *ROLES)
        if not any(pool.known("split")):
            splits = SplitSet(where, np.zeros(len(pool), np.int64), pool.ids, np.full(len(pool), "test"))
        else:
            roles = pool.columns["split"][rows].astype(np.str_)
            splits = SplitSet(where, np.zeros(len(roles), np.int64), pool.ids[rows], roles)
    if options.test_from not in splits.role:
        val = "test val with `test_from=val`, " if "val" in splits.role else ""
        raise InputError(
            f"Protocol {where} finds no samples of split '{options.test_from}'; {val}give samples a split when they "
            "are indexed, name a `split_set`, or draw one with `protocol=holdout`."
        )
    if options.test_from == "val":
        rows = splits.role != "test"
        roles = np.where(splits.role[rows] == "val", "test", splits.role[rows])
        splits = SplitSet(where, splits.draw[rows], splits.sample[rows], roles)
    require_draws(request, len(np.unique(splits.draw)))
    return splits


def _holdout(pool: Pool, request: Request, where: str) -> SplitSet:
    options = request.options
    assert isinstance(options, HoldoutOptions)  # noqa: S101 - the caller reads Protocol.options
    labels, groups = _labels(pool, where), group_codes(pool)
    names = np.array(["train", "test", "val"])
    shares = (options.test_share, options.val_share)
    generators = (generator(request.seed, draw) for draw in range(request.draws or 1))
    draws = [stratified_subsets(labels, groups, shares, rng) for rng in generators]
    if not (draws[0] == 1).any():
        raise InputError(
            f"Protocol {where} needs a class with two samples (or groups), so that one of them can be test; use more "
            "samples."
        )
    return _split_set(where, pool, [names[subsets] for subsets in draws])


def _k_fold(pool: Pool, request: Request, where: str) -> SplitSet:
    options = request.options
    assert isinstance(options, FoldOptions)  # noqa: S101 - the caller reads Protocol.options
    require_draws(request, options.folds)
    labels, groups = _labels(pool, where), group_codes(pool)
    fold = _folds(labels, groups, options.folds, generator(request.seed, 0))
    return _split_set(where, pool, [np.where(fold == draw, "test", "train") for draw in range(options.folds)])


def _folds(labels: NDArray[np.str_], groups: Int64, folds: int, rng: np.random.Generator) -> Int64:
    """Assign groups to folds in turn, class after class, so that the folds have nearly one size: (n,) fold numbers."""
    codes, first = np.unique(groups, return_index=True)
    if len(codes) < folds:
        raise InputError(f"{len(codes)} samples or groups cannot make {folds} folds; pass a smaller `folds`.")
    shuffled = rng.permutation(len(codes))
    order = shuffled[np.argsort(labels[first][shuffled], kind="stable")]
    fold = np.empty(len(codes), np.int64)
    fold[order] = np.arange(len(codes)) % folds
    result: Int64 = fold[np.searchsorted(codes, groups)]
    return result


def _split_set(where: str, pool: Pool, roles: list[NDArray[np.str_]]) -> SplitSet:
    """Make a split set in which every sample has a role in every draw; ``roles`` holds (n,) roles per draw."""
    draws = np.repeat(np.arange(len(roles), dtype=np.int64), len(pool))
    return SplitSet(where, draws, np.tile(pool.ids, len(roles)), np.concatenate(roles))


SPLIT = Protocol(name="split", split=_given_roles, is_random=False, options=SplitOptions, task="classification")
"""Train, val and test as the data set or a split set gives them."""

HOLDOUT = Protocol(name="holdout", split=_holdout, options=HoldoutOptions, task="classification")
"""Train, val and test drawn from the seed, with the same shares of every class. Groups are not divided."""

K_FOLD = Protocol(name="k-fold", split=_k_fold, options=FoldOptions, task="classification")
"""Cross-validation: one draw per fold, every sample is test once. Groups are not divided."""
