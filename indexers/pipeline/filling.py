"""Fill a space with vectors: encode images in batches of a fixed size beside one another, and commit at intervals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TypeVar

import numpy as np

from indexers.pipeline.batches import Batch, BatchQueue
from indexers.pipeline.buffer import WriteBuffer
from indexers.pipeline.rows import StoreRow
from retrieval.crops import parse_policy
from retrieval.types import Embeddings, Encoder, EncoderSpec, SpaceInfo, UInt8
from retrieval.types.store import StoreWriter

F = TypeVar("F")


class SpaceFiller:
    """Encodes images into the space of an encoder.

    Queues: the pixels of an image first wait in a batch until it is full, then until it is encoded; then its vectors
    wait in ``buffer`` for the commit. Rows that belong to an image go the same way, so that none is written before its
    vectors.

    Args:
        writer: writer of the store.
        spec: the encoder.
        views: views to encode; those that the space has already, and those of the crop policy, are added.
        load: loads the encoder; called when the first batch is full.
        register: registers the space of the loaded encoder, with the given views.
        encoded: gets a batch when its vectors are in the buffer.
        commit_seconds: time between commits.
        note: reason of the commits.
    """

    def __init__(
        self,
        writer: StoreWriter,
        spec: EncoderSpec,
        views: tuple[str, ...],
        *,
        load: Callable[[], Encoder],
        register: Callable[[Encoder, tuple[str, ...]], SpaceInfo],
        encoded: Callable[[Batch], None],
        commit_seconds: float,
        note: str,
    ) -> None:
        self._writer, self._spec, self._load, self._register = writer, spec, load, register
        self._encoded, self._commit_seconds, self._note = encoded, commit_seconds, note
        snapshot = writer.snapshot
        self.space = next((space for space in snapshot.spaces if space.fingerprint == spec.fingerprint), None)
        stored_views = self.space.views if self.space else ()
        wanted = (*views, *parse_policy(spec.crop).views)
        self.views = (*stored_views, *(view for view in wanted if view not in stored_views))
        self.embedded, self._partial = self._stored_keys()
        self.buffer = WriteBuffer()
        self.store_version = snapshot.store_version
        self._batches: BatchQueue | None = None  # once the encoder is loaded
        self._batch = Batch()
        self._pending: set[str] = set()  # keys of images that are not encoded yet
        self._last_commit = time.monotonic()

    def _stored_keys(self) -> tuple[set[str], set[str]]:
        """Return the keys with vectors in all views, and the keys with vectors in some of them."""
        if self.space is None:
            return set(), set()
        lengths = [f"n_{view}" for view in self.space.views]
        rows = self._writer.snapshot.norms(self.space, *self.space.views)
        keys = np.array(rows.column("key").to_pylist(), dtype=object)
        complete = np.full(len(keys), len(self.views) == len(lengths))
        for name in lengths:
            complete &= rows.column(name).is_valid().to_numpy()
        return set(keys[complete]), set(keys[~complete])

    def add(self, key: str, pixels: UInt8, *rows: tuple[StoreRow, bool]) -> bool:
        """Queue an image that has no vectors yet; return False if its key is queued already.

        Args:
            key: key of its vectors.
            pixels: (height, width, 3) or (pictures, height, width, 3) uint8, preprocessed.
            rows: rows that wait for its vectors; with each, whether the store has it.
        """
        is_new = key not in self._pending
        if is_new:
            self._pending.add(key)
            self._batch.pixels[key] = pixels
        self._batch.rows.extend(rows)
        return is_new

    def fill(
        self, files: Iterable[F | None], add: Callable[[F], None], stop: Callable[[], bool]
    ) -> tuple[Batch, ...] | None:
        """Process files until there are no more, or ``stop`` returns True.

        Args:
            files: files that were opened; None for those that need no work.
            add: calls :meth:`add` with the image of a file.
            stop: asked after every file.

        Returns:
            None, or if it was stopped, the batches that were not encoded.
        """
        with ExitStack() as stack:
            for file in files:
                if file is not None:
                    add(file)
                if len(self._batch.pixels) >= self._spec.batch_size:
                    self._encode(stack)
                if self.buffer.full or time.monotonic() - self._last_commit >= self._commit_seconds:
                    self.commit()
                if stop():
                    dropped = (self._batch, *(self._batches.drop_waiting() if self._batches else ()))
                    self._take_encoded(leave=0)
                    return dropped
            if self._batch.pixels:
                self._encode(stack)
            self._take_encoded(leave=0)
            self._encoded(self._batch)  # rows whose images were in the batches before
        return None

    def _encode(self, stack: ExitStack) -> None:
        """Give the batch to the encoder, and begin the next; wait if too many are being encoded."""
        if self._batches is None:
            encoder = self._load()
            self.space = self._register(encoder, self.views)
            self._batches = stack.enter_context(BatchQueue(encoder, self.views))
        self._take_encoded(leave=self._batches.limit - 1)
        self._batches.put(self._batch)
        self._batch = Batch()

    def _take_encoded(self, *, leave: int) -> None:
        """Move vectors of batches to the buffer, in order, until ``leave`` batches are being encoded."""
        while self._batches is not None and len(self._batches) > leave:
            batch, views = self._batches.take()
            keys = list(batch.pixels)
            for replace in (False, True):
                at = [i for i, key in enumerate(keys) if (key in self._partial) == replace]
                part = {view: Embeddings(vectors[at], norms[at]) for view, (vectors, norms) in views.items()}
                self.buffer.add_vectors([keys[i] for i in at], part, replace=replace)
            self.embedded.update(keys)
            self._pending.difference_update(keys)
            self._encoded(batch)

    def commit(self) -> None:
        """Write what waits in the buffer, and make it visible."""
        self.buffer.flush(self._writer, self.space)
        self.store_version = self._writer.commit(self._note)
        self._last_commit = time.monotonic()
