"""Changes the roles of a split set as the options say: val taken from train, and limits on each role."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.protocols.cross_validation import generator, group_codes, stratified_subsets
from retrieval.errors import InputError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.classification import ClassConfig
    from eval.seams.samples import Pool
    from retrieval.types import Int64

_VAL_FROM = re.compile(r"train:(\d+|0?\.\d+)")


class UniverseSplits(NamedTuple):
    """A split set without val and test samples whose label is outside the universe.

    ``outside`` is the number of test samples that were left out.
    """

    splits: SplitSet
    outside: int


def sample_roles(splits: SplitSet, pool: Pool, config: ClassConfig) -> SplitSet:
    """Take val out of train, and limit the number of samples of each role, draw by draw.

    A role is limited by a random permutation of its samples in the order of the data. The generator depends on
    ``sample_seed``, the draw and the role. Val samples taken from train replace those of the split set.

    Args:
        splits: split set with the roles train, val and test.
        pool: samples with columns label and, if known, group.
        config: ``val_from``, ``train_limit``, ``val_n``, ``test_n`` and ``sample_seed``.

    Raises:
        InputError: ``val_from`` cannot be read, or train is too small for it.
    """
    draws = [_draw_roles(splits, int(draw), pool, config) for draw in np.unique(splits.draw)]
    if len(draws) == 1:
        return SplitSet(splits.name, *draws[0])
    draw, sample, role = (np.concatenate(columns) for columns in zip(*draws, strict=True))
    return SplitSet(splits.name, draw, sample, role)


def val_warnings(before: SplitSet, after: SplitSet, config: ClassConfig) -> tuple[str, ...]:
    """Warn if ``val_from`` gave another number of val samples, or replaced val samples of the split set.

    Args:
        before: split set before :func:`sample_roles`.
        after: split set after it.
        config: the options.
    """
    match = _VAL_FROM.fullmatch(str(config.val_from))
    if match is None:
        return ()
    warnings = []
    draws = len(np.unique(after.draw))
    size = int((after.role == "val").sum()) / draws
    target = min(int(match[1]), config.val_n or int(match[1])) if "." not in match[1] else size
    if abs(size - target) > max(1, 0.02 * target):
        warnings.append(
            f"Val has {size:g} samples a draw, not {target:g}: every class of two or more train samples (or groups) "
            "gives at least one."
        )
    replaced = int((before.role == "val").sum()) / draws
    if replaced:
        warnings.append(f"`val_from` takes val out of train; the {replaced:g} val samples there were are not used.")
    return tuple(warnings)


def _draw_roles(
    splits: SplitSet, draw: int, pool: Pool, config: ClassConfig
) -> tuple[Int64, NDArray[np.str_], NDArray[np.str_]]:
    """Draw, sample and role columns of one draw."""
    rows = pool.rows(splits.sample)
    in_draw = splits.draw == draw
    roles = {name: np.sort(rows[in_draw & (splits.role == name)]) for name in ("train", "val", "test")}
    if config.val_from is not None:
        rng = generator(config.sample_seed, draw)
        roles["train"], roles["val"] = take_val(roles["train"], pool, config.val_from, rng)
    limits = (("train", config.train_limit), ("val", config.val_n), ("test", config.test_n))
    for number, (name, limit) in enumerate(limits):
        if limit is not None and limit < len(roles[name]):
            rng = np.random.default_rng(np.random.SeedSequence([config.sample_seed, draw, number]))
            roles[name] = roles[name][np.sort(rng.permutation(len(roles[name]))[:limit])]
    samples = pool.ids[np.concatenate(list(roles.values()))]
    names = np.repeat(list(roles), [len(of_role) for of_role in roles.values()])
    return np.full(len(samples), draw, np.int64), samples, names


def take_val(train: Int64, pool: Pool, val_from: str, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Divide the ascending rows of train samples into train and val, stratified by class; groups stay whole.

    Args:
        train: (m,) rows of the train samples.
        pool: samples with the columns label, key and source and, if known, group.
        val_from: ``train:0.1`` (a share) or ``train:1000`` (a number).
        rng: generator; it makes one permutation of the groups.

    Raises:
        InputError: ``val_from`` cannot be read, or train is too small for it.
    """
    match = _VAL_FROM.fullmatch(val_from)
    if match is None:
        raise InputError(f"`val_from={val_from}` cannot be read; write train:0.1 (a share) or train:1000 (a number).")
    if not len(train):
        raise InputError(
            f"`val_from={val_from}` finds no train samples to take val from; draw both with `protocol=holdout`."
        )
    in_train = np.zeros(len(pool), np.bool_)
    in_train[train] = True
    part = pool.take(in_train)
    number = float(match[1])
    share = number if "." in match[1] else number / len(part)
    if not 0 < share < 1:
        raise InputError(f"`val_from={val_from}` leaves nothing of the {len(part)} train samples; take fewer.")
    labels = part.columns["label"].astype(np.str_)
    is_val = stratified_subsets(labels, group_codes(part), (share,), rng) == 1
    if not is_val.any():
        raise InputError(
            f"`val_from={val_from}` needs a class with two train samples (or groups), to take one for val; use more."
        )
    return train[~is_val], train[is_val]


def within_universe(splits: SplitSet, pool: Pool, classes: tuple[str, ...], hint: str = "") -> UniverseSplits:
    """Leave out val and test samples whose label is outside the universe.

    Args:
        splits: split set with the roles train, val and test.
        pool: samples with the column label.
        classes: names of the label universe.
        hint: clause for the message, if no label is in the universe.

    Raises:
        InputError: a draw has no test samples, or none of them is left.
    """
    universe = frozenset(classes)
    inside = np.fromiter((label in universe for label in pool.columns["label"]), np.bool_, len(pool))
    at = pool.rows(splits.sample)
    rows = ((at >= 0) & inside[at]) | (splits.role == "train")
    outside = len(np.unique(splits.sample[~rows & (splits.role == "test")]))
    restricted = splits
    if not rows.all():
        restricted = SplitSet(splits.name, splits.draw[rows], splits.sample[rows], splits.role[rows])
    empty = np.setdiff1d(splits.draw, restricted.draw[restricted.role == "test"])
    if len(empty) and outside:
        raise InputError(
            f"None of the labels of the test samples{_of_draw(empty, splits)} is in the label universe of "
            f"{len(classes)} names (the first is '{classes[0]}'){hint}; check `labels_from`."
        )
    if len(empty):
        raise InputError(f"There are no test samples{_of_draw(empty, splits)}; give every draw some.")
    return UniverseSplits(restricted, outside)


def _of_draw(draws: Int64, splits: SplitSet) -> str:
    """Words that name the first of these draws; empty for a split set of a single draw."""
    return f" of draw {draws[0]}" if len(np.unique(splits.draw)) > 1 else ""
