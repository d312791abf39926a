"""Names of other conventions: what they look like, and when they are asked about."""

from __future__ import annotations

import pytest

from indexers.vectors.similar_names import field_like, fields_in_doubt, role_names


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("pid", "identity"), ("pids", "identity"), ("camid", "camera"), ("camIDs", "camera"), ("fname", "filepath"),
        ("img_paths", "filepath"), ("targets", "label"), ("y", "label"), ("subset", "split"), ("epoch", None),
    ],
)  # fmt: skip
def test_what_a_name_looks_like(name: str, field: str | None) -> None:
    assert field_like(name) == field


def test_doubts() -> None:
    assert fields_in_doubt(["pid", "camid", "path"], set()) == {
        "identity": "pid",
        "camera": "camid",
        "filepath": "path",
    }
    assert fields_in_doubt(["pid", "camid"], {"identity"}) == {"camera": "camid"}
    assert fields_in_doubt(["id", "name", "camid", "y"], {"label"}) == {}
    assert fields_in_doubt(["y"], set()) == {"label": "y"}


def test_roles() -> None:
    assert role_names(["qf", "gf", "q_pids", "g_camids"]) == {
        "query": "qf", "gallery": "gf", "query_identity": "q_pids", "gallery_camera": "g_camids",
    }  # fmt: skip
    assert role_names(["query_feature", "gallery_feature"]) == {"query": "query_feature", "gallery": "gallery_feature"}
    assert role_names(["quality", "gain", "x"]) == {}
