"""Which samples of a store are train, val and evaluated: by their split, by a split set, or by a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.audit.leaks import HELD_OUT, LEARNT, rows_of_roles
from eval.protocols.base import ALL, Request
from eval.protocols.held_out import held_out_samples
from eval.registry import load_protocol
from eval.seams.samples import Pool
from retrieval.errors import InputError, TestDataError, first_names, unknown
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.data.data_config import DataConfig


class SampleRoles(NamedTuple):
    """Roles of n samples as masks (n,), of which no two meet: ``evaluated`` samples are test, query or gallery.

    ``notes`` are sentences for the user.
    """

    train: NDArray[np.bool_]
    val: NDArray[np.bool_]
    evaluated: NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def check_splits(config: DataConfig) -> None:
    """Check that no test split is named for training or for choosing.

    Raises:
        TestDataError: one is.
    """
    for option, instead in (("train_split", "train"), ("val_split", "val")):
        name = getattr(config, option)
        if name in HELD_OUT:
            raise TestDataError(
                f"`data.{option}={name}` names samples that are evaluated; name {instead}, or hold samples out of "
                "train with `data.val_identities=0.15` or `data.val_from=train:0.1`."
            )


def roles_by_split(pool: Pool, config: DataConfig) -> SampleRoles:
    """Read the roles from the column ``split``; where no sample has a split, all are train.

    Raises:
        UnknownNameError: no sample is of a split that the configuration names.
    """
    if not pool.known("split").any():
        everything = np.ones(len(pool), np.bool_)
        note = "No sample has a split, so all are trained on, and none is left to evaluate the encoder with."
        return SampleRoles(everything, ~everything, ~everything, (note,))
    splits = pool.values("split")
    for name, usual in ((config.train_split, "train"), (config.val_split, "val")):
        if name not in (None, usual, *splits):
            raise unknown("split", str(name), splits)
    train = pool.among("split", config.train_split)
    val = pool.among("split", config.val_split) & ~train if config.val_split else np.zeros(len(pool), np.bool_)
    return SampleRoles(train, val, pool.among("split", *HELD_OUT))


def roles_by_split_set(pool: Pool, splits: SplitSet, config: DataConfig) -> SampleRoles:
    """Read the roles from a draw of a split set; samples without a role there are evaluated if their split says so.

    A split set without train and val, as of a ranking, says in all its draws what is evaluated; train and val are then
    those of the column ``split``.

    Raises:
        InputError: the split set has no such draw, or splits are named beside its train and val.
    """
    if not np.isin(splits.role, LEARNT).any():
        evaluated = rows_of_roles(pool, [splits], HELD_OUT)
        return _apart(roles_by_split(pool, config), evaluated)
    for option, usual in (("train_split", "train"), ("val_split", "val")):
        if getattr(config, option) != usual:
            raise InputError(
                f"Split set {splits.name} says which samples are train and val; leave out `data.{option}`, or "
                "`data.split_set`."
            )
    numbers = np.unique(splits.draw)
    rows = splits.draw == config.draw
    if not rows.any():
        listed = first_names(map(str, numbers), 12)
        raise InputError(f"Split set {splits.name} has no draw {config.draw}; its draws are {listed}.")
    drawn = SplitSet(splits.name, splits.draw[rows], splits.sample[rows], splits.role[rows])
    train, val, evaluated = (rows_of_roles(pool, [drawn], roles) for roles in (("train",), ("val",), HELD_OUT))
    other = int(((train | val) & pool.among("split", *HELD_OUT)).sum())
    notes = (
        (f"{other:,} samples of split test, query or gallery are train or val in split set {splits.name}.",)
        if other
        else ()
    )
    unnamed = pool.among("split", *HELD_OUT) & ~train & ~val
    return _apart(SampleRoles(train, val, unnamed, notes), evaluated)


def roles_by_protocol(pool: Pool, config: DataConfig) -> SampleRoles:
    """Read the roles of a protocol: train and val are of the sources and aspects that it evaluates.

    Raises:
        UnknownNameError: there is no such protocol or aspect.
        InputError: the protocol draws train itself, or cannot be used on these samples.
    """
    rule = load_protocol(str(config.protocol))
    if rule.name == "split":
        return roles_by_split(pool, config)
    if rule.task == "classification":
        raise InputError(
            f"Protocol {rule.name} draws train and test anew each time; evaluate with it once, which keeps its draws "
            "(splits list), and name them by `data.split_set`."
        )
    admitted = rule.admit(pool)
    parts = rule.parts(admitted, Request(aspect=config.aspect))
    ids = {"train": set[str](), "val": set[str]()}
    for part in parts.values():
        of_part = held_out_samples(admitted, part, None, (config.train_split, config.val_split or ""))
        ids["train"].update(of_part[config.train_split].tolist())
        ids["val"].update(of_part[config.val_split or ""].tolist())
    train, val = (pool.mask(np.array(sorted(samples), np.str_)) for samples in ids.values())
    tested = rows_of_roles(pool, parts.values(), HELD_OUT)
    return _apart(SampleRoles(train, val & ~train, pool.among("split", *HELD_OUT)), tested)


def _apart(roles: SampleRoles, evaluated: NDArray[np.bool_]) -> SampleRoles:
    """Take further samples that are evaluated out of train and val."""
    return SampleRoles(roles.train & ~evaluated, roles.val & ~evaluated, roles.evaluated | evaluated, roles.notes)


def aspect_mask(pool: Pool, aspect: str | None) -> NDArray[np.bool_]:
    """Whether samples (n,) are of an aspect; None and ``all`` are every aspect.

    Raises:
        UnknownNameError: no sample is of this aspect.
    """
    if aspect in (None, ALL):
        return np.ones(len(pool), np.bool_)
    if aspect not in pool.values("aspect"):
        raise unknown("aspect", str(aspect), pool.values("aspect"))
    return pool.among("aspect", aspect)
