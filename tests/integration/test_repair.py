"""What verify says about damage is done, through the command line, and the numbers are those of before."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.file_digests import flip
from tests.support.images import write_images

if TYPE_CHECKING:
    from pathlib import Path

BANK = ("--as", "bank", "--vectors", "emb", "--classes", "labels", "--space", "shufflenet", "--bank-name", "words")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a file of class vectors, and a store of both that was evaluated once."""
    folder = tmp_path_factory.mktemp("world")
    write_images(folder / "photos", 18)
    vectors = np.random.default_rng(3).standard_normal((3, 1024)).astype(np.float32)
    np.savez(folder / "words.npz", emb=vectors, labels=np.array([f"class{at}" for at in range(3)]))
    make(folder, folder / "s")
    evaluate(folder / "s")
    return folder


def make(world: Path, store: Path) -> None:
    """Do what a user does again after a repair."""
    call_cli("index", world / "photos", "--store", store, *SMALL_ENCODER)
    call_cli("import-vectors", world / "words.npz", *BANK, "--store", store)


def evaluate(store: Path) -> list[dict[str, Any]]:
    """Numbers from vectors, labels, draws and the bank."""
    protocol = ("--protocol", "holdout", "--store", store)
    knn = call_json("eval", "--mode", "knn", *protocol)
    words = call_json("eval", "--mode", "zeroshot", "-o", "bank=words", *protocol)
    return [{"metrics": one["metrics"], "draws": one["draws"]} for one in (knn, words)]


def damaged(store: Path) -> list[str]:
    return [line for line in call_cli("verify", "--store", store, check=1).stdout.splitlines() if "wrong" in line]


DAMAGE = {
    "vectors": "vectors_*.lance/data/*",
    "manifest of vectors": "vectors_*.lance/_versions/*.manifest",
    "samples": "samples.lance/data/*",
    "manifest of samples": "samples.lance/_versions/*.manifest",
    "bank": "banks.lance/data/*",
    "manifest of banks": "banks.lance/_versions/*.manifest",
    "splits": "splits.lance/data/*",
    "results": "results.lance/data/*",
    "thumbnails": "thumbnails.lance/data/*",
    "digests": "digests.jsonl",
    "cache": "cache/*/data-*",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_repaired_store_gives_the_same_numbers(world: Path, tmp_path: Path, what: str) -> None:
    want = evaluate(world / "s")
    store = tmp_path / "s"
    shutil.copytree(world / "s", store)
    newest = min(store.glob(DAMAGE[what]))  # the name of the newest manifest sorts first
    flip(newest, newest.stat().st_size // 2)
    lines = damaged(store)
    assert len(lines) == 1 + (what in {"samples", "manifest of samples"})
    assert "verify --repair" in lines[0] or "delete the folder 'cache'" in lines[0]
    call_cli("verify", "--repair", "--store", store, check=1 if "vectors" in what else 0)
    make(world, store)
    assert evaluate(store) == want
    call_cli("verify", "--store", store)


@pytest.mark.parametrize("what", ["spaces", "sources", "commits"])
def test_what_nothing_can_make_again_is_restored_from_a_copy(world: Path, tmp_path: Path, what: str) -> None:
    store = tmp_path / "s"
    shutil.copytree(world / "s", store)
    newest = max((store / f"{what}.lance" / "data").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    flip(newest, newest.stat().st_size // 2)
    done = call_cli("verify", "--repair", "--store", store, check=1)
    assert "from a copy" in done.stdout + done.stderr
    shutil.copy(world / "s" / newest.relative_to(store), newest)
    call_cli("verify", "--store", store)
    assert evaluate(store) == evaluate(world / "s")


@pytest.mark.parametrize("what", ["vectors_*.lance/data/*", "samples.lance/data/*"])
def test_vectors_that_were_imported_are_imported_again(tmp_path: Path, what: str) -> None:
    rng = np.random.default_rng(0)
    lines = [
        ",".join([f"img_{at}.jpg", f"class{at % 3}", *(f"{value:.4f}" for value in np.eye(3)[at % 3] + rng.random(3))])
        for at in range(24)
    ]
    (tmp_path / "v.csv").write_text("\n".join(["filepath,label,f1,f2,f3", *lines]))
    store = tmp_path / "s"
    imported = ("import-vectors", tmp_path / "v.csv", "--vectors", "f*", "--store", store)
    knn = ("eval", "--mode", "knn", "--protocol", "holdout", "--store", store)
    call_cli(*imported)
    want = call_json(*knn)["metrics"]
    shutil.rmtree(store / "cache")
    flip(min(store.glob(what)), -60)
    assert "then 'index' (or 'import-vectors')" in call_cli(*knn, check=1).stderr
    call_cli("verify", "--repair", "--store", store, check=None)
    call_cli(*imported)
    assert call_json(*knn)["metrics"] == want
    call_cli("verify", "--store", store)


def test_deleting_a_damaged_cache_is_enough(world: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    shutil.copytree(world / "s", store)
    flip(next(store.glob("cache/*/data-*")), 1000)
    assert "delete the folder 'cache'" in damaged(store)[0]
    shutil.rmtree(store / "cache")
    call_cli("verify", "--store", store)
    assert evaluate(store) == evaluate(world / "s")


@pytest.mark.parametrize("what", ["vectors_*.lance/data/*", "samples.lance/data/*", "banks.lance/data/*"])
def test_eval_of_a_damaged_store_is_one_sentence_with_the_way_out(world: Path, tmp_path: Path, what: str) -> None:
    for byte in (20, 200, -200, -20):
        store = tmp_path / f"s{byte}"
        shutil.copytree(world / "s", store)
        shutil.rmtree(store / "cache")
        flip(next(store.glob(what)), byte, 6)
        done = call_cli("eval", "--mode", "zeroshot", "-o", "bank=words", "--protocol", "holdout", "--store", store,
                        check=1)  # fmt: skip
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        assert "verify --repair" in done.stderr
        assert ".rs:" not in done.stderr
