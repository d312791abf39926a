from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from eval.seams.mode import Arrays
from retrieval.errors import InputError
from tests.support.ranking_problems import Problem, arrays, golden, verify, with_held_out


def sliced(problem: Arrays, values: list[str | None], **parts: Any) -> Arrays:
    """The problem with a column ``hand``."""
    columns = {**problem.columns, "hand": np.array(values, dtype=np.object_)}
    return Arrays(problem.ids, problem.vectors, columns, parts.get("parts") or problem.parts)


def test_slices_are_the_pairs_of_their_queries_alone() -> None:
    problem = with_held_out(val=slice(0, 60))
    hands: list[str | None] = [("left", "right", "left", None)[at % 4] for at in range(300)]
    found = verify(sliced(problem, hands), slice="hand", unknown=0.4)
    assert found.slices is not None
    assert list(found.slices) == ["left", "right", "unknown"]
    names, vectors = problem.columns["identity"].astype(str), problem.vectors["base"].astype(float)
    threshold = (found.thresholds or {})["whole"]
    for name, part in found.slices.items():
        query = np.flatnonzero([str(hand or "unknown") == name for hand in hands[:40]])
        scores = vectors[query] @ vectors[40:240].T
        same = names[query, None] == names[None, 40:240]
        fpr, tpr, _ = roc_curve(same.ravel(), scores.ravel(), drop_intermediate=False)
        assert part.metrics["auc"].value == pytest.approx(roc_auc_score(same.ravel(), scores.ravel()), abs=1e-6)
        assert part.metrics["tpr_at_fpr_0.01"].value == pytest.approx(tpr[fpr <= 0.01].max(), abs=1e-6)
        assert part.metrics["threshold_fmr"].value == pytest.approx((scores[~same] > threshold).mean(), abs=1e-9)
        assert part.metrics["threshold_fnmr"].value == pytest.approx((scores[same] <= threshold).mean(), abs=1e-9)
        people = len(np.unique(names[query]))
        assert part.n == {
            "query": len(query), "identities": people, "genuine": same.sum(), "impostor": (~same).sum()
        }  # fmt: skip
        assert part.small
        for metric in ("auc", "threshold_fnmr", "open_set_rank_1"):
            ends = part.metrics[metric].ci95
            assert ends is not None
            assert ends[0] <= part.metrics[metric].value <= ends[1]
    mated = sum(part.n["genuine"] for part in found.slices.values())
    assert mated == found.n["genuine"]


def test_the_option_slice_changes_nothing_else_and_a_slice_of_all_is_the_whole() -> None:
    problem = with_held_out(val=slice(0, 60))
    plain = verify(problem, unknown=0.4)
    assert "slice" not in plain.config
    first, again = (verify(sliced(problem, ["left"] * 300), slice="hand", unknown=0.4) for _ in range(2))
    assert first == again
    assert first.metrics == plain.metrics
    assert first.draws == plain.draws
    assert first.curves == plain.curves
    assert first.slices is not None
    assert first.slices["left"].metrics == plain.metrics
    assert not first.slices["left"].small


def test_searches_of_a_slice_by_hand() -> None:
    eye = np.eye(4, dtype=np.float32)
    # As above, twice: left hands of a, b and c, of whom b is beaten and c is not enrolled; a right hand of a alone.
    query = np.stack([eye[0], 0.8 * eye[0] + 0.6 * eye[1], 0.6 * eye[0] + 0.8 * eye[3], eye[0]])
    problem = arrays(Problem(np.concatenate([query, eye[:2]]), ["a", "b", "c", "a", "a", "b"], [None] * 6, 4))
    hands: list[str | None] = ["left", "left", "left", "right", None, None]
    found = verify(sliced(problem, hands), slice="hand", fpir="0.5,0.9", bootstrap=10)
    assert found.slices is not None
    assert found.slices["left"].metrics["open_set_rank_1"].value == 0.5
    assert found.slices["left"].metrics["fnir_at_fpir_0.5"].value == 0.5
    assert "open_set_rank_1" not in found.slices["right"].metrics
    assert found.slices["right"].metrics["auc"].ci95 is None  # one person
    assert any("of slice right: open-set identification is left out there" in text for text in found.warnings)


def test_slices_without_pairs_are_named_and_parts_without_them_do_not_count() -> None:
    eye = np.eye(8, dtype=np.float32)
    problem = arrays(Problem(np.concatenate([eye[:4], eye]), list("abcx" + "abcdefgh"), [None] * 12, 4))
    hands: list[str | None] = ["left", "left", "right", "none", *[None] * 8]
    gallery = np.arange(4, 12)
    parts = {
        "one": ({"query": np.array([0, 1, 3]), "gallery": gallery},) * 2,
        "two": ({"query": np.array([2]), "gallery": gallery}, {"query": np.array([1, 2]), "gallery": gallery}),
    }
    found = verify(sliced(problem, hands, parts=parts), slice="hand", bootstrap=0)
    assert found.slices is not None
    assert {name: part.n["query"] for name, part in found.slices.items()} == {"left": 3, "right": 1}
    assert "Slice none is left out: its queries have no genuine or no impostor pair." in found.warnings


def test_all_pairs_have_no_query_to_slice_by() -> None:
    with pytest.raises(InputError, match="pairs=all has no queries; leave one of the two out"):
        verify(arrays(golden()), slice="camera", pairs="all")
