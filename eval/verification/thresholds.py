"""The threshold of a verification, chosen on identities that no draw tests."""

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
    """Thresholds of a verification.

    ``values`` are by part; ``splits`` are those of their samples, ``sha256`` the hash of the ids of these, ``counts``
    the numbers of their identities and samples.
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
    """Choose a threshold per part: that of a false match rate among untested identities of held-out splits.

    Args:
        samples: of the evaluation.
        parts: draws whose roles include the splits; the first draw is used.
        threshold_from: some of :data:`HELD_OUT`; ``auto`` is val, or val and train if val is not enough; ``none`` gives
            no threshold.
        fmr: the false match rate.
        rng: samples pairs, if there are very many.

    Raises:
        InputError: the named splits have no genuine or no impostor pair of untested identities.
    """
    if threshold_from == NONE:
        return Thresholds({}, NONE, None, {}, ())
    for splits in [("val",), HELD_OUT] if threshold_from == AUTO else [threshold_from]:
        rows = {part: _held_out(samples, draws[0], splits) for part, draws in parts.items()}
        values = {part: _threshold(samples, held, fmr, rng) for part, held in rows.items()}
        if all(value is not None for value in values.values()):
            train = [draw["train"] for draws in parts.values() for draw in draws if "train" in draw]
            chosen = {part: float(value) for part, value in values.items() if value is not None}
            return _thresholds(samples, chosen, splits, np.unique(np.concatenate(list(rows.values()))), train)
    missing = (
        f"No threshold can be chosen: identities of split {' and '.join(splits)} that are not tested give no pair "
        "of one identity, or none of two"
    )
    if threshold_from != AUTO:
        raise InputError(f"{missing}; pass `threshold_from=auto` or none, or index held-out identities as val.")
    return Thresholds({}, NONE, None, {}, (f"{missing}; index held-out identities as val.",))


def _held_out(samples: PairSamples, draw: Draw, splits: Sequence[str]) -> Int64:
    rows = samples.with_identity(
        np.unique(np.concatenate([np.empty(0, np.int64), *(draw[s] for s in splits if s in draw)]))
    )
    untested: Int64 = rows[~samples.is_tested(rows)]
    return untested


def _threshold(samples: PairSamples, rows: Int64, fmr: float, rng: np.random.Generator) -> float | None:
    if not len(rows):
        return None
    pairs = score_pairs(samples.untested_side(rows), None, rng)
    if not pairs.genuine.total or not pairs.impostor.total:
        return None
    return threshold_at_fmr(error_curve(pairs.genuine, pairs.impostor), fmr)


def _thresholds(
    samples: PairSamples, values: dict[str, float], splits: tuple[str, ...], used: Int64, train: Sequence[Int64]
) -> Thresholds:
    """Describe thresholds that were chosen on the samples ``used``; ``train`` are rows of split train, per draw."""
    identities = np.unique(samples.unit[used])
    shared = int(np.isin(identities, samples.unit[np.concatenate(train)]).sum()) if train else 0
    warnings: tuple[str, ...] = ()
    if shared:
        why = "an encoder trained on them tells them apart too well, and their threshold does not carry over"
        warnings = (f"The threshold comes from {len(identities)} identities, {shared} of split train: {why}.",)
    counts = {"threshold_identities": len(identities), "threshold_samples": len(used)}
    return Thresholds(values, splits, digest(*samples.ids[used].tolist(), size=32), counts, warnings)
