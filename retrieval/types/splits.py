"""Split sets: which sample has which role (query, gallery, train, val, test) in every draw of an evaluation.

A draw is one random (or fixed) division of the samples into roles; an evaluation averages its metrics over draws.
Protocols (``eval/protocols``) make split sets; the store keeps them by name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrieval.types.arrays import Int64

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SplitSet:
    """One or more draws as a table of n rows; each row gives one sample its role in one draw.

    Two split sets with the same rows in any order have the same ``sha256``, whatever their names.

    Attributes:
        name: name of the split set.
        draw: (n,) number of the draw.
        sample: (n,) id of the sample.
        role: (n,) role of the sample in the draw.
    """

    name: str
    draw: Int64
    sample: NDArray[np.str_]
    role: NDArray[np.str_]

    def without(self, samples: Collection[str]) -> SplitSet:
        """Return the rows of other samples; a name that ends in the old hash gets the new one."""
        rows = ~np.isin(self.sample, np.array(sorted(samples), np.str_))
        new = SplitSet(self.name, self.draw[rows], self.sample[rows], self.role[rows])
        stem, at, mark = self.name.rpartition("@")
        name = f"{stem}@{new.sha256[:8]}" if at and mark == self.sha256[:8] else self.name
        return SplitSet(name, new.draw, new.sample, new.role)

    @property
    def sha256(self) -> str:
        """Hash of the rows, independent of their order."""
        order = np.lexsort((self.role, self.sample, self.draw))
        state = hashlib.sha256()
        for start in range(0, len(order), 65_536):
            rows = order[start : start + 65_536]
            columns = (self.draw[rows].tolist(), self.sample[rows].tolist(), self.role[rows].tolist())
            state.update(
                "".join(f"{draw},{sample},{role}\n" for draw, sample, role in zip(*columns, strict=True)).encode()
            )
        return state.hexdigest()
