"""A snapshot stays what it was."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import StoreError
from retrieval.store import lance as lance_module
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


def test_a_snapshot_stays_where_it_is(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a"], unit(1), label="old")
    with store.snapshot() as old:
        first = old.vectors(space)
        with store.writer() as writer:
            writer.update_samples(rows(["a"], label="new"))
            writer.append_samples(rows(["b"], label="new"))
            writer.append_vectors(space, [key("b")], {"base": unit(1, seed=1)})
            writer.commit("more")
        with store.snapshot() as new:
            assert new.samples(["label"]).column("label").to_pylist() == ["new", "new"]
            assert len(new.vectors(space).keys) == 2
        assert old.samples(["label"]).column("label").to_pylist() == ["old"]
        np.testing.assert_array_equal(old.vectors(space).data, first.data)


def test_clean_up_leaves_versions_that_a_reader_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance_module, "KEEP_OLD_VERSIONS", timedelta(0))
    store, space = store_with(tmp_path / "s", ["a"], unit(1))
    held = store.snapshot()
    old = held.__enter__()
    for at in range(3):
        with store.writer() as writer:
            writer.append_samples(rows([f"b{at}"]))
            writer.commit("more")
            writer.tidy()
    assert old.samples(["id"]).column("id").to_pylist() == ["a"]
    assert len(old.vectors(space).keys) == 1
    held.__exit__(None, None, None)
    with store.writer() as writer:
        writer.append_samples(rows(["c"]))
        writer.commit("more")
        writer.tidy()
    with pytest.raises(StoreError, match="is missing; open the store again"):
        old.samples(["id"])
    assert not list((tmp_path / "s" / "readers").iterdir())
