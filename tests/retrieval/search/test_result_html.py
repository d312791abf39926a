"""Results in a notebook: names are escaped, thumbnails are shown where there are some."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.errors import StoreError
from retrieval.search.result import SHOWN_IN_NOTEBOOK as SHOWN
from retrieval.search.searcher import Searcher, search
from tests.support.sample_stores import key, store_with, unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from retrieval.store.open import LanceStore


def test_names_are_escaped(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", ["a", "b"], unit(2), label="<b>&")
    html = search(store, id="a")._repr_html_()
    assert "<td>&lt;b&gt;&amp;</td>" in html
    assert "<b>" not in html
    assert "<img" not in html
    assert "<script>" not in search(store, label="<b>&", include_self=True, where="label <> '<script>'")._repr_html_()


def with_picture(path: Path) -> LanceStore:
    store, _ = store_with(path, ["a", "b", "c"], unit(3))
    with store.writer() as writer:
        writer.append_thumbnails({key("b"): b"webp"})
        writer.commit("pictures")
    return store


def test_thumbnails_are_read_when_the_result_is_shown_also_later(tmp_path: Path) -> None:
    result = search(with_picture(tmp_path / "s"), id="a")
    assert result._repr_html_().count("data:image/webp;base64,d2VicA==") == 1
    with with_picture(tmp_path / "t").snapshot() as snapshot, Searcher(snapshot) as searcher:
        assert "<img" in searcher.search(id="a")._repr_html_()


def test_a_store_that_is_gone_shows_no_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = with_picture(tmp_path / "s")
    result = search(store, id="a")

    def gone() -> None:
        raise StoreError("gone")

    monkeypatch.setattr(store, "snapshot", gone)
    assert "<img" not in result._repr_html_()


def test_long_lists_are_cut(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", [f"n{at}" for at in range(SHOWN + 11)], unit(SHOWN + 11))
    html = search(store, id="n3", k=99)._repr_html_()
    assert html.count("<tr>") == SHOWN + 1
    assert "... and 10 more" in html


def test_a_snapshot_is_asked_for_the_hits_alone(tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []
    store = with_picture(tmp_path / "s")
    with store.snapshot() as snapshot:
        read = snapshot.thumbnails
        snapshot.thumbnails = lambda keys: asked.append(keys) or read(keys)  # type: ignore[method-assign, func-returns-value]
        result = search(snapshot, id="a", k=1)
        assert asked == []
        result._repr_html_()
    assert [len(keys) for keys in asked] == [1]
