from __future__ import annotations

from typing import Any

import pytest

from eval.api import evaluate
from eval.results.schema import EvalResult
from eval.views.classification_tables import MOST_ROWS, class_tables, grid_table
from retrieval.store.memory import MemoryStore
from tests.support.labelled_stores import CLIP, RES, class_store, labelled
from tests.support.terminal import printed


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(labelled(roles={"train": 6, "val": 6, "test": 5}))


def evaluated(store: MemoryStore, mode: str, **asked: Any) -> EvalResult:
    if mode != "fusion":
        asked.setdefault("space", CLIP)
    return evaluate(store, mode, options={"bootstrap": 20, **asked.pop("options", {})}, say=lambda _: None, **asked)


def test_what_is_said_of_a_choice(store: MemoryStore) -> None:
    chosen = printed(class_tables(evaluated(store, "zeroshot", options={"pool": "softmax,max"})))
    assert "Settings of arm prompts on val" in chosen
    assert "chosen on val by top-1: bank=said, pool=" in chosen
    assert "* chosen" in chosen
    single = printed(class_tables(evaluated(store, "zeroshot")))
    assert "chosen" not in single
    side = printed(class_tables(evaluated(store, "zeroshot", options={"pool": "softmax,max", "choose": "none"})))
    assert "Settings of arm prompts on test" in side
    assert "side by side, none chosen" in side


def test_what_figures_are_over(store: MemoryStore) -> None:
    text = printed(class_tables(evaluated(store, "prototype")))
    for word in ("4 labels (all, ", "macro over present", "over samples within classes", f"space {CLIP}", "seed 0"):
        assert word in text


def test_a_temperature(store: MemoryStore) -> None:
    assert "temperature of prompts fitted on val: " in printed(
        class_tables(evaluated(store, "zeroshot", options={"calibrate": True}))
    )


def test_fusion_shows_its_arms_and_gains(store: MemoryStore) -> None:
    text = printed(class_tables(evaluated(store, "fusion", arms=(f"{CLIP}:prompts", f"{RES}:classifier"))))
    for word in ("What fusion gains", "over prompts", "over classifier", "answers, top-1 over prompts: p", "alpha"):
        assert word in text


def test_few_shots_are_rows(store: MemoryStore) -> None:
    options = {"shots": "1,2", "method": "prototype,knn", "knn.k": "1,2"}
    text = printed(class_tables(evaluated(store, "fewshot", options=options)))
    for word in ("Settings of the whole on test", "Settings of arm knn on val", "shots", "(seeds ±"):
        assert word in text
    heading = text.splitlines()[1]
    assert heading.split() == ["prototype", "knn"]
    assert "What prototype gains" in text
    assert "the headline of the result is the first, prototype" in text
    side = printed(class_tables(evaluated(store, "fewshot", options={**options, "choose": "none"})))
    assert "on val" not in side


def test_prompts_as_queries(store: MemoryStore) -> None:
    text = printed(class_tables(evaluated(store, "zeroshot", options={"text_to_image": True})))
    assert "Prompts as queries for images" in text


def test_of_many_settings_the_chosen_one_is_shown(store: MemoryStore) -> None:
    many = ",".join(str(k) for k in range(1, MOST_ROWS + 6))
    text = printed(class_tables(evaluated(store, "knn", options={"k": many})))
    assert "* chosen" in text
    assert sum(line.rstrip().endswith("*") for line in text.splitlines()) == 1
    assert "5 more in the result file" in text


def test_tables_fit_a_narrow_terminal(store: MemoryStore) -> None:
    text = printed(class_tables(evaluated(store, "zeroshot", options={"pool": "softmax,max"})), width=60)
    assert max(map(len, text.splitlines())) <= 60


def test_a_grid_has_a_row_per_result(store: MemoryStore) -> None:
    text = printed(
        [
            grid_table(
                [evaluated(store, "prototype"), evaluated(store, "prototype", space=RES), evaluated(store, "zeroshot")]
            )
        ]
    )
    lines = [line for line in text.splitlines() if line.startswith((CLIP, RES))]
    assert len(lines) == 3
    assert "said" in lines[2]
