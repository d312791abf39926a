"""Stores that several tests of evaluation read and none writes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eval.api import evaluate
from tests.support.identity_stores import memory_store, people

if TYPE_CHECKING:
    from tests.support.identity_stores import RankedStore


@pytest.fixture(scope="session")
def world() -> RankedStore:
    """Twelve hands of two aspects, four images each, and their Monte-Carlo evaluation with three draws."""
    store = memory_store(people(12, 4, ("dorsal left", "dorsal right")))
    options = {"draws": 3, "bootstrap": 200}
    return store, evaluate(store, "reid", protocol="monte-carlo", aspect="all", options=options)
