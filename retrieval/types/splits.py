"""Split sets: the role of each sample in each draw."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrieval.types.arrays import Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SplitSet:
    """A set of draws: sample ``sample[i]`` (an id) has the role ``role[i]`` in draw ``draw[i]``; all have shape (n,).

    Two sets with the same rows in any order have the same ``sha256``, whatever their names.
    """

    name: str
    draw: Int64
    sample: NDArray[np.str_]
    role: NDArray[np.str_]

    @property
    def sha256(self) -> str:
        """Hash of the rows, independent of their order."""
        order = np.lexsort((self.role, self.sample, self.draw))
        state = hashlib.sha256()
        for at in order:
            state.update(f"{self.draw[at]},{self.sample[at]},{self.role[at]}\n".encode())
        return state.hexdigest()
