from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from sklearn.ensemble import RandomForestClassifier

from cli import cli
from data import folder as shared_folder
from data.drains import (
    CLASSES,
    PER_SITE,
    DrainArguments,
    SiteObject,
    caption,
    describe,
    draw_drains,
    label_lines,
    make_site,
    plan,
    render,
)
from data.drains_paint import Painter
from data.drains_site import site_objects
from tests.support.file_digests import contents

if TYPE_CHECKING:
    from numpy.typing import NDArray

SITES = 200
REPORTED = (52, 78, 76, 153, 366, 257, 97, 148, 238)
"""Instances of each class in 290 images."""


@pytest.fixture(scope="module")
def drains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drains") / "new"
    draw_drains(out, DrainArguments(4 * PER_SITE, size=64))
    return out


@pytest.fixture(scope="module")
def everything() -> list[list[SiteObject]]:
    return [site_objects(make_site(at), number) for at in range(SITES) for number in range(PER_SITE)]


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return list(csv.DictReader(file))


def test_same_arguments_same_bytes_in_any_number_of_processes(
    drains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_folder, "_WORTH_A_POOL", 1)
    draw_drains(tmp_path / "same", DrainArguments(4 * PER_SITE, size=64), 2)
    assert contents(tmp_path / "same") == contents(drains)
    draw_drains(tmp_path / "other", DrainArguments(4 * PER_SITE, seed=1, size=64))
    other = contents(tmp_path / "other")
    assert {name for name, digest in contents(drains).items() if other[name] == digest} == {"data.yaml", "sites.csv"}


def test_more_images_change_none(drains: Path, tmp_path: Path) -> None:
    draw_drains(tmp_path / "more", DrainArguments(5 * PER_SITE, size=64))
    more = contents(tmp_path / "more")
    assert all(more[name] == digest for name, digest in contents(drains).items() if name.endswith((".jpg", ".txt")))


def test_the_folder_is_as_yolo_has_it(drains: Path) -> None:
    described = yaml.safe_load((drains / "data.yaml").read_text())
    assert described["names"] == list(CLASSES.values())
    assert described["names"][1] == "Toe drain- Blocked"
    assert described["nc"] == 9
    for key, split in (("train", "train"), ("val", "valid"), ("test", "test")):
        assert described[key] == f"{split}/images"
        images, labels = (sorted((drains / split / kind).iterdir()) for kind in ("images", "labels"))
        assert images
        assert [path.stem for path in images] == [path.stem for path in labels]
    with Image.open(images[0]) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (64, 64))


def test_labels_are_boxes_and_polygons_of_what_is_drawn(drains: Path) -> None:
    kinds = set()
    for path in drains.glob("*/labels/*.txt"):
        site, number = make_site(int(path.stem[4:7])), int(path.stem[8:])
        shown, lines = site_objects(site, number), path.read_text().splitlines()
        assert lines == label_lines(site, number)
        assert len(lines) == len(shown)
        lengths = set()
        for line, item in zip(lines, shown, strict=True):
            name, *values = line.split()
            at = np.array(values, float)
            assert (int(name), at.min() >= 0, at.max() <= 1) == (item.number, True, True)
            wanted = item.box if len(at) == 4 else item.outline.ravel()
            assert at == pytest.approx(wanted, abs=1e-6)
            lengths.add(len(at) == 4)
        kinds.add(frozenset(lengths))
    assert kinds == {frozenset({True}), frozenset({False}), frozenset({True, False})}


def test_no_site_is_in_two_splits(drains: Path) -> None:
    sites, captions = rows_of(drains / "sites.csv"), rows_of(drains / "captions.csv")
    assert {len({row["split"] for row in sites if row["group"] == name}) for name in ("site000", "site003")} == {1}
    assert [row["filepath"] for row in sites] == [row["filepath"] for row in captions]
    assert [row["split"] for row in sites] == [row["split"] for row in captions]
    assert all((drains / row["filepath"]).is_file() and row["group"] in row["filepath"] for row in sites)
    roles = Counter(one.split for one in plan(DrainArguments(12 * PER_SITE)))
    assert roles == {"train": 9 * PER_SITE, "valid": 2 * PER_SITE, "test": PER_SITE}


def test_classes_are_as_uneven_as_reported(everything: list[list[SiteObject]]) -> None:
    counts = np.bincount([item.number for shown in everything for item in shown], minlength=9)
    assert counts.sum() / len(everything) == pytest.approx(sum(REPORTED) / 290, abs=0.15)
    assert counts / counts.sum() == pytest.approx(np.array(REPORTED) / sum(REPORTED), abs=0.02)


def test_things_stand_where_they_are_reported(everything: list[list[SiteObject]]) -> None:
    for item in (item for shown in everything for item in shown):
        x, y, width, height = item.box
        assert min(width, height) > 0.02
        assert x - width / 2 >= -1e-9
        assert x + width / 2 <= 1 + 1e-9
        low, high = {"toe drain": (0.66, 0.79), "slope drain": (0.44, 0.52)}.get(item.kind, (0, 1))
        assert low <= y <= high
        assert (height > width) == (item.kind == "slope drain") or item.kind in {"vegetation", "rock toe"}


def on_meadow(item: SiteObject, at: int, size: int = 256) -> NDArray[np.float64]:
    """A item drawn on a plain ground: what its box shows, in 32 x 32 pixels."""
    site = make_site(at)
    picture = Image.new("RGB", (size, size), tuple(int(value) for value in np.clip(site.soil, 0, 255)))
    Painter(site, picture, np.random.default_rng(at)).paint(item)
    (left, top), (right, bottom) = item.outline.min(axis=0), item.outline.max(axis=0)
    crop = picture.crop((int(left * size), int(top * size), int(right * size), int(bottom * size)))
    turned = crop.transpose(Image.Transpose.ROTATE_90) if crop.height > crop.width else crop
    return np.asarray(turned.resize((32, 32), Image.Resampling.BOX), float) / 255


def described(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """How light it is, which colours it has, and how much it varies from region to region."""
    lightness = np.histogram((pixels / np.median(pixels, axis=(0, 1))).mean(axis=2), bins=12, range=(0.2, 1.6))[0]
    red, green, blue = np.moveaxis(pixels / pixels.sum(axis=2, keepdims=True), 2, 0).reshape(3, -1)
    hues = np.histogram2d(red - blue, green - 1 / 3, bins=8, range=[(-0.1, 0.4), (-0.1, 0.2)])[0].ravel()
    spread = 100 * np.sort(pixels.reshape(4, 8, 8, 4, 3).std(axis=(1, 3)).ravel())
    return np.concatenate([lightness, hues, spread])


@pytest.mark.parametrize("kind", ["toe drain", "rock toe", "slope drain"])
def test_the_condition_shows(everything: list[list[SiteObject]], kind: str) -> None:
    """The same objects in every condition: simple measures tell the conditions apart at other sites."""
    found = [(at, one) for at, shown in enumerate(everything) for one in shown if one.kind == kind][:200]
    every = [condition for one, condition in CLASSES if one == kind]
    rows = np.stack(
        [described(on_meadow(one._replace(condition=each), at // PER_SITE)) for at, one in found for each in every]
    )
    truth, train = np.array(every * len(found)), np.arange(len(rows)) < 0.7 * len(rows)
    probe = RandomForestClassifier(200, random_state=0).fit(rows[train], truth[train])
    assert probe.score(rows[~train], truth[~train]) > 0.85


def test_a_site_looks_like_itself() -> None:
    pictures = np.stack(
        [render(make_site(at), number, size=64).mean(axis=(0, 1)) for at in range(12) for number in (0, 1)]
    )
    assert len({tuple(one) for one in pictures}) == 24
    assert np.array_equal(render(make_site(3), 1, size=64), render(make_site(3), 1, size=64))
    first, second = site_objects(make_site(3), 0), site_objects(make_site(3), 1)
    assert [one.spine.tolist() for one in first] != [one.spine.tolist() for one in second]


def test_captions_count_what_is_there(everything: list[list[SiteObject]]) -> None:
    text = caption(make_site(0), 0)
    assert text == caption(make_site(0), 0)
    assert make_site(0).ground in text
    for at, shown in enumerate(everything[:120]):
        text = caption(make_site(at // PER_SITE), at % PER_SITE)
        for kind, condition in CLASSES:
            there = [one for one in shown if (one.kind, one.condition) == (kind, condition)]
            assert (("vegetation" if kind == "vegetation" else f"{condition} {kind}") in text) is bool(there)
    bush = next(one for one in everything[1] if one.kind == "vegetation")
    assert describe(bush) == "vegetation"
    assert describe(bush._replace(kind="toe drain", condition="blocked")) == "a blocked toe drain"


@pytest.mark.parametrize("arguments", [{"images": 0}, {"size": 32}, {"seed": -1}])
def test_numbers_out_of_range_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Drains need"):
        replace(DrainArguments(), **arguments)
    with pytest.raises(ValueError, match="from 0"):
        make_site(-1)
    with pytest.raises(ValueError, match="64 pixels"):
        render(make_site(0), -1)


def test_the_command_draws_once_and_refuses_another_folder(tmp_path: Path) -> None:
    def sample(*more: str) -> Any:
        args = ["sample", "drains", "--out", str(tmp_path / "drains"), "--n", "7", "--size", "64"]
        return CliRunner().invoke(cli, [*args, *more])

    assert "7 images of 2 sites" in sample().output
    before = contents(tmp_path / "drains")
    assert sample().exit_code == 0
    assert contents(tmp_path / "drains") == before
    other = sample("--seed", "1")
    assert other.exit_code == 2
    assert "other arguments" in other.output
