"""Columns of samples, in order of sample id, as protocols read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from retrieval.types import Int64


@dataclass(frozen=True, slots=True)
class Pool:
    """A table of samples: ``ids`` (n,) ascending sample ids; ``columns`` name -> (n,) values, None where unknown."""

    ids: NDArray[np.str_]
    columns: Mapping[str, NDArray[np.object_]]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, mask: NDArray[np.bool_]) -> Pool:
        """Select the samples where ``mask`` (n,) is True."""
        return Pool(self.ids[mask], {name: values[mask] for name, values in self.columns.items()})

    def among(self, column: str, *values: Any) -> NDArray[np.bool_]:
        """Whether each sample has one of these values in a column: (n,)."""
        return np.fromiter((value in values for value in self.columns[column]), np.bool_, len(self))

    def known(self, column: str) -> NDArray[np.bool_]:
        """Whether each sample has a value in a column: (n,)."""
        return np.fromiter((value is not None for value in self.columns[column]), np.bool_, len(self))

    def values(self, column: str) -> list[Any]:
        """The distinct known values of a column, sorted."""
        return sorted({value for value in self.columns[column] if value is not None})


def text_codes(values: NDArray[np.object_]) -> tuple[Int64, list[str]]:
    """Number texts in sorted order: codes (n,), -1 for None, and the texts by code."""
    names = sorted({str(value) for value in values if value is not None})
    numbers = {name: code for code, name in enumerate(names)}
    return np.array([-1 if value is None else numbers[str(value)] for value in values], np.int64), names
