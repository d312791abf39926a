"""Rankings of every query as CSV, against the result and against a sort of the scores."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.hands import HAND_ASPECTS
from eval.results.schema import EvalResult
from retrieval.errors import InputError
from retrieval.store.memory import MemoryStore
from tests.support.identity_stores import memory_store, people

if TYPE_CHECKING:
    from pathlib import Path

ROWS = people(9, 4, HAND_ASPECTS, split="test", meta_accessories=0, group=None)


def written(store: MemoryStore, path: Path, **asked: Any) -> tuple[EvalResult, list[dict[str, str]]]:
    draws = {} if asked["protocol"] == "leave-one-out" else {"draws": 3}
    options = {"bootstrap": 0, **draws, **asked.pop("options", {})}
    result = evaluate(store, "reid", per_query=path, options=options, say=lambda _: None, **asked)
    with path.open(newline="", encoding="utf-8") as file:
        return result, list(csv.DictReader(file))


def means(rows: list[dict[str, str]], column: str) -> float:
    """Mean over parts and draws of the means over counted queries."""
    draws: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["counted"] == "1":
            draws.setdefault((row["part"], row["draw"]), []).append(float(row[column] or 0))
    return float(np.mean([np.mean(values) for values in draws.values()]))


@pytest.mark.parametrize(
    ("protocol", "options"),
    [
        ("clipfh-11k", {}),
        ("leave-one-out", {"ap_method": "trapezoid"}),
        ("monte-carlo", {"denominator": "all", "ties": "pessimistic"}),
        ("leave-one-out", {"rerank": "alpha-qe", "n": 3}),
    ],
)
def test_their_means_are_the_metrics_of_the_result(tmp_path: Path, protocol: str, options: dict[str, Any]) -> None:
    aspect = {"aspect": "all"} if protocol == "clipfh-11k" else {}
    result, rows = written(memory_store(ROWS), tmp_path / "q.csv", protocol=protocol, options=options, **aspect)
    assert means(rows, "ap") == pytest.approx(result.metrics["mean_ap"].value, abs=1e-12)
    assert means(rows, "inp") == pytest.approx(result.metrics["mean_inp"].value, abs=1e-12)
    first = [{**row, "hit": str(int(bool(row["first_match"]) and int(row["first_match"]) <= 5))} for row in rows]
    assert means(first, "hit") == pytest.approx(result.metrics["rank_5"].value, abs=1e-12)
    assert {row["part"] for row in rows} == set(result.parts or [""])


def test_the_first_of_a_ranking_are_the_gallery_samples_of_highest_score(tmp_path: Path) -> None:
    store = memory_store(people(5, 3, group=None))
    _, rows = written(store, tmp_path / "q.csv", protocol="leave-one-out")
    with store.snapshot() as snapshot:
        samples = snapshot.samples(["id", "uri", "identity"]).to_pylist()
        vectors = snapshot.vectors(snapshot.space()).data
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    for at, row in enumerate(rows):
        order = np.argsort(-scores[at], kind="stable")
        assert (row["query"], row["uri"], row["identity"]) == tuple(samples[at].values())
        assert [row[f"gallery_{rank}"] for rank in range(1, 11)] == [samples[place]["id"] for place in order[:10]]
        assert [float(row[f"score_{rank}"]) for rank in range(1, 11)] == pytest.approx(scores[at][order[:10]], abs=1e-6)
        matches = [rank for rank, place in enumerate(order, 1) if samples[place]["identity"] == row["identity"]][:-1]
        assert (int(row["positives"]), int(row["first_match"])) == (2, matches[0])


def test_a_query_without_a_positive_has_a_row_and_no_metrics(tmp_path: Path) -> None:
    rows = [*people(4, 3, group=None), {"uri": "alone.jpg", "identity": "alone"}]
    _, found = written(memory_store(rows), tmp_path / "q.csv", protocol="leave-one-out")
    assert len(found) == len(rows)
    (alone,) = [row for row in found if row["uri"] == "alone.jpg"]
    assert [alone[name] for name in ("positives", "counted", "first_match", "ap", "inp")] == ["0", "0", "", "", ""]
    assert alone["gallery_10"]


def test_a_small_gallery_leaves_cells_empty(tmp_path: Path) -> None:
    _, (first, *_) = written(memory_store(people(2, 2, group=None)), tmp_path / "q.csv", protocol="leave-one-out")
    assert first["gallery_3"]
    assert first["gallery_4"] == first["score_4"] == ""


def test_other_modes_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Rankings per query are of mode reid, and not of verification"):
        evaluate(memory_store(ROWS), "verification", per_query=tmp_path / "q.csv")
    assert not list(tmp_path.iterdir())
