"""Train, val and test as an evaluation asked for them: a val taken from train, and smaller samples of each."""

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


class Sampled(NamedTuple):
    """A split set made smaller, and how many test samples have a label outside the universe and were left out."""

    splits: SplitSet
    outside: int


def sample_roles(splits: SplitSet, pool: Pool, config: ClassConfig) -> SplitSet:
    """Take val out of train and keep as many samples of each role as the options say, draw by draw.

    Sub-sampling is a permutation of the role's samples, in order of id, by ``sample_seed``; draws of a role get
    different ones. A val that is taken from train replaces the data set's own.

    Raises:
        InputError: ``val_from`` cannot be read, or train is too small for it.
    """
    draws = [_one_draw(splits, int(draw), pool, config) for draw in np.unique(splits.draw)]
    draw, sample, role = (np.concatenate(columns) for columns in zip(*draws, strict=True))
    return SplitSet(splits.name, draw, sample, role)


def val_taken(before: SplitSet, after: SplitSet, config: ClassConfig) -> tuple[str, ...]:
    """Say where ``val_from`` did something else than its words: another number, or a val there was is not used."""
    found = _VAL_FROM.fullmatch(str(config.val_from))
    if found is None:
        return ()
    words = []
    draws = len(np.unique(after.draw))
    made = int((after.role == "val").sum()) / draws
    wanted = min(int(found[1]), config.val_n or int(found[1])) if "." not in found[1] else made
    if abs(made - wanted) > max(1, 0.02 * wanted):
        words.append(
            f"Val has {made:g} samples a draw, not {wanted:g}: every class of two or more train samples (or groups) "
            "gives at least one."
        )
    replaced = int((before.role == "val").sum()) / draws
    if replaced:
        words.append(f"`val_from` takes val out of train; the {replaced:g} val samples there were are not used.")
    return tuple(words)


def _one_draw(
    splits: SplitSet, draw: int, pool: Pool, config: ClassConfig
) -> tuple[Int64, NDArray[np.str_], NDArray[np.str_]]:
    mine = splits.draw == draw
    roles = {name: np.sort(splits.sample[mine & (splits.role == name)]) for name in ("train", "val", "test")}
    if config.val_from is not None:
        roles["train"], roles["val"] = _taken_from_train(roles["train"], pool, config, draw)
    limits = (("train", config.train_limit), ("val", config.val_n), ("test", config.test_n))
    for number, (name, limit) in enumerate(limits):
        if limit is not None and limit < len(roles[name]):
            rng = np.random.default_rng(np.random.SeedSequence([config.sample_seed, draw, number]))
            roles[name] = np.sort(roles[name][rng.permutation(len(roles[name]))[:limit]])
    samples = np.concatenate(list(roles.values()))
    names = np.concatenate([np.full(len(ids), name) for name, ids in roles.items()])
    return np.full(len(samples), draw, np.int64), samples, names


def _taken_from_train(
    train: NDArray[np.str_], pool: Pool, config: ClassConfig, draw: int
) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Train without its stratified hold-out, and the hold-out."""
    found = _VAL_FROM.fullmatch(str(config.val_from))
    if found is None:
        raise InputError(
            f"`val_from={config.val_from}` cannot be read; write train:0.1 (a share) or train:1000 (a number)."
        )
    if not len(train):
        raise InputError(
            f"`val_from={config.val_from}` finds no train samples to take val from; draw both with `protocol=holdout`."
        )
    part = pool.take(np.isin(pool.ids, train))
    wanted = float(found[1])
    share = wanted if "." in found[1] else wanted / len(part)
    if not 0 < share < 1:
        raise InputError(f"`val_from={config.val_from}` leaves nothing of the {len(part)} train samples; take fewer.")
    labels = part.columns["label"].astype(np.str_)
    held = stratified_subsets(labels, group_codes(part), (share,), generator(config.sample_seed, draw)) == 1
    if not held.any():
        raise InputError(
            f"`val_from={config.val_from}` finds no class with two train samples to take one from; use more samples."
        )
    return part.ids[~held], part.ids[held]


def within_universe(splits: SplitSet, pool: Pool, classes: tuple[str, ...]) -> Sampled:
    """Leave out val and test samples of labels outside the universe, and count the test samples among them.

    Raises:
        InputError: a draw has no test samples, or none is left.
    """
    there = frozenset(classes)
    inside = np.fromiter((label in there for label in pool.columns["label"]), np.bool_, len(pool))
    kept = np.isin(splits.sample, pool.ids[inside]) | (splits.role == "train")
    outside = len(np.unique(splits.sample[~kept & (splits.role == "test")]))
    made = SplitSet(splits.name, splits.draw[kept], splits.sample[kept], splits.role[kept])
    empty = np.setdiff1d(splits.draw, made.draw[made.role == "test"])
    if len(empty) and outside:
        raise InputError(
            f"None of the labels of the test samples{_of_draw(empty, splits)} is in the label universe of "
            f"{len(classes)} names (the first is '{classes[0]}'); check `labels_from`."
        )
    if len(empty):
        raise InputError(f"There are no test samples{_of_draw(empty, splits)}; give every draw some.")
    return Sampled(made, outside)


def _of_draw(draws: Int64, splits: SplitSet) -> str:
    """Which draw is meant, where there are several."""
    return f" of draw {draws[0]}" if len(np.unique(splits.draw)) > 1 else ""
