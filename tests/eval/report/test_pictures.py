"""Pictures of results: what they show is what the evaluator ranked, and the same result gives the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

import vitrine
from eval.api import evaluate
from eval.report.pictures import write_pictures
from eval.runs.replay_ranking import replay
from retrieval.errors import InputError
from tests.support.sample_stores import store_with, unit


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


def test_python_draws_as_the_command_does(tmp_path: Path) -> None:
    names = [f"{at:02d}" for at in range(24)]
    store, _ = store_with(tmp_path / "s", names, unit(24), identity=[f"p{at % 6}" for at in range(24)])
    result = vitrine.evaluate(store, "reid", draws=2, bootstrap=20)
    written = vitrine.pictures(tmp_path / "s", result, tmp_path / "pictures", queries_per_rule=1)
    assert [path.name for path in written] == ["cmc.png", "hardest.png", "ranked.png"]
    assert all(path.stat().st_size > 1000 for path in written)
