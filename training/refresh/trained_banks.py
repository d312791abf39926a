"""Save the banks of a training run in a store, for the space that was trained from or for the new one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.types import Bank

if TYPE_CHECKING:
    from retrieval.types import SpaceInfo
    from retrieval.types.store import EmbeddingStore
    from training.refresh.run_folder import RunFolder

TEXTS = ("prompts", "learned-prompts")
"""Kinds of banks that a text tower made."""


def save_trained_banks(store: EmbeddingStore, run: RunFolder, parent: SpaceInfo, new: SpaceInfo | None) -> list[str]:
    """Save the banks of a run; return their names, each with that of its space.

    Args:
        store: the store.
        run: the run.
        parent: the space that was trained from.
        new: the space of the trained encoder; None if the run left banks only.

    Raises:
        StoreError: the store cannot be written.
    """
    saved = []
    for bank in run.banks:
        space = parent if bank.owner == "parent" or new is None else new
        store.save_bank(
            Bank(
                name=bank.name,
                space=space.fingerprint,
                kind=bank.kind,
                origin=f"training:{run.path.resolve()}",
                vectors=bank.vectors,
                edge_vector=bank.edge_vector,
                edge_class=bank.edge_class,
                texts=bank.texts,
                bias=bank.bias,
                temperature=bank.temperature,
            )
        )
        saved.append(f"{bank.name} in {space.name}")
    return saved


def carry_texts(store: EmbeddingStore, parent: SpaceInfo, new: SpaceInfo) -> None:
    """Save the text banks of a parent for the space of its adapter, whose text tower is the parent's.

    An adapter to another dimension takes no texts.
    """
    for bank in store.banks(parent.fingerprint):
        if bank.kind in TEXTS and bank.vectors.shape[1] == new.dimension:
            store.save_bank(replace(bank, space=new.fingerprint))
