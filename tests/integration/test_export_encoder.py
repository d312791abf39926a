"""``export-encoder`` through the command line: the file, what it keeps, and what is refused."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrine
from retrieval.search.vector_rows import find_rows, stored_keys
from retrieval.store.open import open_store
from tests.support.command_line import call_cli
from tests.support.encoder_folders import classifier
from tests.support.images import write_images
from tests.support.onnx_files import colour_encoder

SPACE = "test-vit"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of three classes, and a store of them with a space of a trained folder."""
    folder = tmp_path_factory.mktemp("export")
    write_images(folder / "images", 12)
    classifier(folder / "run" / "encoder")
    call_cli("index", folder / "images", "--store", folder / "s", "--encoder", folder / "run", "--precision", "fp32")
    return folder


def exported(world: Path, out: Path, *words: str, store: str = "s") -> dict[str, Any]:
    done = call_cli("export-encoder", SPACE, "--store", world / store, "--out", out, "--json", *words)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def vectors_of(store: Path, space: str) -> tuple[Any, Any]:
    with open_store(store).snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space(space))
        return stored_keys(matrix), np.array(matrix.data)


def test_index_with_the_file_gives_the_stored_vectors(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    report = exported(world, tmp_path / "vit.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vit.onnx", "vit.preprocess.yaml"]
    kept = report["retention"]
    assert (kept["images"], kept["gone"], kept["changed"], kept["unreadable"]) == (12, 0, 0, 0)
    assert (kept["same_neighbour"], kept["same_prototype"], kept["labels"]) == (12, 12, 3)
    assert kept["least_cosine"] > 0.99999
    assert kept["speed"] == pytest.approx(kept["images_per_second"] / kept["torch_images_per_second"])
    assert report["bytes"] == (tmp_path / "vit.onnx").stat().st_size
    store = tmp_path / "s"
    shutil.copytree(world / "s", store)
    call_cli("index", world / "images", "--store", store, "--encoder", f"onnx/{tmp_path / 'vit.onnx'}")
    keys, stored = vectors_of(store, SPACE)
    again, vectors = vectors_of(store, "vit")
    assert np.abs(vectors[find_rows(keys, again)] - stored).max() < 1e-5


def test_what_int8_keeps_is_what_its_vectors_say(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    report = exported(world, tmp_path / "vit.onnx", "--int8")
    kept = report["retention"]
    store = tmp_path / "s"
    shutil.copytree(world / "s", store)
    call_cli("index", world / "images", "--store", store, "--encoder", f"onnx/{tmp_path / 'vit.onnx'}")
    keys, stored = vectors_of(store, SPACE)
    again, vectors = vectors_of(store, "vit")
    vectors = vectors[find_rows(keys, again)]
    cosines = (vectors * stored).sum(axis=1)
    print(f"int8: {kept['mean_cosine']:.6f}, {kept['same_neighbour']} of {kept['images']} nearest images")
    assert kept["mean_cosine"] == pytest.approx(float(cosines.mean()), abs=1e-5)
    assert kept["least_cosine"] == pytest.approx(float(cosines.min()), abs=1e-5)
    alone = np.eye(len(keys)) * 9
    same = [(data @ data.T - alone).argmax(axis=1) for data in (stored, vectors)]
    assert kept["same_neighbour"] == int((same[0] == same[1]).sum())
    assert report["bytes"] < 0.5 * report["weights_bytes"]


def test_images_that_are_gone_or_changed_are_counted_and_told(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    images = tmp_path / "images"
    shutil.copytree(world / "images", images)
    run = world / "run"
    call_cli("index", images, "--store", tmp_path / "s", "--encoder", run, "--precision", "fp32")
    files = sorted(images.rglob("*.jpg"))
    files[0].unlink()
    files[1].write_bytes(files[2].read_bytes())
    words = ("export-encoder", SPACE, "--store", tmp_path / "s", "--out", tmp_path / "a.onnx")
    done = call_cli(*words)
    assert "10 images, to their stored vectors" in done.stdout
    assert "Images that were not compared: 1 gone, 1 changed since they were indexed." in done.stderr
    assert "exists; replace it with --force" in call_cli(*words, check=1).stderr
    shutil.rmtree(images)
    done = call_cli(*words, "--force", "--limit", "5")
    assert "No image could be compared" in done.stderr
    assert vitrine.export_encoder(tmp_path / "s", SPACE, tmp_path / "b.onnx", limit=0, quiet=True).retention is None


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, out = tmp_path / "s", tmp_path / "out" / "a.onnx"
    shutil.copytree(world / "s", store)
    shutil.copytree(world / "run", tmp_path / "run")
    colour_encoder(tmp_path / "colours.onnx")
    call_cli("index", world / "images", "--store", store, "--encoder", f"onnx/{tmp_path / 'colours.onnx'}")
    np.savez(tmp_path / "foreign.npz", vectors=np.eye(4, dtype=np.float32), identity=np.array(list("abcd")))
    call_cli(
        "import-vectors", tmp_path / "foreign.npz", "--store", store, "--vectors", "vectors", "--identity", "identity"
    )

    def refused(space: str, *words: str | Path, status: int = 1) -> str:
        return call_cli("export-encoder", space, "--store", store, *words, check=status).stderr

    assert "is an ONNX file already" in refused("colours", "--out", out)
    assert "were imported: it has no encoder" in refused("foreign", "--out", out)
    assert "suffix '.pt'" in refused(SPACE, "--out", tmp_path / "a.pt", status=2)
    assert "exclude each other" in refused(SPACE, "--out", out, "--int8", "--fp16", status=2)
    assert "no-such-space" in refused("no-such-space", "--out", out, status=2)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "pip install onnx onnxruntime" in refused(SPACE, "--out", out)
    assert not out.parent.exists()


def test_a_space_whose_weights_are_gone_is_refused(world: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    classifier(tmp_path / "gone")
    call_cli("index", world / "images", "--store", tmp_path / "s", "--encoder", tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    done = call_cli("export-encoder", SPACE, "--store", tmp_path / "s", "--out", tmp_path / "a.onnx", check=1)
    assert "cannot be exported without the weights of its encoder" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]
