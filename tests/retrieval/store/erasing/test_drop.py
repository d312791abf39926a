"""Spaces and banks are dropped with their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import InputError, StoreLockedError, UnknownNameError
from retrieval.store.erasing import marker
from retrieval.store.erasing.drop import commit_without, drop_bank, drop_space
from retrieval.store.erasing.request import DropBankRequest, DropSpaceRequest
from retrieval.store.info import describe
from retrieval.store.open import LanceStore
from retrieval.store.promote import PromoteRequest, promote
from retrieval.store.verify import verify
from retrieval.types import Bank
from tests.support.byte_finds import files_with, stored_vectors
from tests.support.sample_stores import key, rows, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


def bank(name: str, space: str, seed: int) -> Bank:
    return Bank(name, space, "import:x", unit(1, seed=seed).vectors, np.arange(1), np.array(["oak"]), kind="prompts")


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    """Three samples in a first space, two of them in a second one, and a bank of each space."""
    made, first = store_with(tmp_path / "s", ["a", "b", "c"], unit(3))
    with made.writer() as writer:
        second = writer.register_space(spec("second"), 16, ("base",))
        writer.append_vectors(second, [key("a"), key("b")], {"base": unit(2, seed=1)})
        writer.commit("second")
    made.save_bank(bank("words", first.fingerprint, 5))
    made.save_bank(bank("words", second.fingerprint, 6))
    return made


def drop(store: LanceStore, space: str, **options: float) -> list[str]:
    return list(drop_space(store, DropSpaceRequest(space=space, wait=0, **options), print).lines())


def spaces(store: LanceStore) -> list[str]:
    with store.snapshot() as snapshot:
        return [space.name.partition("-random")[0] for space in snapshot.spaces]


def test_a_space_goes_with_vectors_cache_and_banks(store: LanceStore) -> None:
    with store.snapshot() as snapshot:
        fingerprint = snapshot.space("second").fingerprint
        snapshot.vectors(snapshot.space("second"))
        snapshot.vectors(snapshot.space("model"))
    vectors = [unit(2, seed=1).vectors[0].tobytes(), bank("words", "", 6).vectors.tobytes()]
    preview = drop(store, "second", dry_run=True)
    assert preview[0].startswith("Would erase: spaces second-random0@")
    assert spaces(store) == ["model", "second"]
    drop(store, "second")
    assert spaces(store) == ["model"]
    assert files_with(store.local_folder, vectors) == set()
    assert len(list((store.local_folder / "cache").iterdir())) == 1  # that of the other space stays
    assert not (store.local_folder / f"vectors_{fingerprint}.lance").exists()
    assert [one.space for one in store.banks()] != [fingerprint]
    with store.snapshot() as snapshot:
        assert snapshot.store_version == 2  # no other space changed
        assert not any(finding.wrong for finding in verify(snapshot))
        assert len(snapshot.vectors(snapshot.space()).keys) == 3
    with pytest.raises(UnknownNameError):
        drop(store, "second")


def test_samples_without_any_space_are_told_of(store: LanceStore) -> None:
    assert any("stay without a vector in any space: 1;" in line for line in drop(store, "model"))


def test_a_space_that_was_made_from_another_keeps_its_vectors_when_that_is_dropped(store: LanceStore) -> None:
    with store.writer() as writer:
        parent = writer.snapshot.space("second")
        made = writer.register_space(spec("third"), 16, ("base",), parent=parent.fingerprint)
        writer.append_vectors(made, [key("a"), key("b")], {"base": unit(2, seed=7)})
        writer.commit("third")
    with store.snapshot() as snapshot:
        before = snapshot.vectors(made).data.copy()
    for lines in (drop(store, "second", dry_run=True), drop(store, "second")):
        (line,) = [line for line in lines if line.startswith("Made from it")]
        assert f"kept with their vectors: {made.name}; refresh cannot add to them any more" in line
    with store.snapshot() as snapshot:
        assert snapshot.vectors(made).data.tobytes() == before.tobytes()
        assert snapshot.space("third").parent == parent.fingerprint
        assert not any(finding.wrong for finding in verify(snapshot))
    described = {space["name"]: space["parent_name"] for space in describe(store)["spaces"]}
    assert described[made.name] == f"{parent.fingerprint[:12]} (dropped)"
    with pytest.raises(UnknownNameError, match=r"No space .thrd."):
        drop(store, "thrd")


def test_dropping_the_default_says_which_space_is_it_then(store: LanceStore) -> None:
    for name in ("model", "second"):
        promote(store, PromoteRequest(space=name), print)
    with store.snapshot() as snapshot:
        model = snapshot.space("model").name
    assert f"The default space without it: {model}." in drop(store, "second")
    with store.snapshot() as snapshot:
        assert snapshot.space().name == model


def test_a_reader_of_the_space_is_named(store: LanceStore) -> None:
    with store.snapshot() as old:
        with pytest.raises(StoreLockedError, match="are still read by process"):
            drop(store, "second")
        assert len(old.vectors(old.space("second")).keys) == 2
        assert spaces(store) == ["model"]
    assert drop(store, "second") == ["An erasure that was stopped is finished."]
    assert files_with(store.local_folder, [unit(2, seed=1).vectors[0].tobytes()]) == set()


def test_a_run_that_was_killed_after_its_commit_is_finished(store: LanceStore) -> None:
    folder = store.local_folder
    with store.writer() as writer:
        marker.begin(folder, DropSpaceRequest(space="second").selection)
        commit_without(store.tables, writer, writer.snapshot.space("second"))
    assert len(store.banks()) == 2
    assert drop(store, "second") == ["An erasure that was stopped is finished."]
    assert [one.vectors.tobytes() for one in store.banks()] == [bank("words", "", 5).vectors.tobytes()]
    assert files_with(folder, [unit(2, seed=1).vectors[0].tobytes(), bank("words", "", 6).vectors.tobytes()]) == set()


def test_a_dropped_space_can_be_made_again(store: LanceStore) -> None:
    drop(store, "second")
    with store.writer() as writer:
        space = writer.register_space(spec("second"), 16, ("base",))
        writer.append_vectors(space, [key("a")], {"base": unit(1, seed=2)})
        writer.append_samples(rows(["d"], position=9))
        writer.commit("again")
    assert spaces(store) == ["model", "second"]
    assert set(stored_vectors(store.local_folder)) == {key(name) for name in "abc"}


def test_a_bank_goes_by_name_and_space_or_by_hash(store: LanceStore) -> None:
    first, second = store.banks()
    with pytest.raises(InputError, match="may mean 2 banks"):
        drop_bank(store, DropBankRequest(bank="words"), print)
    with pytest.raises(UnknownNameError, match="Did you mean 'words'"):
        drop_bank(store, DropBankRequest(bank="word"), print)
    preview = drop_bank(store, DropBankRequest(bank="words", space="second", dry_run=True), print)
    assert (preview.banks, len(store.banks())) == (["words"], 2)
    report = drop_bank(store, DropBankRequest(bank=first.sha256[:10]), print)
    assert list(report.lines()) == ["Erased: banks words."]
    assert [one.sha256 for one in store.banks()] == [second.sha256]
    assert files_with(store.local_folder, [first.vectors.tobytes()]) == set()
    with store.snapshot() as snapshot:
        assert not any(finding.wrong for finding in verify(snapshot))
