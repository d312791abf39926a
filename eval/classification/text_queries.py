"""Text-to-image retrieval: the texts of a bank search the samples, and a hit is a sample of the text's class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.scorers.similarity import similarity_blocks
from eval.seams.scorer import ClassBank
from retrieval.types import Float32, Int64


def text_to_image(vectors: Float32, labels: Int64, bank: ClassBank, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Compute recall at k of texts that search samples (R@k as in CLIP's tables; any sample of the class is a hit).

    Args:
        vectors: (n, d) unit vectors of the samples.
        labels: (n,) their class codes; -1 is no class.
        bank: the texts; each edge, a text of a class, is one search.
        ks: the ranks k at which recall is computed.

    Returns:
        ``r_k``: share of searches whose first sample of the class has rank k or better; ``texts``: number of
        searches, without those for classes that have no sample. With no search at all there is no ``r_k``.
    """
    ranks = first_ranks(vectors, labels, bank)
    recalls = {f"r_{k}": float((ranks <= k).mean()) for k in ks} if len(ranks) else {}
    return {**recalls, "texts": float(len(ranks))}


def first_ranks(vectors: Float32, labels: Int64, bank: ClassBank) -> Int64:
    """Return the rank, from 1, of the first sample of the class, for each edge whose class has a sample: (edges,).

    Samples are ranked by similarity to the text; ties keep the order of rows.
    """
    searched = np.isin(bank.edge_class, labels)
    text_class, texts = bank.edge_class[searched], bank.vectors[bank.edge_vector[searched]]
    rows = np.arange(len(labels))
    ranks = np.empty(len(texts), np.int64)
    for start, scores in similarity_blocks(texts, vectors):
        stop = start + len(scores)
        positive = labels == text_class[start:stop, None]
        best = np.where(positive, scores, -np.inf).max(axis=1, keepdims=True)
        tied = scores == best
        first = (tied & positive).argmax(axis=1)[:, None]
        ranks[start:stop] = 1 + (scores > best).sum(axis=1) + (tied & (rows < first)).sum(axis=1)
    return ranks
