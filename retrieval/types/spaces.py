"""Spaces of vectors, and searching them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from retrieval.errors import SpaceMismatchError
from retrieval.types.arrays import Float32, Int64
from retrieval.types.encoders import EncoderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


SpaceState: TypeAlias = Literal["complete", "filling"]
"""``complete``: every sample that was to have a vector has one. ``filling``: a refresh has not finished.

Readers never take a filling space unless it is named.
"""


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A registered space. ``imported`` spaces have vectors but no encoder (``spec.family == "imported"``).

    ``parent`` is the fingerprint of the space that this one was made from. With ``matrix`` (d, d of the parent)
    float32, its vectors are those of the parent times the matrix, L2-normalised. ``promoted`` is when the space was
    made the default, ISO 8601.
    """

    fingerprint: str
    name: str
    spec: EncoderSpec
    dimension: int
    views: tuple[str, ...]
    created: str
    rows: int = 0
    state: SpaceState = "complete"
    parent: str | None = None
    matrix: Float32 | None = field(default=None, compare=False)
    promoted: str | None = None

    @property
    def imported(self) -> bool:
        """Whether the vectors came from a file instead of one of our encoders."""
        return self.spec.family == "imported"


class VectorMatrix(NamedTuple):
    """All vectors of one view of a space: ``keys`` (n,) bytes, ``data`` (n, d) float32, usually memory-mapped.

    ``space`` is the fingerprint of the space.
    """

    keys: NDArray[np.bytes_]
    data: Float32
    space: str


def require_same_space(space: SpaceInfo, fingerprint: str, what: str) -> None:
    """Check that vectors may be compared with those of ``space``; every comparison of vectors passes here.

    Args:
        space: the space of the one side.
        fingerprint: of the space that the other side belongs to.
        what: the other side, as a sentence begins with it, such as "Bank 'words'".

    Raises:
        SpaceMismatchError: the two spaces differ.
    """
    if fingerprint != space.fingerprint:
        raise SpaceMismatchError(
            f"{what} belongs to space {fingerprint[:12]} and cannot be compared with vectors of space {space.name} "
            f"({space.fingerprint[:12]}); use one that was made in {space.name}."
        )


class Neighbors(NamedTuple):
    """``rows`` (queries, k) into the searched matrix and ``scores`` (queries, k); -1 and -inf pad short lists."""

    rows: Int64
    scores: Float32


class SearchIndex(Protocol):
    """k nearest by score (higher is better), ties broken by row order, also at the k-th place."""

    exhaustive: bool

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Search (queries, d); ``exclude[i]`` are rows that query i may not return."""
        ...
