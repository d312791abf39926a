"""Tables of comparisons."""

from __future__ import annotations

from typing import Any

import pytest

from eval.runs.compare import compare_requests
from eval.runs.request import EvalRequest
from eval.views.tables import comparison_tables
from retrieval.store.memory import MemoryStore
from tests.support.labelled_stores import CLIP, RES, class_store, labelled
from tests.support.terminal import printed

ROWS = labelled(roles={"train": 6, "val": 6, "test": 9})


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(ROWS)


OPTIONS = {"bootstrap": 60}


def asked(mode: str, space: str = CLIP, **more: Any) -> EvalRequest:
    return EvalRequest(mode=mode, space=space, options={**OPTIONS, **more.pop("options", {})}, **more)


def test_the_table(store: MemoryStore) -> None:
    found = compare_requests(store, asked("prototype"), asked("prototype", RES))
    text = printed(list(comparison_tables(found)))
    for word in (f"A prototype: prototype {CLIP}", "B - A", "top-1", "McNemar on top-1", "of 36 test samples"):
        assert word in text
