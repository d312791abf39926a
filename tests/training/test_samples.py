"""Samples for training from folders and tables: what is given, what is left out, and the pixels of boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import InputError, TestDataError
from retrieval.types import Box, Preprocess
from training.samples import SampleSource, TrainingSamples, read_samples

SIZE = Preprocess(resize=8, crop=(8, 8), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def _image(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (value, value, value)).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two labels in three splits."""
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        for label in ("ant", "bee"):
            for number in range(count):
                _image(tmp_path / "set" / split / label / f"{number}.png")
    return tmp_path / "set"


def test_a_folder_gives_labels_and_splits_and_leaves_testing_out(folder: Path) -> None:
    samples = read_samples(SampleSource(path=folder))
    assert (len(samples), samples.left_out) == (8, {"test": 4})
    assert not any("test" in sample.uri for sample in samples.samples)
    train, val = samples.of_split("train"), samples.of_split("val")
    assert (len(train), len(val)) == (6, 2)
    names, codes = train.codes("label")
    assert names == ["ant", "bee"]
    assert codes.tolist() == [0, 0, 0, 1, 1, 1]
    assert train.path(0) == folder / "train" / "ant" / "0.png"
    assert train.codes("identity")[1].tolist() == [-1] * 6
    for split in ("test", "query", "gallery"):
        with pytest.raises(TestDataError, match="may not be trained on"):
            samples.of_split(split)


def test_a_table_gives_identities_groups_and_cameras(tmp_path: Path) -> None:
    rows = ["filepath,label,identity,group,camera,split"]
    for number, split in enumerate(("train", "train", "val", "query", "gallery", "")):
        _image(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,palm,p{number % 2},g{number},c1,{split}")
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    samples = read_samples(SampleSource(path=tmp_path / "t.csv", kind="manifest", name="hands"))
    assert [sample.identity for sample in samples.samples] == ["p0", "p1", "p0"]
    assert [sample.group for sample in samples.samples] == ["g0", "g1", "g2"]
    assert samples.left_out == {"query": 1, "gallery": 1, "none": 1}
    assert samples.samples[0].source == "hands"
    names, codes = samples.of_split("train").codes("identity")
    assert (list(names), codes.tolist()) == (["p0", "p1"], [0, 1])


def test_a_source_without_splits_is_all_trained_on(tmp_path: Path) -> None:
    for label in ("ant", "bee"):
        _image(tmp_path / label / "0.png")
    samples = read_samples(SampleSource(path=tmp_path))
    assert [sample.split for sample in samples.samples] == ["train", "train"]
    with pytest.raises(InputError, match="no samples of split val"):
        samples.of_split("val")


def test_a_source_for_testing_alone_is_refused(tmp_path: Path) -> None:
    _image(tmp_path / "test" / "ant" / "0.png")
    with pytest.raises(InputError, match=r"to train on \(1 of test\)"):
        read_samples(SampleSource(path=tmp_path))


def test_pixels_are_those_of_the_box(folder: Path) -> None:
    from dataclasses import replace

    samples = read_samples(SampleSource(path=folder))
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 8:] = 200
    Image.fromarray(picture).save(samples.path(0))
    boxed = replace(samples.samples[0], box=Box(0.5, 0, 0.5, 1))
    cut = TrainingSamples((boxed, *samples.samples[1:]), samples.root, {})
    assert samples.pixels(0, SIZE).shape == (8, 8, 3)
    assert samples.pixels(0, SIZE).min() < 50
    assert (cut.pixels(0, SIZE) == 200).all()
    samples.path(1).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"ant/1\.png: not an image"):
        samples.pixels(1, SIZE)
