"""Which evaluations say what changed: those that the user names, else those that the training calls for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.api import request_values
from eval.audit.leaks import LEARNT
from eval.prompts.embed import prompt_bank
from eval.prompts.sets import PromptSet
from eval.registry import load_mode
from eval.runs.reading import find_split_set
from eval.runs.request import EvalRequest, RequestInputs
from eval.seams.options import NAME_OPTIONS
from retrieval.config import parse_assignments
from retrieval.encoders.text_tokens import has_text_tower
from retrieval.errors import VitrineError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from retrieval.types import Bank, SpaceInfo
    from retrieval.types.store import EmbeddingStore
    from training.refresh.run_folder import RunFolder

ZEROSHOT = "zeroshot"
NEXT = re.compile(r":(?=[\w.]+=)")
"""What stands between the parts of an evaluation's text; a value may have other colons."""


class EvaluationPair(NamedTuple):
    """One evaluation before and after: in two spaces, or in one with two banks."""

    before: EvalRequest
    after: EvalRequest


def read_evaluation(text: str) -> dict[str, Any]:
    """Read ``MODE[:KEY=VALUE]...``; return the fields of a request.

    Raises:
        UnknownNameError: the mode or an option does not exist.
        InputError: a value cannot be used.
    """
    head, *pairs = NEXT.split(text)
    mode, *more = head.split(":")
    load_mode(mode)
    given = parse_assignments([*more, *pairs], f"`evaluate={text}`:", NAME_OPTIONS)
    if isinstance(given.get("prompts"), str):
        given["prompts"] = (given["prompts"],)
    values = request_values(mode, given)
    EvalRequest.read(values, f"`evaluate={text}`")
    return values


def pairs_of(
    values: Sequence[dict[str, Any]], run: RunFolder, parent: SpaceInfo, new: SpaceInfo | None
) -> list[EvaluationPair]:
    """Return evaluations in the old and in the new space; without a new one, of the run's learned prompts.

    Args:
        values: fields of requests, as :func:`read_evaluation` returns them.
        run: the training run.
        parent: the old space.
        new: the new one, or None.
    """
    learned = next((bank.name for bank in run.banks if bank.kind == "learned-prompts"), None)
    pairs = []
    for fields in values:
        before = request_in(parent, fields)
        if new is not None:
            pairs.append(EvaluationPair(before, request_in(new, fields)))
        elif learned is not None and before.mode == ZEROSHOT:
            options = {**before.options, "bank": [learned]}
            pairs.append(EvaluationPair(before, request_in(parent, {**fields, "options": options, "prompts": ()})))
    return pairs


def request_in(space: SpaceInfo, fields: dict[str, Any]) -> EvalRequest:
    """Return a request, as :func:`read_evaluation` returns its fields, in a space."""
    return EvalRequest.read({**fields, "space": space.fingerprint}, "refresh")


def usual_evaluations(run: RunFolder, columns: Sequence[str], banks: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the training calls for: ``reid`` of identities, else ``prototype`` and ``zeroshot`` of each bank.

    Protocol, aspect, split set and condition are those of the recipe.

    Args:
        run: the training run.
        columns: columns in which some sample of the store has a value.
        banks: names of the banks of texts of the old space.
    """
    data = dict(run.record.get("recipe", {}).get("data") or {})
    target = run.record.get("target") or ("label" if "label" in columns else "identity")
    fields = {name: data[name] for name in ("split_set", "where") if data.get(name) is not None}
    if target == "identity":
        more = {name: data[name] for name in ("protocol", "aspect") if data.get(name) is not None}
        return [{"mode": "reid", "options": {}, **fields, **more}]
    options = {} if target == "label" else {"target": target}
    evaluations = [] if run.encoder is None else [{"mode": "prototype", "options": options, **fields}]
    return evaluations + [{"mode": ZEROSHOT, "options": {**options, "bank": [bank]}, **fields} for bank in banks]


def inputs_of(store: EmbeddingStore, run: RunFolder, fields: dict[str, Any]) -> RequestInputs:
    """Return the draw of a split set that was trained on: what is test in another draw may be train in this one.

    Args:
        store: the store.
        run: the training run.
        fields: one of :func:`usual_evaluations`.

    Raises:
        VitrineError: the store has no such split set.
    """
    if fields.get("split_set") is None:
        return RequestInputs()
    with store.snapshot() as snapshot:
        splits = find_split_set(store, snapshot, str(fields["split_set"]))
    if not np.isin(splits.role, LEARNT).any():
        return RequestInputs()  # as of a ranking: in no draw is any of its samples trained on
    draw = int((run.record["recipe"]["data"]).get("draw") or 0)
    rows = splits.draw == draw
    name = f"{splits.name}, draw {draw}"
    return RequestInputs(SplitSet(name, np.zeros_like(splits.draw[rows]), splits.sample[rows], splits.role[rows]))


def text_banks(store: EmbeddingStore, space: SpaceInfo) -> list[Bank]:
    """Return the banks of texts of a space."""
    return [bank for bank in store.banks(space.fingerprint) if bank.kind == "prompts" and bank.texts is not None]


def embed_texts(
    store: EmbeddingStore, parent: SpaceInfo, new: SpaceInfo, device: str, say: Callable[[str], None]
) -> None:
    """Embed the texts of the old space's banks in the new space, which keeps them under the same names."""
    from retrieval.encoders.registry import load

    encoders: dict[str, Any] = {}

    def load_once(spec: Any, device: str) -> Any:
        if spec.fingerprint not in encoders:
            encoders[spec.fingerprint] = load(spec, device)
        return encoders[spec.fingerprint]

    if not has_text_tower(new.spec):
        return
    stored = {bank.name for bank in text_banks(store, new)}
    for bank in text_banks(store, parent):
        if bank.name not in stored:
            pairs = zip(bank.edge_class.tolist(), bank.edge_vector.tolist(), strict=True)
            prompts = PromptSet.of(bank.name, [(label, [(bank.texts or ())[at]]) for label, at in pairs])
            try:
                prompt_bank(store, new, prompts, device, say=say, load=load_once)
            except VitrineError as error:
                say(f"Texts of the bank {bank.name} are not embedded in {new.name}: {error}")
                return
