"""Prompts the other way round: each text asks for images of its class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eval.scorers.similarity import similarity_blocks
from eval.seams.scorer import ClassBank
from retrieval.types import Float32, Int64


def text_to_image(queries: Float32, labels: Int64, bank: ClassBank, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """Recall at k of texts that search images (R@k of CLIP's tables, with any image of the text's class as a hit).

    Args:
        queries: (n, d) unit vectors of the images.
        labels: (n,) their classes; -1 is none.
        bank: texts; each of its edges, a text for a class, is one search.
        ks: how far a search is read.

    Returns:
        ``r_k``: share of searches whose first image of the class has rank k or better; ``texts``: how many searches
        there are, those for classes without an image left out. Without any there is no ``r_k``.
    """
    ranks = first_ranks(queries, labels, bank)
    recalls = {f"r_{k}": float((ranks <= k).mean()) for k in ks} if len(ranks) else {}
    return {**recalls, "texts": float(len(ranks))}


def first_ranks(queries: Float32, labels: Int64, bank: ClassBank) -> Int64:
    """Rank, from 1, of the first image of the class, for each edge whose class has one: (edges,).

    Images rank by similarity to the text, equal ones in their own order.
    """
    asked = np.isin(bank.edge_class, labels)
    wanted, texts = bank.edge_class[asked], bank.vectors[bank.edge_vector[asked]]
    place = np.arange(len(labels))
    ranks = np.empty(len(texts), np.int64)
    for start, scores in similarity_blocks(texts, queries):
        stop = start + len(scores)
        own = labels == wanted[start:stop, None]
        best = np.where(own, scores, -np.inf).max(axis=1, keepdims=True)
        equal = scores == best
        first = (equal & own).argmax(axis=1)[:, None]
        ranks[start:stop] = 1 + (scores > best).sum(axis=1) + (equal & (place < first)).sum(axis=1)
    return ranks
