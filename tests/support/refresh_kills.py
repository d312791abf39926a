"""Kills of ``vitrine refresh`` at random moments, and what must hold after each."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vitrine
from retrieval.store.open import open_store
from tests.support.command_line import call_cli
from tests.support.trained_runs import adapter_run, classifier_run, spaces, vectors
from tests.support.warm_start import IMPORTED

if TYPE_CHECKING:
    from retrieval.types import SpaceInfo
    from tests.support.warm_start import WarmStart


MODULES = (IMPORTED, "timm", "training.refresh.run")
"""What the commands need, imported once."""


def _answer(store: Path, parent: SpaceInfo) -> list[dict[str, Any]]:
    """What a search in the old space finds."""
    with open_store(store).snapshot() as snapshot:
        first = snapshot.samples(["id"]).column("id")[0].as_py()
    hits: list[dict[str, Any]] = vitrine.search(store, id=first, space=parent.name, k=20).to_dict()["hits"]
    return hits


def _commits(store: Path) -> int:
    return len(list((store / "commits.lance" / "_versions").iterdir()))


def kill_refreshes(start: WarmStart, folder: Path, parent: SpaceInfo, kills: int, seed: int = 0) -> int:
    """Refresh the store ``s`` in a folder by runs that are killed, until so many were; return their number.

    Every third run leaves an adapter, the others an encoder. After each kill the old space must have the same vectors
    and the same search in it find the same. The run that ends must leave what a refresh without kills leaves.
    """
    chance, killed, number = random.Random(seed), 0, 0
    before, answer = vectors(folder, parent), _answer(folder / "s", parent)
    longest = 1.0
    while killed < kills:
        make = adapter_run if number % 3 == 1 else classifier_run
        run, clean = make(folder / f"run{number}", parent, seed=number), folder / f"clean{number}"
        shutil.copytree(folder / "s", clean / "s")
        words = ("refresh", "--checkpoint", run, "--no-compare", "--commit-seconds", "0", "--store", folder / "s")
        while True:
            process = start(*words, output=folder / "said.txt")
            begun, commits, moment = time.monotonic(), _commits(folder / "s"), chance.uniform(0, longest)
            after_a_commit = killed < kills and chance.random() < 0.7
            while process.poll() is None and (
                time.monotonic() - begun < moment or (after_a_commit and _commits(folder / "s") == commits)
            ):
                time.sleep(0.002)
            if killed >= kills or process.poll() is not None:
                assert process.wait(120) == 0, process.said()
                longest = max(0.3, min(longest, time.monotonic() - begun))
                break
            process.send_signal(signal.SIGKILL)
            killed += process.wait(30) == -signal.SIGKILL
            assert vectors(folder, parent) == before
            assert _answer(folder / "s", parent) == answer
        call_cli(*words[:-1], clean / "s")
        resumed, whole = spaces(folder)[-1], spaces(clean)[-1]
        assert (resumed.fingerprint, resumed.state, resumed.parent) == (
            whole.fingerprint, "complete", parent.fingerprint,
        )  # fmt: skip
        assert vectors(folder, resumed) == vectors(clean, whole)
        assert vectors(folder, parent) == before
        call_cli("verify", "--store", folder / "s")
        shutil.rmtree(clean)
        number += 1
    return killed
