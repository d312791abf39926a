"""Pictures of results: what they show is what the evaluator ranked, and the same result gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.report.figures.cmc import cmc_bands, cmc_figure
from eval.report.figures.curves import curve_figures
from eval.report.figures.hardest import hardest_figure, identity_ranks
from eval.report.figures.ranked_lists import choose_queries, ranked_figure, ranked_lists
from eval.report.figures.style import save
from eval.report.pictures import write_pictures
from eval.results.schema import EvalResult
from eval.runs.replay_ranking import replay
from eval.runs.run import evaluate
from retrieval.errors import InputError
from retrieval.store.memory import MemoryStore
from retrieval.types import Float32
from tests.support.identity_stores import memory_store, people, sample_table
from tests.support.sample_stores import store_with, unit


def world(**columns: str) -> tuple[MemoryStore, EvalResult]:
    store = memory_store(people(12, 4, ("dorsal left", "dorsal right"), **columns))
    options = {"draws": 3, "bootstrap": 200}
    return store, evaluate(store, "reid", protocol="monte-carlo", aspect="all", options=options)


def camera_world() -> tuple[MemoryStore, EvalResult]:
    rows = people(10, 5)
    for at, row in enumerate(rows):
        row["camera"] = f"c{at % 3}"
        row["split"] = "gallery" if at % 5 else "query"
    store = memory_store(rows)
    return store, evaluate(store, "reid", options={"camera_rule": "market1501", "bootstrap": 50})


@pytest.mark.parametrize("make", [world, camera_world])
def test_sheets_show_the_ranking_of_the_metric(make: object) -> None:
    store, result = world() if make is world else camera_world()
    again = replay(store, result)
    for draws in again.rankings.values():
        for ranking in draws:
            everything = choose_queries(ranking, 0, each=10**6)
            assert sorted(one.at for one in everything) == np.flatnonzero(ranking.first_ranks > 0).tolist()
            for one in ranked_lists(ranking, everything, k=10**6):
                kinds = [tile.kind for tile in one.tiles]
                assert kinds.index("right") + 1 == one.first_rank
                scores = [tile.score for tile in one.tiles]
                assert scores == sorted(scores, reverse=True)
    first = np.concatenate([r.first_ranks for draws in again.rankings.values() for r in draws])
    if make is camera_world:
        assert float((first[first > 0] == 1).mean()) == pytest.approx(result.metrics["rank_1"].value)


def test_the_band_is_the_interval_of_the_result() -> None:
    store, result = world()
    bands = cmc_bands(result, replay(store, result))
    assert result.parts is not None
    sections = {**{name: part.metrics for name, part in result.parts.items()}, "mean": result.metrics}
    for name, metrics in sections.items():
        band = bands[name]
        assert band.interval is not None
        for k in (1, 5, 10):
            metric = metrics[f"rank_{k}"]
            assert band.mean[k - 1] == pytest.approx(metric.value)
            assert metric.ci95 == pytest.approx(tuple(band.interval[k - 1]))


def test_queries_are_chosen_by_their_rule() -> None:
    store, result = world()
    ranking = replay(store, result).rankings["dorsal left"][0]
    chosen = choose_queries(ranking, 0)
    assert [one.rule for one in chosen] == ["hardest"] * 2 + ["median"] * 2 + ["random"] * 2
    assert len({one.at for one in chosen}) == 6
    assert ranking.first_ranks[chosen[0].at] == ranking.first_ranks.max()
    assert choose_queries(ranking, 0) == chosen


def test_hardest_identities_are_in_order_and_counted() -> None:
    store, result = world()
    found = identity_ranks(replay(store, result))
    assert len(found) == 12
    assert [one.mean_rank for one in found] == sorted((one.mean_rank for one in found), reverse=True)
    assert sum(one.queries for one in found) == 12 * 3 * 2 * 3
    assert sum(one.right for one in found) / 216 == pytest.approx(result.metrics["rank_1"].value)


def test_figures_have_the_same_bytes_twice(tmp_path: Path) -> None:
    store, result = world()
    for name in ("a", "b"):
        again = replay(store, result)
        ranking = again.rankings["dorsal left"][0]
        lists = ranked_lists(ranking, choose_queries(ranking, 0))
        save(cmc_figure(result, again), tmp_path / f"{name}-cmc.png")
        save(hardest_figure(result, again), tmp_path / f"{name}-hardest.png")
        save(ranked_figure(result, again, "dorsal left", lists, {}), tmp_path / f"{name}-ranked.png")
    for kind in ("cmc", "hardest", "ranked"):
        assert (tmp_path / f"a-{kind}.png").read_bytes() == (tmp_path / f"b-{kind}.png").read_bytes()
        with Image.open(tmp_path / f"a-{kind}.png") as image:
            assert image.size[0] > 900
            assert "Software" not in image.info


def test_curves_give_their_pictures(tmp_path: Path) -> None:
    _, result = world()
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


def test_the_axis_of_a_cmc_holds_the_band_and_ends_at_100() -> None:
    rows = people(15, 3)
    own = np.eye(15, dtype=np.float32)[[int(row["identity"]) for row in rows]]
    store = store_of(rows, own)
    result = evaluate(store, "reid", options={"draws": 2, "bootstrap": 50})
    ends = result.metrics["rank_1"].ci95
    assert result.metrics["rank_1"].value == 1
    assert ends is not None
    assert ends[0] < 0.9
    for axes in cmc_figure(result, replay(store, result)).axes:
        low, high = axes.get_ylim()
        assert 0 <= low <= 100 * ends[0]
        assert high == 100


@pytest.mark.parametrize(
    ("fnmr", "words"),
    [
        ((0.0, 0.0, 0.0), "no errors to trade off"),
        ((1.0, 1.0, 0.0), "no trade-off: at every threshold\none of the error rates is 100 %"),
        ((0.5, 0.0, 0.0), "no trade-off: at every threshold\none of the error rates is 0 % or 100 %"),
    ],
)
def test_a_curve_that_cannot_be_drawn_says_why(fnmr: tuple[float, ...], words: str) -> None:
    _, result = world()
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


def test_a_store_without_thumbnails_gives_a_sheet_all_the_same(tmp_path: Path) -> None:
    names = [f"{at:02d}" for at in range(24)]
    store, _ = store_with(tmp_path / "s", names, unit(24), identity=[f"p{at % 6}" for at in range(24)])
    result = evaluate(store, "reid", options={"draws": 2, "bootstrap": 20})
    rankings = replay(store, result)
    with store.snapshot() as snapshot:
        written = write_pictures(result, tmp_path / "pictures", rankings, snapshot.thumbnails)
    assert [path.name for path in written] == ["cmc.png", "hardest.png", "ranked.png"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_pictures(result, tmp_path / "file", rankings, lambda _: {})


def test_what_the_store_does_not_give_any_more_is_not_drawn() -> None:
    store, result = world()
    assert result.cmc is not None
    with pytest.raises(InputError, match="do not give this result"):
        replay(store, result.model_copy(update={"cmc": tuple(value / 2 for value in result.cmc)}))
    with pytest.raises(InputError, match="not in the store"):
        replay(memory_store(people(12, 4, ("dorsal left", "dorsal right"))), result)
    with pytest.raises(InputError, match="has no rankings"):
        replay(store, result.model_copy(update={"mode": "verification"}))
