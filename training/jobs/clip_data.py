"""The images and captions of the job ``clip``: what is read, in which batches, and how a batch becomes tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError
from training.captions import Pair, decode_images, larger, read_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import torch

    from retrieval.types import UInt8
    from training.jobs.clip_recipe import ClipRecipe

    Numbers = npt.NDArray[np.int64]

MIXED = 0.25
"""Share of the images of every source that is in mixed batches, if an epoch has both kinds."""


@dataclass(frozen=True, slots=True)
class CaptionedImages:
    """n images with their captions.

    Attributes:
        pixels: (n, side, side, 3) uint8.
        tokens: (unique captions, context) int64.
        caption: (n,) row of ``tokens``.
        folder: (n,) position of the source.
        flip: (n,) bool, whether the image may be mirrored.
    """

    pixels: UInt8
    tokens: torch.Tensor
    caption: torch.Tensor
    folder: Numbers
    flip: torch.Tensor


def pairs_of(recipe: ClipRecipe) -> tuple[list[Pair], list[Pair]]:
    """Read the pairs to train on, and the held-out pairs of early stopping.

    Raises:
        MissingFileError: a folder has no manifest.
        InputError: a manifest cannot be used, or a split is empty.
    """
    sources = [source for source in recipe.sources.values() if source is not None]
    train: list[Pair] = []
    val: list[Pair] = []
    for position, source in enumerate(sources):
        for split in ("train", "test") if source.whole else ("train",):
            train += read_pairs(source.path, split, position=position, flip=source.flip)
        held_out = read_pairs(source.path, "val", position=position, flip=False)
        chosen = np.linspace(0, len(held_out) - 1, min(recipe.val_images, len(held_out))).round().astype(int)
        val += [held_out[row] for row in chosen]
    for name, pairs in (("train", train), ("val", val)):
        if len(pairs) < 2:
            where = ", ".join(str(source.path) for source in sources)
            raise InputError(f"there are {len(pairs)} captions of the split {name} in {where}; at least 2 are needed.")
    return train, val


def load_captioned(
    pairs: Sequence[Pair], recipe: ClipRecipe, tokenizer: Any, cache: Path, *, train: bool, quiet: bool
) -> CaptionedImages:
    """Decode images and tokenise captions; training images are larger than the encoder's input, for cropping."""
    import torch

    texts = list(dict.fromkeys(pair.caption for pair in pairs))
    row = {text: number for number, text in enumerate(texts)}
    size = recipe.pixels.preprocess()
    if train:
        size = larger(size, recipe.pixels.stored)
    return CaptionedImages(
        decode_images(pairs, size, cache, "training images" if train else "held-out images", quiet=quiet),
        tokenizer(texts),
        torch.tensor([row[pair.caption] for pair in pairs]),
        np.array([pair.folder for pair in pairs], np.int64),
        torch.tensor([pair.flip for pair in pairs]),
    )


def batches_of(folder: Numbers, size: int, how: str, rng: np.random.Generator) -> list[Numbers]:
    """Draw the batches of an epoch; a batch is an array of rows.

    Args:
        folder: (n,) source of every row.
        size: rows per batch; remaining rows are left out of this epoch, but a source with fewer rows is one batch.
        how: ``mixed``, ``folder`` for batches of one source, or ``both``, in which a quarter of every source is mixed.
        rng: random generator of the epoch.
    """
    groups = (
        [np.arange(len(folder))] if how == "mixed" else [np.flatnonzero(folder == one) for one in np.unique(folder)]
    )
    if how == "both":
        parts = [np.split(rng.permutation(group), [round(len(group) * MIXED)]) for group in groups]
        apart = np.concatenate([mixed for mixed, _ in parts])
        groups = [group for group in (*(rest for _, rest in parts), apart) if len(group)]
    batches: list[Numbers] = []
    for group in groups:
        order = rng.permutation(group)
        count = max(1, len(order) // size)
        batches += [order[number * size : (number + 1) * size] for number in range(count)]
    return [batches[number] for number in rng.permutation(len(batches))]
