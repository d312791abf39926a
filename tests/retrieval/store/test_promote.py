"""The default space: who may be it, where it is taken, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import vitrine
from retrieval.errors import InputError
from retrieval.store.open import LanceStore
from retrieval.store.spaces import default_space
from tests.support.command_line import call_cli, call_json
from tests.support.sample_stores import key, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    """Two complete spaces, and one that is filled from the first."""
    made, first = store_with(tmp_path / "s", ["a", "b", "c", "d"], unit(4), label=["x", "x", "y", "y"])
    with made.writer() as writer:
        second = writer.register_space(spec("second"), 16, ("base",), parent=first.fingerprint)
        writer.append_vectors(second, [key(name) for name in "abcd"], {"base": unit(4, seed=1)})
        third = writer.register_space(spec("third"), 16, ("base",), parent=first.fingerprint, state="filling")
        writer.append_vectors(third, [key("a")], {"base": unit(1, seed=2)})
        writer.commit("spaces")
    return made


def names(store: LanceStore) -> list[str]:
    with store.snapshot() as snapshot:
        return [space.name for space in snapshot.spaces]


def test_the_space_promoted_last_is_taken(store: LanceStore) -> None:
    first, second, _ = names(store)
    with store.snapshot() as snapshot:
        version = snapshot.store_version
        with pytest.raises(InputError, match=r"say which space is meant: .*'promote' makes one the default"):
            snapshot.space()
    assert vitrine.promote(store, "second").to_dict() == {"space": second, "before": None}
    assert vitrine.promote(store, "model").to_dict() == {"space": first, "before": second}
    assert vitrine.promote(store, "second").before == first
    with store.snapshot() as snapshot:
        assert snapshot.store_version == version  # no vector changed, so that results stay comparable
        assert snapshot.space().name == second
        promoted = snapshot.space().promoted
    assert vitrine.promote(store, "second").before == second
    with store.snapshot() as snapshot:
        assert snapshot.space().promoted == promoted
    with store.writer() as writer:  # a default that is filled again is no default
        writer.set_state(writer.snapshot.space("second"), "filling")
        writer.commit("filling")
    with store.snapshot() as snapshot:
        assert default_space(snapshot.spaces) == snapshot.space("model")


def test_a_space_that_is_still_filled_is_refused(store: LanceStore) -> None:
    failed = call_cli("promote", "third", "--store", store.uri, check=1)
    assert "is not complete" in failed.stderr
    assert "same refresh again" in failed.stderr
    assert call_cli("promote", "thrid", "--store", store.uri, check=2).stderr.startswith("Error: No space 'thrid'.")
    assert "no store here" in call_cli("promote", "third", "--store", store.uri + "x", check=1).stderr


def test_commands_take_the_default_and_say_it(
    store: LanceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = names(store)
    assert "say which space" in call_cli("search", "--id", "a", "--store", store.uri, check=1).stderr
    said = call_cli("promote", "second", "--store", store.uri).stdout
    assert said == f"{second} is the default space now.\n"
    shown = call_json("info", "--store", store.uri)["spaces"]
    assert [(space["default"], space["state"], space["parent_name"]) for space in shown] == [
        (False, "complete", None), (True, "complete", first), (False, "filling", first),
    ]  # fmt: skip
    table = call_cli("info", "--store", store.uri).stdout
    assert "made from" in table
    assert "default" in table
    assert "filling" in table
    verified = call_cli("verify", "--store", store.uri).stdout
    told = f"still filling: {third}; default: {second}; made from another: {second} from {first}, {third} from {first}"
    assert told in " ".join(verified.split())
    assert call_json("search", "--id", "a", "--store", store.uri)["space"] == second
    exported = call_json("export-vectors", "--out", tmp_path / "v.npz", "--store", store.uri)
    assert exported["space"] == second
    call_cli("audit", "--store", store.uri)
    knn = ("eval", "--mode", "knn", "--protocol", "holdout", "--store", store.uri, "-o", "k=1")
    assert call_json(*knn)["provenance"]["space"] == second
    monkeypatch.setenv("VITRINE_SPACE", first)
    assert call_json(*knn)["provenance"]["space"] == first
    assert call_json("search", "--id", "a", "--store", store.uri)["space"] == first
    assert len(vitrine.vectors(store).ids) == 4


def test_the_space_before_stays_and_is_named(store: LanceStore) -> None:
    call_cli("promote", "model", "--store", store.uri)
    first, second, _ = names(store)
    said = call_cli("promote", "second", "--store", store.uri).stdout
    assert said == f"{second} is the default space now. The default before, {first}, stays until drop-space.\n"
    assert call_json("promote", "second", "--store", store.uri) == {"space": second, "before": second}
