"""Planted damage is found; what is only unfinished is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lancedb
import numpy as np
import pytest

from retrieval.errors import StoreError
from retrieval.store.open import open_store
from retrieval.store.verify import verify
from retrieval.types import Bank
from tests.support.file_digests import flip
from tests.support.sample_stores import key, rows, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.store.open import LanceStore


def wrong(store: LanceStore) -> list[str]:
    with store.snapshot() as snapshot:
        return [f"{finding.check}: {finding.detail}" for finding in verify(snapshot) if finding.wrong]


def test_all_vectors_gone_is_wrong(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    assert wrong(store) == []
    lancedb.connect(tmp_path / "s").open_table(f"vectors_{space.fingerprint}").delete("true")
    with store.writer() as writer:
        writer.append_samples(rows(["c"]))  # whatever a later commit would make of the damage
    with store.snapshot() as snapshot:  # the record still names the good version, and the writer restored it
        assert len(snapshot.vectors(space).keys) == 2
    with store.writer() as writer:
        writer.append_samples(rows(["c"]))
        writer.commit("a sample without a vector")
    assert wrong(store) == ["coverage: 1 samples without a vector in any space; 'index' them again"]


def test_a_space_that_is_not_finished_is_counted_not_wrong(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.writer() as writer:
        second = writer.register_space(spec("second"), 4, ("base",))
        writer.append_vectors(second, [key("a")], {"base": unit(1, d=4)})
        writer.commit("half of a second space")
    assert wrong(store) == []
    with store.snapshot() as snapshot:
        assert any("1 samples still to be embedded" in finding.detail for finding in verify(snapshot))


def test_a_falsified_cache_is_found(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.snapshot() as snapshot:
        snapshot.vectors(space)
    data = next((tmp_path / "s" / "cache").rglob("data-*.f32"))
    data.write_bytes(bytes(data.stat().st_size))
    (found,) = wrong(store)
    assert "delete the folder 'cache'" in found


def test_lengths_and_doubles(tmp_path: Path) -> None:
    vectors = unit(3)
    vectors.norms[1] = -5
    store, space = store_with(tmp_path / "s", ["a", "b", "c"], vectors)
    with store.writer() as writer:
        writer.append_vectors(space, [key("a")], {"base": unit(1)})
        writer.append_samples(rows(["b"]))
        writer.commit("doubled")
    found = wrong(store)
    assert "1 of them twice" in found[0]
    assert "1 whose length before was not kept, 1 twice" in found[1]


def test_a_damaged_file_of_vectors_is_one_sentence(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    for file in (tmp_path / "s" / f"vectors_{space.fingerprint}.lance" / "data").iterdir():
        file.write_bytes(b"damaged")
    (damage,) = wrong(open_store(tmp_path / "s"))
    assert damage.startswith(f"file of vectors of {space.name}: vectors_{space.fingerprint}.lance/data/")
    assert "is not as it was written; restore it from a copy of the store, or let 'verify --repair'" in damage
    with store.snapshot() as snapshot, pytest.raises(StoreError, match="is not as it was written; restore it"):
        snapshot.vectors(space)


def test_a_bank_of_another_width_is_wrong_and_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    edges = np.array([0, 1]), np.array(["x", "y"])
    store.save_bank(Bank("good", space.fingerprint, "test", unit(2).vectors, *edges, kind="prototypes"))
    with monkeypatch.context() as patch:  # as earlier versions saved it
        patch.setattr("retrieval.store.records.require_bank_width", lambda *_: None)
        store.save_bank(Bank("bad", space.fingerprint, "test", unit(2, 5).vectors, *edges, kind="prototypes"))
    (told,) = wrong(store)
    assert told.startswith("banks: bank bad (")
    assert f") is of 5 dimensions, and its space {space.name} has 16; let 'verify --repair' take it out, then" in told
    store.repair()
    assert wrong(store) == []
    assert [bank.name for bank in store.banks()] == ["good"]


def test_the_numbers_of_a_good_store(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b"], unit(2, seed=4))
    with store.snapshot() as snapshot:
        (view,) = [finding for finding in verify(snapshot) if finding.check.endswith(" base")]
    assert view.detail.startswith("2 vectors, 0 not finite, 0 not of length one")
    assert np.isfinite(unit(2, seed=4).norms).all()


def test_a_flipped_bit_in_any_file_of_a_commit_is_named(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b", "c"], unit(3), label="x")
    with store.writer() as writer:
        writer.delete_samples(["b"])
        writer.commit("gone")
    with store.snapshot() as snapshot:
        files = snapshot.commit.files
    assert any("_deletions/" in path for path in files[f"vectors_{space.fingerprint}"])
    for name, digests in files.items():
        for path in digests:
            place = tmp_path / "s" / f"{name}.lance" / path
            whole = place.read_bytes()
            flip(place, -9)
            assert any(f"{name}.lance/{path} is not as it was written; restore it" in line for line in wrong(store))
            place.write_bytes(whole)
    place.unlink()
    assert any(f"{name}.lance/{path} is missing" in line for line in wrong(store))


def test_samples_that_cannot_be_read_leave_the_rest_unchecked_and_say_so(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    for name in ("samples", f"vectors_{space.fingerprint}"):
        flip(next((tmp_path / "s" / f"{name}.lance" / "data").iterdir()), 70)
    assert [line.partition(":")[0] for line in wrong(store)] == [
        "file of samples", f"file of vectors of {space.name}", "contents",
    ]  # fmt: skip
