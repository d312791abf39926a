"""The folder of a run: of the same recipe, of another, damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.errors import InputError
from training.checkpoint import ORIGIN, RECIPE, STATE, open_run
from training.run_origin import started_from


def test_a_run_goes_on_with_its_recipe_alone(tmp_path: Path) -> None:
    open_run(tmp_path, {"loop": {"epochs": 3}})
    (tmp_path / STATE).touch()
    open_run(tmp_path, {"loop": {"epochs": 3}})
    with pytest.raises(InputError, match=r"another recipe \(other loop.epochs\); choose a new `out`"):
        open_run(tmp_path, {"loop": {"epochs": 4}})


@pytest.mark.parametrize("content", ["{\n", "[1]", "", "\x00"])
def test_a_damaged_run_says_the_way_out(content: str, tmp_path: Path) -> None:
    for name in (RECIPE, STATE, ORIGIN):
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=r"; delete the folder .*, or choose a new `out`[.]$") as error:
        open_run(tmp_path, {})
    assert RECIPE in str(error.value)
    with pytest.raises(InputError, match=r"; delete the folder .*, or choose a new `out`[.]$"):
        started_from(tmp_path)
