"""Presets of the ``pattern`` source: patterns of the file names of public data sets, and how they define splits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from indexers.sources.base import split_name
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Fields: TypeAlias = dict[str, str | None]
"""Named groups of a pattern and their text: ``identity``, ``camera``, ``split``, ..."""

Converter: TypeAlias = Callable[[str, Fields], Fields]
"""Maps uri and groups of an image to its fields, with the split and the identity that the data set defines.

Raises ValueError with the reason if the image has none.
"""


class Preset(NamedTuple):
    """A public data set.

    ``pattern`` matches its file names. ``converter`` makes, from the root folder, the function that completes the
    fields of an image. ``entries`` of the root folder identify the data set. Images in ``ignored`` folders are skipped.
    """

    pattern: str
    converter: Callable[[Path], Converter]
    entries: tuple[str, ...]
    ignored: tuple[str, ...] = ()


FOLDERS = {"bounding_box_train": "train", "bounding_box_test": "gallery"}
"""Folders of Market-1501 -> splits."""

LISTS = {"list_train.txt": "train", "list_val.txt": "val", "list_query.txt": "query", "list_gallery.txt": "gallery"}
TRAIN_SPLITS = ("train", "val")
HD_LAST_TRAIN = 447
HD_LAST_TEST = 501
HD_EXTRA_OFFSET = 1000


def by_folder(root: Path) -> Converter:  # noqa: ARG001 - the signature of Preset.converter
    """Make a converter that takes the split from the pattern's group ``split``, else from the name of the first folder.

    Raises (the converter):
        ValueError: the group is not the name of a split.
    """

    def convert(uri: str, fields: Fields) -> Fields:
        if fields.get("split"):
            given = str(fields["split"])
            split = split_name(given) or FOLDERS.get(given)
            if split is None:
                raise ValueError(f"'{given}' is not a split (train, val, test, query, gallery)")
            return {**fields, "split": split}
        first = uri.partition("/")[0] if "/" in uri else ""
        return {**fields, "split": FOLDERS.get(first) or split_name(first)}

    return convert


def _by_lists(root: Path) -> Converter:
    """Make a converter for MSMT17 (Wei et al., CVPR 2018), whose ``list_*.txt`` name the images of each split.

    The train folder and the test folder both number their identities from 0000. Identities of train and val get the
    prefix ``train-``, so that different identities have different names.

    Raises:
        InputError: the lists do not exist or cannot be read.
    """
    splits: dict[tuple[bool, str], str] = {}
    for file, split in LISTS.items():
        try:
            lines = (root / file).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{root / file} cannot be read ({error}).") from None
        splits |= {(split in TRAIN_SPLITS, line.split()[0]): split for line in lines if line.strip()}
    if not splits:
        raise InputError(f"{root} has none of the lists of MSMT17 ({', '.join(LISTS)}).")

    def convert(uri: str, fields: Fields) -> Fields:
        folder, _, rest = uri.partition("/")
        split = splits.get(("train" in folder, rest))
        if split is None:
            raise ValueError("none of the lists names it")
        prefix = "train-" if split in TRAIN_SPLITS else ""
        return {**fields, "split": split, "identity": f"{prefix}{fields['identity']}"}

    return convert


def _by_number(root: Path) -> Converter:
    """Make a converter for HD (PolyU Hand Dorsal), split by the number of the identity as in MBA-Net.

    As distributed, HD has the folders ``1-501`` and ``502-712``. Numbers in the first can exceed 501, and then repeat
    numbers of other identities in the second; 1000 is added to those of the second. Without these folders, identities
    above 501 are the additional gallery.
    """
    has_folders = (root / "502-712").is_dir()

    def convert(uri: str, fields: Fields) -> Fields:
        number = int(str(fields["identity"]))
        extra = uri.startswith("502-712/") if has_folders else number > HD_LAST_TEST
        if extra:
            identity = str(number + HD_EXTRA_OFFSET) if has_folders else fields["identity"]
            return {**fields, "identity": identity, "split": "gallery"}
        return {**fields, "split": "train" if number <= HD_LAST_TRAIN else "test"}

    return convert


PRESETS = {
    "market1501": Preset(
        r"^(?P<identity>-1|\d+)_c(?P<camera>\d+)",
        by_folder,
        entries=("bounding_box_train", "bounding_box_test"),
        ignored=("gt_bbox", "gt_query"),
    ),
    "msmt17": Preset(
        r"^(?P<identity>\d+)_\d+_(?P<camera>\d+)_", _by_lists, entries=("list_query.txt", "list_gallery.txt")
    ),
    "hd": Preset(r"^(?P<identity>\d+)_", _by_number, entries=("1-501", "502-712")),
}


def guess_preset(root: Path) -> str | None:
    """Return the name of the preset whose entries a folder has, or None."""
    return next(
        (name for name, preset in PRESETS.items() if all((root / entry).exists() for entry in preset.entries)), None
    )
