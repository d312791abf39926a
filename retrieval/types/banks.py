"""Banks: sets of vectors of a space that queries are scored against."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from retrieval.types.arrays import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray


BankKind: TypeAlias = Literal["prompts", "learned-prompts", "classifier", "prototypes"]
"""``prompts``: vectors of texts, by a text tower. ``learned-prompts``: of texts with a trained context.

``classifier``: rows of a trained last layer. ``prototypes``: one or a few unit vectors for each class.
"""


@dataclass(frozen=True, slots=True)
class Bank:
    """A set of vectors of one space that queries are scored against, with edges to classes; ``kind`` says what it is.

    ``vectors`` (m, d) float32, as they were made (texts are unit vectors, a classifier's rows are not);
    ``edge_vector`` (e,) rows and ``edge_class`` (e,) class names say which vector speaks for which class.
    """

    name: str
    space: str
    origin: str
    vectors: Float32
    edge_vector: Int64
    edge_class: NDArray[np.str_]
    texts: tuple[str, ...] | None = None
    bias: Float32 | None = None
    temperature: float | None = None
    kind: BankKind = field(kw_only=True)

    @property
    def sha256(self) -> str:
        """Hash of space, vectors, edges, texts, bias and temperature; name, kind and origin are not part of it."""
        state = hashlib.sha256(self.space.encode())
        for array in (self.vectors, self.edge_vector, self.bias):
            state.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        words = [list(map(str, self.edge_class)), self.texts, self.temperature]
        state.update(json.dumps(words, sort_keys=True).encode())
        return state.hexdigest()
