"""Images of stored samples are opened where the store has them, and encoded as ``index`` encodes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrine
from indexers.pipeline import stored
from indexers.pipeline.decode import open_image
from indexers.pipeline.report import IndexOptions
from indexers.pipeline.stored import CHANGED, GONE, IMPORTED, StoredReport, embed_stored, stored_images
from retrieval.encoders.registry import load
from retrieval.store.open import open_store
from retrieval.types import Encoder, SpaceInfo
from tests.support.command_line import call_cli

ENCODER: dict[str, Any] = {
    "encoder": "torchvision/shufflenet_v2_x0_5",
    "preprocess": "resize=32,crop=32",
    "quiet": True,
}


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """A store ``s`` of two images and their boxes, in two spaces; the second has the box and the whole image."""
    call_cli("sample", "drains", "--out", tmp_path / "images", "--n", "2", "--size", "64")
    for crop in ("box", "full+crop"):
        vitrine.index(tmp_path / "images", tmp_path / "s", source="yolo", crop=crop, random_init=1, **ENCODER)
    return tmp_path / "s"


def read(store: Path, space: SpaceInfo) -> dict[str, bytes]:
    with open_store(store).snapshot() as snapshot:
        matrix = snapshot.vectors(space)
    return {bytes(key).decode(): row.tobytes() for key, row in zip(matrix.keys, matrix.data, strict=True)}


def embed(store: Path, encoder: SpaceInfo, keys: set[str] | None = None) -> StoredReport:
    """Embed stored images into a space that has lost its vectors."""
    with open_store(store).writer() as writer:

        def register(loaded: Encoder, views: tuple[str, ...]) -> SpaceInfo:
            return writer.register_space(encoder.spec, loaded.dimension, views)

        images = stored_images(writer.snapshot, set(writer.vector_keys(encoder)) if keys is None else keys)
        writer._tables.delete(f"vectors_{encoder.fingerprint}", "true")
        writer.commit("emptied")
    with open_store(store).writer() as writer:
        options = IndexOptions(quiet=True, commit_seconds=0)
        return embed_stored(
            images, writer, encoder.spec, load=lambda: load(encoder.spec), register=register, options=options
        )


def files_of(store: Path) -> list[str]:
    with open_store(store).snapshot() as snapshot:
        return list(dict.fromkeys(snapshot.samples(["uri"]).column("uri").to_pylist()))


def test_boxes_and_whole_images_get_the_vectors_of_index_by_opening_a_file_once(
    boxes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []

    def counted(data: bytes) -> Any:
        opened.append(data)
        return open_image(data)

    monkeypatch.setattr(stored, "open_image", counted)
    with open_store(boxes).snapshot() as snapshot:
        space, rows = snapshot.spaces[1], snapshot.samples()
    assert space.views == ("base", "full")
    before = read(boxes, space)
    report = embed(boxes, space)
    assert (report.embedded, report.unchanged, report.failures) == (rows.num_rows, 0, {})
    assert (len(opened), rows.num_rows > 4) == (2, True)
    assert read(boxes, space) == before
    with open_store(boxes).snapshot() as snapshot:
        assert snapshot.samples() == rows


def test_what_cannot_be_opened_is_counted_by_reason(boxes: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", embeddings=np.eye(2, 8, dtype=np.float32))
    vitrine.import_vectors(tmp_path / "v.npz", boxes, vectors="embeddings")
    with open_store(boxes).snapshot() as snapshot:
        space, rows = snapshot.spaces[1], snapshot.samples(["key", "uri"]).to_pylist()
    first, second, *_ = files_of(boxes)
    paths = [tmp_path / "images" / uri for uri in (first, second)]
    data = paths[1].read_bytes()
    paths[1].rename(paths[0])
    keys = {row["key"] for row in rows}
    report = embed(boxes, space, keys)
    counts = {uri: sum(row["uri"] == uri for row in rows) for uri in (first, second)}
    assert report.left_out.left_out == {CHANGED: counts[first], GONE: counts[second], IMPORTED: 2}
    assert report.left_out.first[CHANGED] == first
    assert report.failures[second] == "the file is gone"
    assert report.embedded == 0
    paths[1].write_bytes(data)
    assert embed(boxes, space, keys).embedded == counts[second]


def test_images_come_in_the_order_of_the_data_with_boxes_and_outlines(boxes: Path) -> None:
    with open_store(boxes).snapshot() as snapshot:
        rows = snapshot.samples(["key", "box_x", "polygon"]).to_pylist()
        images = stored_images(snapshot, {row["key"] for row in rows})
        assert stored_images(snapshot, {rows[0]["key"], "another"})[0].key == rows[0]["key"]
    assert [image.key for image in images] == [row["key"] for row in rows]
    for image, row in zip(images, rows, strict=True):
        (place,) = image.places
        assert (place.box.x if place.box else None) == row["box_x"]
        assert [n for corner in place.polygon or () for n in corner] == (row["polygon"] or [])
