"""Batches of pixels of a store's samples: decoded once as far as a bound allows, and augmented in threads."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np

from retrieval.encoders.preprocess import pixels as preprocessed
from retrieval.errors import InputError
from retrieval.pillow_messages import decoding
from retrieval.types import digest
from training.hardware import decoding_threads
from training.image_augment import AugmentationPlan, ImageAugmentation
from training.image_cache import cached_pixels, image_bytes
from training.processes import share_of
from training.sampling import PIXELS, epoch_generator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from retrieval.types import Int64, Preprocess, UInt8
    from training.data.training_data import Role, TrainingData

AHEAD = 2
"""Batches whose pixels are made while an earlier one is trained on."""

SPARE = 1.25
"""Images that parts are cut from are kept larger by this factor than the encoder sees them."""


class ImageLoader:
    """Pixels of training data; a context manager, which ends its threads.

    Train samples are augmented. What happens to one depends on the seed, the epoch, the sample, and how often the epoch
    has had it before: not on the batch, the threads, or on whether it was kept decoded. Val samples are preprocessed as
    ``index`` does it.

    Args:
        data: the samples, with their images.
        size: preprocessing of the encoder.
        how: augmentation of train samples.
        out: folder of the run, in which decoded images are kept.
        seed: seed of the augmentation.
        cache_gb: bound of what is kept, in gigabytes.
        threads: threads that decode and augment.
        quiet: whether to show no progress.

    ``notes`` are sentences for the user.
    """

    def __init__(
        self,
        data: TrainingData,
        size: Preprocess,
        how: ImageAugmentation,
        out: Path,
        *,
        seed: int,
        cache_gb: float = 2.0,
        threads: int | None = None,
        quiet: bool = False,
    ) -> None:
        if data.images is None:
            raise InputError("This job needs the images of the samples.")
        flip, note = _flip(how, data)
        self.notes: tuple[str, ...] = note
        self._data, self._images, self._seed, self._quiet = data, data.images, seed, quiet
        self._plan = AugmentationPlan(how, size, flip)
        self._sizes: dict[Role, Preprocess] = {"train": _larger(size) if how.crop == "resized" else size, "val": size}
        self._rare = _rare_samples(data, how)
        self._threads = threads or decoding_threads()
        self._place = np.zeros(len(data), np.int64)
        self._kept: dict[Role, UInt8] = {}
        left = int(cache_gb * 1e9)
        for role in ("train", "val"):
            left -= self._keep(role, out, left)
        self._stack = ExitStack()
        self._batches: Sequence[Int64] = ()
        self._epoch = 0
        self._earlier: list[Int64] = []
        self._ahead: dict[int, list[Future[UInt8]]] = {}

    def __enter__(self) -> Self:
        self._stack.enter_context(decoding())
        self._pool = self._stack.enter_context(ThreadPoolExecutor(self._threads))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def begin(self, epoch: int, batches: Sequence[Int64]) -> None:
        """Name the batches of an epoch, each of rows of train samples; those that were begun before are dropped.

        Of several processes each makes its share of every batch, with the pixels that one process would make.
        """
        for future in (future for futures in self._ahead.values() for future in futures):
            future.cancel()
        self._ahead.clear()
        self._epoch, self._batches = epoch, [share_of(batch) for batch in batches]
        sizes = [len(batch) for batch in batches]
        rows = np.concatenate([np.empty(0, np.int64), *batches])
        self._earlier = [share_of(part) for part in np.split(earlier_occurrences(rows), np.cumsum(sizes)[:-1])]

    def batch(self, number: int) -> UInt8:
        """Return the augmented pixels (b, height, width, 3) of a batch of this epoch, and begin those after it.

        Of several processes each gets those of its share.

        Raises:
            InputError: an image cannot be decoded.
        """
        for at in range(number, min(number + 1 + AHEAD, len(self._batches))):
            if at not in self._ahead:
                pairs = zip(self._batches[at].tolist(), self._earlier[at].tolist(), strict=True)
                self._ahead[at] = [
                    self._pool.submit(self._augmented, row, earlier, self._epoch) for row, earlier in pairs
                ]
        return np.stack([future.result() for future in self._ahead.pop(number)])

    def plain(self, rows: Int64) -> UInt8:
        """Return the pixels (n, height, width, 3) of samples as the encoder sees them, without augmentation.

        Raises:
            InputError: an image cannot be decoded.
        """
        size = self._plan.size
        return np.stack(list(self._pool.map(lambda row: self._pixels(row, size), rows.tolist())))

    def _augmented(self, row: int, earlier: int, epoch: int) -> UInt8:
        rng = epoch_generator(self._seed, epoch, PIXELS, row, earlier)
        return self._plan.apply(self._pixels(row, self._sizes["train"]), rng, rare=bool(self._rare[row]))

    def _pixels(self, row: int, size: Preprocess) -> UInt8:
        """Pixels of a sample, from what is kept where that is of this size."""
        role: Role = "val" if self._data.role[row] == "val" else "train"
        kept, place = self._kept.get(role), self._place[row]
        if kept is not None and place < len(kept) and self._sizes[role] == size:
            return np.array(kept[place])
        return preprocessed(self._images.decode(row), size)

    def _keep(self, role: Role, out: Path, left: int) -> int:
        """Decode as many samples of a role as fit into ``left`` bytes; return how many bytes they take."""
        rows, size = self._data.rows(role), self._sizes[role]
        self._place[rows] = np.arange(len(rows))
        number = min(len(rows), max(0, left) // image_bytes(size))
        if number < len(rows):
            note = f"{number:,} of {len(rows):,} {role} images are kept decoded (`data.cache_gb`), not the others."
            self.notes = (*self.notes, note)
        if number:
            self._kept[role] = cached_pixels(
                out / f"images-{role}.npy",
                digest(repr(size), *self._data.keys[rows[:number]].tolist()),
                number,
                size,
                lambda at: preprocessed(self._images.decode(int(rows[at])), size),
                f"{role} images",
                threads=self._threads,
                quiet=self._quiet,
            )
        return number * image_bytes(size)


def earlier_occurrences(rows: Int64) -> Int64:
    """Count for each of n rows how often it came before: (n,)."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.searchsorted(ordered, ordered, side="left")
    counts = np.empty(len(rows), np.int64)
    counts[order] = np.arange(len(rows)) - first
    return counts


def _larger(size: Preprocess) -> Preprocess:
    """The preprocessing with images and crop larger by :data:`SPARE`."""
    height, width = (round(side * SPARE) for side in size.crop)
    return replace(size, resize=round(size.resize * SPARE), crop=(height, width))


def _flip(how: ImageAugmentation, data: TrainingData) -> tuple[bool, tuple[str, ...]]:
    """Whether images are mirrored, and what is said of it."""
    if how.flip is not None:
        return how.flip, ()
    aspects = data.columns.get("aspect")
    if aspects is None or all(value is None for value in aspects):
        return True, ()
    note = "Images are not mirrored, as samples have aspects, in which left and right differ; `flip=true` mirrors them."
    return False, (note,)


def _rare_samples(data: TrainingData, how: ImageAugmentation) -> np.ndarray:
    """Whether samples (n,) are of a class with few train samples."""
    counts = np.bincount(data.target[data.rows("train")], minlength=len(data.classes))
    rare: np.ndarray = counts[data.target] < how.rare_below
    return rare
