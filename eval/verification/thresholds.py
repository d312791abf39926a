"""Choose the thresholds of a verification on samples of identities that no draw tests.

The mode ``verification`` (``eval/modes/verification.py``) calls :func:`choose_thresholds`, and reports error rates at
the thresholds. A part is the share of an evaluation that belongs to one aspect of the samples; a draw is one division
of its samples into roles (query, gallery, val, train).
"""

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
"""Splits on which thresholds may be chosen."""

AUTO_SPLITS, NO_SPLITS = ("auto",), ("none",)
"""Values of the option ``threshold_from`` that are not splits: val or else val and train; no threshold."""


class Thresholds(NamedTuple):
    """Thresholds of a verification, and the samples on which they were chosen.

    Attributes:
        values: name of a part to its threshold; empty without thresholds.
        splits: splits of the samples, or :data:`NO_SPLITS`.
        sha256: hash of the samples' ids, or None.
        counts: ``threshold_identities`` and ``threshold_samples``, their numbers; empty without thresholds.
        warnings: sentences for the result.
    """

    values: dict[str, float]
    splits: tuple[str, ...]
    sha256: str | None
    counts: dict[str, int]
    warnings: tuple[str, ...]


def choose_thresholds(
    samples: PairSamples,
    parts: Mapping[str, Sequence[Draw]],
    threshold_from: tuple[str, ...],
    fmr: float,
    rng: np.random.Generator,
) -> Thresholds:
    """Choose for each part the threshold that has a given false match rate among identities that are not tested.

    Args:
        samples: samples of the evaluation.
        parts: name of a part to its draws; the roles val and train of the first draw are used.
        threshold_from: some of :data:`HELD_OUT`; ``auto`` is val, or val and train if val is not enough; ``none`` gives
            no threshold.
        fmr: the false match rate: share of the impostor pairs (pairs of two identities) above the threshold.
        rng: generator that samples impostor pairs, if there are very many.

    Raises:
        InputError: the splits in ``threshold_from`` have no genuine pair (of one identity) or no impostor pair whose
            identities are not tested.
    """
    if threshold_from == NO_SPLITS:
        return Thresholds({}, NO_SPLITS, None, {}, ())
    choices = [("val",), HELD_OUT] if threshold_from == AUTO_SPLITS else [threshold_from]
    for splits in choices:
        rows = {part: _held_out(samples, draws[0], splits) for part, draws in parts.items()}
        values = {part: _threshold(samples, held, fmr, rng) for part, held in rows.items()}
        if all(value is not None for value in values.values()):
            train = [draw["train"] for draws in parts.values() for draw in draws if "train" in draw]
            chosen = {part: float(value) for part, value in values.items() if value is not None}
            return _describe(samples, chosen, splits, np.unique(np.concatenate(list(rows.values()))), train)
    missing = (
        f"No threshold can be chosen: the samples of split {' and '.join(choices[-1])} whose identity is not tested "
        "have no pair of the same identity or no pair of different identities"
    )
    if threshold_from != AUTO_SPLITS:
        raise InputError(
            f"{missing}; pass `threshold_from=auto` or `threshold_from=none`, or index held-out identities as val."
        )
    return Thresholds({}, NO_SPLITS, None, {}, (f"{missing}; index held-out identities as val.",))


def _held_out(samples: PairSamples, draw: Draw, splits: Sequence[str]) -> Int64:
    """Return rows of samples of the splits that have an identity which no draw tests."""
    rows = samples.with_identity(
        np.unique(np.concatenate([np.empty(0, np.int64), *(draw[s] for s in splits if s in draw)]))
    )
    untested: Int64 = rows[~samples.is_tested(rows)]
    return untested


def _threshold(samples: PairSamples, rows: Int64, fmr: float, rng: np.random.Generator) -> float | None:
    """Return the threshold of a false match rate over all pairs of rows; None without a pair of either kind."""
    if not len(rows):
        return None
    pairs = score_pairs(samples.untested_side(rows), gallery=None, rng=rng)
    if not pairs.genuine.total or not pairs.impostor.total:
        return None
    return threshold_at_fmr(error_curve(pairs.genuine, pairs.impostor), fmr)


def _describe(
    samples: PairSamples, values: dict[str, float], splits: tuple[str, ...], used: Int64, train: Sequence[Int64]
) -> Thresholds:
    """Describe thresholds that were chosen on the samples ``used``; ``train`` are rows of split train, per draw."""
    identities = np.unique(samples.unit[used])
    shared = int(np.isin(identities, samples.unit[np.concatenate(train)]).sum()) if train else 0
    warnings: tuple[str, ...] = ()
    if shared:
        why = "if the encoder was trained on them, it separates them better than others, whose threshold differs"
        warnings = (f"The threshold comes from {len(identities)} identities, {shared} of split train: {why}.",)
    counts = {"threshold_identities": len(identities), "threshold_samples": len(used)}
    return Thresholds(values, splits, digest(*samples.ids[used].tolist(), size=32), counts, warnings)
