"""Open-set identification: some searches are of people who are not in the gallery.

A search returns the best gallery entry if its score is above the threshold. FPIR is the share of unmated searches
(identity not in the gallery) that return anything; FNIR at rank 1 is the share of mated searches whose mate is not the
entry returned (ISO/IEC 19795-1; Grother, Ngan and Hanaoka, NISTIR 8271, section 3). 1 - FNIR at rank 1 is the detection
and identification rate, DIR (Phillips, Grother and Micheals 2011, Handbook of Face Recognition).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retrieval.types import Float32

NEVER_RETURNED = np.float32(-2.0)
"""Below every cosine: the score of a mate that no threshold returns."""


class BestScores(NamedTuple):
    """Best scores per query: ``mate`` (n,) among gallery entries of its identity, ``other`` (n,) among the rest.

    -inf where there is no such entry.
    """

    mate: Float32
    other: Float32


def mated_scores(searches: BestScores) -> Float32:
    """Score at which each mated search (n,) finds its mate at rank 1: the mate's, or :data:`NEVER_RETURNED`.

    A mate that only equals the best other entry is not found: which of the two is returned would be chance. So the
    verification metrics apply, with these scores as the genuine ones and those of :func:`unmated_scores` as the
    impostor ones: FNMR is FNIR, FMR is FPIR.
    """
    return np.where(searches.mate > searches.other, searches.mate, NEVER_RETURNED).astype(np.float32)


def unmated_scores(searches: BestScores) -> Float32:
    """Score of the best gallery entry of each unmated search (n,): above the threshold it is a false positive."""
    return np.maximum(searches.other, NEVER_RETURNED)
