"""Says where objects lie in their images, and how they lie to each other, as their boxes show it."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from retrieval.layout import centre, relation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Box

MOST_TYPES = 12
"""Types of objects that a note lists; with more, nothing is said of each."""

MOST_BOXES = 100
"""Boxes of an image that are compared with each other."""

SHOWN = 4
"""Pairs of types whose relation is told."""


class LayoutNotes:
    """Counts boxes image by image, and makes notes of them."""

    def __init__(self) -> None:
        self._images = 0
        self._heights: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
        self._relations: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def add(self, objects: Sequence[tuple[str, Box]]) -> None:
        """Count the objects of one image: their types and boxes."""
        if not objects:
            return
        self._images += 1
        for kind, box in objects:
            total = self._heights[kind]
            total[0] += centre(box)[1]
            total[1] += 1
        for at, (kind, box) in enumerate(objects[:MOST_BOXES]):
            for other_at, (other_kind, other) in enumerate(objects[:MOST_BOXES]):
                if at != other_at and kind < other_kind:
                    self._relations[kind, other_kind][relation(box, other)] += 1

    def notes(self) -> list[str]:
        """Return sentences: objects per image, mean heights by type, and the most frequent relations of types."""
        objects = int(sum(count for _, count in self._heights.values()))
        if not objects or len(self._heights) > MOST_TYPES:
            return []
        heights = ", ".join(f"{kind} {total / count:.2f}" for kind, (total, count) in sorted(self._heights.items()))
        mean = f"{objects / self._images:.2f} objects in an image that has any"
        lines = [f"{mean}; mean height of their centres (0 is the top): {heights}."]
        pairs = sorted(self._relations.items(), key=lambda entry: (-entry[1].total(), entry[0]))[:SHOWN]
        told = [f"{kind} {_words(counts)} {other} ({counts.total():,} pairs)" for (kind, other), counts in pairs]
        return [*lines, f"How they lie to each other: {'; '.join(told)}."] if told else lines


def _words(counts: Counter[str]) -> str:
    """Write the two most frequent relations with their shares: ``above (58 %) or left of (20 %)``."""
    return " or ".join(f"{name} ({100 * n / counts.total():.0f} %)" for name, n in counts.most_common(2))
