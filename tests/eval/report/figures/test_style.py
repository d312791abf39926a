"""What is written of a figure."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from eval.report.figures.cmc import cmc_figure
from eval.report.figures.hardest import hardest_figure
from eval.report.figures.ranked_lists import choose_queries, ranked_figure, ranked_lists
from eval.report.figures.style import head, new_figure, save
from eval.runs.replay_ranking import replay
from retrieval.errors import InputError
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


@pytest.mark.parametrize(("suffix", "begins"), [(".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")])
def test_the_suffix_says_how_a_figure_is_written(suffix: str, begins: bytes, tmp_path: Path) -> None:
    written = []
    for folder in ("a", "b"):
        figure = new_figure(3, 2)
        head(figure, "$x", "of two samples")
        figure.add_axes((0.2, 0.2, 0.5, 0.5)).plot([0, 1], [1, 0], clip_on=True)
        save(figure, tmp_path / folder / f"f{suffix}")
        written.append((tmp_path / folder / f"f{suffix}").read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(begins)


def test_another_suffix_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"f\.jpg: this picture is written as PNG, SVG or PDF; end its name in .png, .svg or .pdf."
    ):
        save(new_figure(3, 2), tmp_path / "f.jpg")
    assert list(tmp_path.iterdir()) == []
