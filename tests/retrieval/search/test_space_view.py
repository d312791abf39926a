"""What is read once for many searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retrieval.errors import UnknownNameError
from retrieval.search.space_view import CONDITIONS, SpaceView
from tests.support.sample_stores import key, rows, store_with, unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from retrieval.store.open import LanceStore


@pytest.fixture
def view(circle_store: LanceStore) -> Iterator[SpaceView]:
    with circle_store.snapshot() as snapshot:
        yield SpaceView(snapshot, snapshot.space(), "base")


def test_a_gallery_is_made_once_for_each_condition(view: SpaceView) -> None:
    assert view.gallery("camera = '2'") is view.gallery("camera = '2'")
    assert view.gallery() is view.gallery()
    assert (len(view.gallery("camera = '2'")), len(view.gallery())) == (2, 6)


def test_the_gallery_of_everything_stays_and_old_conditions_go(view: SpaceView) -> None:
    everything, first, second = view.gallery(), view.gallery("id > ''"), view.gallery("id > '0'")
    for at in range(1, CONDITIONS - 1):
        view.gallery(f"id > '{at}'")
    assert view.gallery("id > ''") is first
    view.gallery("id > '00'")
    assert view.gallery("id > ''") is first
    assert view.gallery() is everything
    assert view.gallery("id > '0'") is not second


def test_samples_are_the_same_from_the_store_and_from_memory(view: SpaceView) -> None:
    wanted = ({"id": "a1"}, {"uri": "b1.jpg"}, {"id_prefix": "a"}, {"id_prefix": "%"}, {"label": "b"}, {"label": "B"})
    read = [view.matching(**equal) for equal in wanted]
    view.gallery()
    assert [view.matching(**equal) for equal in wanted] == read
    assert [len(rows) for rows in read] == [1, 1, 2, 0, 2, 0]


def test_values_of_a_column(view: SpaceView) -> None:
    assert view.values("label") == {"a", "b", "c"}


def test_a_view_that_does_not_exist(circle_store: LanceStore) -> None:
    with circle_store.snapshot() as snapshot, pytest.raises(UnknownNameError, match="No view in space"):
        SpaceView(snapshot, snapshot.space(), "hflip")


def test_samples_of_a_file_are_the_whole_image_and_its_boxes(tmp_path: Path) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.writer() as writer:
        writer.append_samples(rows(["box"], key=f"{key('a')}#10,20", content=key("a"), position=2))
        writer.commit("a box")
    with store.snapshot() as snapshot:
        view = SpaceView(snapshot, space, "base")
        assert [row["id"] for row in view.of_content(key("a"))] == ["a", "box"]
        assert view.of_content(key("c")) == []
