"""Reads the samples of a store for a training job: their roles, targets, vectors, banks and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.classification.shots import take_shots
from eval.protocols.copies import distinct_pictures
from eval.runs.names import clean_columns
from eval.runs.reading import find_split_set, read_norms, read_pool, read_view, space_vectors, with_columns
from eval.runs.request import MODE_STREAM
from eval.seams.samples import Pool, text_codes
from retrieval.crops import parse_policy
from retrieval.errors import InputError
from retrieval.search.vector_rows import rows_of
from retrieval.types import WHOLE, Embeddings
from retrieval.types.store import banks_for
from training.data.class_notes import name_notes, one_sided_notes
from training.data.crossings import copies_of, crossing_notes, near_copies_of
from training.data.held_out import hold_out_identities, hold_out_share
from training.data.oversample import repeat_notes, repeated_rows
from training.data.sample_roles import (
    SampleRoles,
    aspect_mask,
    check_splits,
    roles_by_protocol,
    roles_by_split,
    roles_by_split_set,
)
from training.data.selection import RoleSource, SampleSelection
from training.data.stored_images import StoredImages
from training.data.training_data import TrainingData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.audit.duplicates import SpaceVectors
    from retrieval.types import SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot
    from training.data.data_config import DataConfig
    from training.data.training_data import DataNeeds

    Names = NDArray[np.object_]

ROLE_COLUMNS = (
    "id", "key", "content", "source", "uri", "label", "identity", "aspect", "group", "split", "phash",
    "meta_accessories",
)  # fmt: skip
"""Columns of all samples on which roles and copies depend, where a store has them."""

UNUSED_COLUMNS = frozenset(("size", "mtime_ns", "phash", "content", "crop"))
"""Columns of samples that no job reads."""

REPLACED = ("of split val, which other samples replace", "leave out `data.val_from` and `data.val_identities`")
"""Why samples of split val are left out where val is taken out of train."""

OTHER_PICTURES = "index other pictures to train on (`audit` lists the copies)"


def read_training_data(
    store: EmbeddingStore, snapshot: Snapshot, space: SpaceInfo | None, config: DataConfig, needs: DataNeeds
) -> TrainingData:
    """Read the train and val samples of a store, in the order of the data.

    Every sample of the store is taken or told of: the first of ``notes`` has the numbers. What copies an evaluated
    sample, or nearly, is neither trained on nor held out. A copy of a val sample is not trained on; a val sample that
    is nearly the copy of a train sample is not held out, since it says nothing of new pictures.

    Args:
        store: where split sets and banks are.
        snapshot: where samples and vectors are.
        space: the space that the job starts from; None for a job that needs neither vectors nor banks.
        config: which samples.
        needs: what the job reads.

    Raises:
        TestDataError: a test split is named for training.
        UnknownNameError: a column, split, aspect, protocol, view or split set does not exist.
        IncompleteError: images are gone.
        InputError: nothing is left to train on, or the configuration cannot be used on these samples.
    """
    check_splits(config)
    if needs.views and space is None:
        raise InputError("This job trains on stored vectors; name a `space`.")
    pool, name = _read_samples(snapshot), config.target or needs.target
    target = _target(snapshot, pool, name)
    selection = SampleSelection(pool, *_roles(store, snapshot, pool, config))
    searched = _select(selection, snapshot, space, target, config, needs)
    used = _with_other_columns(snapshot, pool.take(selection.taken))
    codes, classes = text_codes(target[selection.taken])
    role = np.where(selection.roles.val[selection.taken], "val", "train")
    train = np.flatnonzero(role == "train").astype(np.int64)
    policy = parse_policy(WHOLE if space is None else space.spec.crop)
    repeats = repeated_rows(config.oversample, train, codes, classes, used.columns)
    return TrainingData(
        ids=used.ids,
        keys=used.columns["key"].astype(np.str_),
        classes=tuple(classes),
        target=codes,
        role=role,
        columns=used.columns,
        space=space,
        vectors={} if space is None else {view: _embeddings(snapshot, space, view, used) for view in needs.views},
        banks=() if space is None else banks_for(store, space),
        images=StoredImages(used, snapshot.sources, policy) if needs.images else None,
        notes=(
            str(selection),
            *selection.roles.notes,
            *crossing_notes(pool, selection.roles),
            *(() if searched else ("Near copies of evaluated and val samples were not looked for (audit does).",)),
            *name_notes(classes, codes, name),
            *(() if name == "identity" and config.val_identities else one_sided_notes(classes, codes, role)),
            *repeat_notes(config.oversample, train, repeats),
        ),
        repeats=repeats,
    )


def _read_samples(snapshot: Snapshot) -> Pool:
    """Read the columns of all samples on which roles and copies depend."""
    stored = snapshot.column_names("samples")
    pool = read_pool(snapshot, [name for name in ROLE_COLUMNS if name in stored], None)
    if not len(pool):
        raise InputError("The store has no samples; index some first.")
    return pool


def _target(snapshot: Snapshot, pool: Pool, name: str) -> Names:
    """Read the classes (n,) of all samples as text, None where a sample has none."""
    values = clean_columns(with_columns(snapshot, pool, [name]), [name]).columns[name]
    target = np.empty(len(pool), np.object_)
    target[:] = [None if value is None else str(value) for value in values]
    return target


def _roles(store: EmbeddingStore, snapshot: Snapshot, pool: Pool, config: DataConfig) -> tuple[SampleRoles, RoleSource]:
    """Roles of all samples, from where the configuration takes them."""
    if config.split_set is not None:
        splits = find_split_set(store, snapshot, config.split_set)
        source = RoleSource(f" without a role in {splits.name}", "name another `data.split_set` or `data.draw`")
        return roles_by_split_set(pool, splits, config), source
    if config.protocol is not None:
        source = RoleSource(" beside the protocol or its aspect", "name another `data.protocol` or `data.aspect`")
        return roles_by_protocol(pool, config), source
    return roles_by_split(pool, config), RoleSource()


def _select(
    selection: SampleSelection,
    snapshot: Snapshot,
    space: SpaceInfo | None,
    target: Names,
    config: DataConfig,
    needs: DataNeeds,
) -> bool:
    """Leave out what cannot be trained on, and hold out val; return whether near copies were looked for.

    Raises:
        InputError: nothing is left to train on, or to hold out where the job needs val.
    """
    _leave_out_unfit(selection, snapshot, space, target, config, needs)
    pool, vectors = selection.pool, _near_vectors(snapshot, space, selection.pool)
    copies = copies_of(pool, selection.taken, selection.roles.evaluated)
    selection.leave_out(copies, "copies of evaluated samples", OTHER_PICTURES)
    near = near_copies_of(pool, selection.taken, selection.roles.evaluated, vectors)
    selection.leave_out(near.rows, "near copies of evaluated samples", OTHER_PICTURES)
    selection.require_train()
    _hold_out(selection, target, config)
    copies = copies_of(pool, selection.roles.train, selection.roles.val)
    selection.leave_out(copies, "copies of val samples", OTHER_PICTURES)
    near_train = near_copies_of(pool, selection.roles.val, selection.roles.train, vectors)
    selection.leave_out(near_train.rows, "val samples that nearly copy train samples", OTHER_PICTURES)
    selection.leave_out(_repeated(selection, target), "copies of one class", OTHER_PICTURES)
    beyond = _beyond_limit(selection, target, config)
    selection.leave_out(beyond, "beyond the limit of their class", "raise `data.limit_per_class`")
    selection.require_train()
    if needs.val and not selection.roles.val.any():
        raise InputError(
            f"No samples are held out, by which the best weights could be chosen (left out: {selection.left_out()}); "
            "pass `data.val_identities=0.15` or `data.val_from=train:0.1`."
        )
    return near.searched and near_train.searched


def _leave_out_unfit(
    selection: SampleSelection,
    snapshot: Snapshot,
    space: SpaceInfo | None,
    target: Names,
    config: DataConfig,
    needs: DataNeeds,
) -> None:
    """Leave out samples that are not asked for, or lack what the job needs.

    Raises:
        InputError: nothing is left to train on.
    """
    pool, name = selection.pool, config.target or needs.target
    selection.require_train()
    if config.where is not None:
        meets = pool.mask(read_pool(snapshot, ("id",), config.where).ids)
        selection.leave_out(~meets, "not meeting `where`", "change `data.where`, or leave it out")
    other = ~aspect_mask(pool, config.aspect)
    selection.leave_out(other, "of other aspects", "name another `data.aspect`, or all")
    unnamed = np.array([value is None for value in target])
    way = f"index them again from a table with a column {name}, or name another `data.target`"
    selection.leave_out(unnamed, f"without {name}", way)
    selection.require_train()
    if space is not None and needs.views:
        way = f"index them with the encoder of space {space.name} first, or name another `space`"
        lacking = ~_has_vectors(snapshot, space, needs.views, pool)
        selection.leave_out(lacking, f"without a vector in {space.name}", way)
        selection.require_train()


def _near_vectors(snapshot: Snapshot, space: SpaceInfo | None, pool: Pool) -> SpaceVectors | None:
    """Vectors by which near copies are found: of the space, else of the store's first."""
    space = space or next(iter(snapshot.spaces), None)
    return None if space is None else space_vectors(snapshot, space, pool)


def _hold_out(selection: SampleSelection, target: Names, config: DataConfig) -> None:
    """Take val samples out of train, if the configuration says so; they replace those that have the split val."""
    pool, train = selection.pool, selection.roles.train
    held = np.zeros(len(pool), np.bool_)
    if config.val_from is not None:
        selection.leave_out(selection.roles.val, *REPLACED)
        held[train] = hold_out_share(pool.take(train), target[train], config.val_from, config.val_seed)
    elif config.val_identities is not None:
        held[train] = hold_out_identities(pool.take(train), config.val_identities, config.val_seed)
        identities = {*pool.columns["identity"][held]} - {None}
        selection.leave_out(selection.roles.val & ~pool.among("identity", *identities), *REPLACED)
    selection.hold_out(held)


def _has_vectors(snapshot: Snapshot, space: SpaceInfo, views: tuple[str, ...], pool: Pool) -> NDArray[np.bool_]:
    """Whether samples (n,) have a vector in every view; a view that the space lacks is refused when it is read."""
    keys, mask = pool.columns["key"].tolist(), np.ones(len(pool), np.bool_)
    for view in set(views) & set(space.views):
        mask &= rows_of(keys, snapshot.vectors(space, view)) >= 0
    return mask


def _repeated(selection: SampleSelection, target: Names) -> NDArray[np.bool_]:
    """Whether samples (n,) copy an earlier one of the same class, aspect and role, which counts once."""
    roles = np.where(selection.roles.val, "val", "train").astype(np.object_)
    columns = {**selection.pool.columns, "label": target, "role": roles}
    taken = Pool(selection.pool.ids, columns).take(selection.taken)
    distinct = distinct_pictures(taken, ("label", "aspect"), roles="role").pool
    return ~selection.pool.mask(distinct.ids)


def _beyond_limit(selection: SampleSelection, target: Names, config: DataConfig) -> NDArray[np.bool_]:
    """Whether train samples (n,) are beyond the shots or the limit of their class.

    Random shots are those of the mode ``fewshot`` for the evaluation's seed 0, ``shot_seed`` counting its repeats.
    """
    beyond = np.zeros(len(target), np.bool_)
    most = config.shots or config.limit_per_class
    if most is None:
        return beyond
    train = np.flatnonzero(selection.roles.train)
    codes, names = text_codes(target[train])
    stream = np.random.SeedSequence(0, spawn_key=(MODE_STREAM, config.shot_seed))
    rng = np.random.Generator(np.random.PCG64(stream))
    shots = take_shots(codes, most, len(names), config.sampling, rng)
    beyond[np.delete(train, shots.positions)] = True
    return beyond


def _with_other_columns(snapshot: Snapshot, pool: Pool) -> Pool:
    """Add the other columns of samples that a job may read."""
    stored = snapshot.column_names("samples")
    names = [name for name in stored if name not in pool.columns and name not in UNUSED_COLUMNS]
    others = read_pool(snapshot, ("id", *(name for name in names if name != "id")), None)
    rows = others.rows(pool.ids)
    columns = {name: values for name, values in pool.columns.items() if name not in UNUSED_COLUMNS}
    return Pool(pool.ids, {**columns, **{name: values[rows] for name, values in others.columns.items()}})


def _embeddings(snapshot: Snapshot, space: SpaceInfo, view: str, pool: Pool) -> Embeddings:
    """Read the unit vectors (n, d) of samples in a view, and their lengths before."""
    return Embeddings(read_view(snapshot, space, view, pool), read_norms(snapshot, space, view, pool))
