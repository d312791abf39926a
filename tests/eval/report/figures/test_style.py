"""What is written of a figure."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from eval.report.figures.cmc import cmc_figure
from eval.report.figures.hardest import hardest_figure
from eval.report.figures.ranked_lists import choose_queries, ranked_figure, ranked_lists
from eval.report.figures.style import save
from eval.runs.replay_ranking import replay
from tests.support.identity_stores import RankedStore


def test_figures_have_the_same_bytes_twice(world: RankedStore, tmp_path: Path) -> None:
    store, result = world
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
