"""Targets of slices: what a file may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eval.classification.condition_sections import DRAINS, read_targets
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def test_targets_are_those_of_drains_or_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("condition blocked: 0.6\nall objects: 1\n")
    assert read_targets(None) == {}
    assert read_targets("drains") is DRAINS
    assert read_targets(str(tmp_path / "t.yaml")) == {"condition blocked": 0.6, "all objects": 1.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rare: 0.5\nall objects: 95\n", "the target of 'all objects' is 95, and a .* from 0 to 1: 95 % is 0.95"),
        ("all objects: 62.5", "62.5 % is 0.625"),
        ("all objects: 95 %", "the target of 'all objects' is '95 %', .*: 95 % is 0.95"),
        ("all objects: -1", "is -1, "),
        ("all objects: .nan", "is nan, "),
        ("all objects: true", "is True, "),
        ("all objects: {top_1: 0.9}", "is {'top_1': 0.9}, "),
        ("- 0.9", "holds no targets; write lines such as 'condition blocked: 0.6'"),
        ("{}", "holds no targets"),
        ("", "holds no targets"),
    ],
)
def test_what_is_no_target_is_named_with_the_way_out(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=rf"t\.yaml.*{message}"):
        read_targets(str(tmp_path / "t.yaml"))
