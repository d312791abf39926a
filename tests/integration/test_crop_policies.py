"""Crop policies make spaces of their own; an image is decoded once however many boxes it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrine
from indexers.pipeline import embed
from indexers.pipeline.decode import open_image
from tests.support.command_line import call_cli


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slopes") / "slopes"
    call_cli("sample", "drains", "--out", root, "--n", "6", "--size", "64")
    return root


def test_every_policy_is_a_space(slopes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def counted(data: bytes) -> Any:
        opened.append(len(data))
        return open_image(data)

    monkeypatch.setattr(embed, "open_image", counted)
    store = str(tmp_path / "store")
    first = vitrine.index(slopes, store, source="yolo", encoder="vitrine-tiny")
    assert first.embedded > 12
    assert len(opened) == 6
    assert first.left_out == {"not images": 3}
    for crop in ("box+context", "full+crop"):
        vitrine.index(slopes, store, source="yolo", encoder="vitrine-tiny", crop=crop)
    again = vitrine.index(slopes, store, source="yolo", encoder="vitrine-tiny", crop="box+context(0.30)")
    assert (again.embedded, again.unchanged) == (0, first.taken)
    with vitrine.open_store(store).snapshot() as snapshot:
        spaces = {space.spec.crop: space for space in snapshot.spaces}
        assert spaces.keys() == {"whole", "box+context(0.3)", "full+crop"}
        assert spaces["box+context(0.3)"].name.startswith("vitrine-tiny-vitrine-box-context-0-3@")
        assert spaces["full+crop"].views == ("base", "full")
        rows = snapshot.samples(["key", "box_x", "content"]).to_pylist()
        box, context = (snapshot.vectors(spaces[crop]) for crop in ("whole", "box+context(0.3)"))
        full, both = (snapshot.vectors(spaces["full+crop"], view) for view in ("full", "base"))
        at = {key: row for row, key in enumerate(box.keys.astype(str).tolist())}
        assert (np.sort(box.keys) == np.sort(context.keys)).all()
        assert (both.data == box.data).all()
        for row in rows:
            here, whole = at[row["key"]], at[row["content"]]
            assert np.allclose(full.data[here], box.data[whole], atol=1e-6)
            if row["box_x"] is not None:
                assert not np.allclose(context.data[here], box.data[here], atol=1e-3)


def test_a_policy_that_does_not_exist_is_refused(slopes: Path, tmp_path: Path) -> None:
    command = (
        "index",
        str(slopes),
        "--source",
        "yolo",
        "--encoder",
        "vitrine-tiny",
        "--store",
        str(tmp_path / "store"),
    )
    result = call_cli(*command, "--crop", "circel", check=2)
    assert "'circel'" in " ".join(result.stderr.split())
