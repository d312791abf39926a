"""What differs between the recipes of two runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.written_runs import write_run
from training.runs.differences import recipe_differences
from training.runs.run_folders import read_run

if TYPE_CHECKING:
    from pathlib import Path


def test_keys_of_a_group_that_the_other_run_leaves_empty_differ_and_the_group_does_not(tmp_path: Path) -> None:
    oversample = {"a": {}, "b": {"rare": 50.0, "habitat=moss": 0.3}, "c": {}}
    runs = {}
    for name, repeats in oversample.items():
        write_run(tmp_path / name, "v1", data={"oversample": repeats, "classes": {}})
        runs[name] = read_run(tmp_path / name)
    keys = ["data.oversample.rare", "data.oversample.habitat=moss"]
    assert recipe_differences(runs["a"], runs["b"]) == [(keys[0], None, 50.0), (keys[1], None, 0.3)]
    assert recipe_differences(runs["b"], runs["a"]) == [(keys[0], 50.0, None), (keys[1], 0.3, None)]
    assert recipe_differences(runs["a"], runs["c"]) == []
