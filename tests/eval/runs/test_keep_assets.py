from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.results.assets import assets_folder
from eval.runs.keep_assets import NEIGHBOURS, WORST, keep_assets
from eval.runs.prepare_classification import PreparedClassification
from eval.runs.request import EvalRequest
from eval.runs.run import EvaluationRun, evaluate_request
from retrieval.store.open import LanceStore
from retrieval.types import Bank
from tests.support.sample_stores import store_with, unit

N = 90


def store_of(folder: Path, roles: tuple[str, ...]) -> LanceStore:
    names = [f"{at:03d}" for at in range(N)]
    labels = [f"class {at % 3}" for at in range(N)]
    split = [roles[at // 3 % len(roles)] for at in range(N)]
    return store_with(folder / "s", names, unit(N), label=labels, split=split)[0]


def classification(found: EvaluationRun) -> PreparedClassification:
    assert isinstance(found.prepared, PreparedClassification)
    return found.prepared


def kept(store: LanceStore, folder: Path, mode: str = "prototype", **asked: Any) -> tuple[EvaluationRun, Any, Any]:
    """An evaluation, its predictions and its wrong answers."""
    found = evaluate_request(store, EvalRequest(mode=mode, options={"bootstrap": 0, **asked}), say=lambda _: None)
    keep_assets(store, folder / "r.json", classification(found))
    assets = assets_folder(folder / "r.json")
    with (assets / "predictions.csv").open(newline="") as file:
        predictions = list(csv.DictReader(file))
    return found, predictions, json.loads((assets / "wrong.json").read_text())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LanceStore:
    return store_of(tmp_path_factory.mktemp("assets"), ("train", "test"))


def test_every_prediction_is_kept(store: LanceStore, tmp_path: Path) -> None:
    found, predictions, _ = kept(store, tmp_path)
    answer = classification(found).solution.answers[0][0]
    assert len(predictions) == found.result.n["test"] == 45
    for row, probs in zip(predictions, answer.probs, strict=True):
        order = np.argsort(-probs, kind="stable")
        assert row["predicted"] == f"class {order[0]}"
        assert float(row["probability"]) == pytest.approx(float(probs.max()))
        assert int(row["rank"]) == 1 + order.tolist().index(int(row["label"][-1]))
        assert (row["correct"] in {"True", "true", "1"}) == (row["rank"] == "1")
        assert row["label"] == f"class {int(row['id']) % 3}"
    right = np.mean([row["rank"] == "1" for row in predictions])
    assert right == pytest.approx(found.result.metrics["top_1"].value)


def test_the_surest_errors_come_first_with_train_images_near_them(store: LanceStore, tmp_path: Path) -> None:
    _, predictions, wrong = kept(store, tmp_path)
    errors = sorted((float(row["probability"]) for row in predictions if row["rank"] != "1"), reverse=True)
    assert [each["probability"] for each in wrong] == pytest.approx(errors[:WORST])
    vectors = unit(N).vectors
    train = [at for at in range(N) if at // 3 % 2 == 0]
    for each in wrong:
        scores = vectors[train] @ vectors[int(each["id"])]
        want = [f"{train[at]:03d}.jpg" for at in np.argsort(-scores, kind="stable")[:NEIGHBOURS]]
        assert [near["uri"] for near in each["neighbours"]] == want
        assert each["thumbnail"] is None


def test_every_draw_and_seed_is_kept(store: LanceStore, tmp_path: Path) -> None:
    _, predictions, _ = kept(store, tmp_path, "fewshot", shots=2, seeds=3)
    assert {(row["draw"], row["seed"]) for row in predictions} == {("0", "0"), ("0", "1"), ("0", "2")}
    assert len(predictions) == 3 * 45


def test_nothing_wrong(tmp_path: Path) -> None:
    """One train image of every class is the test image itself: no answer is wrong, and the list is empty."""
    names = [f"{at}" for at in range(6)]
    vectors = unit(3)
    twice = type(vectors)(np.tile(vectors.vectors, (2, 1)), np.tile(vectors.norms, 2))
    labels = [f"class {at % 3}" for at in range(6)]
    made, _ = store_with(tmp_path / "s", names, twice, label=labels, split=["train"] * 3 + ["test"] * 3)
    found, _, wrong = kept(made, tmp_path)
    assert found.result.metrics["top_1"].value == 1
    assert wrong == []


def test_without_train_the_neighbours_are_other_test_images(tmp_path: Path) -> None:
    made = store_of(tmp_path, ("test",))
    with made.snapshot() as snapshot:
        space = snapshot.space().fingerprint
    names = np.array([f"class {code}" for code in range(3)])
    texts = tuple(names.tolist())
    made.save_bank(
        Bank("said", space, "import:x", unit(3, seed=9).vectors, np.arange(3), names, texts, None, 0.05, kind="prompts")
    )
    _, _, wrong = kept(made, tmp_path, "zeroshot")
    vectors = unit(N).vectors
    assert len(wrong) == WORST
    for each in wrong:
        scores = vectors @ vectors[int(each["id"])]
        scores[int(each["id"])] = -np.inf
        want = [f"{at:03d}.jpg" for at in np.argsort(-scores, kind="stable")[:NEIGHBOURS]]
        assert [near["uri"] for near in each["neighbours"]] == want
