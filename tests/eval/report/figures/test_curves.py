"""ROC, DET and score curves of a verification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.report.figures.curves import curve_figures
from eval.report.figures.style import save
from retrieval.store.memory import MemoryStore
from retrieval.types import Float32
from tests.support.identity_stores import RankedStore, people, sample_table


def test_curves_give_their_pictures(world: RankedStore, tmp_path: Path) -> None:
    _, result = world
    curves = {
        "roc": {"fpr": (0.0, 0.01, 0.1, 1.0), "tpr": (0.2, 0.5, 0.9, 1.0)},
        "det": {"fmr": (0.0, 0.01, 0.1, 1.0), "fnmr": (0.8, 0.5, 0.1, 0.0)},
        "open_set": {"fpir": (0.0, 1.0), "fnir": (1.0, 0.0)},
        "genuine": {"edges": (0.0, 0.5, 1.0), "counts": (1.0, 9.0)},
        "impostor": {"edges": (0.0, 0.5, 1.0), "counts": (0.0, 0.0)},
    }
    figures = curve_figures(result.model_copy(update={"curves": curves, "thresholds": {"whole": 0.4}}))
    assert sorted(figures) == ["det", "open-set", "roc", "scores"]
    for name, figure in figures.items():
        save(figure, tmp_path / f"{name}.png")


def store_of(rows: list[dict[str, Any]], vectors: Float32) -> MemoryStore:
    samples = sample_table(rows)
    return MemoryStore(samples, {"own": {"base": (samples.column("key").to_pylist(), vectors)}}, writable=True)


@pytest.mark.parametrize(
    ("fnmr", "words"),
    [
        ((0.0, 0.0, 0.0), "no errors to trade off"),
        ((1.0, 1.0, 0.0), "no trade-off: at every threshold\none of the error rates is 100 %"),
        ((0.5, 0.0, 0.0), "no trade-off: at every threshold\none of the error rates is 0 % or 100 %"),
    ],
)
def test_a_curve_that_cannot_be_drawn_says_why(world: RankedStore, fnmr: tuple[float, ...], words: str) -> None:
    _, result = world
    fmr = (0.0, 1.0, 1.0) if fnmr[0] == 1 else (0.0, 0.5, 1.0)
    curves = {"det": {"fmr": fmr, "fnmr": fnmr}}
    (axes,) = curve_figures(result.model_copy(update={"curves": curves}))["det"].axes
    assert [text.get_text() for text in axes.texts] == [words]


@pytest.mark.parametrize("wrong", [True, False])
def test_a_verification_that_is_all_wrong_or_all_tied_has_errors(wrong: bool) -> None:  # noqa: FBT001
    rows = people(2, 2)
    axis, sign = ([0, 0, 1, 1], [1, -1, 1, -1]) if wrong else ([0] * 4, [1] * 4)
    store = store_of(rows, np.eye(2, dtype=np.float32)[axis] * np.array(sign, np.float32)[:, None])
    result = evaluate(store, "verification", options={"pairs": "all", "bootstrap": 0, "draws": 1})
    assert result.metrics["eer"].value == (1 if wrong else 0.5)
    (axes,) = curve_figures(result)["det"].axes
    assert [text.get_text() for text in axes.texts] == [
        "no trade-off: at every threshold\none of the error rates is 100 %"
    ]
