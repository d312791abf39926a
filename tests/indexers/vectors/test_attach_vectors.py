"""Vectors of a file under the keys of indexed images: no new samples, the same pictures, nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexers import api
from indexers.vectors.attach_vectors import AttachReport
from retrieval.errors import InputError, MissingFileError, UnknownNameError
from retrieval.store.open import create_store, open_store
from retrieval.store.schema import COMMITTED
from retrieval.store.verify import verify
from tests.support.sample_stores import key, rows, spec, unit

NAMES = ["a", "b", "c", "d"]


def indexed(path: Path, names: list[str] = NAMES, source: str = "folder:leaves", **columns: Any) -> Path:
    """A store with a source of images called <name>.jpg, with vectors of a model."""
    with create_store(path).writer() as writer:
        space = writer.register_space(spec(), 16, ("base",))
        fresh = [
            name
            for name in dict.fromkeys(columns.get("key") or map(key, names))
            if name not in writer.vector_keys(space)
        ]
        writer.append_vectors(space, fresh, {"base": unit(len(fresh))})
        writer.append_samples(rows(names, source=source, **columns))
        writer.put_source(source, "folder", "/pictures")
        writer.commit("test")
    return path


def features(path: Path, names: list[str], seed: int = 0) -> tuple[Path, Any]:
    """A CSV of three numbers per image."""
    vectors = np.random.default_rng(seed).standard_normal((len(names), 3)).astype(np.float32)
    lines = [",".join([name, "other", *map(repr, map(float, row))]) for name, row in zip(names, vectors, strict=True)]
    path.write_text("\n".join(["image,label,f1,f2,f3", *lines]) + "\n")
    return path, vectors


def attach(file: Path, store: Path, source: str = "folder:leaves", **options: Any) -> AttachReport:
    options = {"vectors": "f*", "filepath": "image", "attach": source} | options
    report = api.import_vectors(file, store, wait=0, **options)
    assert isinstance(report, AttachReport)
    return report


def test_vectors_are_stored_under_the_keys_of_the_images(tmp_path: Path) -> None:
    store = indexed(tmp_path / "s", label="leaf")
    file, vectors = features(tmp_path / "hand.csv", ["c", "a", "z", "d"])
    with open_store(store).snapshot() as snapshot:
        before = snapshot.samples().to_pylist()
    first = attach(file, store)
    assert (first.source, first.matched_by) == ("folder:leaves", "name without suffix")
    assert (first.rows, first.matched, first.vectors, first.lacking, first.unmatched) == (4, 3, 3, 1, ("z",))
    assert first.notes[2:] == ("Rows without an image in folder:leaves: 1 ('z'); the report lists all.",)
    again = attach(file, store, "folder:l")
    assert (again.vectors, again.matched, again.store_version) == (0, 3, first.store_version)
    with open_store(store).snapshot() as snapshot:
        assert snapshot.samples().to_pylist() == before
        space = snapshot.space("hand")
        matrix = snapshot.vectors(space)
        norms = {row["key"]: row["n_base"] for row in snapshot.norms(space).to_pylist()}
        stored = {name.decode(): row * norms[name.decode()] for name, row in zip(matrix.keys, matrix.data, strict=True)}
        assert not any(finding.wrong for finding in verify(snapshot))
    assert set(stored) == {key("c"), key("a"), key("d")}
    for name, row in (("c", 0), ("a", 1), ("d", 3)):
        np.testing.assert_allclose(stored[key(name)], vectors[row], rtol=1e-6)


def test_of_rows_with_one_picture_the_first_counts(tmp_path: Path) -> None:
    pictures = [key("a"), key("b"), key("a"), key("a")]
    store = indexed(tmp_path / "s", key=pictures, content=pictures)
    file, vectors = features(tmp_path / "hand.csv", NAMES)
    lines = file.read_text().splitlines()
    lines[4] = lines[4].partition(",")[0] + "," + lines[1].partition(",")[2]  # d says what a says
    file.write_text("\n".join(lines))
    report = attach(file, store)
    assert (report.matched, report.vectors, report.lacking, report.conflicts) == (4, 2, 0, ("c",))
    assert report.notes[2:] == (
        "Rows with the picture of an earlier row but another vector: 1 ('c'); the first was kept.",
    )
    with open_store(store).snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space("hand"))
    at = matrix.keys.tolist().index(key("a").encode())
    np.testing.assert_allclose(matrix.data[at], vectors[0] / np.linalg.norm(vectors[0]), rtol=1e-6)
    assert attach(file, store).vectors == 0


def test_a_second_file_adds_to_the_space_and_keeps_what_is_there(tmp_path: Path) -> None:
    store = indexed(tmp_path / "s")
    attach(features(tmp_path / "train.csv", ["a", "b"])[0], store, space_name="hand")
    more = attach(features(tmp_path / "test.csv", ["b", "c", "d"], seed=1)[0], store, space="hand")
    assert (more.matched, more.vectors, more.lacking) == (3, 2, 0)


def test_two_sources_share_a_space(tmp_path: Path) -> None:
    store = indexed(tmp_path / "s")
    indexed(store, ["e", "f", "a2"], "folder:more", key=[key("e"), key("f"), key("a")])
    file, _ = features(tmp_path / "hand.csv", [*NAMES, "e", "f"])
    assert (attach(file, store).vectors, attach(file, store, "folder:more").vectors) == (4, 2)
    with open_store(store).snapshot() as snapshot:
        assert not any(finding.wrong for finding in verify(snapshot))
    with pytest.raises(InputError, match="'folder:' may mean folder:leaves, folder:more; write more of the name"):
        attach(file, store, "folder:")


def test_other_vectors_of_one_file_are_another_space(tmp_path: Path) -> None:
    store = indexed(tmp_path / "s")
    file, _ = features(tmp_path / "hand.csv", NAMES)
    attach(file, store, vectors="f1,f2")
    with pytest.raises(InputError, match=r"other vectors of this one, made a space called 'hand'.*`space_name`"):
        attach(file, store, vectors="f2,f3")
    assert attach(file, store, vectors="f2,f3", space_name="hand23").vectors == 4


def test_a_space_is_of_indexed_images_or_of_samples_of_its_own(tmp_path: Path) -> None:
    store = indexed(tmp_path / "s")
    file, _ = features(tmp_path / "hand.csv", NAMES)
    plain = {"vectors": "f*", "filepath": "image", "label": "label"}
    api.import_vectors(file, store, **plain)
    with pytest.raises(InputError, match=r"'hand' were imported as samples of their own \(import:hand\).*`space_name`"):
        attach(file, store)
    attached = attach(file, store, space_name="over")
    for target in ({"space_name": "over"}, {"space": "over"}):
        with pytest.raises(
            InputError, match=f"{attached.space} are attached to images of 'folder:leaves'; say `attach=folder:leaves`"
        ):
            api.import_vectors(file, store, **plain, **target)
    with open_store(store).snapshot() as snapshot:
        assert snapshot.samples().num_rows == 8


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"source": "folder:leafs"}, UnknownNameError, "No source 'folder:leafs'. Did you mean 'folder:leaves'"),
        ({"source": "folder:empty"}, InputError, "'folder:empty' has no samples"),
        ({"filepath": "imge"}, InputError, "no column 'imge'. Did you mean 'image'"),
        ({"filepath": "label"}, InputError, "filepath of row 1 .* repeats 'other'"),
        ({"filepath": "f1"}, InputError, "No row names an image of the source.*'a.jpg', 'b.jpg', 'c.jpg', "),
        ({"filepath": None}, InputError, "does not name its rows; say with `filepath`"),
        ({"vectors": "g*"}, InputError, r"no column 'g\*' of vectors"),
        (
            {"label": "label", "captured_at": "f1"},
            InputError,
            "`label`, `captured_at` does not go with `attach`",
        ),
        ({"prune": True}, InputError, "`prune` drops samples"),
        ({"space": "model"}, InputError, "has an encoder of its own"),
        ({"space": "modle"}, UnknownNameError, "No space 'modle'"),
    ],
)
def test_what_cannot_be_attached_changes_nothing(
    tmp_path: Path, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    store = indexed(tmp_path / "s")
    with create_store(store).writer() as writer:
        writer.put_source("folder:empty", "folder", "/nothing")
        version = writer.commit("test")
    file, _ = features(tmp_path / "hand.csv", NAMES)
    with pytest.raises(kind, match=message):
        attach(file, store, **options)
    with open_store(store).snapshot() as snapshot:
        assert (snapshot.store_version, len(snapshot.spaces)) == (version, 1)
        assert set(COMMITTED) <= set(snapshot.commit.tables)


def test_no_store_is_made(tmp_path: Path) -> None:
    file, _ = features(tmp_path / "hand.csv", NAMES)
    with pytest.raises((InputError, MissingFileError), match="no store here"):
        attach(file, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_npz_and_npy_name_their_images_too(tmp_path: Path) -> None:
    store = indexed(tmp_path / "s")
    vectors = np.eye(4, dtype=np.float32)
    np.savez(tmp_path / "one.npz", v=vectors, files=np.array([f"{name}.jpg" for name in NAMES]))
    by_array = attach(tmp_path / "one.npz", store, vectors="v", filepath="files")
    np.save(tmp_path / "two.npy", vectors)
    (tmp_path / "t.csv").write_text("file,split\n" + "".join(f"/pictures/{name}.jpg,fold 1\n" for name in NAMES))
    by_table = attach(tmp_path / "two.npy", store, vectors=None, metadata=tmp_path / "t.csv", filepath="file")
    assert (by_array.vectors, by_array.matched_by, by_table.vectors, by_table.matched_by) == (4, "path", 4, "path")
