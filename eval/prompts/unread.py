"""Texts that a text tower does not read whole, does not tell apart, or in which there is nothing to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from eval.prompts.check import plural
from eval.seams.scorer import ClassBank
from retrieval.errors import VitrineError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from retrieval.types import EncoderSpec

SAME = 2e-6
"""Largest difference between numbers of two unit vectors that are the same but for rounding."""

NEIGHBOURS = 8
"""Vectors of similar projection that each vector is compared with."""


def unread_warnings(bank: ClassBank, classes: Sequence[str], spec: EncoderSpec) -> list[str]:
    """Warn about texts that are cut, those without a word, and those of different classes that have one vector.

    Args:
        bank: texts and vectors over the label universe.
        classes: (C,) names of the label universe.
        spec: the encoder of the space, whose text tower reads the texts.
    """
    from retrieval.encoders.text_tokens import CutTexts, cut_texts

    texts = bank.texts or ()
    warnings = []
    silent = [text for text in texts if not any(letter.isalnum() for letter in text)]
    if silent:
        warnings.append(
            f"{plural(len(silent), 'text', 'texts')} of bank {bank.name} without a letter or digit, such as "
            f"{silent[0]!a}; a text tower reads nothing in them."
        )
    try:
        cut = cut_texts(texts, spec)
    except VitrineError as error:
        cut = CutTexts(0, {})
        warnings.append(f"Whether the texts of bank {bank.name} are cut could not be found out: {error}")
    if cut.tokens:
        first = next(iter(cut.tokens))
        warnings.append(
            f"{len(cut.tokens):,} of {len(texts):,} texts of bank {bank.name} are longer than the {cut.context} tokens "
            f"that the text tower reads, the longest {max(cut.tokens.values())}: what stands behind is not read, as in "
            f"'{_shortened(first)}'."
        )
    return warnings + _equal_warnings(bank, classes)


def _equal_warnings(bank: ClassBank, classes: Sequence[str]) -> list[str]:
    """Warn about different texts of different classes that have the same vector."""
    if bank.texts is None or len(bank.texts) < 2:
        return []
    groups = equal_vectors(bank.vectors)
    members = np.unique(np.stack([groups[bank.edge_vector], bank.edge_class]), axis=1)
    several = np.flatnonzero(np.bincount(members[0]) > 1)
    rows = np.flatnonzero(np.isin(groups, several[np.bincount(groups)[several] > 1]))
    if not len(rows):
        return []
    codes = bank.edge_class[np.isin(bank.edge_vector, np.flatnonzero(groups == groups[rows[0]]))]
    one, other = (classes[code] for code in np.unique(codes)[:2])
    count = f"{len(rows):,} of {len(bank.texts):,} texts of bank {bank.name}"
    what = f"have the same vector as another text of another class, as '{one}' and '{other}' have"
    return [f"{count} {what}: the text tower reads no difference, and these classes are answered alike."]


def equal_vectors(vectors: Float32) -> Int64:
    """Group equal vectors.

    Args:
        vectors: (m, d) unit vectors.

    Returns:
        (m,) codes, the same for vectors that differ by no more than rounding.
    """
    n = len(vectors)
    direction = np.random.default_rng(0).standard_normal(vectors.shape[1])
    place = vectors.astype(np.float64) @ (direction / np.linalg.norm(direction))
    order = np.argsort(place, kind="stable")
    pairs = []
    for shift in range(1, min(NEIGHBOURS + 1, n)):
        one, other = order[:-shift], order[shift:]
        near = place[other] - place[one] < SAME * np.sqrt(vectors.shape[1])
        one, other = one[near], other[near]
        same = (np.abs(vectors[one] - vectors[other]) < SAME).all(axis=1)
        pairs.append(np.stack([one[same], other[same]]))
    rows, columns = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), np.int64)
    if not len(rows):  # as a rule; then scipy need not be imported
        return np.arange(n)
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (n, n))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
