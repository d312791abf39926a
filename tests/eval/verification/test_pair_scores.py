from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eval.verification.pair_scores
from eval.metrics.verification import area_under_roc, error_curve, tpr_at_fpr
from eval.ranking.rank_gallery import Side
from eval.verification.pair_scores import best_scores, score_pairs


def side(n: int, seed: int, identities: int = 5, *, unknown: bool = False) -> Side:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Side(vectors, rng.integers(-1 if unknown else 0, identities, n), rng.integers(0, 2, n))


def slow(a: Side, b: Side | None) -> tuple[list[tuple[float, int, int]], list[tuple[float, int, int]]]:
    """Genuine and impostor pairs by two loops: score and identities."""
    genuine, impostor = [], []
    other = a if b is None else b
    assert a.camera is not None
    assert other.camera is not None
    for i in range(len(a.vectors)):
        for j in range(0 if b is not None else i + 1, len(other.vectors)):
            pair = float(a.vectors[i] @ other.vectors[j]), int(a.identity[i]), int(other.identity[j])
            if pair[1] != pair[2]:
                impostor.append(pair)
            elif a.camera[i] != other.camera[j]:
                genuine.append(pair)
    return sorted(genuine), sorted(impostor)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 30), st.integers(0, 999), st.sampled_from([1, 2]))
def test_equals_two_loops(n: int, m: int, seed: int, sides: int) -> None:
    queries = side(n, seed)
    gallery = None if sides == 1 else side(m, seed + 1, 6, unknown=True)
    found = score_pairs(queries, gallery, np.random.default_rng(0))
    genuine, impostor = slow(queries, gallery)
    assert found.genuine.values == pytest.approx([pair[0] for pair in genuine], abs=1e-6)
    assert found.impostor.values == pytest.approx([pair[0] for pair in impostor], abs=1e-6)
    kept = found.pairs.impostor
    assert sorted(zip(kept.first.tolist(), kept.second.tolist(), strict=True)) == sorted(p[1:] for p in impostor)
    assert found.pairs.genuine.first.tolist() == [queries.identity[i] for i in sorted_rows(queries, gallery)]


def sorted_rows(queries: Side, gallery: Side | None) -> list[int]:
    """Query of every genuine pair, query by query."""
    other = queries if gallery is None else gallery
    assert queries.camera is not None
    assert other.camera is not None
    return [
        i
        for i in range(len(queries.vectors))
        for j in range(0 if gallery is not None else i + 1, len(other.vectors))
        if queries.identity[i] == other.identity[j] and queries.camera[i] != other.camera[j]
    ]


def test_a_sample_is_not_compared_with_itself() -> None:
    both = side(30, 0)._replace(camera=None, sample=np.arange(30))
    found = score_pairs(both, both, np.random.default_rng(0))
    sizes = np.bincount(both.identity)
    assert found.genuine.total == (sizes * (sizes - 1)).sum()
    assert np.isfinite(best_scores(both, both).mate).sum() == sizes[sizes > 1].sum()


def test_many_impostors_are_exact_at_the_top_and_close_below(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = side(300, 0, 20), side(500, 1, 20)
    exact = score_pairs(queries, gallery, np.random.default_rng(0))
    monkeypatch.setattr(eval.verification.pair_scores, "EXACT_IMPOSTORS", 4000)
    monkeypatch.setattr(eval.verification.pair_scores, "TOP_KEPT", 500)
    monkeypatch.setattr(eval.verification.pair_scores, "SAMPLED", 3000)
    monkeypatch.setattr(eval.verification.pair_scores, "CELLS_AT_ONCE", 7000)
    found = score_pairs(queries, gallery, np.random.default_rng(0))
    assert found.impostor.total == exact.impostor.total
    assert found.impostor.values[-4000:].tolist() == exact.impostor.values[-4000:].tolist()
    assert np.all(np.diff(found.impostor.values) >= 0)
    ours, theirs = (error_curve(each.genuine, each.impostor) for each in (found, exact))
    assert tpr_at_fpr(ours, 0.02) == tpr_at_fpr(theirs, 0.02)
    assert area_under_roc(ours) == pytest.approx(float(area_under_roc(theirs)), abs=1e-5)
    kept = found.pairs.impostor
    assert kept.counts.sum() == pytest.approx(exact.impostor.total)
    for threshold in (0.0, 0.5, 0.9):
        share = kept.counts[kept.scores > threshold].sum() / kept.counts.sum()
        assert share == pytest.approx(exact.impostor.share_above(np.array([threshold]))[0], abs=0.02)


def test_best_scores_by_hand() -> None:
    queries, gallery = side(10, 0), side(40, 1, unknown=True)
    assert queries.camera is not None
    assert gallery.camera is not None
    found = best_scores(queries, gallery)
    for i in range(10):
        scores = gallery.vectors @ queries.vectors[i]
        own = gallery.identity == queries.identity[i]
        mates = scores[own & (gallery.camera != queries.camera[i])]
        assert found.mate[i] == pytest.approx(max(mates, default=-np.inf), abs=1e-6)
        assert found.other[i] == pytest.approx(scores[~own].max(), abs=1e-6)
