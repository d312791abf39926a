"""Results that may share a table, and their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.api import evaluate
from eval.report.figures.comparison import cmc_lines
from eval.report.groups import LabelledResult, group_results, read_results, separation_warning
from eval.results.files import write_result
from eval.runs.compare import compare_results
from retrieval.errors import InputError
from tests.support.compared_spaces import hands, two_spaces
from tests.support.drawn_results import (
    SPECIES,
    fusion,
    knn,
    reid,
)  # fmt: skip


def named(**results: object) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), each) for name, each in results.items()]  # type: ignore[arg-type]


def test_results_group_by_what_they_are_over() -> None:
    groups = group_results(named(a=fusion(), b=fusion(SPECIES[:90]), c=knn(), d=reid()))
    assert [[each.label for each in group.results] for group in groups] == [["a", "c"], ["b"], ["d"]]
    fewer = knn(n={"train": 1, "val": 1, "test": 200})
    assert len(group_results(named(a=knn(), b=fewer))) == 2
    assert [line.label for line in cmc_lines(groups[2])] == ["d"]


def test_labels_tell_files_apart(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        write_result(reid(), tmp_path / folder / "r.json")
    files = [tmp_path / "x" / "r.json", tmp_path / "y" / "r.json", tmp_path / "x" / "r.json"]
    assert [each.label for each in read_results(files)] == ["x/r", "y/r"]


QUICK = {"bootstrap": 60, "draws": 3}


def test_one_split_set_with_other_galleries_is_refused() -> None:
    store = two_spaces(hands())
    made = [
        evaluate(store, "reid", space="sharp", protocol=name, options={**QUICK, "views": "base"})
        for name in ("clipfh-11k", "mbanet-11k")
    ]
    assert len({result.provenance.split_sha256 for result in made}) == 1
    with pytest.raises(InputError, match=r"gallery of 12 and 48 images in part dorsal left.*same `protocol`") as caught:
        compare_results(store, *made)
    assert "\n" not in str(caught.value)
    groups = group_results([LabelledResult(each.protocol, Path("x.json"), each) for each in made])
    assert ["48 gallery images in 4 parts" in group.title for group in groups] == [True, False]
    said = separation_warning(groups)
    assert said is not None
    assert "gallery of 12 and 48 images" in said
