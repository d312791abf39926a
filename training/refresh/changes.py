"""Say what changed from one space to another: evaluations of both with paired intervals, and neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.runs.request import RequestInputs
from eval.runs.run import prepare
from eval.runs.tasks import task_of
from retrieval.encoders.text_tokens import has_text_tower
from retrieval.errors import VitrineError
from training.refresh.evaluations import ZEROSHOT, embed_texts, inputs_of, pairs_of, text_banks, usual_evaluations
from training.refresh.neighbours import HELD_OUT, neighbour_change
from training.refresh.report import SpaceChanges
from training.run_samples import RunSamples, evaluated_ids

if TYPE_CHECKING:
    from eval.runs.task import PreparedEvaluation
    from retrieval.types import SpaceInfo
    from retrieval.types.store import EmbeddingStore
    from training.refresh.run_folder import RunFolder

TARGETS = ("label", "identity")


def compare_spaces(
    store: EmbeddingStore,
    run: RunFolder,
    parent: SpaceInfo,
    new: SpaceInfo | None,
    named: Sequence[dict[str, Any]],
    device: str,
    say: Callable[[str], None],
) -> SpaceChanges:
    """Compare the old and the new space, from the store alone: no image is opened.

    Args:
        store: the store.
        run: the training run.
        parent: the old space.
        new: the new space; None if the run left banks only.
        named: evaluations that the user named; empty for those that the training calls for.
        device: device of the text tower, for texts that the new space lacks.
        say: gets a sentence about an evaluation that cannot be done, and why.
    """
    with store.snapshot() as snapshot:
        samples = (run.samples or RunSamples()).with_copies(snapshot)
        columns = [
            name for name in TARGETS if snapshot.samples([name]).column(name).null_count < snapshot.count("samples")
        ]
    evaluations = list(named)
    if not evaluations:
        evaluations = usual_evaluations(run, columns, _common_texts(store, run, parent, new)) if columns else []
    if new is not None and any(fields["mode"] == ZEROSHOT for fields in evaluations):
        embed_texts(store, parent, new, device, say)
    changes, ids = SpaceChanges(), set[str]()
    if run.samples is None and evaluations:
        say(
            f"{run.path} does not list the samples that it was trained on, so nothing says whether the comparison is "
            "on others."
        )
    for pair in pairs_of(evaluations, run, parent, new):
        task = task_of(pair.before.mode)
        try:
            inputs = RequestInputs() if named else inputs_of(store, run, pair.before.model_dump())
            before, after = prepare(store, pair.before, inputs), prepare(store, pair.after, inputs)
            warning = samples.warning(before.splits)
            if warning is not None and not named:
                say(
                    f"Not compared by {pair.before.mode}: {samples.among(evaluated_ids(before.splits))}; name an "
                    "evaluation of other samples as `evaluate`."
                )
                continue
            comparison = task.compare(before, after)
            warnings = (*comparison.warnings, *filter(None, [warning]))
            changes.comparisons.append(replace(comparison, warnings=warnings))
            ids |= _held_out(before)
        except VitrineError as error:
            say(f"Not compared by {pair.before.mode}: {error}")
    if new is not None:
        target = str(run.record.get("target") or next(iter(columns), "label"))
        with store.snapshot() as snapshot:
            stored = snapshot.column_names("samples")
            name = target if target in stored else f"meta_{target}" if f"meta_{target}" in stored else "label"
            changes.neighbours = neighbour_change(snapshot, parent, new, ids or None, name, samples)
    return changes


def _common_texts(store: EmbeddingStore, run: RunFolder, parent: SpaceInfo, new: SpaceInfo | None) -> list[str]:
    """Return the names of the old space's banks of texts that the new space, or the run's learned prompts, answer."""
    names = {bank.name for bank in text_banks(store, parent)}
    if new is None:
        return sorted(names) if any(bank.kind == "learned-prompts" for bank in run.banks) else []
    if not has_text_tower(new.spec):
        names &= {bank.name for bank in text_banks(store, new)}
    return sorted(names)


def _held_out(prepared: PreparedEvaluation) -> set[str]:
    splits = prepared.splits
    chosen: set[str] = set(splits.sample[np.isin(splits.role, HELD_OUT)].tolist())
    return chosen
