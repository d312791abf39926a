"""Rows of spaces there and back: parent, matrix, state; which space is taken when none is named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import InputError
from retrieval.store.spaces import short_name
from retrieval.store.verify import verify
from tests.support.sample_stores import key, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


def test_a_space_that_is_filled_from_its_parent(tmp_path: Path) -> None:
    store, parent = store_with(tmp_path / "s", ["a", "b"], unit(2))
    matrix = np.arange(64, dtype=np.float32).reshape(4, 16)
    with store.writer() as writer:
        made = writer.register_space(
            spec("adapter"), 4, ("base",), parent=parent.fingerprint, matrix=matrix, state="filling"
        )
        writer.append_vectors(made, [key("a")], {"base": unit(1, d=4)})
        writer.commit("half")
    with store.snapshot() as snapshot:
        found = snapshot.space("adapter")
        assert (found.state, found.parent, found.promoted) == ("filling", parent.fingerprint, None)
        assert found.matrix is not None
        np.testing.assert_array_equal(found.matrix, matrix)
        assert snapshot.space() == snapshot.space(parent.name)  # the filling one must be named
        assert not any(finding.wrong for finding in verify(snapshot))
    with store.writer() as writer:
        writer.set_state(found, "complete")
        again = writer.register_space(spec("adapter"), 4, ("base",))
        writer.commit("whole")
        assert (again.state, again.parent) == ("complete", parent.fingerprint)
    with store.snapshot() as snapshot:
        assert (snapshot.space("adapter").state, snapshot.space(parent.name).parent) == ("complete", None)
        with pytest.raises(InputError, match="has 2 spaces"):
            snapshot.space()


@pytest.mark.parametrize(
    ("model", "weights", "name"),
    [
        ("ViT-B-32", "tag:openai", "vit-b-32-openai"),
        ("hf-hub:imageomics/bioclip-2", "hf-hub:imageomics/bioclip-2", "bioclip-2"),
        ("swin_large_patch4_window12_384", "hf-hub:BVRA/MegaDescriptor-L-384@v1", "megadescriptor-l-384-v1"),
        ("efficientnet_b3", "file:/w/efficientnet_b3_mushroom7.safetensors", "efficientnet-b3-mushroom7"),
        ("own", "folder:/runs/a", "own"),
        ("test_vit", "random:3", "test-vit-random3"),
    ],
)
def test_a_space_is_named_after_model_and_weights(model: str, weights: str, name: str) -> None:
    encoder = replace(spec(), model=model, weights=weights)
    assert short_name(encoder) == f"{name}@{encoder.fingerprint[:4]}"


def test_no_space_is_complete(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    with store.writer() as writer:
        writer.set_state(space, "filling")
        writer.commit("again")
    with store.snapshot() as snapshot:
        with pytest.raises(InputError, match="No space of the store is complete yet"):
            snapshot.space()
        assert snapshot.space(space.name).state == "filling"
