"""The threshold of a verification, chosen on people whom no draw tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.metrics.verification import error_curve, threshold_at_fmr
from eval.verification.pair_scores import score_pairs
from retrieval.errors import InputError
from retrieval.types import Int64, digest

if TYPE_CHECKING:
    from eval.seams.mode import Draw
    from eval.verification.samples import PairSamples

HELD_OUT = ("val", "train")
AUTO, NONE = ("auto",), ("none",)


class Thresholds(NamedTuple):
    """Part -> threshold, the splits they come from, the samples' hash, and what to say about them."""

    values: dict[str, float]
    splits: tuple[str, ...]
    sha256: str | None
    counts: dict[str, int]
    warnings: tuple[str, ...]


def choose_thresholds(
    samples: PairSamples,
    parts: Mapping[str, Sequence[Draw]],
    asked: tuple[str, ...],
    fmr: float,
    rng: np.random.Generator,
) -> Thresholds:
    """Choose a threshold per part: that of a false match rate among untested people of the ``asked`` splits.

    Args:
        samples: of the evaluation.
        parts: draws whose roles hold the splits; those of the first draw are taken.
        asked: some of :data:`HELD_OUT`; ``auto`` is val, else val and train; ``none`` is no threshold.
        fmr: the false match rate.
        rng: of the sampling of pairs, where there are very many.

    Raises:
        InputError: the named splits have no genuine or no impostor pair of untested people.
    """
    if asked == NONE:
        return Thresholds({}, NONE, None, {}, ())
    for splits in [("val",), HELD_OUT] if asked == AUTO else [asked]:
        rows = {part: _held_out(samples, draws[0], splits) for part, draws in parts.items()}
        values = {part: _threshold(samples, held, fmr, rng) for part, held in rows.items()}
        if all(value is not None for value in values.values()):
            train = [draw["train"] for draws in parts.values() for draw in draws if "train" in draw]
            chosen = {part: float(value) for part, value in values.items() if value is not None}
            return _settled(samples, chosen, splits, np.unique(np.concatenate(list(rows.values()))), train)
    missing = (
        f"No threshold can be chosen: identities of split {' and '.join(splits)} that are not tested give no pair "
        "of one identity, or none of two"
    )
    if asked != AUTO:
        raise InputError(f"{missing}; pass `threshold_from=auto` or none, or index held-out identities as val.")
    return Thresholds({}, NONE, None, {}, (f"{missing}; index held-out identities as val.",))


def _held_out(samples: PairSamples, draw: Draw, splits: Sequence[str]) -> Int64:
    rows = samples.named(np.unique(np.concatenate([np.empty(0, np.int64), *(draw[s] for s in splits if s in draw)])))
    untested: Int64 = rows[~samples.is_tested(rows)]
    return untested


def _threshold(samples: PairSamples, rows: Int64, fmr: float, rng: np.random.Generator) -> float | None:
    if not len(rows):
        return None
    pairs = score_pairs(samples.untested_side(rows), None, rng)
    if not pairs.genuine.total or not pairs.impostor.total:
        return None
    return threshold_at_fmr(error_curve(pairs.genuine, pairs.impostor), fmr)


def _settled(
    samples: PairSamples, values: dict[str, float], splits: tuple[str, ...], used: Int64, train: Sequence[Int64]
) -> Thresholds:
    """Record what the thresholds come from; ``used`` are their samples, ``train`` those of split train."""
    identities = np.unique(samples.person[used])
    shared = int(np.isin(identities, samples.person[np.concatenate(train)]).sum()) if train else 0
    warnings: tuple[str, ...] = ()
    if shared:
        why = "an encoder trained on them tells them apart too well, and their threshold does not carry over"
        warnings = (f"The threshold comes from {len(identities)} identities, {shared} of split train: {why}.",)
    counts = {"threshold_identities": len(identities), "threshold_samples": len(used)}
    return Thresholds(values, splits, digest(*samples.ids[used].tolist(), size=32), counts, warnings)
