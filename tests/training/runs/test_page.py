"""The page of results: sections by backbone and job, with what differs, what was gained, and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.results.files import write_result
from tests.support import drawn_results
from tests.support.written_runs import compared, write_run
from training.run_changes import keep_changes
from training.runs.page import page_sections, results_page, write_page
from training.runs.results import results_of
from training.runs.run_folders import find_runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a ViT and one of an RN50, of which two were compared and one evaluated."""
    odd: dict[str, Any] = {"pipe|<": 1}
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "v1", "v1", unfreeze="all")
    write_run(folder / "v2", "v2", scores=(0.1, 0.2, 0.7), unfreeze=2, **odd)
    write_run(folder / "rn", "v1", "RN50")
    for name, gain in (("v1", 0.1), ("v2", -0.2)):
        keep_changes(folder / name, "tiny@1", "new@2", [compared(gain)], {})
    write_result(drawn_results.result("zeroshot", 0.5), folder / "v1" / "results" / "zeroshot.json")
    return folder


def page_of(folder: Path, intro: str = "") -> str:
    runs = find_runs(folder)
    sections = page_sections(runs, {run.path: results_of(run) for run in runs})
    return results_page(runs, sections, "p", intro)


def test_the_page_has_a_section_for_each_backbone_and_job(folder: Path) -> None:
    page = page_of(folder)
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Training runs", "## open_clip/RN50", "### Job reid", "## open_clip/ViT-B-16", "### Job reid",
    ]  # fmt: skip
    rn50, vit = page.split("## open_clip/")[1:]
    assert "| v2 | not trained with this backbone |" in rn50
    assert "| v1 | remarks on v1 | rn | 3 | 2 | Rank-1 0.6000 |" in rn50
    assert "Settings" not in rn50
    assert r"| pipe\|&lt; | - | 1 |" in vit
    assert "| unfreeze | all | 2 |" in vit
    assert "loop.epochs" not in vit
    assert "| v2 | top-1 | 50.0 | 30.0 | **-20.0 [-29.0, -11.0]** |" in vit
    assert "| v1 | v1 | zeroshot" in vit.partition("Results of evaluations:")[2]
    assert vit.rstrip().endswith(
        "![Losses and held-out metrics by epoch: open_clip/ViT-B-16, Job reid](p/open_clip-ViT-B-16-reid.svg)"
    )  # fmt: skip


def test_a_group_that_one_run_leaves_empty_is_one_row(tmp_path: Path) -> None:
    for name, repeats in (("a", {}), ("b", {"rare": 50.0}), ("c", {})):
        write_run(tmp_path / name, "v1", data={"oversample": repeats, "classes": {}})
    settings = page_of(tmp_path).partition("Settings that differ:")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert settings.splitlines()[2:] == ["| data.oversample.rare | - | 50.0 | - |"]


def test_columns_without_a_word_are_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "a", None)
    (tmp_path / "a" / "recipe.json").write_text("{}")
    page = page_of(tmp_path)
    assert "| run | job | from space | epochs | time | state |\n" in page
    assert "| run | epochs | of epoch | held-out score |\n" in page


def test_an_introduction_takes_the_place_of_the_title(folder: Path) -> None:
    page = page_of(folder, "# Mine\n\nBy these commands.\n")
    assert page.startswith("# Mine\n\nBy these commands.\n\nWhat follows is written by `vitrine runs --markdown`")
    assert "# Training runs" not in page


def test_pictures_lie_in_a_folder_beside_the_page(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "intro.txt").write_text("# Mine\n")
    written = write_page(find_runs(folder), {}, tmp_path / "page.md", tmp_path / "intro.txt")
    names = ["page.md", "page/open_clip-RN50-reid.svg", "page/open_clip-ViT-B-16-reid.svg"]
    assert [path.relative_to(tmp_path).as_posix() for path in written] == names
    assert all(f"]({name})" in written[0].read_text() for name in names[1:])
    picture = written[2].read_text()
    assert "<title>Losses and held-out metrics by epoch: open_clip/ViT-B-16, Job reid</title>" in picture
    again = write_page(find_runs(folder), {}, tmp_path / "my page")
    assert again[2] == tmp_path / "my page-pictures" / "open_clip-ViT-B-16-reid.svg"
    assert "](my%20page-pictures/open_clip-ViT-B-16-reid.svg)" in again[0].read_text()
    assert again[2].read_text() == picture
