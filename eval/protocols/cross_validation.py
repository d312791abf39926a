"""Protocols of classification: train, val and test as the data set gives them, or drawn from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from eval.protocols.base import Protocol, Request
from eval.protocols.general import require_draws
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import Int64, SplitSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.samples import Pool

ROLES = ("train", "val", "test")


class HoldoutOptions(Config):
    """Options of ``holdout``; what the two shares leave is train."""

    test_share: float = Field(default=0.3, gt=0, lt=1, description="Share of every class that is test.")
    val_share: float = Field(default=0.2, ge=0, lt=1, description="Share of every class that is val.")

    @model_validator(mode="after")
    def _leaves_some(self) -> HoldoutOptions:
        if self.test_share + self.val_share >= 1:
            raise ValueError("test_share and val_share leave nothing to train on; make them smaller")
        return self


class FoldOptions(Config):
    """Options of ``k-fold``; val is what ``val_from`` takes out of train."""

    folds: int = Field(
        default=5, ge=2, le=1000, description="Number of draws; every sample is test in exactly one of them."
    )


def units_of(pool: Pool) -> Int64:
    """Codes (n,) of what has to stay together: the group where one is known, else the sample itself."""
    groups = pool.columns.get("group")
    if groups is None:
        return np.arange(len(pool), dtype=np.int64)
    names = [f"g{group}" if group is not None else f"s{sample}" for group, sample in zip(groups, pool.ids, strict=True)]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def share_out(labels: NDArray[np.str_], units: Int64, shares: tuple[float, ...], rng: np.random.Generator) -> Int64:
    """Divide samples at random into parts of given shares, every class alike, units never torn apart.

    Of a class with n units, part p gets round(n * share_p) of them, at least one where the share is positive and the
    class has more units than parts before it have taken; what remains is the last part, 0, which is served first with
    one unit. Units that span classes are shared out by themselves, as if they were a class.

    Args:
        labels: (n,) class names.
        units: (n,) codes.
        shares: of parts 1, 2, ...; what is left is part 0.
        rng: asked once, for a permutation of the units.

    Returns:
        (n,) the part of each sample.
    """
    codes, first, places = np.unique(units, return_index=True, return_inverse=True)
    strata = np.unique(labels, return_inverse=True)[1][first] + 1
    strata[places[labels != labels[first][places]]] = 0
    order = rng.permutation(len(codes))
    part = np.zeros(len(codes), np.int64)
    for stratum in range(int(strata.max()) + 1):
        mine = order[strata[order] == stratum]
        left = len(mine) - 1
        at = 0
        for number, share in enumerate(shares, start=1):
            wanted = max(1, round(len(mine) * share)) if share > 0 else 0
            taken = min(wanted, left)
            part[mine[at : at + taken]] = number
            at, left = at + taken, left - taken
    result: Int64 = part[places]
    return result


def generator(seed: int, draw: int) -> np.random.Generator:
    """The generator of one draw, which depends on nothing but the seed and its number."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, draw])))


def _labels(pool: Pool, where: str) -> NDArray[np.str_]:
    """Class names (n,), which modes of identities do not read."""
    if "label" not in pool.columns:
        raise InputError(
            f"Protocol {where} is of classification (zeroshot, prototype, knn, fewshot, fusion); choose one of "
            "re-identification, such as monte-carlo or fixed."
        )
    found: NDArray[np.str_] = pool.columns["label"].astype(np.str_)
    return found


def _as_given(pool: Pool, request: Request, where: str) -> SplitSet:
    """Roles by a split set or by the column ``split``; a data set without any is test as a whole."""
    _labels(pool, where)
    if request.given is not None:
        rows = np.isin(request.given.sample, pool.ids) & np.isin(request.given.role, ROLES)
        made = SplitSet(where, request.given.draw[rows], request.given.sample[rows], request.given.role[rows])
    else:
        rows = pool.among("split", *ROLES)
        if not any(pool.known("split")):
            made = SplitSet(where, np.zeros(len(pool), np.int64), pool.ids, np.full(len(pool), "test"))
        else:
            roles = pool.columns["split"][rows].astype(np.str_)
            made = SplitSet(where, np.zeros(len(roles), np.int64), pool.ids[rows], roles)
    if "test" not in made.role:
        raise InputError(
            f"Protocol {where} finds no samples of split 'test'; give samples a split when they are indexed, name a "
            "`split_set`, or draw one with `protocol=holdout`."
        )
    require_draws(request, len(np.unique(made.draw)))
    return made


def _holdout(pool: Pool, request: Request, where: str) -> SplitSet:
    options = request.options
    assert isinstance(options, HoldoutOptions)  # noqa: S101 - the protocol's own options
    labels, units = _labels(pool, where), units_of(pool)
    names = np.array(["train", "test", "val"])
    shares = (options.test_share, options.val_share)
    parts = [share_out(labels, units, shares, generator(request.seed, draw)) for draw in range(request.draws or 1)]
    if not (parts[0] == 1).any():
        raise InputError(
            f"Protocol {where} finds no class with two samples (or groups) to take one from for test; use more samples."
        )
    return _drawn(where, pool, [names[part] for part in parts])


def _k_fold(pool: Pool, request: Request, where: str) -> SplitSet:
    options = request.options
    assert isinstance(options, FoldOptions)  # noqa: S101 - the protocol's own options
    require_draws(request, options.folds)
    labels, units = _labels(pool, where), units_of(pool)
    fold = _folds(labels, units, options.folds, generator(request.seed, 0))
    return _drawn(where, pool, [np.where(fold == draw, "test", "train") for draw in range(options.folds)])


def _folds(labels: NDArray[np.str_], units: Int64, folds: int, rng: np.random.Generator) -> Int64:
    """Deal units out like cards, class after class, going on where the last class ended: folds of nearly one size."""
    codes, first = np.unique(units, return_index=True)
    if len(codes) < folds:
        raise InputError(f"{len(codes)} samples or groups cannot make {folds} folds; pass a smaller `folds`.")
    shuffled = rng.permutation(len(codes))
    order = shuffled[np.argsort(labels[first][shuffled], kind="stable")]
    fold = np.empty(len(codes), np.int64)
    fold[order] = np.arange(len(codes)) % folds
    result: Int64 = fold[np.searchsorted(codes, units)]
    return result


def _drawn(where: str, pool: Pool, roles: list[NDArray[np.str_]]) -> SplitSet:
    draws = np.repeat(np.arange(len(roles), dtype=np.int64), len(pool))
    return SplitSet(where, draws, np.tile(pool.ids, len(roles)), np.concatenate(roles))


SPLIT = Protocol(name="split", split=_as_given, draws_lots=False, task="classification")
"""Train, val and test as the data set, or a split set, gives them."""

HOLDOUT = Protocol(name="holdout", split=_holdout, options=HoldoutOptions, task="classification")
"""Train, val and test drawn from the seed: every class in given shares, groups kept together."""

K_FOLD = Protocol(name="k-fold", split=_k_fold, options=FoldOptions, task="classification")
"""Cross-validation: as many draws as folds, every sample tested once, groups kept together."""
