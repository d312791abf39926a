"""What every search index promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.errors import UnknownNameError
from retrieval.search import ann_kinds
from retrieval.search.exact import FEW, KINDS, make_index
from retrieval.search.saved_index import open_index
from retrieval.store.ann_files import AnnRecord, ann_files

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Float32, SearchIndex

ROWS, DIMENSION, QUERIES, K = FEW + 2000, 32, 200, 10


@dataclass(frozen=True)
class Case:
    kind: str
    index: SearchIndex


def clustered(n: int, seed: int) -> Float32:
    """Unit vectors round 300 centres that are the same for every seed."""
    centres = np.random.default_rng(0).standard_normal((300, DIMENSION))
    rng = np.random.default_rng(seed)
    raw = centres[rng.integers(0, len(centres), n)] + 0.5 * rng.standard_normal((n, DIMENSION))
    return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.float32)


DATA, SOUGHT = clustered(ROWS, 1), clustered(QUERIES, 2)
DATA[[5, 700, 9000]] = DATA[40]  # with row 40 itself four equal vectors


def saved(kind: str, folder: Path) -> SearchIndex:
    """An index of a kind that can be saved, opened from its files."""
    folder.mkdir()
    options = ann_kinds.HnswOptions(ef_construction=40) if kind == "hnsw" else ann_kinds.CellOptions(nprobe=32)
    parameters = {**ann_kinds.KINDS[kind].parameters(options, ROWS), "seed": 0}
    added: list[int] = []
    ann_kinds.KINDS[kind].build(folder, DATA, parameters, added.append)
    assert sum(added) == ROWS
    files = ann_files(folder)
    record = AnnRecord("f", "base", kind, ROWS, DIMENSION, "mark", parameters, folder.name, files, {}, "now", 1)
    assert record.size < 1.1 * ann_kinds.KINDS[kind].size(ROWS, DIMENSION, parameters) + 10_000
    return open_index(folder.parent, record, DATA)


@pytest.fixture(scope="module", params=[*KINDS, *(f"saved {kind}" for kind in ann_kinds.KINDS)])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    how, _, kind = request.param.rpartition(" ")
    index = saved(kind, tmp_path_factory.mktemp("ann") / "g") if how else make_index(kind, DATA)
    return Case(request.param, index)


def truth() -> Float32:
    """All scores (queries, rows), in double precision."""
    return np.asarray(SOUGHT.astype(np.float64) @ DATA.astype(np.float64).T, np.float32)


def test_says_whether_it_is_exhaustive(case: Case) -> None:
    assert case.index.exhaustive == (case.kind == "exact")


def test_finds_most_of_the_nearest_and_all_if_exhaustive(case: Case) -> None:
    found = case.index.search(SOUGHT, K).rows
    nearest = np.argsort(-truth(), axis=1, kind="stable")[:, :K]
    recall = np.mean([len(np.intersect1d(*both)) / K for both in zip(found, nearest, strict=True)])
    assert recall == 1 if case.index.exhaustive else recall >= 0.9


def test_scores_are_dot_products_best_first_and_rows_come_once(case: Case) -> None:
    rows, scores = case.index.search(SOUGHT, K)
    assert rows.shape == scores.shape == (QUERIES, K)
    assert rows.dtype == np.int64
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, np.take_along_axis(truth(), rows, axis=1), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(row)) == K for row in rows.tolist())


def test_equal_vectors_come_in_order_of_rows(case: Case) -> None:
    rows, scores = case.index.search(DATA[40:41], 4)
    assert rows.tolist() == [[5, 40, 700, 9000]]
    assert (scores == scores[:, :1]).all()


def test_what_is_excluded_is_not_returned_and_leaves_no_gap(case: Case) -> None:
    first = case.index.search(SOUGHT, K)
    found = case.index.search(SOUGHT, K, list(first.rows[:, :5]))
    assert (found.rows >= 0).all()
    assert not any(np.isin(*both).any() for both in zip(found.rows, first.rows[:, :5], strict=True))
    assert (found.rows[:, :5] == first.rows[:, 5:]).mean() > 0.95
    nothing = [np.zeros(0, np.int64)] * QUERIES
    assert np.array_equal(case.index.search(SOUGHT, K, nothing).rows, first.rows)


def test_lists_longer_than_there_is_are_padded(case: Case) -> None:
    everything = case.index.search(SOUGHT[:2], ROWS + 3)
    assert (np.sort(everything.rows[:, :ROWS], axis=1) == np.arange(ROWS)).all()
    assert (everything.rows[:, ROWS:] == -1).all()
    assert np.isneginf(everything.scores[:, ROWS:]).all()
    barred = case.index.search(SOUGHT[:1], K, [np.arange(ROWS - 2)])
    assert sorted(barred.rows[0, :2].tolist()) == [ROWS - 2, ROWS - 1]
    assert (barred.rows[0, 2:] == -1).all()


def test_no_query_and_no_neighbour_are_empty_lists(case: Case) -> None:
    assert case.index.search(SOUGHT[:0], K).rows.shape == (0, K)
    assert case.index.search(SOUGHT, 0).rows.shape == (QUERIES, 0)


def test_a_query_is_answered_alike_alone_and_beside_others(case: Case) -> None:
    together = case.index.search(SOUGHT, K)
    alone = [case.index.search(SOUGHT[at : at + 1], K).rows[0] for at in range(0, QUERIES, 20)]
    assert np.array_equal(np.stack(alone), together.rows[::20])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_vectors_make_the_same_index(kind: str) -> None:
    first, again = (make_index(kind, DATA.copy()).search(SOUGHT, K) for _ in range(2))
    assert np.array_equal(first.rows, again.rows)
    assert np.array_equal(first.scores, again.scores)


@pytest.mark.parametrize("kind", ann_kinds.KINDS)
def test_the_same_vectors_make_the_same_saved_index(kind: str, tmp_path: Path) -> None:
    first, again = (saved(kind, tmp_path / name).search(SOUGHT, K) for name in ("a", "b"))
    assert np.array_equal(first.rows, again.rows)
    assert np.array_equal(first.scores, again.scores)


@pytest.mark.parametrize("kind", KINDS)
def test_few_vectors_are_scanned(kind: str) -> None:
    index = make_index(kind, DATA[: FEW - 1])
    assert index.exhaustive
    assert make_index(kind, DATA[:0]).search(SOUGHT, 2).rows.tolist() == [[-1, -1]] * QUERIES
    assert make_index(kind, DATA[:1]).search(SOUGHT[:1], 2).rows.tolist() == [[0, -1]]


def test_an_unknown_kind_is_said_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'hnsw'"):
        make_index("hsnw", DATA)
