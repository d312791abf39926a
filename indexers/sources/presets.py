"""Known data sets of the ``pattern`` source: how their file names read, and what their folders say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from indexers.sources.base import split_name
from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Fields: TypeAlias = dict[str, str | None]
"""What a name says: ``identity``, ``camera``, ``split``, ..."""

Settle: TypeAlias = Callable[[str, Fields], Fields]
"""Uri and fields to the fields as the data set means them; raises ValueError with the reason where it cannot."""


class Preset(NamedTuple):
    """A data set: the ``pattern`` of its names, folders that are ``ignored``, what shows it, how fields settle."""

    pattern: str
    settle: Callable[[Path], Settle]
    signs: tuple[str, ...]
    ignored: tuple[str, ...] = ()


FOLDERS = {"bounding_box_train": "train", "bounding_box_test": "gallery"}
"""Folders of person re-ID sets to our splits, beside the usual spellings."""

LISTS = {"list_train.txt": "train", "list_val.txt": "val", "list_query.txt": "query", "list_gallery.txt": "gallery"}
LEARNT = ("train", "val")
HD_LAST_TRAIN = 447
HD_LAST_TEST = 501
HD_EXTRA_OFFSET = 1000


def by_folder(root: Path) -> Settle:  # noqa: ARG001 - every way to settle takes the root
    """The split is the first folder's, where its name is that of a split and the pattern names none."""

    def settle(uri: str, fields: Fields) -> Fields:
        if fields.get("split"):
            given = str(fields["split"])
            split = split_name(given) or FOLDERS.get(given)
            if split is None:
                raise ValueError(f"'{given}' is not a split (train, val, test, query, gallery)")
            return {**fields, "split": split}
        first = uri.partition("/")[0] if "/" in uri else ""
        return {**fields, "split": FOLDERS.get(first) or split_name(first)}

    return settle


def _by_lists(root: Path) -> Settle:
    """MSMT17 (Wei et al., CVPR 2018): ``list_*.txt`` name the images of each split.

    Identities of the train folder and of the test folder are numbered from 0000 both; those of train and val get the
    prefix ``train-``, so that two people never share a name.
    """
    splits: dict[tuple[bool, str], str] = {}
    for file, split in LISTS.items():
        try:
            lines = (root / file).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{root / file} cannot be read ({error}).") from None
        splits |= {(split in LEARNT, line.split()[0]): split for line in lines if line.strip()}
    if not splits:
        raise InputError(f"{root} has none of the lists of MSMT17 ({', '.join(LISTS)}).")

    def settle(uri: str, fields: Fields) -> Fields:
        folder, _, rest = uri.partition("/")
        split = splits.get(("train" in folder, rest))
        if split is None:
            raise ValueError("none of the lists names it")
        prefix = "train-" if split in LEARNT else ""
        return {**fields, "split": split, "identity": f"{prefix}{fields['identity']}"}

    return settle


def _by_number(root: Path) -> Settle:
    """HD (PolyU Hand Dorsal), divided as MBA-Net does: by the number of the identity.

    In its own folders ``1-501`` and ``502-712``, numbers of the first may go on beyond 501 and meet those of the
    second, who are other people: these get 1000 added. Without the folders the numbers alone divide them.
    """
    foldered = (root / "502-712").is_dir()

    def settle(uri: str, fields: Fields) -> Fields:
        number = int(str(fields["identity"]))
        extra = uri.startswith("502-712/") if foldered else number > HD_LAST_TEST
        if extra:
            identity = str(number + HD_EXTRA_OFFSET) if foldered else fields["identity"]
            return {**fields, "identity": identity, "split": "gallery"}
        return {**fields, "split": "train" if number <= HD_LAST_TRAIN else "test"}

    return settle


PRESETS = {
    "market1501": Preset(
        r"^(?P<identity>-1|\d+)_c(?P<camera>\d+)",
        by_folder,
        signs=("bounding_box_train", "bounding_box_test"),
        ignored=("gt_bbox", "gt_query"),
    ),
    "msmt17": Preset(
        r"^(?P<identity>\d+)_\d+_(?P<camera>\d+)_", _by_lists, signs=("list_query.txt", "list_gallery.txt")
    ),
    "hd": Preset(r"^(?P<identity>\d+)_", _by_number, signs=("1-501", "502-712")),
}


def plain_preset(root: Path) -> str | None:
    """The preset that the entries of a folder show, or None."""
    return next(
        (name for name, preset in PRESETS.items() if all((root / sign).exists() for sign in preset.signs)), None
    )
