"""The store from Python: by path or object, what it holds, whether it is sound, its vectors as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitrine
from retrieval.errors import InputError, MissingFileError, UnknownNameError
from retrieval.store.open import LanceStore
from tests.support.sample_stores import rows, store_with, unit


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    """Four samples with vectors, one without."""
    labels, identities = ["x", "y", None, "x"], ["1", "2", "3", "1"]
    made, _ = store_with(tmp_path / "s", ["d", "b", "a", "c"], unit(4), label=labels, identity=identities)
    with made.writer() as writer:
        writer.append_samples(rows(["e"]))
        writer.commit("test")
    return made


def test_vectors_are_aligned_with_ids_and_targets(store: LanceStore) -> None:
    ids, X, y = vitrine.vectors(store)
    assert ids.tolist() == ["d", "b", "a", "c"]  # the order of the data
    assert y.tolist() == ["x", "y", None, "x"]
    np.testing.assert_array_equal(X, unit(4).vectors)
    assert X.flags.c_contiguous
    some = vitrine.vectors(store.uri, "model", "label = 'x'", target="identity")
    assert (some.ids.tolist(), some.y.tolist()) == (["d", "c"], ["1", "1"])
    assert repr(some) == "SampleVectors: 2 samples, 16 dimensions, 1 values of y"


def test_vectors_say_what_does_not_exist(store: LanceStore, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"No column 'lable'\. Did you mean 'label'"):
        vitrine.vectors(store, target="lable")
    with pytest.raises(UnknownNameError, match="No space 'modal'"):
        vitrine.vectors(store, "modal")
    with pytest.raises(InputError, match="No sample that meets 'label = 'z'' has a vector"):
        vitrine.vectors(store, where="label = 'z'")
    with pytest.raises(MissingFileError, match="no store here"):
        vitrine.vectors(tmp_path / "none")


def test_info_is_a_dictionary_that_shows_its_spaces(store: LanceStore) -> None:
    found = vitrine.info(store)
    assert found["counts"]["samples"] == 5
    assert "5 samples" in repr(found)
    assert "timm/model" in repr(found)
    assert "timm/model</td>" in found._repr_html_()
    assert repr(store) == f"LanceStore({store.uri!r})"
    assert "5 samples" in store._repr_html_()


def test_verify_says_whether_the_store_is_sound(store: LanceStore) -> None:
    found = vitrine.verify(Path(store.uri))
    assert not found.ok
    assert "samples still to be embedded" in repr(found)
    assert "<table>" in found._repr_html_()
