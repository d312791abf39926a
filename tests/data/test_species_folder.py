"""The folder of species: files, splits, and that it is whole or not there."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from data import folder as shared_folder
from data import species_folder
from data.commands import sample_group
from data.species_folder import SpeciesArguments, draw_species, plan
from tests.support.file_digests import contents

SMALL = SpeciesArguments(species=8, images=7, seed=0, size=48)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("species") / "new"
    draw_species(out, SMALL)
    return out


def test_same_bytes_with_any_number_of_processes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_folder, "_WORTH_A_POOL", 1)
    draw_species(tmp_path / "again", SMALL, workers=2)
    assert contents(tmp_path / "again") == contents(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_images_do_not_depend_on_how_many_others_there_are(folder: Path, tmp_path: Path) -> None:
    draw_species(tmp_path / "less", SMALL._replace(species=3, images=4))
    less = {name: digest for name, digest in contents(tmp_path / "less").items() if name.endswith(".jpg")}
    assert len(less) == 12
    assert less.items() <= contents(folder).items()


def test_tables_agree_with_the_images(folder: Path) -> None:
    trained, held_out = rows_of(folder / "manifest.csv"), rows_of(folder / "heldout.csv")
    images = {path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg")}
    assert {row["filepath"] for row in trained + held_out} == images
    assert len(trained + held_out) == len(images) == 8 * 7
    assert [row["filepath"] for row in rows_of(folder / "captions.csv")] == [one.path for one in plan(SMALL)]
    for split in ("train", "val", "test"):
        rows = rows_of(folder / f"{split}.csv")
        assert rows == [{name: row[name] for name in ("filepath", "label")} for row in trained if row["split"] == split]
    names = [line.split("\t") for line in (folder / "labels.tsv").read_text().splitlines()]
    assert [(int(number), rest) for number, _, rest in names] == [(number, "") for number in range(8)]
    assert [name for _, name, _ in names] == [row["label"] for row in rows_of(folder / "attributes.csv")]
    assert list(json.loads((folder / "prompts_delta.json").read_text())) == [name for _, name, _ in names]
    with Image.open(folder / trained[0]["filepath"]) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 48))


def test_no_image_of_a_held_out_species_is_in_a_training_list(folder: Path) -> None:
    names = set((folder / "heldout_species.txt").read_text().splitlines())
    assert len(names) == 2
    assert not names & {
        row["label"] for file in ("manifest", "train", "val", "test") for row in rows_of(folder / f"{file}.csv")
    }
    held_out = rows_of(folder / "heldout.csv")
    assert {row["label"] for row in held_out} == names
    assert {(row["split"], row["support"]) for row in held_out} == {("val", "train"), ("test", "test")}


def test_a_specimen_is_in_one_split() -> None:
    pictures = plan(SpeciesArguments(images=40))
    splits: dict[tuple[int, int], set[str]] = {}
    for picture in pictures:
        splits.setdefault((picture.species, picture.specimen), set()).add(picture.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {picture.split for picture in pictures} == {"train", "val", "test"}


def test_a_long_tail_takes_training_images_only() -> None:
    even, tailed = plan(SpeciesArguments(images=200)), plan(SpeciesArguments(images=200, long_tailed=True))
    assert set(tailed) < set(even)
    assert [one for one in even if one.split != "train"] == [one for one in tailed if one.split != "train"]
    counts = Counter(one.species for one in tailed if one.split == "train")
    assert len(counts) == 48
    assert max(counts.values()) > 10 * min(counts.values())
    assert all(Counter(one.species for one in plan(SpeciesArguments(images=3, long_tailed=True))).values())


def test_what_stands_there_is_kept_or_refused(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    assert len(draw_species(folder, SMALL)) == 56
    with pytest.raises(FileExistsError, match="other arguments"):
        draw_species(folder, SMALL._replace(seed=1))
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="something else"):
        draw_species(tmp_path, SMALL)
    assert contents(folder) == before
    assert contents(tmp_path).keys() == {"mine.txt"}


def test_a_folder_that_lacks_images_is_refused(tmp_path: Path) -> None:
    one = SpeciesArguments(species=2, images=1, size=48)
    (tmp_path / "empty").mkdir()
    first = draw_species(tmp_path / "empty", one)[0]
    (tmp_path / "empty" / first.path).unlink()
    with pytest.raises(FileExistsError, match="lacks 1 of its images"):
        draw_species(tmp_path / "empty", one)


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("the disk is full")

    monkeypatch.setattr(species_folder, "jpeg", fail)
    with pytest.raises(OSError, match="the disk is full"):
        draw_species(tmp_path / "out", SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "wrong",
    [SpeciesArguments(images=0), SpeciesArguments(size=47), SpeciesArguments(species=1), SpeciesArguments(seed=-1)],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, wrong: SpeciesArguments) -> None:
    with pytest.raises(ValueError, match=r"at least|2 to 400"):
        draw_species(tmp_path / "out", wrong)
    assert not list(tmp_path.iterdir())


def test_the_command_draws_and_says_what_is_next(tmp_path: Path) -> None:
    line = ["species", "--out", str(tmp_path / "s"), "--n", "2", "--species", "3", "--size", "48"]
    done = CliRunner().invoke(sample_group, line)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("6 images of 3 species")
    assert "index" in done.output
    assert "prompts_attr_clean.json" in done.output
    other = CliRunner().invoke(sample_group, [*line, "--long-tailed"])
    assert other.exit_code == 2
    assert "choose a new folder" in other.output
