"""Spaces of vectors, which vectors may be compared, and the interface of search indexes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias

from retrieval.errors import SpaceMismatchError
from retrieval.types.arrays import Float32, Int64
from retrieval.types.banks import TEXT_KINDS, Bank
from retrieval.types.encoders import EncoderSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


SpaceState: TypeAlias = Literal["complete", "filling"]
"""``complete``: all samples that should have a vector have one. ``filling``: a refresh has not finished.

Readers use a filling space only if the user names it.
"""


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A registered space.

    ``rows`` is the number of vectors. ``parent`` is the fingerprint of the space from which this one was made. With
    ``matrix`` (d, d of the parent) float32, its vectors are those of the parent times the matrix, L2-normalised.
    ``promoted`` is the time at which the space became the default, ISO 8601.
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
        """Whether the vectors were imported from a file; such a space has no encoder."""
        return self.spec.family == "imported"


class VectorMatrix(NamedTuple):
    """All vectors of one view of a space: ``keys`` (n,) bytes, ``data`` (n, d) float32, usually memory-mapped.

    ``space`` is the fingerprint of the space.
    """

    keys: NDArray[np.bytes_]
    data: Float32
    space: str


def require_same_space(space: SpaceInfo, fingerprint: str, what: str) -> None:
    """Check that vectors may be compared with those of a space. Called before every comparison of vectors.

    Args:
        space: the space.
        fingerprint: fingerprint of the space of the other vectors.
        what: name of the other vectors, with which the message begins, such as "Bank 'words'".

    Raises:
        SpaceMismatchError: the two spaces differ.
    """
    if fingerprint != space.fingerprint:
        raise SpaceMismatchError(
            f"{what} belongs to space {fingerprint[:12]} and cannot be compared with vectors of space {space.name} "
            f"({space.fingerprint[:12]}); use one that was made in {space.name}."
        )


def shares_texts(space: SpaceInfo) -> bool:
    """Return whether the vectors of texts are those of the parent of a space.

    So it is with an adapter: its matrix maps images and was trained for the texts as they are.
    """
    return space.parent is not None and space.spec.family == "adapter"


def require_bank_of(space: SpaceInfo, bank: Bank) -> None:
    """Check that vectors of a space may be scored against a bank. Called before every use of a bank.

    A bank is one of the space itself, or has texts of the parent of an adapter. Classifiers and prototypes of the
    parent are made of vectors of images, which the matrix moves.

    Raises:
        SpaceMismatchError: the bank belongs to another space.
    """
    if not (shares_texts(space) and bank.space == space.parent and bank.kind in TEXT_KINDS):
        require_same_space(space, bank.space, f"Bank '{bank.name}'")


def require_bank_width(bank: Bank, space: str, widths: Sequence[int]) -> None:
    """Check that a bank is as wide as its space. Called before a bank is saved.

    Args:
        bank: the bank.
        space: name of its space.
        widths: the dimension of the space, then those of its views.

    Raises:
        SpaceMismatchError: the bank has another width.
    """
    width = bank.vectors.shape[1]
    if width not in widths:
        raise SpaceMismatchError(
            f"Bank '{bank.name}' has vectors of {width} dimensions, and space {space} has {widths[0]}, so it "
            "is of another space; save it in the one that it was made in."
        )


class Neighbors(NamedTuple):
    """``rows`` (queries, k) of the searched matrix and their ``scores`` (queries, k); -1 and -inf pad short lists."""

    rows: Int64
    scores: Float32


class SearchIndex(Protocol):
    """Finds the k rows of highest score; equal scores are ordered by row, also at rank k.

    ``exhaustive`` is whether every row is compared.
    """

    exhaustive: bool

    def search(self, queries: Float32, k: int, exclude: Sequence[Int64] | None = None) -> Neighbors:
        """Search with queries (q, d); ``exclude[i]`` are rows that are not returned for query i."""
        ...
