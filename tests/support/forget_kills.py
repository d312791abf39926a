"""Kills of ``vitrine forget`` at random moments, and what must hold after each."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.store.open import LanceStore, open_store
from retrieval.types import SplitSet
from tests.support.byte_finds import files_with, stored_vectors
from tests.support.command_line import call_cli
from tests.support.sample_stores import key, store_with, unit

if TYPE_CHECKING:
    from tests.support.warm_start import WarmStart

PER_PERSON = 3


def people_store(folder: Path, people: int) -> LanceStore:
    """A store with samples, vectors, thumbnails, a cache, a split set of all and a result of it."""
    names = [f"{who:04d}-img{at}" for who in range(people) for at in range(PER_PERSON)]
    store, space = store_with(folder, names, unit(len(names)), identity=[name[:4] for name in names])
    with store.writer() as writer:
        writer.append_thumbnails({key(name): f"webp of {name}".encode() for name in names})
        writer.commit("thumbnails")
    with store.snapshot() as snapshot:
        snapshot.vectors(space)
    roles = np.array([("query", "gallery", "gallery")[at % 3] for at in range(len(names))])
    splits = SplitSet("all", np.zeros(len(names), np.int64), np.array(names), roles)
    store.save_splits(splits)
    slices = {name[:4]: {"n": 3} for name in names}
    provenance = {"split_sha256": splits.sha256}
    store.save_result(
        {"task": "ranking", "mode": "reid", "created": "2026", "slices": slices, "provenance": provenance}
    )
    return store


def identities(store: Path) -> dict[str, list[str]]:
    """Identity -> ids of its samples, in the newest snapshot; every sample has a vector and a thumbnail."""
    listed: dict[str, list[str]] = {}
    with open_store(store).snapshot() as snapshot:
        rows = snapshot.samples(["identity", "id", "key"]).to_pylist()
        stored = {bytes(name).decode() for name in snapshot.vectors(snapshot.space()).keys}
        assert stored == {row["key"] for row in rows} == set(snapshot.thumbnail_keys())
    for row in rows:
        listed.setdefault(row["identity"], []).append(row["id"])
    return listed


def _ids(listed: dict[str, list[str]]) -> set[str]:
    return {name for ids in listed.values() for name in ids}


def needles(store: Path, ids: list[str]) -> list[bytes]:
    """Ids and vectors of samples, as bytes."""
    vectors = stored_vectors(store)
    return [*(name.encode() for name in ids), *(data for name in ids for data in vectors[key(name)])]


def kill_forgets(start: WarmStart, store: Path, people: int, seed: int) -> int:
    """Forget so many people, each by a run that is killed and one that is not; return the number of kills."""
    chance = random.Random(seed)
    killed, longest = 0, 0.6
    for person in sorted(identities(store))[:people]:
        before = identities(store)
        after = {name: ids for name, ids in before.items() if name != person}
        wanted = needles(store, before[person])
        process = start("forget", "--identity", person, "--yes", "--store", store, output=store.with_name("said.txt"))
        begun, moment = time.monotonic(), chance.uniform(0.1, longest)
        while process.poll() is None and time.monotonic() - begun < moment:
            time.sleep(0.002)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += process.wait(30) == -signal.SIGKILL
        else:
            longest = max(0.2, time.monotonic() - begun)
        assert identities(store) in (before, after)
        (splits,) = (open_store(store).read_splits(name) for name in open_store(store).split_sets())
        assert set(splits.sample.tolist()) in (_ids(before), _ids(after))
        (result,) = open_store(store).results()
        assert {name for name in result.result["slices"] if not name.startswith("(")} in (set(before), set(after))
        done = call_cli("forget", "--identity", person, "--yes", "--store", store, check=None)
        assert done.returncode == 0 or "No identity" in done.stderr, done.stderr  # what was killed had finished
        assert identities(store) == after
        assert files_with(store, wanted) == set()
    return killed
