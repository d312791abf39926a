"""The embedding pipeline: decode in parallel, encode batches of fixed size beside one another, commit at intervals.

After an interruption, committed work stays, and the same call again does the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexers.pipeline.batches import Batch, view_widths
from indexers.pipeline.decode import DecodedImage, OpenedImage, decode, open_image, vector_key
from indexers.pipeline.filling import SpaceFiller
from indexers.pipeline.plan import Step, read_stored_rows, steps, survey
from indexers.pipeline.report import IndexOptions, IndexReport
from indexers.pipeline.rows import StoreRow, new_row, table
from retrieval.crops import parse_policy
from retrieval.errors import InputError
from retrieval.image_formats import require_thumbnail_format
from retrieval.images import PixelLimitError, content_hash, read_image
from retrieval.interrupt import deferred_interrupt
from retrieval.pillow_messages import decoding
from retrieval.progress import Progress, progress
from retrieval.store.schema import META_PREFIX
from retrieval.types import Bank, ClassifierHead, Encoder, EncoderSpec, Sample, Source, SourceTally, SpaceInfo
from retrieval.types.store import ForgottenSamples, StoreWriter

FORGOTTEN = "forgotten"
"""Why a sample is left out that ``forget`` erased."""

MOST_OF_A_FILE = 64
"""Samples of one file that are decoded together, so that memory is bounded however many boxes an image has."""

IN_FLIGHT = 4
"""Batches decoded ahead: enough to keep the encoder busy, few enough to fit in memory."""


def index(
    source: Source, writer: StoreWriter, spec: EncoderSpec, load: Callable[[], Encoder], options: IndexOptions
) -> IndexReport:
    """Update the store to the samples of a source, with vectors in the space of an encoder.

    The first Ctrl-C stops between two batches and commits finished work.

    Args:
        source: the samples.
        writer: writer of the store.
        spec: the encoder.
        load: loads the encoder; called when the first image must be encoded.
        options: views, threads, commits, thumbnails and pruning.

    Raises:
        InputError: the space holds imported vectors, or a metadata column changed its type.
        StoreError: the store could not be written; the last commit stands.
    """
    if options.thumbnails:
        require_thumbnail_format()
    start = time.monotonic()
    forgotten = writer.snapshot.forgotten()
    contents = survey(source, lambda sample: _is_forgotten(sample, forgotten, options))
    surveyed = source.tally.copy()
    for line in source.notes:
        options.tell(line)
    writer.prepare_meta(
        table([{f"{META_PREFIX}{name}": value for name, value in contents.meta_examples.items()}]).schema
    )
    writer.put_source(source.name, source.kind, str(source.root.resolve()))
    run = _IndexRun(source, writer, spec, load, options, forgotten)
    with (
        deferred_interrupt() as stop,
        decoding(options.max_pixels),
        ThreadPoolExecutor(options.workers, "decode") as pool,
        progress("index", contents.total, quiet=options.quiet) as bar,
    ):
        run.work(pool, bar, stop)
    run.finish(surveyed)
    run.report.describe(contents)
    run.report.seconds = round(time.monotonic() - start, 3)
    return run.report


def _is_forgotten(sample: Sample, forgotten: ForgottenSamples, options: IndexOptions) -> bool:
    """Return whether a sample is on the record of forgotten ones, and is not to be taken in again."""
    return not options.include_forgotten and len(forgotten) > 0 and bool(forgotten.ids_of([sample.id]))


@dataclass(frozen=True, slots=True)
class _ImageFile:
    """A file that was read. ``decoded`` is None if the row and the vectors of its content are stored already."""

    step: Step
    position: int
    key: str
    decoded: DecodedImage | None


class _OpenedOnce:
    """Decodes an image when it is first called; also its error is raised again."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._opened: OpenedImage | InputError | None = None

    def __call__(self) -> OpenedImage:
        if self._opened is None:
            try:
                self._opened = open_image(self._data)
            except InputError as error:
                self._opened = error
        if isinstance(self._opened, InputError):
            raise self._opened
        return self._opened


class _IndexRun:
    """State of one call of :func:`index`: stored rows, and what the report will say of samples and files."""

    def __init__(
        self,
        source: Source,
        writer: StoreWriter,
        spec: EncoderSpec,
        load: Callable[[], Encoder],
        options: IndexOptions,
        forgotten: ForgottenSamples,
    ) -> None:
        if spec.preprocess is None:
            raise InputError("Images cannot be embedded into an imported space; name an `encoder`.")
        self._source, self._writer, self._spec, self._options = source, writer, spec, options
        self._preprocess, self._policy = spec.preprocess, parse_policy(spec.crop)
        self.report = IndexReport(source.name)
        self._tally = SourceTally()  # samples of the source that this run leaves out
        self._remarks = SourceTally()  # what is special about decoded files, counted as reasons are
        snapshot = writer.snapshot
        self._stored = read_stored_rows(snapshot, source.name)
        self._filler = SpaceFiller(
            writer,
            spec,
            options.views,
            load=load,
            register=self._register,
            encoded=lambda batch: self._queue_all(batch.rows),
            commit_seconds=options.commit_seconds,
            note="index",
        )
        self._buffer = self._filler.buffer
        self._thumbnail_keys = set(snapshot.thumbnail_keys())
        self._forgotten = forgotten
        self._advance: Callable[[int], None] = lambda _: None  # of the progress
        self._opened_ids: set[str] = set()
        self._again_ids: set[str] = set()  # of samples that may be on the record of forgotten ones
        self._again_keys: set[str] = set()

    def work(self, pool: ThreadPoolExecutor, bar: Progress, stop: Callable[[], bool]) -> None:
        """Process all samples, until ``stop`` returns True."""
        self._advance = bar.advance
        dropped = self._filler.fill(self._files(pool), self._add, stop)
        if dropped is not None:
            self._forget(dropped)
            self.report.interrupted = True
            pool.shutdown(wait=False, cancel_futures=True)

    def _files(self, pool: ThreadPoolExecutor) -> Iterator[_ImageFile | None]:
        """Yield what was opened of the samples, in order, and None for every sample that needs no opening.

        A bounded number of files is read and decoded ahead in ``pool``; samples of one file in succession share it.
        """
        ahead: deque[tuple[list[Step], Future[list[_ImageFile | InputError | None]]]] = deque()
        limit = IN_FLIGHT * self._spec.batch_size + self._options.workers
        group: list[Step] = []
        waiting = 0

        def submit() -> None:
            if group:
                positions = [self._stored.position(step.row) for step in group]
                ahead.append((list(group), pool.submit(self._open, tuple(group), positions)))
                group.clear()

        for step in steps(self._source, self._stored, self._filler.embedded, pool):
            if step.action == "open":
                if self._was_forgotten(step):
                    self._leave_forgotten(step)
                elif not self._is_first(step):
                    self._tally.leave_out("listed again", step.sample.uri)
                else:
                    if group and (group[0].path != step.path or len(group) >= MOST_OF_A_FILE):
                        submit()
                    group.append(step)
                    waiting += 1
            else:
                self._finish_unopened(step)
                self._advance(1)
                yield None
            if waiting >= limit and ahead:
                waiting -= len(ahead[0][0])
                yield from self._next(ahead)
        submit()
        while ahead:
            yield from self._next(ahead)

    def _was_forgotten(self, step: Step) -> bool:
        """Return whether a sample that the store does not have was forgotten, and must not be opened."""
        return step.row is None and _is_forgotten(step.sample, self._forgotten, self._options)

    def _leave_forgotten(self, step: Step) -> None:
        self._advance(1)
        self._tally.leave_out(FORGOTTEN, step.sample.uri)

    def _next(
        self, ahead: deque[tuple[list[Step], Future[list[_ImageFile | InputError | None]]]]
    ) -> Iterator[_ImageFile | None]:
        """Wait for the first file; yield None for what cannot be read, which is a failure, or was forgotten."""
        group, future = ahead.popleft()
        for step, file in zip(group, future.result(), strict=True):
            if file is None:
                self._leave_forgotten(step)
            if isinstance(file, InputError):
                self._advance(1)
                self.report.failures[step.sample.uri] = str(file)
                self._tally.leave_out("unreadable images", step.sample.uri)
                yield None
            else:
                yield file

    def _is_first(self, step: Step) -> bool:
        """Return whether the sample is opened for the first time, so that one a source repeats is stored once."""
        repeated = step.sample.id in self._opened_ids
        self._opened_ids.add(step.sample.id)
        return not repeated

    def _finish_unopened(self, step: Step) -> None:
        """Count a sample whose file is not opened, and queue its row if its fields changed."""
        if step.action == "relabel" and step.row is not None:
            self._buffer.changed_rows.append({**step.row, **step.changed})
            self.report.relabelled += 1
        else:
            self.report.unchanged += 1

    def _open(self, group: Sequence[Step], positions: Sequence[int]) -> list[_ImageFile | InputError | None]:
        """Read one file for its samples, in a worker thread; decode it unless only its time or size on disk changed.

        None for a sample whose content is that of a forgotten one.
        """
        try:
            data = read_image(group[0].path)
        except InputError as error:
            return [error] * len(group)
        content, opened = content_hash(data), _OpenedOnce(data)
        return [
            self._open_sample(step, position, content, opened) for step, position in zip(group, positions, strict=True)
        ]

    def _open_sample(
        self, step: Step, position: int, content: str, opened: Callable[[], OpenedImage]
    ) -> _ImageFile | InputError | None:
        try:
            key = vector_key(content, step.sample.crop)
            if step.row is not None and step.row["key"] == key and key in self._filler.embedded:
                return _ImageFile(step, position, key, None)
            if not self._options.include_forgotten and self._forgotten.has_key(key):
                return None
            thumbnail = self._options.thumbnails and key not in self._thumbnail_keys
            decoded = decode(opened(), step.sample, self._preprocess, thumbnail=thumbnail, policy=self._policy)
            return _ImageFile(step, position, key, decoded)
        except PixelLimitError as error:
            return InputError(error.way_out)
        except InputError as error:
            return error

    def _add(self, file: _ImageFile) -> None:
        """Queue the row of a file, and its pixels unless an earlier file had the same content."""
        step, decoded = file.step, file.decoded
        if decoded is None:  # the time of the file changed, but not its content
            row = {**(step.row or {}), "size": step.size, "mtime_ns": step.mtime_ns, **step.changed}
            self._queue_all([(row, True)])
            self.report.unchanged += 1
            return
        for remark in decoded.remarks:
            self._remarks.leave_out(remark, step.sample.uri)
        if decoded.thumbnail is not None and decoded.key not in self._thumbnail_keys:
            self._buffer.thumbnails[decoded.key] = decoded.thumbnail
            self._thumbnail_keys.add(decoded.key)
        row = new_row(step.sample, file.position, step.size, step.mtime_ns, _content_columns(decoded))
        stored = step.row is not None
        if file.key in self._filler.embedded:
            self._queue_all([(row, stored)])
            self.report.reused += 1
        elif self._filler.add(file.key, decoded.pixels, (row, stored)):
            self.report.embedded += 1
        else:
            self.report.reused += 1

    def _queue_all(self, rows: Sequence[tuple[StoreRow, bool]]) -> None:
        """Queue rows for the next commit; with each, whether the store has it."""
        for row, stored in rows:
            if self._options.include_forgotten:
                self._again_ids.add(row["id"])
                self._again_keys.add(row["key"])
            (self._buffer.changed_rows if stored else self._buffer.fresh_rows).append(row)
        self._advance(len(rows))

    def _forget(self, dropped: Sequence[Batch]) -> None:
        """Take images that were not encoded out of the counts: an interrupted run leaves them out."""
        for batch in dropped:
            self.report.embedded -= len(batch.pixels)
            self.report.reused -= len(batch.rows) - len(batch.pixels)

    def _register(self, encoder: Encoder, views: tuple[str, ...]) -> SpaceInfo:
        """Register the space of the loaded encoder, and its classifier."""
        self.report.notes += encoder.notes
        widths = view_widths(encoder, views)
        space = self._writer.register_space(self._spec, encoder.dimension, views, widths=widths)
        if encoder.head is not None:
            self._writer.save_bank(classifier_bank(encoder.head, self._spec))
        return space

    def finish(self, surveyed: SourceTally) -> None:
        """Commit the rest, complete the report, prune vanished samples, and compact the store.

        Args:
            surveyed: tally of the source before the run, for one that does not reach the end of the source.
        """
        report = self.report
        report.notes += [
            f"{n:,} image{'s' * (n > 1)} (first {self._remarks.first[remark]}): {remark}."
            for remark, n in self._remarks.left_out.items()
        ]
        report.count(surveyed if report.interrupted else self._source.tally, self._tally)
        if self._tally.left_out.get(FORGOTTEN):
            report.notes.append(
                f"{self._tally.left_out[FORGOTTEN]:,} samples (first {self._tally.first[FORGOTTEN]}) were forgotten "
                "and are left out; `include_forgotten` takes them in again."
            )
        if self._options.include_forgotten:
            self._writer.lift_forgotten(self._again_ids, self._again_keys)
        self._filler.commit()
        report.store_version = self._filler.store_version
        if not report.interrupted:
            report.missing = sum(problem.missing for problem in self._source.problems)
            for problem in self._source.problems:
                if not problem.missing:
                    told = report.flaws if problem.kind is None else report.failures
                    told[problem.where] = problem.reason
            vanished = self._stored.vanished()
            report.vanished = len(vanished)
            if vanished and self._options.prune:
                self._prune(vanished)
            self._writer.replace_failures(self._source.name, report.failures | report.flaws)
            report.store_version = self._writer.commit("index, finished")
            self._writer.tidy()
        report.samples = self._writer.snapshot.count("samples")
        report.space = self._filler.space.name if self._filler.space else None

    def _prune(self, vanished: list[str]) -> None:
        """Delete vanished samples, unless parts of the source could not be read, which may contain them."""
        unreadable = [problem for problem in self._source.problems if not problem.missing and problem.kind is not None]
        if unreadable:
            where = unreadable[0].where
            self.report.notes.append(
                f"Nothing was dropped: {where} could not be used, and what seems gone may be there."
            )
            return
        self._writer.delete_samples(vanished)
        self.report.pruned = len(vanished)


def classifier_bank(head: ClassifierHead, spec: EncoderSpec, classes: Sequence[str] = ()) -> Bank:
    """Return the classifier layer of an encoder's weights as a bank.

    Args:
        head: the layer.
        spec: the encoder.
        classes: names of its classes in their order. Without them, the names are numbers.
    """
    numbers = np.arange(len(head.weight), dtype=np.int64)
    return Bank(
        name="classifier",
        space=spec.fingerprint,
        kind="classifier",
        origin=spec.weights,
        vectors=head.weight,
        edge_vector=numbers,
        edge_class=np.array(classes, np.str_) if classes else numbers.astype(np.str_),
        bias=head.bias,
    )


def _content_columns(decoded: DecodedImage) -> dict[str, Any]:
    """Return the columns of a row that come from decoding."""
    names = ("content", "key", "width", "height", "phash", "captured_at")
    return {name: getattr(decoded, name) for name in names}
