"""Building an index from Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import vitrine
from tests.support.ann_stores import clustered_store

if TYPE_CHECKING:
    from pathlib import Path


def test_an_index_from_python(tmp_path: Path) -> None:
    store = clustered_store(tmp_path / "s")
    report = vitrine.index_ann(tmp_path / "s", kind="ivf", options={"nprobe": 20}, quiet=True)
    text = r"AnnReport: ivf over 10,000 vectors of model-random0@\w+ \(base\), recall@10 [01]\.\d{4}"
    assert re.fullmatch(text, repr(report))
    assert vitrine.info(store)["indexes"][0]["recall_at_10"] == report.record.measured["recall_at_10"]
    assert vitrine.search(vitrine.open_store(store), id="n00007", approx=True).index == "ivf"
    assert vitrine.verify(store).ok
    with pytest.raises(vitrine.VitrineError, match="Did you mean 'kind'"):
        vitrine.index_ann(store, knd="ivf")
