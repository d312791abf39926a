"""Ids of samples: source, path, box, and the polygon where there is one."""

from __future__ import annotations

from dataclasses import replace

from retrieval.types import Box, Sample

BOX = Box(0.1, 0.2, 0.3, 0.4)
CORNERS = ((0.1, 0.2), (0.4, 0.2), (0.25, 0.6))


def test_ids_are_those_of_before() -> None:
    assert Sample("s", "a.jpg").id == "69fb8665c8f02619fc2f"
    assert Sample("s", "a.jpg", box=BOX).id == "ed42b2919c15a1c243cb"


def test_a_polygon_tells_objects_of_one_box_apart() -> None:
    boxed = Sample("s", "a.jpg", box=BOX)
    outlined = replace(boxed, polygon=CORNERS)
    assert len({boxed.id, outlined.id, replace(boxed, polygon=CORNERS[:2]).id}) == 3
    assert outlined.crop != boxed.crop
    assert len(outlined.crop) == 12
