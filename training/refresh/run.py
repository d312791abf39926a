"""Refresh a store with what a training run left: fill the space of its encoder, save its banks, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from eval.runs.run import prepare
from indexers.jobs import stored_spec
from indexers.pipeline.batches import view_widths
from indexers.pipeline.embed import classifier_bank
from indexers.pipeline.report import IndexOptions
from indexers.pipeline.stored import embed_stored, stored_images
from indexers.requests import VIEWS
from retrieval.encoders.adapter import adapter_spec
from retrieval.encoders.registry import load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.errors import InputError, unknown
from retrieval.store.open import open_store
from training.refresh.changes import compare_spaces
from training.refresh.evaluations import read_evaluation, request_in
from training.refresh.mapped import map_space
from training.refresh.report import LACKING, RefreshReport
from training.refresh.run_folder import find_parent, open_run_folder
from training.refresh.sheet import write_moved_sheet
from training.refresh.trained_banks import carry_texts, save_trained_banks
from training.run_changes import keep_changes
from training.run_state import RUN

if TYPE_CHECKING:
    from retrieval.encoders.adapter import Adapter
    from retrieval.store.open import LanceStore
    from retrieval.types import Encoder, EncoderSpec, SpaceInfo
    from retrieval.types.store import Snapshot, StoreWriter
    from training.refresh.request import RefreshRequest
    from training.refresh.run_folder import RunFolder


def refresh(request: RefreshRequest, tell: Callable[[str], None] = lambda _: None) -> RefreshReport:
    """Bring a trained encoder and its banks into a store.

    The samples that have vectors in the space that was trained from get vectors in a space of the encoder: from their
    image files, or of a linear adapter by a matrix product. Only what is missing, or no longer right, is computed. The
    space is ``filling`` until all have one. Both spaces are compared then, from the store alone.

    Args:
        request: the request.
        tell: gets sentences as they come up; the report has them, too.

    Raises:
        MissingFileError: there is no store, or no such run.
        InputError, UnknownNameError: the run, the space or an option cannot be used.
        WeightsError: the encoder was changed, or does not fit.
        ReadOnlyStoreError, StoreLockedError: the store cannot be written.
    """
    start = time.monotonic()
    store, run = open_store(request.store), open_run_folder(request.checkpoint)
    named = [read_evaluation(text) for text in request.evaluate]
    with store.snapshot() as snapshot:
        encoder = _encoder(run, request)
        parent = find_parent(run, request.space, encoder, snapshot)
        spec = encoder and _spec(run, encoder, parent, snapshot, request)
    for fields in named:
        prepare(store, request_in(parent, fields))  # what cannot be evaluated is told before images are embedded
    report = RefreshReport(str(run.path), store.uri, parent.name)

    def say(line: str) -> None:
        report.notes.append(line)
        tell(line)

    with store.writer(request.wait) as writer:
        new = None if spec is None else _Filling(writer, run, spec, parent, request, report, say).fill()
        if not report.interrupted and (new is not None or spec is None):
            report.banks = save_trained_banks(store, run, parent, new)
            if new is not None and run.adapter is not None:
                carry_texts(store, parent, new)
        report.store_version = writer.snapshot.store_version
    if request.compare and not report.interrupted:
        _compare(store, run, (parent, new), named, request, report, say)
    report.seconds = round(time.monotonic() - start, 3)
    return report


def _encoder(run: RunFolder, request: RefreshRequest) -> EncoderSpec | None:
    """Return the spec of the trained encoder; None if the run left banks only."""
    if run.encoder is None:
        return None
    if run.adapter is not None:
        return adapter_spec(run.encoder)
    name = f"checkpoint/{run.encoder.resolve()}"
    return resolve(EncoderRequest(name, precision=request.precision, device=request.device))


def _spec(
    run: RunFolder, encoder: EncoderSpec, parent: SpaceInfo, snapshot: Snapshot, request: RefreshRequest
) -> EncoderSpec:
    """Return the spec of the new space: crops are the parent's, precision and batch size those of an earlier run."""
    if run.adapter is not None:
        return encoder
    return stored_spec(replace(encoder, crop=parent.spec.crop), snapshot, request.precision)


@dataclass(frozen=True, slots=True)
class _Filling:
    """Fills the space of a trained encoder."""

    writer: StoreWriter
    run: RunFolder
    spec: EncoderSpec
    parent: SpaceInfo
    request: RefreshRequest
    report: RefreshReport
    say: Callable[[str], None]

    def fill(self) -> SpaceInfo | None:
        """Fill the space as far as possible; it is complete if nothing is left to do. None if nothing could be done."""
        space = self._embed() if self.run.adapter is None else self._map(self.run.adapter)
        if space is None:
            return None
        self.report.space, self.report.state = space.name, space.state
        if not self.report.interrupted and not self.report.left_out:
            self.writer.set_state(space, "complete")
            self.report.state = "complete"
        self.writer.commit("refresh")
        self.writer.tidy()
        return space

    def _map(self, adapter: Adapter) -> SpaceInfo:
        mapped = map_space(self.writer, adapter, self.spec, self.parent, self.request.views)
        self.report.embedded, self.report.replaced, self.report.unchanged = mapped[1:4]
        if mapped.lacking:
            self.report.left_out[LACKING] = mapped.lacking
        return mapped.space

    def _embed(self) -> SpaceInfo | None:
        request, report, snapshot = self.request, self.report, self.writer.snapshot
        images = stored_images(snapshot, set(self.writer.vector_keys(self.parent)))
        if not images:
            raise InputError(f"No sample has a vector in space {self.parent.name}, so there is nothing to embed.")
        options = IndexOptions(
            views=_views(request.views, self.parent),
            workers=request.workers or IndexOptions().workers,
            commit_seconds=request.commit_seconds,
            max_pixels=request.max_pixels,
            quiet=request.quiet,
        )
        done = embed_stored(
            images,
            self.writer,
            self.spec,
            load=lambda: load(self.spec, request.device),
            register=self._register,
            options=options,
        )
        report.embedded, report.unchanged, report.interrupted = done.embedded, done.unchanged, done.interrupted
        report.left_out, report.left_out_first = done.left_out.left_out, done.left_out.first
        report.failures = done.failures
        return done.space

    def _register(self, encoder: Encoder, views: tuple[str, ...]) -> SpaceInfo:
        """Register the space of the loaded encoder, and its classifier unless the run has a bank of it."""
        for line in encoder.notes:
            self.say(line)
        space = self.writer.register_space(
            self.spec,
            encoder.dimension,
            views,
            widths=view_widths(encoder, views),
            parent=self.parent.fingerprint,
            state="filling",
        )
        has_bank = any(bank.owner == "new" and bank.kind == "classifier" for bank in self.run.banks)
        if encoder.head is not None and not has_bank:
            classes = self.run.classes if len(self.run.classes) == len(encoder.head.weight) else ()
            self.writer.save_bank(classifier_bank(encoder.head, self.spec, classes))
        return space


OF_ANY_ENCODER = ("base", "hflip")
"""Views that any encoder makes of an image; a crop policy may add others."""


def _views(named: tuple[str, ...] | None, parent: SpaceInfo) -> tuple[str, ...]:
    """Return the views to embed: those that are named, with ``base`` first, else those of the parent.

    Raises:
        UnknownNameError: there is no such view.
    """
    for view in named or ():
        if view not in VIEWS:
            raise unknown("view", view, VIEWS)
    wanted = [view for view in OF_ANY_ENCODER if view in parent.views] if named is None else named
    return tuple(view for view in VIEWS if view == "base" or view in wanted)


def _compare(
    store: LanceStore,
    run: RunFolder,
    spaces: tuple[SpaceInfo, SpaceInfo | None],
    named: Sequence[dict[str, Any]],
    request: RefreshRequest,
    report: RefreshReport,
    say: Callable[[str], None],
) -> None:
    """Compare the spaces if the new one is complete, and draw the sheet."""
    parent, new = spaces
    if report.left_out:
        say("The spaces are not compared: not every image has a vector in both.")
        return
    report.changes = compare_spaces(store, run, parent, new, named, request.device, say)
    for warning in dict.fromkeys(text for comparison in report.changes.comparisons for text in comparison.warnings):
        say(f"Warning: {warning}")
    neighbours = report.changes.neighbours
    _keep(run, report, say)
    if request.sheet is None:
        return
    if neighbours is None or not neighbours.moved or new is None:
        say(f"No image moved, so there is nothing to draw in {request.sheet}.")
    else:
        with store.snapshot() as snapshot:
            title = f"Images whose neighbours changed most: {parent.name} before, {new.name} after"
            write_moved_sheet(snapshot, neighbours, title, request.sheet)
        say(f"Contact sheet: {request.sheet}")


def _keep(run: RunFolder, report: RefreshReport, say: Callable[[str], None]) -> None:
    """Keep what was compared in the folder of the run, for `runs`; an encoder that was copied from one has no such."""
    if report.changes is None or not (run.path / RUN).is_file():
        return
    changes = report.changes.to_dict()
    kept = changes["neighbours"] or {}
    numbers = {name: kept[name] for name in ("samples", "of", "k", "overlap", "trained") if name in kept}
    try:
        keep_changes(run.path, report.parent, report.space, changes["comparisons"], numbers)
    except InputError as error:
        say(f"The comparison is not kept for `runs`: {error}")
