"""Presets of the ``pattern`` source: patterns of the file names of public data sets, and how they define splits."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from indexers.sources.converters import (
    MSMT_LISTS,
    Converter,
    by_birds_lists,
    by_folder,
    by_hd_number,
    by_msmt_lists,
    by_vehicle_lists,
)

if TYPE_CHECKING:
    from pathlib import Path


class Preset(NamedTuple):
    """A public data set.

    ``pattern`` matches its file names. ``converter`` makes, from the root folder, the function that completes the
    fields of an image. ``entries`` of the root folder identify the data set. Images in ``ignored`` folders are skipped.
    ``lists`` are names of files that the converter reads.
    """

    pattern: str
    converter: Callable[[Path], Converter]
    entries: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    lists: frozenset[str] = frozenset()


VEHICLE_ID_SIZES = (800, 1600, 2400, 3200, 6000, 13164)
"""Numbers of vehicles in the test lists of VehicleID."""

PRESETS = {
    "market1501": Preset(
        r"^(?P<identity>-1|\d+)_c(?P<camera>\d+)",
        by_folder,
        entries=("bounding_box_train", "bounding_box_test"),
        ignored=("gt_bbox", "gt_query"),
    ),
    "msmt17": Preset(
        r"^(?P<identity>\d+)_\d+_(?P<camera>\d+)_",
        by_msmt_lists,
        entries=("list_query.txt", "list_gallery.txt"),
        lists=frozenset(MSMT_LISTS),
    ),
    "hd": Preset(r"^(?P<identity>\d+)_", by_hd_number, entries=("1-501", "502-712")),
    "veri": Preset(
        r"^(?P<identity>\d+)_c(?P<camera>\d+)_", by_folder, entries=("image_train", "image_query", "image_test")
    ),
    "vehicleid": Preset(
        r"^(?P<identity>\d+)(?P<test_list>)",
        by_vehicle_lists,
        entries=("image", "train_test_split/train_list.txt"),
        lists=frozenset(
            ("train_list.txt", *(f"test_list_{size}.txt" for size in (800, 1600, 2400, 3200, 6000, 13164)))
        ),
    ),
    "cub200": Preset(
        r"(?P<label>[^/]+)/[^/]+$",
        by_birds_lists,
        entries=("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"),
        ignored=("segmentations", "parts"),
        lists=frozenset(("images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt")),
    ),
}
"""Name -> data set. DukeMTMC-reID and CUHK03-NP have folders and names as Market-1501 has them, and NABirds has the
lists of CUB-200-2011."""


def guess_preset(root: Path) -> str | None:
    """Return the name of the preset whose entries a folder has, or None."""
    return next(
        (name for name, preset in PRESETS.items() if all((root / entry).exists() for entry in preset.entries)), None
    )


def preset_inside(root: Path, name: str) -> Path | None:
    """Return the only sub-folder that has the entries of a preset where the folder itself has none of them."""
    entries = PRESETS[name].entries
    if any((root / entry).exists() for entry in entries):
        return None
    inside = [path for path in sorted(root.iterdir()) if all((path / entry).exists() for entry in entries)]
    return inside[0] if len(inside) == 1 else None


class KnownNames(NamedTuple):
    """Names of files as a public data set has them, and the option that reads them."""

    pattern: re.Pattern[str]
    title: str
    way: str


_BY_MARKET = "`preset=market1501` for identity and camera from the names"

KNOWN_NAMES = (
    KnownNames(re.compile(r"(-1|\d{4,5})_c\d+s\d+_\d+_\d+\."), "Market-1501", _BY_MARKET),
    KnownNames(re.compile(r"\d{4}_c\d+_f\d+\."), "DukeMTMC-reID", _BY_MARKET),
    KnownNames(re.compile(r"\d{4}_c\d_\d+\."), "CUHK03", _BY_MARKET),
    KnownNames(
        re.compile(r"\d{3,5}_c\d{3}_\d{8}_\d+\."), "VeRi-776", "`preset=veri` for identity and camera from the names"
    ),
    KnownNames(
        re.compile(r"\d{4}_\d{3}_\d{2}_\d{4}[a-z]+_\d{4}_\d+\."),
        "MSMT17",
        "`pattern=^(?P<identity>\\d+)_\\d+_(?P<camera>\\d+)_` for identity and camera from the names",
    ),
    KnownNames(re.compile(r"Hand_\d{7}\."), "11k Hands", "`source=hands11k` of the folder with HandInfo.csv and Hands"),
)

SURE = 0.9
"""Share of names that must be as those of a data set."""


def known_names(names: Sequence[str]) -> KnownNames | None:
    """Return the data set whose files are named like these, or None."""
    for entry in KNOWN_NAMES:
        if names and sum(entry.pattern.match(name) is not None for name in names) >= SURE * len(names):
            return entry
    return None
