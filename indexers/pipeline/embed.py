"""The embedding pipeline: decode in parallel, encode in fixed batches, commit now and then.

Whatever happens in between, what was committed stays, and the same call again does the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexers.pipeline.buffer import WriteBuffer
from indexers.pipeline.decode import Decoded, content_hash, decode, vector_key
from indexers.pipeline.plan import Step, read_stored, steps, survey
from indexers.pipeline.report import IndexOptions, IndexReport
from indexers.pipeline.rows import Row, new_row, table
from retrieval.errors import InputError
from retrieval.images import read_file
from retrieval.interrupt import deferred_interrupt
from retrieval.progress import Progress, progress
from retrieval.store.schema import META_PREFIX
from retrieval.types import Bank, Encoder, EncoderSpec, Source, UInt8
from retrieval.types.store import StoreWriter

IN_FLIGHT = 4
"""Files decoded ahead, in batches: enough to keep the encoder fed, little enough to fit in memory."""


def index(
    source: Source, writer: StoreWriter, spec: EncoderSpec, load: Callable[[], Encoder], options: IndexOptions
) -> IndexReport:
    """Bring the store up to date with ``source`` in the space of ``spec``.

    ``load`` is called when the first image needs the encoder: an unchanged folder loads none. A first Ctrl-C
    stops between two batches and keeps what is done.

    Raises:
        InputError: the space holds imported vectors, or a metadata column changed its type.
        StoreError: the store could not be written; the last commit stands.
    """
    start = time.monotonic()
    total, kinds = survey(source)
    writer.prepare_meta(table([{f"{META_PREFIX}{name}": value for name, value in kinds.items()}]).schema)
    writer.put_source(source.name, source.kind, str(source.root.resolve()))
    run = _Run(source, writer, spec, load, options)
    with (
        deferred_interrupt() as stop,
        ThreadPoolExecutor(options.workers, "decode") as pool,
        progress("index", total, quiet=options.quiet) as bar,
    ):
        run.work(pool, bar, stop)
    run.finish()
    run.report.seconds = round(time.monotonic() - start, 3)
    return run.report


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that was read: decoded, or only hashed because its content has its vectors already."""

    step: Step
    position: int
    key: str
    decoded: Decoded | None


class _Run:
    """One call of :func:`index`: what the store has, what waits for the encoder, what waits for a commit."""

    def __init__(
        self, source: Source, writer: StoreWriter, spec: EncoderSpec, load: Callable[[], Encoder], options: IndexOptions
    ) -> None:
        if spec.preprocess is None:
            raise InputError("Images cannot be embedded into an imported space; name an `encoder`.")
        self._source, self._writer, self._spec, self._load, self._options = source, writer, spec, load, options
        self._preprocess = spec.preprocess
        self._encoder: Encoder | None = None
        self.report = IndexReport(source.name)
        snapshot = writer.snapshot
        self._stored = read_stored(snapshot, source.name)
        self._space = next((space for space in snapshot.spaces if space.fingerprint == spec.fingerprint), None)
        known = self._space.views if self._space else ()
        self._views = (*known, *(view for view in options.views if view not in known))
        self._embedded, self._partial = self._keys_in_store()
        self._pictured = set(snapshot.thumbnail_keys())
        self._pending: dict[str, UInt8] = {}  # pixels to encode by key, in order
        self._waiting: list[tuple[Row, bool]] = []  # rows whose vectors are pending; whether the store has the row
        self._buffer = WriteBuffer()
        self._fresh_ids: set[str] = set()
        self._last_commit = time.monotonic()

    def _keys_in_store(self) -> tuple[set[str], set[str]]:
        """Keys that have all wanted views, and keys that lack some."""
        if self._space is None:
            return set(), set()
        lengths = [f"n_{view}" for view in self._space.views]
        rows = self._writer.snapshot.norms(self._space, *self._space.views)
        keys = np.array(rows.column("key").to_pylist(), dtype=object)
        whole = np.full(len(keys), len(self._views) == len(lengths))
        for name in lengths:
            whole &= rows.column(name).is_valid().to_numpy()
        return set(keys[whole]), set(keys[~whole])

    def work(self, pool: ThreadPoolExecutor, bar: Progress, stop: Callable[[], bool]) -> None:
        """Take every sample through the steps it needs."""
        for opened in self._opened(pool, bar):
            if opened is not None:
                self._take(opened)
            if len(self._pending) >= self._spec.batch_size:
                self._encode()
            if self._buffer.full or time.monotonic() - self._last_commit >= self._options.commit_seconds:
                self._commit("index")
            if stop():
                self.report.interrupted = True
                pool.shutdown(wait=False, cancel_futures=True)
                return
        self._encode()

    def _opened(self, pool: ThreadPoolExecutor, bar: Progress) -> Iterator[_Opened | None]:
        """Plan every sample; read and decode those that need it, in order, a bounded number ahead."""
        ahead: deque[tuple[Step, Future[_Opened | InputError]]] = deque()
        limit = IN_FLIGHT * self._spec.batch_size + self._options.workers
        for step in steps(self._source, self._stored, self._embedded, pool):
            if step.action == "open":
                if self._first_time(step):
                    ahead.append((step, pool.submit(self._open, step, self._stored.position(step.row))))
            else:
                self._settle(step)
                bar.advance()
                yield None
            if len(ahead) >= limit:
                yield self._next(ahead, bar)
        while ahead:
            yield self._next(ahead, bar)

    def _next(self, ahead: deque[tuple[Step, Future[_Opened | InputError]]], bar: Progress) -> _Opened | None:
        step, future = ahead.popleft()
        opened = future.result()
        bar.advance()
        if isinstance(opened, InputError):
            self.report.failures[step.sample.uri] = str(opened)
            return None
        return opened

    def _first_time(self, step: Step) -> bool:
        """Guard that every sample is stored once, even if a source names it twice."""
        seen = step.sample.id in self._fresh_ids
        self._fresh_ids.add(step.sample.id)
        return not seen

    def _settle(self, step: Step) -> None:
        if step.action == "relabel" and step.row is not None:
            self._buffer.changed_rows.append({**step.row, **step.changed})
            self.report.relabelled += 1
        else:
            self.report.unchanged += 1

    def _open(self, step: Step, position: int) -> _Opened | InputError:
        """Read one file, in a worker thread; decode it unless its content has its vectors already."""
        try:
            data = read_file(step.path)
            key = vector_key(content_hash(data), step.sample.crop)
            if step.row is not None and step.row["key"] == key and key in self._embedded:
                return _Opened(step, position, key, None)
            wanted = self._options.thumbnails and key not in self._pictured
            crop, box = step.sample.crop, step.sample.box
            return _Opened(step, position, key, decode(data, crop, box, self._preprocess, thumbnail=wanted))
        except InputError as error:
            return error

    def _take(self, opened: _Opened) -> None:
        """Queue the row of an opened file, and its pixels if nobody brought the same content before."""
        step, decoded = opened.step, opened.decoded
        if decoded is None:  # touched but not changed
            row = {**(step.row or {}), "size": step.size, "mtime_ns": step.mtime_ns, **step.changed}
            self._buffer.changed_rows.append(row)
            self.report.unchanged += 1
            return
        if decoded.thumbnail is not None and decoded.key not in self._pictured:
            self._buffer.thumbnails[decoded.key] = decoded.thumbnail
            self._pictured.add(decoded.key)
        row = new_row(step.sample, opened.position, step.size, step.mtime_ns, _found(decoded))
        known = step.row is not None
        if opened.key in self._embedded:
            self._queue(row, known=known)
            self.report.reused += 1
            return
        if opened.key in self._pending:
            self.report.reused += 1
        else:
            self._pending[opened.key] = decoded.pixels
            self.report.embedded += 1
        self._waiting.append((row, known))

    def _queue(self, row: Row, *, known: bool) -> None:
        (self._buffer.changed_rows if known else self._buffer.fresh_rows).append(row)

    def _encode(self) -> None:
        """Encode what is pending in all views; then its rows may be committed."""
        if not self._pending:
            return
        encoder = self._ready_encoder()
        keys = list(self._pending)
        batch = np.stack(list(self._pending.values()))
        views = {view: encoder.encode_images(_view(batch, view)) for view in self._views}
        for replace in (False, True):
            at = [i for i, key in enumerate(keys) if (key in self._partial) == replace]
            some = {view: type(both)(both.vectors[at], both.norms[at]) for view, both in views.items()}
            self._buffer.add_vectors([keys[i] for i in at], some, replace=replace)
        self._embedded.update(keys)
        self._pending.clear()
        for row, known in self._waiting:
            self._queue(row, known=known)
        self._waiting.clear()

    def _ready_encoder(self) -> Encoder:
        if self._encoder is None:
            self._encoder = self._load()
            self._space = self._writer.register_space(self._spec, self._encoder.dimension, self._views)
            if self._encoder.head is not None:
                self._writer.save_bank(_classifier(self._encoder, self._spec))
        return self._encoder

    def _commit(self, note: str) -> None:
        self._buffer.flush(self._writer, self._space)
        self.report.store_version = self._writer.commit(note)
        self._last_commit = time.monotonic()

    def finish(self) -> None:
        """Report what vanished and what failed, commit the rest, tidy up."""
        report = self.report
        self._commit("index")
        if not report.interrupted:
            report.missing = sum(problem.missing for problem in self._source.problems)
            report.failures |= {p.where: p.reason for p in self._source.problems if not p.missing}
            vanished = self._stored.vanished()
            report.vanished = len(vanished)
            if vanished and self._options.prune:
                self._prune(vanished)
            self._writer.replace_failures(self._source.name, report.failures)
            report.store_version = self._writer.commit("index, finished")
            self._writer.tidy()
        report.samples = self._writer.snapshot.count("samples")
        report.space = self._space.name if self._space else None

    def _prune(self, vanished: list[str]) -> None:
        """Drop what the source no longer has, unless part of the source could not be read: it may be in there."""
        unread = [problem for problem in self._source.problems if not problem.missing]
        if unread:
            where = unread[0].where
            self.report.notes.append(
                f"Nothing was dropped: {where} could not be used, and what seems gone may be there."
            )
            return
        self._writer.delete_samples(vanished)
        self.report.pruned = len(vanished)


def _classifier(encoder: Encoder, spec: EncoderSpec) -> Bank:
    """The classifier layer the weights came with, as a bank; its classes are numbered until they are named."""
    head = encoder.head
    if head is None:
        raise InputError(f"{spec.model}: these weights have no classifier layer.")
    numbers = np.arange(len(head.weight), dtype=np.int64)
    return Bank(
        name="classifier",
        space=spec.fingerprint,
        kind="classifier",
        origin=spec.weights,
        vectors=head.weight,
        edge_vector=numbers,
        edge_class=numbers.astype(np.str_),
        bias=head.bias,
    )


def _found(decoded: Decoded) -> dict[str, Any]:
    crop_of = ("content", "key", "width", "height", "phash", "captured_at")
    return {name: getattr(decoded, name) for name in crop_of}


def _view(batch: UInt8, view: str) -> UInt8:
    """Pixels of a view of the batch (n, height, width, 3): as they are, or mirrored left to right."""
    return np.ascontiguousarray(batch[:, :, ::-1]) if view == "hflip" else batch
