from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.modes.zeroshot import MODE
from eval.runs.prepare_classification import prepare_classification
from eval.runs.request import EvalRequest, RequestInputs
from retrieval.store.memory import MemoryStore
from tests.support.labelled_stores import CLIP, class_store, labelled


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(labelled())


def slow_recall(images: Any, labels: Any, texts: Any, of_text: Any, k: int) -> float:
    """Text by text: is an image of its class among the k nearest?"""
    hits = []
    for text, label in zip(texts, of_text, strict=True):
        near = np.argsort(-(images @ text), kind="stable")[:k]
        hits.append(float((labels[near] == label).any()))
    return float(np.mean(hits))


@pytest.mark.parametrize("views", ["base", "base,hflip"])
def test_prompts_as_queries_for_images(store: MemoryStore, views: str) -> None:
    asked = EvalRequest(mode="zeroshot", space=CLIP, options={"text_to_image": True, "views": views})
    ready = prepare_classification(store, asked, RequestInputs())
    (sealed,) = MODE.solve(ready.arrays, ready.config, np.random.SeedSequence(0)).retrieval
    found = sealed.open()
    (arm,), (draw,) = ready.arrays.arms, ready.arrays.draws
    images = np.sum([arm.vectors[view][draw.test] for view in views.split(",")], axis=0)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    bank = arm.banks[0]
    texts = bank.vectors[bank.edge_vector]
    for k in (1, 5, 10):
        want = slow_recall(images, ready.truth[draw.test], texts, bank.edge_class, k)
        (name,) = (each for each in found if each.endswith(f"_{k}"))
        assert found[name] == pytest.approx(want)


def test_they_are_asked_for(store: MemoryStore) -> None:
    assert evaluate(store, "zeroshot", space=CLIP, options={"bootstrap": 0}).retrieval is None


def test_draws_are_averaged(store: MemoryStore) -> None:
    folds = {"folds": 3, "text_to_image": True, "bootstrap": 0}
    result = evaluate(store, "zeroshot", space=CLIP, protocol="k-fold", options=folds)
    assert len(result.draws) == 3
    assert result.retrieval is not None
    assert all(name.startswith("text_to_image_") for name in result.retrieval)


def test_a_scale_that_is_assumed_is_told(store: MemoryStore) -> None:
    rows = labelled()
    bare = MemoryStore(*_parts(rows))
    (said,) = (each for each in store.banks() if each.texts is not None)
    bare.save_bank(type(said)(**{name: getattr(said, name) for name in said.__slots__} | {"temperature": None}))
    result = evaluate(bare, "zeroshot", space=CLIP, options={"bootstrap": 0})
    assert any("CLIP's 100 is assumed" in words for words in result.warnings)
    own = evaluate(bare, "zeroshot", space=CLIP, options={"bootstrap": 0, "class_temperature": 0.05})
    assert not any("assumed" in words for words in own.warnings)
    told = evaluate(store, "zeroshot", space=CLIP, options={"bootstrap": 0})
    assert own.metrics["nll"].value == pytest.approx(told.metrics["nll"].value, abs=1e-5)


def _parts(rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    with class_store(rows).snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space(CLIP))
        return snapshot.samples(), {CLIP: {"base": ([key.decode() for key in matrix.keys], matrix.data)}}
