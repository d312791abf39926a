from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.api import evaluate
from eval.runs.grid import evaluate_grid
from eval.runs.request import EvalRequest
from retrieval.errors import InputError
from tests.support.identity_stores import memory_store, people
from tests.support.labelled_stores import CLIP, RES, class_store, labelled, name_of

ROWS = labelled()


def asked(mode: str, **more: Any) -> EvalRequest:
    return EvalRequest(mode=mode, space="all", options={"bootstrap": 0, **more.pop("options", {})}, **more)


def test_every_space_by_itself_gives_what_it_gives_alone() -> None:
    store = class_store(ROWS)
    found = [each.result for each in evaluate_grid(store, asked("prototype"), lambda _: None)]
    assert [result.provenance.space for result in found] == [CLIP, RES]
    for result in found:
        alone = evaluate(store, "prototype", space=result.provenance.space, options={"bootstrap": 0})
        assert alone.metrics == result.metrics


def test_prompt_sets_stay_apart_and_a_space_without_texts_is_passed_over(tmp_path: Path) -> None:
    for name, more in (("one", 0), ("two", 4)):
        texts = {name_of(code): [f"text {code + more}"] for code in range(4)}
        (tmp_path / f"{name}.json").write_text(json.dumps(texts))
    said: list[str] = []
    files = tuple(tmp_path / f"{name}.json" for name in ("one", "two"))
    found = [each.result for each in evaluate_grid(class_store(ROWS), asked("zeroshot", prompts=files), said.append)]
    banks = [arm.bank for result in found for arm in (result.arms or {}).values()]
    assert banks == ["one", "two"]
    assert [words.partition(":")[0] for words in said] == [f"Passed over {RES}"] * 2
    together = asked("zeroshot", prompts=files, options={"combine": True})
    (joined,) = evaluate_grid(class_store(ROWS), together, lambda _: None)
    assert [arm.bank for arm in (joined.result.arms or {}).values()] == ["one+two"]


def test_nothing_that_could_be_evaluated() -> None:
    said: list[str] = []
    with pytest.raises(InputError, match="None of the spaces"):
        list(evaluate_grid(class_store(ROWS), asked("prototype", options={"class_temprature": 1}), said.append))
    assert all("Did you mean 'class_temperature'" in words for words in said)


@pytest.mark.parametrize("wrong", [asked("reid"), asked("fusion", arms=(f"{CLIP}:prompts", f"{RES}:classifier"))])
def test_other_modes_have_no_grid(wrong: EvalRequest) -> None:
    store = memory_store(people(4, 3)) if wrong.mode == "reid" else class_store(ROWS)
    with pytest.raises(InputError, match="`space=all`"):
        list(evaluate_grid(store, wrong, lambda _: None))
