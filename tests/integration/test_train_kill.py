"""``kill -9`` of a training at chosen steps; the same command ends with the same bits as one that was not killed.

``tests.bench.bench_train_kills`` does it at 30 random steps.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.support.train_kills import MODULES, RunUnderTest, same_runs
from tests.support.vector_store import make_vector_store
from tests.support.warm_start import WarmStart, warm_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def start() -> Iterator[WarmStart]:
    with warm_start(modules=MODULES) as start:
        yield start


def test_a_training_that_was_killed_goes_on_bit_for_bit(start: WarmStart, tmp_path: Path) -> None:
    store = make_vector_store(tmp_path)
    whole = RunUnderTest(start, store, tmp_path / "whole")
    assert whole.train() == 0, whole.said()
    killed = RunUnderTest(start, store, tmp_path / "killed")
    for step in (1, 6):  # before the first checkpoint; after one within an epoch
        assert killed.train(signal_at=(step, signal.SIGKILL)) == -9, killed.said()
    assert killed.train("--resume", signal_at=(12, signal.SIGINT)) == 1
    assert f"Stopped; the same command with --out {killed.out} goes on." in killed.said()
    assert killed.train("--resume") == 0, killed.said()
    assert same_runs(whole.out, killed.out) == []
