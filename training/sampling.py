"""Batches of an epoch: shuffled, of P identities with K images, class-balanced, or drawn by weights.

Every function depends on its arguments alone, of which (seed, epoch) choose the random numbers, so that a resumed run
sees the same batches; and it makes equally many batches in every epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.types import Int64

ORDER, REPEATS, PIXELS = 1, 2, 3
"""Streams of random numbers of an epoch: of batches, of repeated samples, and of augmentation."""


def epoch_generator(seed: int, epoch: int, *stream: int) -> np.random.Generator:
    """Make the random generator of an epoch and a stream (numbers >= 0); different arguments give other numbers."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, *stream])))


def draw_evenly(rows: Int64, number: int, rng: np.random.Generator) -> Int64:
    """Draw rows so often that no row comes two times more than another: permutations one after the other."""
    rounds = [rng.permutation(rows) for _ in range(-(-number // max(1, len(rows))))]
    return np.concatenate([rows[:0], *rounds])[:number]


def shuffled_batches(rows: Int64, size: int, seed: int, epoch: int, *, keep_rest: bool = False) -> list[Int64]:
    """Divide rows into batches at random.

    Args:
        rows: (n,) rows of an epoch, some perhaps repeatedly.
        size: samples per batch.
        seed: seed of the run.
        epoch: number of the epoch.
        keep_rest: whether the rest makes a smaller batch; else it is left out, other rows in every epoch. Fewer rows
            than a batch are one batch.
    """
    order = epoch_generator(seed, epoch, ORDER).permutation(rows)
    number = -(-len(order) // size) if keep_rest else max(1, len(order) // size)
    return [order[at * size : (at + 1) * size] for at in range(number)]


def balanced_batches(rows: Int64, codes: Int64, size: int, seed: int, epoch: int) -> list[Int64]:
    """Draw batches in which all classes are equally likely; an epoch has as many batches as it has of all rows.

    Args:
        rows: (n,) rows.
        codes: (n,) their classes.
        size: samples per batch.
        seed: seed of the run.
        epoch: number of the epoch.
    """
    rng = epoch_generator(seed, epoch, ORDER)
    members = _by_class(rows, codes)
    number = max(1, len(rows) // size) * size
    counts = np.bincount(draw_evenly(np.arange(len(members)), number, rng), minlength=len(members))
    drawn = [draw_evenly(of_class, int(n), rng) for of_class, n in zip(members, counts, strict=True)]
    return list(rng.permutation(np.concatenate(drawn)).reshape(-1, size))


def _by_class(rows: Int64, codes: Int64) -> list[Int64]:
    """Rows of every class, in ascending order of code."""
    sizes = np.unique(codes, return_counts=True)[1]
    return np.split(rows[np.argsort(codes, kind="stable")], np.cumsum(sizes)[:-1])


def weighted_batches(rows: Int64, weights: NDArray[np.floating], size: int, seed: int, epoch: int) -> list[Int64]:
    """Draw batches with replacement, rows in proportion to their weights; as many batches as of all rows.

    Args:
        rows: (n,) rows.
        weights: (n,) positive numbers or 0.
        size: samples per batch.
        seed: seed of the run.
        epoch: number of the epoch.
    """
    rng = epoch_generator(seed, epoch, ORDER)
    shares = weights / weights.sum()
    number = max(1, len(rows) // size)
    drawn: Int64 = rng.choice(rows, (number, size), p=shares)
    return list(drawn)


def identity_batches(rows: Int64, codes: Int64, identities: int, images: int, seed: int, epoch: int) -> list[Int64]:
    """Make PK batches (Hermans et al. 2017): P different identities, K images of each.

    The images of an identity are divided at random into portions of K; a rest is left out, other images in every epoch.
    An identity with fewer than K images is one portion, in which images come repeatedly. Portions are spread over the
    largest number of batches that can be filled with different identities; fewer than P of them are left out.

    Args:
        rows: (n,) rows.
        codes: (n,) their identities.
        identities: P.
        images: K.
        seed: seed of the run.
        epoch: number of the epoch.

    Raises:
        InputError: there are fewer than P identities, or none has two images.
    """
    rng = epoch_generator(seed, epoch, ORDER)
    names, sizes = np.unique(codes, return_counts=True)
    number, uses = _portions(sizes, identities, images)
    entries = np.repeat(np.arange(len(names)), uses)
    surplus = rng.choice(len(entries), len(entries) - number * identities, replace=False)
    uses = np.bincount(np.delete(entries, surplus), minlength=len(names))
    batches: list[list[Int64]] = [[] for _ in range(number)]
    place = 0
    members = _by_class(rows, codes)
    for identity in rng.permutation(len(names)):  # dealt in turn, no identity comes twice into one of the batches
        shuffled = rng.permutation(members[identity])
        for use in range(uses[identity]):
            batches[place % number].append(np.resize(shuffled[use * images :], images))
            place += 1
    return [np.concatenate([batch[at] for at in rng.permutation(identities)]) for batch in batches]


def _portions(sizes: Int64, identities: int, images: int) -> tuple[int, Int64]:
    """Number of batches, and how many portions of each identity (m,) they can have.

    Batches can be filled with different identities if each gives at most one portion to each of them and the portions
    suffice.
    """
    _require_pairs(sizes, identities, images)
    portions = np.maximum(1, sizes // images)
    number = int(portions.sum()) // identities
    while np.minimum(portions, number).sum() < number * identities:
        number = int(np.minimum(portions, number).sum()) // identities
    return number, np.minimum(portions, number)


def _require_pairs(sizes: Int64, identities: int, images: int) -> None:
    if len(sizes) < identities:
        raise InputError(
            f"A batch of {identities} identities with {images} images each cannot be made of {len(sizes)} "
            f"{'identity' if len(sizes) == 1 else 'identities'}; "
            f"{'lower the number of identities per batch, or ' if len(sizes) > 1 else ''}train on more."
        )
    if sizes.max() < 2:
        raise InputError(
            f"None of the {len(sizes)} identities has two images to train on, so no pair of one identity can be made; "
            "use more images, or a loss without pairs."
        )


def identity_notes(codes: Int64, identities: int, images: int) -> tuple[str, ...]:
    """Say which identities PK batches show less or more than they are.

    Args:
        codes: (n,) identities of the train samples.
        identities: P.
        images: K.

    Raises:
        InputError: there are fewer than P identities, or none has two images.
    """
    sizes = np.unique(codes, return_counts=True)[1]
    _require_pairs(sizes, identities, images)
    notes = []
    for few, words in ((sizes == 1, "a single image, which is its own positive"), ((sizes > 1) & (sizes < images),
                       f"fewer than {images} images, which come repeatedly")):  # fmt: skip
        if few.any():
            verb = "has" if few.sum() == 1 else "have"
            notes.append(f"{few.sum():,} of {len(sizes):,} identities {verb} {words} in a batch.")
    return tuple(notes)
