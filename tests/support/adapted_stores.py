"""A labelled store with a space and that of an adapter made from it, and banks of the first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from retrieval.encoders.adapter import adapted_vectors
from retrieval.store.open import LanceStore, create_store
from retrieval.types import Bank, Embeddings, EncoderSpec, Float32, SpaceInfo
from tests.support.labelled_stores import DIMENSION, centres, labelled, name_of, unit_rows, vectors_of
from tests.support.sample_stores import PIXELS, rows

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import BankKind

CLASSES = 4
TEXTS = tuple(f"text {at}" for at in range(CLASSES))
PARENT = EncoderSpec("open_clip", "towers", "random:0", "random-init:0", PIXELS, "fp32", 8)
ADAPTER = replace(PARENT, family="adapter", model="open_clip/towers+rla", weights="folder:gone", weights_digest="1")


class AdaptedStore(NamedTuple):
    """The store, the space of the parent and that of the adapter, and the matrix."""

    store: LanceStore
    parent: SpaceInfo
    adapted: SpaceInfo
    matrix: Float32


def adapted_store(path: Path, *, projected: bool = False) -> AdaptedStore:
    """A store of four classes.

    Args:
        path: its folder.
        projected: whether the adapter maps another view, so that its space has no matrix.
    """
    samples = labelled(CLASSES)
    vectors = vectors_of(samples, 1)
    drawn = np.random.default_rng(0).standard_normal((DIMENSION, DIMENSION))
    matrix: Float32 = (np.eye(DIMENSION) + 0.2 * drawn).astype(np.float32)
    columns = {name: [str(row[name]) for row in samples] for name in ("label", "split")}
    table = rows([f"s{at:03}" for at in range(len(samples))], **columns)
    keys = table.column("key").to_pylist()
    store = create_store(path)
    with store.writer() as writer:
        parent = writer.register_space(PARENT, DIMENSION, ("base",))
        adapted = writer.register_space(
            ADAPTER, DIMENSION, ("base",), parent=parent.fingerprint, matrix=None if projected else matrix
        )
        writer.append_vectors(parent, keys, {"base": Embeddings(vectors, np.full(len(vectors), 2, np.float32))})
        writer.append_vectors(adapted, keys, {"base": adapted_vectors(vectors, matrix)})
        writer.append_samples(table)
        writer.commit("test")
    return AdaptedStore(store, parent, adapted, matrix)


def bank(space: SpaceInfo, kind: BankKind = "prompts", name: str | None = None, *, scale: float = 1) -> Bank:
    """A bank with one vector a class, the centres of the classes."""
    vectors = unit_rows(centres(CLASSES, 1)) * np.float32(scale)
    texts = TEXTS if kind in ("prompts", "learned-prompts") else None
    names = np.array([name_of(code) for code in range(CLASSES)])
    return Bank(name or kind, space.fingerprint, "prompts:x", vectors, np.arange(CLASSES), names, texts, kind=kind)
