from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexers.sources.prepared import PreparedSource
from indexers.sources.registry import guess_kind, open_source
from retrieval.errors import InputError
from retrieval.types import SplitSet
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json


def prepare(root: Path, *, draws: int = 3, folders: bool = True, with_test: bool = False) -> Path:
    """Four people of three pictures each; picture number t % 3 is the gallery of draw t; one person to train."""
    rng = np.random.default_rng(0)
    for person in ("007", "8", "9", "10"):
        for picture in range(3):
            raw = root / ".raw" / f"{person}_{picture}.png"
            raw.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(raw)
            for draw in range(draws):
                role = "gallery" if draw % 3 == picture else "query"
                put(raw, root / f"{role}{draw}", person, folders=folders)
            if with_test:
                put(raw, root / "test", person, folders=folders)
    put(raw, root / "train", "5", folders=True)
    shutil.rmtree(root / ".raw")
    return root


def put(raw: Path, folder: Path, person: str, *, folders: bool) -> None:
    target = folder / person / raw.name if folders else folder / raw.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(raw, target)


def read(root: Path) -> tuple[list[tuple[str, str | None, str | None]], SplitSet]:
    source = open_source(root, "prepared")
    assert isinstance(source, PreparedSource)
    samples = [(sample.uri, sample.identity, sample.split) for sample in source]
    assert source.problems == []
    return samples, source.split_set()


@pytest.mark.parametrize("folders", [True, False])
def test_a_picture_in_many_draws_is_one_sample(tmp_path: Path, folders: bool) -> None:  # noqa: FBT001
    samples, splits = read(prepare(tmp_path / "set", folders=folders))
    assert len(samples) == 4 * 3 + 1
    assert {identity for _, identity, split in samples if split == "test"} == {"007", "8", "9", "10"}
    assert [row for row in samples if row[2] == "train"] == [("train/5/10_2.png", "5", "train")]
    for draw in range(3):
        roles = splits.role[splits.draw == draw].tolist()
        assert (roles.count("query"), roles.count("gallery")) == (8, 4)
    assert splits.name == f"prepared:set@{splits.sha256[:8]}"


def test_the_folder_test_gives_the_uris(tmp_path: Path) -> None:
    samples, splits = read(prepare(tmp_path, with_test=True))
    assert {uri.partition("/")[0] for uri, _, _ in samples} == {"test", "train"}
    assert len(splits.draw) == 3 * 12


def test_pictures_of_another_size_are_others(tmp_path: Path) -> None:
    root = prepare(tmp_path)
    Image.new("RGB", (64, 64)).save(root / "query1" / "8" / "8_0.png")
    samples, _ = read(root)
    assert len(samples) == 4 * 3 + 1 + 1


def test_without_numbers_there_is_one_draw(tmp_path: Path) -> None:
    root = prepare(tmp_path, draws=1)
    for role in ("query", "gallery"):
        (root / f"{role}0").rename(root / role)
    assert set(read(root)[1].draw.tolist()) == {0}


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    root = prepare(tmp_path)
    shutil.copy(root / "query0" / "8" / "8_1.png", root / "gallery0" / "8" / "8_1.png")
    shutil.copy(root / "query0" / "8" / "8_1.png", root / "query0" / "nobody.png")
    (root / "train_all").mkdir()
    source = open_source(root, "prepared")
    list(source)
    assert {problem.where: problem.reason[:40] for problem in source.problems} == {
        "query0/nobody.png": "it lies in no folder of its identity, an",
        "query0/8/8_1.png": "the picture is both query and gallery of",
    }
    assert source.notes == ["Folder 'train_all' is not used."]
    shutil.rmtree(root / "gallery0")
    for draw in (1, 2):
        shutil.rmtree(root / f"gallery{draw}")
    with pytest.raises(InputError, match="holds no images in gallery folders; expected query0/IDENTITY/IMAGE"):
        list(source)


def test_index_keeps_the_draws_and_eval_follows_them(tmp_path: Path) -> None:
    root, store = prepare(tmp_path / "set"), tmp_path / "store"
    assert guess_kind(root) == "prepared"
    done = call_cli("index", root, "--store", store, *SMALL_ENCODER, "--precision", "fp32", "--json")
    assert "kept as the split set 'prepared:set@" in done.stderr
    result = call_json("eval", "--mode", "reid", "--store", store, "--split-set", "prepared:set")
    assert (len(result["draws"]), result["n"]["query"], result["n"]["gallery"]) == (3, 8, 4)


def test_a_pattern_on_the_command_line(tmp_path: Path) -> None:
    root = prepare(tmp_path / "set", folders=False, draws=1)
    store = tmp_path / "store"
    flags = ("--pattern", r"(?P<identity>\d+)_(?P<shot>\d+)", "--precision", "fp32")
    report = call_json("index", root, "--store", store, *SMALL_ENCODER, *flags)
    assert report["samples"] == 13
    done = call_cli("index", root, "--store", store, *SMALL_ENCODER, "--pattern", "(", check=1)
    assert "is no regular expression" in done.stderr
