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
"""``prompts``: vectors of texts from a text tower. ``learned-prompts``: vectors of texts with a trained context.

``classifier``: weights of a trained last layer, which takes vectors as the encoder makes them; with a temperature,
those of a head for unit vectors. ``prototypes``: one or a few unit vectors per class.
"""

TEXT_KINDS: tuple[BankKind, ...] = ("prompts", "learned-prompts")
"""Kinds of which every vector is one of a text tower."""


@dataclass(frozen=True, slots=True)
class Bank:
    """A set of vectors of one space that queries are scored against, with edges to classes.

    ``space`` is the fingerprint of the space and ``origin`` says where the vectors come from. ``vectors`` (m, d)
    float32 are unit vectors, except the weights of a classifier. Edge i says that vector ``edge_vector[i]`` belongs to
    class ``edge_class[i]``; both have shape (e,). ``texts`` are m texts, ``bias`` has shape (m,). ``temperature`` is
    what cosines with texts are divided by, and in a classifier the products with unit vectors plus ``bias``; a
    classifier without one is multiplied with vectors of the lengths that the encoder gave them.
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
        """Hash of space, vectors, edges, texts, bias and temperature, but not of name, kind and origin."""
        state = hashlib.sha256(self.space.encode())
        for array in (self.vectors, self.edge_vector, self.bias):
            state.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        words = [list(map(str, self.edge_class)), self.texts, self.temperature]
        state.update(json.dumps(words, sort_keys=True).encode())
        return state.hexdigest()
