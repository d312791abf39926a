"""Vectors of two spaces never meet in one comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest

from retrieval.errors import SpaceMismatchError
from retrieval.types import TEXT_KINDS, BankKind, SpaceInfo, require_bank_of, require_same_space, shares_texts
from retrieval.types.store import banks_for
from tests.support.adapted_stores import adapted_store, bank
from tests.support.sample_stores import spec

if TYPE_CHECKING:
    from pathlib import Path


def test_vectors_of_another_space_are_refused() -> None:
    made = spec("model")
    space = SpaceInfo(made.fingerprint, "model@1234", made, 16, ("base",), "2026-01-01T00:00:00Z")
    require_same_space(space, made.fingerprint, "The query vector")
    with pytest.raises(SpaceMismatchError, match=r"The query vector belongs to space ffffffffffff and .* model@1234"):
        require_same_space(space, "f" * 32, "The query vector")


def test_an_adapter_has_the_texts_of_its_parent_and_nothing_else(tmp_path: Path) -> None:
    for projected in (False, True):
        store, parent, adapted, _ = adapted_store(tmp_path / str(projected), projected=projected)
        assert shares_texts(adapted)
        assert not shares_texts(parent)
        for kind in get_args(BankKind):
            require_bank_of(parent, bank(parent, kind))
            require_bank_of(adapted, bank(adapted, kind))
            store.save_bank(bank(parent, kind))
            with pytest.raises(SpaceMismatchError, match=f"Bank '{kind}' belongs to space"):
                require_bank_of(parent, bank(adapted, kind))
        for kind in TEXT_KINDS:
            require_bank_of(adapted, bank(parent, kind))
        for kind in set(get_args(BankKind)) - set(TEXT_KINDS):
            with pytest.raises(SpaceMismatchError, match=f"use one that was made in {adapted.name}"):
                require_bank_of(adapted, bank(parent, kind))
        store.save_bank(bank(adapted))
        assert [found.kind for found in banks_for(store, adapted)] == ["prompts", "learned-prompts", "prompts"]
        assert len(banks_for(store, parent)) == 4


def test_a_space_trained_from_another_has_texts_of_its_own(tmp_path: Path) -> None:
    _, parent, adapted, _ = adapted_store(tmp_path / "store")
    finetuned = replace(adapted, spec=replace(adapted.spec, family="open_clip"))
    with pytest.raises(SpaceMismatchError):
        require_bank_of(finetuned, bank(parent))
