"""What every evaluation mode promises: purity, its needs, a result that can be written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from eval.api import evaluate
from eval.ranking.identities import universe_of
from eval.ranking.relations import settle
from eval.registry import MODES, PROTOCOLS, load_mode, load_protocol
from eval.results.schema import ArmResult, ClassMetrics, EvalResult, Evaluation, Metric, SweepPoint, TaskName
from eval.seams.mode import Mode, ModeConfig, Needs, RelatedArrays
from tests.support.identity_stores import memory_store, people
from tests.support.ranking_problems import arrays, golden

ROOT = Path(__file__).resolve().parents[2]

OF_PAIRS = [name for name in MODES if load_mode(name).task != "classification"]
"""Modes of identities; those of classification have a contract of their own."""


@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_mode_says_who_it_is_and_what_it_needs(name: str) -> None:
    mode = cast("Mode[Any]", load_mode(name))
    assert mode.name == name
    assert issubclass(mode.config_type, ModeConfig)
    config = mode.config_type.read({"views": "base,hflip"}, "test")
    assert mode.needs(config).views == ("base", "hflip")
    assert mode.needs(config).roles


@pytest.mark.parametrize("name", OF_PAIRS)
def test_a_mode_is_pure(name: str) -> None:
    mode, problem = cast("Mode[Any]", load_mode(name)), arrays(golden())
    for array in (*problem.vectors.values(), problem.ids, *problem.columns.values()):
        array.flags.writeable = False
    results = [mode.evaluate(*settle(problem, mode.config_type()), np.random.default_rng(0)) for _ in range(2)]
    assert results[0] == results[1]
    assert json.dumps(results[0].model_dump(mode="json"), allow_nan=False)
    assert all(0 <= metric.value <= 1 for metric in results[0].metrics.values())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_says_who_it_is(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name
    assert load_mode("reid").config_type.read(protocol.settings, "test")


@pytest.mark.parametrize("name", MODES)
def test_a_mode_is_arithmetic_over_arrays(name: str) -> None:
    module = "eval" + MODES[name].partition(":")[0]
    heavy = "torch", "lancedb", "faiss", "click", "matplotlib", "pyarrow"
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Nearest:
    """A ranking mode as somebody might add it: one metric, and sections that the shipped rankings do not have."""

    name = "nearest"
    task: TaskName = "ranking"
    config_type = ModeConfig

    def needs(self, config: ModeConfig) -> Needs:
        return Needs(("query", "gallery"), config.views, ("identity",))

    def evaluate(self, arrays: RelatedArrays, config: ModeConfig, rng: np.random.Generator) -> Evaluation:
        del rng
        vectors, relations, values = arrays.vectors[config.views[0]], arrays.relations, []
        for draw in (draw for draws in arrays.parts.values() for draw in draws):
            queries, gallery = draw["query"], draw["gallery"]
            scores = np.where(relations.junk(queries, gallery), -np.inf, vectors[queries] @ vectors[gallery].T)
            nearest = gallery[scores.argmax(axis=1)]
            values.append(float((relations.identity[queries] == relations.identity[nearest]).mean()))
        counts = ClassMetrics(precision=1, recall=1, f1=1, jaccard=1, support=1, predicted=1)
        return Evaluation(
            metrics={"nearest": Metric(value=float(np.mean(values)))},
            draws=tuple({"nearest": value} for value in values),
            n={"query": len(queries)},
            label_universe=universe_of(relations.texts),
            config=config.model_dump(mode="json"),
            per_class={"a": counts},
            sweep=(SweepPoint(settings={"shift": 0.0}, role="val", metrics={"nearest": 0.5}),),
            arms={"one": ArmResult(space="s", scorer="prototype")},
        )


def test_a_new_ranking_mode_keeps_every_section_and_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODES, "nearest", ".modes.nearest:MODE")
    monkeypatch.setitem(sys.modules, "eval.modes.nearest", cast("Any", SimpleNamespace(MODE=Nearest())))
    result = evaluate(memory_store([{**row, "group": None} for row in people(5, 3)]), "nearest", protocol="monte-carlo")
    assert (result.mode, result.task, result.protocol) == ("nearest", "ranking", "monte-carlo")
    assert result.per_class
    assert result.sweep
    assert result.arms
    assert EvalResult.read(json.loads(result.to_json()), "result") == result
    assert "nearest" in repr(result)
