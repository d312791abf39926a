"""Batches of images that are encoded in threads beside one another, and come back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from indexers.pipeline.rows import StoreRow
from retrieval.crops import FULL_VIEW
from retrieval.encoders.streams import encoding_threads
from retrieval.errors import InputError
from retrieval.types import PREPROJ, Embeddings, Encoder, ProjectingEncoder, UInt8

AHEAD = 2
"""Batches given to every thread: one that it encodes, and one that keeps it busy while rows are written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Images to encode, and rows that wait for their vectors or for those of a batch before.

    ``pixels`` maps keys to pixels (height, width, 3) uint8, or (pictures, height, width, 3). With each row it is said
    whether the store has the row.
    """

    pixels: dict[str, UInt8] = field(default_factory=dict)
    rows: list[tuple[StoreRow, bool]] = field(default_factory=list)


class BatchQueue:
    """Encodes batches; a context manager that ends its threads.

    Args:
        encoder: the encoder.
        views: names of views to encode.
    """

    def __init__(self, encoder: Encoder, views: Sequence[str]) -> None:
        self._encoder, self._views = encoder, tuple(views)
        self._batches: deque[tuple[Batch, Future[dict[str, Embeddings]]]] = deque()
        self._stack = ExitStack()
        self._pool, threads = self._stack.enter_context(encoding_threads(encoder.device))
        self.limit = AHEAD * threads

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def __len__(self) -> int:
        return len(self._batches)

    def put(self, batch: Batch) -> None:
        """Begin to encode a batch of at least one image."""
        self._batches.append((batch, self._pool.submit(self._encoded, batch)))

    def drop_waiting(self) -> list[Batch]:
        """Drop the batches that no thread has begun to encode, and return them; those that remain are older."""
        dropped = []
        while self._batches and self._batches[-1][1].cancel():
            dropped.append(self._batches.pop()[0])
        return dropped

    def take(self) -> tuple[Batch, dict[str, Embeddings]]:
        """Wait for the oldest batch; return it with its vectors by view.

        Raises:
            WeightsError: a vector is zero or not finite.
        """
        batch, future = self._batches.popleft()
        return batch, future.result()

    def _encoded(self, batch: Batch) -> dict[str, Embeddings]:
        pixels = np.stack(list(batch.pixels.values()))
        if PREPROJ not in self._views or not isinstance(self._encoder, ProjectingEncoder):
            return {view: self._encoder.encode_images(_view(pixels, view)) for view in self._views}
        base, before = self._encoder.encode_both(_view(pixels, "base"))
        views = {"base": base, PREPROJ: before}
        for view in (view for view in self._views if view not in views):
            views[view] = self._encoder.encode_images(_view(pixels, view))
        return views


def view_widths(encoder: Encoder, views: Sequence[str]) -> dict[str, int]:
    """Return the dimensions of views that have another than the space.

    Raises:
        InputError: the view ``preproj`` is among the views, and the encoder has no projection.
    """
    if PREPROJ not in views:
        return {}
    width = encoder.unprojected_dimension if isinstance(encoder, ProjectingEncoder) else 0
    if not width:
        raise InputError(
            f"{encoder.spec.family}/{encoder.spec.model} has no projection, so it has no view {PREPROJ}; leave it out "
            "of `views`, or choose an encoder such as open_clip/ViT-B-16."
        )
    return {PREPROJ: width}


def _view(batch: UInt8, view: str) -> UInt8:
    """Return a view of a batch of pixels (n, height, width, 3) or (n, pictures, height, width, 3).

    Of several pictures, the second is the view ``full``, and all others are views of the first: unchanged, or mirrored
    left to right.
    """
    if batch.ndim == 5:
        batch = batch[:, 1] if view == FULL_VIEW else batch[:, 0]
    return np.ascontiguousarray(batch[:, :, ::-1] if view == "hflip" else batch)
