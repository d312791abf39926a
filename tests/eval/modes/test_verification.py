from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from eval.api import evaluate as evaluate_store
from eval.results.schema import EvalResult, Evaluation
from eval.seams.mode import Arrays
from eval.views.ranking_tables import result_table
from tests.support.identity_stores import memory_store, people
from tests.support.ranking_problems import Problem, arrays, golden, verify


@pytest.mark.parametrize("camera_rule", ["none", "market1501"])
def test_golden_problem_equals_scikit_learn(camera_rule: str) -> None:
    problem = golden()
    scores = problem.vectors[:40] @ problem.vectors[40:].T
    identity, camera = np.array(problem.identity), np.array(problem.camera)
    same = identity[:40, None] == identity[None, 40:]
    junk = same & (camera[:40, None] == camera[None, 40:]) & (camera_rule == "market1501")
    truth, kept = same[~junk], scores[~junk]
    found = verify(arrays(problem), camera_rule=camera_rule)
    fpr, tpr, _ = roc_curve(truth, kept, drop_intermediate=False)
    assert (found.n["genuine"], found.n["impostor"]) == (truth.sum(), (~truth).sum())
    assert found.metrics["auc"].value == pytest.approx(roc_auc_score(truth, kept), abs=1e-6)
    for rate in (0.001, 0.01, 0.1):
        assert found.metrics[f"tpr_at_fpr_{rate:g}"].value == pytest.approx(tpr[fpr <= rate].max(), abs=1e-6)
        quantile = np.quantile(kept[~truth], 1 - rate)
        expected = (kept[truth] <= quantile).mean()
        assert found.metrics[f"fnmr_at_fmr_{rate:g}"].value == pytest.approx(expected, abs=1 / truth.sum() + 1e-9)


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    """The EER of new people, 80 times: near the nominal 95 %, on the wide side rather than the narrow one."""
    rng = np.random.default_rng(0)

    def sample(n: int) -> Arrays:
        names = np.repeat(np.arange(n), 4)
        noise = rng.uniform(0.8, 2.2, n)[names, None]  # people differ in how hard they are
        raw = rng.standard_normal((n, 12))[names] + noise * rng.standard_normal((4 * n, 12))
        vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        order = np.argsort(np.arange(4 * n) % 4 != 0, kind="stable")
        return arrays(Problem(vectors[order], list(map(str, names[order])), [None] * 4 * n, n))

    def metrics(n: int, resamples: int) -> Evaluation:
        return verify(sample(n), bootstrap=resamples, threshold_from="none")

    truth = np.mean([metrics(1000, 0).metrics["eer"].value for _ in range(3)])
    intervals = [metrics(40, 200).metrics["eer"].ci95 for _ in range(80)]
    covered = np.mean([interval is not None and interval[0] <= truth <= interval[1] for interval in intervals])
    assert covered >= 0.9


def test_from_a_store_to_a_table() -> None:
    rows = [*people(8, 4, ("left", "right"), split="test"), *people(12, 4, ("left", "right"), split="val")]
    for at, row in enumerate(rows):
        row["uri"] = f"{at}.jpg"
    store = memory_store(rows)
    found = evaluate_store(store, "verification", aspect="all", options={"unknown": 0.3, "bootstrap": 50})
    assert set(found.thresholds or ()) == {"left", "right"}
    assert found.n["threshold_identities"] == 4  # people 8 ... 11; the others are tested
    assert set(found.curves or ()) == {"roc", "det", "genuine", "impostor", "open_set"}
    curves = found.curves or {}
    assert sum(curves["genuine"]["counts"]) == 10 * found.n["genuine"]
    assert np.all(np.diff(curves["roc"]["tpr"]) >= 0)
    edges = np.array(curves["genuine"]["edges"])
    assert list(edges) == list(curves["impostor"]["edges"])
    counted = np.array(curves["genuine"]["counts"]) + np.array(curves["impostor"]["counts"])
    assert counted[0] > 0  # the bins span the scores that there are, no more
    assert counted[-1] > 0
    assert curves["roc"]["fpr"][1] >= 1 / found.n["impostor"] - 1e-12
    table = result_table(found)
    assert [column.name for column in table.columns] == ["", "left", "right", "mean"]
    assert EvalResult.read(found.to_dict(), "test") == found
