"""A person leaves: through the command line, under ``kill -9``, and against being indexed again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.hands import draw_hands
from retrieval.store.open import open_store
from tests.support.byte_finds import files_with, stored_vectors
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.forget_kills import kill_forgets, people_store
from tests.support.warm_start import warm_start

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 12
MODULES = ("lancedb", "retrieval.commands.forget", "retrieval.store.erasing.forget")


def test_a_kill_at_any_moment_leaves_before_or_after_and_the_next_run_finishes(tmp_path: Path) -> None:
    people_store(tmp_path / "s", KILLS + 2)
    with warm_start(modules=MODULES) as start:
        assert kill_forgets(start, tmp_path / "s", KILLS, seed=0) > KILLS // 3
    assert not [row for row in call_json("verify", "--store", tmp_path / "s") if row["wrong"]]


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn hands and a store of them."""
    folder = tmp_path_factory.mktemp("forget")
    draw_hands(folder / "hands", identities=4, images_per_aspect=1, seed=1, size=32)
    call_cli("index", folder / "hands", "--store", folder / "s", *SMALL_ENCODER)
    return folder


def identities(store: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Identity -> id, path and key of its samples."""
    people: dict[str, list[tuple[str, str, str]]] = {}
    with open_store(store).snapshot() as snapshot:
        for row in snapshot.samples(["identity", "id", "uri", "key"]).to_pylist():
            people.setdefault(row["identity"], []).append((row["id"], row["uri"], row["key"]))
    return people


def needles(store: Path, person: str) -> list[bytes]:
    """Ids, paths, keys and vectors of an identity, as bytes."""
    samples, vectors = identities(store)[person], stored_vectors(store)
    return [
        *(text.encode() for sample in samples for text in sample),
        *(data for _, _, key in samples for data in vectors[key]),
    ]


def test_whoever_was_forgotten_is_not_indexed_again(hands: Path) -> None:
    store = hands / "s"
    person = max(identities(store))
    samples = identities(store)[person]
    preview = call_json("forget", "--identity", person, "--dry-run", "--store", store)
    assert len(preview["samples"]) == len(samples) == 4
    assert person in identities(store)
    assert "--yes" in call_cli("forget", "--identity", person, "--store", store, check=2).stderr
    report = call_json("forget", "--identity", person, "--yes", "--store", store)
    assert (report["identities"], report["traces"], len(report["files"])) == ([person], [], 4)
    searched = [word for _, uri, _ in samples for word in ("--forgotten", uri)]
    assert not any(row["wrong"] for row in call_json("verify", *searched, "--store", store))
    call_cli("verify", "--forgotten", max(identities(store)), "--store", store, check=1)

    copied = hands / "hands" / "Hands" / "Hand_9999999.jpg"
    copied.write_bytes((hands / "hands" / samples[0][1]).read_bytes())  # the same picture under another name
    again = call_cli("index", hands / "hands", "--store", store, *SMALL_ENCODER)
    copied.unlink()
    assert "were forgotten and are left out; --include-forgotten takes them in again" in again.stderr
    assert "forgotten" in again.stdout
    assert person not in identities(store)
    assert files_with(store, [key.encode() for _, _, key in samples]) == set()

    taken = call_json("index", hands / "hands", "--store", store, "--include-forgotten", *SMALL_ENCODER)
    assert taken["embedded"] >= 4
    assert len(identities(store)[person]) == 4
    with open_store(store).snapshot() as snapshot:
        assert not snapshot.forgotten().ids_of([sample for sample, _, _ in samples])
    assert call_json("index", hands / "hands", "--store", store, *SMALL_ENCODER)["embedded"] == 0


def test_imported_rows_do_not_come_back(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 12)).astype(np.float32)
    names = np.array([f"photo-{at}.jpg" for at in range(6)])
    people = np.array(["anna", "anna", "ben", "ben", "cleo", "cleo"])
    np.savez(tmp_path / "made.npz", emb=vectors, names=names, who=people)
    command = ("import-vectors", tmp_path / "made.npz", "--vectors", "emb", "--filepath", "names", "--identity", "who")
    store = tmp_path / "s"
    call_cli(*command, "--store", store)
    wanted = needles(store, "anna")
    call_cli("forget", "--id", "photo-0.jpg", "--id", "photo-1.jpg", "--yes", "--store", store)
    again = call_cli(*command, "--store", store)
    assert "2 rows (first photo-0.jpg) were forgotten and are left out" in again.stderr
    assert files_with(store, wanted) == set()
    assert sorted(identities(store)) == ["ben", "cleo"]
    call_cli(*command, "--include-forgotten", "--store", store)
    assert sorted(identities(store)) == ["anna", "ben", "cleo"]


def test_numbers_are_those_of_a_store_that_never_had_the_samples(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    who = np.array([f"person-{at // 4}" for at in range(40)])
    vectors = (rng.standard_normal((40, 8)) + np.repeat(rng.standard_normal((10, 8)), 4, axis=0)).astype(np.float32)
    names = np.array([f"photo-{at:02d}.jpg" for at in range(40)])
    numbers = []
    for place, kept in (("whole", np.ones(40, bool)), ("without", who != "person-3")):
        (tmp_path / place).mkdir()
        np.savez(tmp_path / place / "made.npz", emb=vectors[kept], names=names[kept], who=who[kept])
        words = ("--vectors", "emb", "--filepath", "names", "--identity", "who", "--store", tmp_path / place / "s")
        call_cli("import-vectors", tmp_path / place / "made.npz", *words)
    call_cli("forget", "--identity", "person-3", "--yes", "--store", tmp_path / "whole" / "s")
    for place in ("whole", "without"):
        result = call_json("eval", "--mode", "reid", "--store", tmp_path / place / "s")
        numbers.append((result["metrics"], result["draws"], result["n"], result["provenance"]["split_sha256"]))
    assert numbers[0] == numbers[1]


def test_spaces_and_banks_by_command(hands: Path) -> None:
    store = hands / "s"
    space = call_json("info", "--store", store)["spaces"][0]["name"]
    preview = json.loads(call_cli("drop-space", space, "--dry-run", "--json", "--store", store).stdout)
    assert (preview["spaces"], preview["dry_run"]) == ([space], True)
    assert "--yes" in call_cli("drop-space", space, "--store", store, check=2).stderr
    assert "No bank 'x'" in call_cli("drop-bank", "x", "--yes", "--store", store, check=None).stderr
    assert "Erased: spaces" in call_cli("drop-space", space, "--yes", "--store", store).stdout
    assert call_json("info", "--store", store)["spaces"] == []
    assert "Say what to forget" in call_cli("forget", "--yes", "--store", store, check=2).stderr
    assert "one of --repair and --forgotten" in call_cli(
        "verify", "--repair", "--forgotten", "x", "--store", store, check=2
    ).stderr  # fmt: skip
