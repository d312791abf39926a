"""How public data sets define splits and identities: converters of the fields that the source ``pattern`` reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from retrieval.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

Fields: TypeAlias = dict[str, str | None]
"""Named groups of a pattern and their text: ``identity``, ``camera``, ``split``, ..."""


class Converter(NamedTuple):
    """Completes the fields of images.

    ``convert`` maps uri and groups of an image to its fields, with split and identity as the data set defines them, and
    raises ValueError with the reason if the image has none. ``listed`` is the number of images that the data set's
    lists name, None if it has no lists. ``gives_splits`` is whether the fields have a split beside that of the folder.
    """

    convert: Callable[[str, Fields], Fields]
    listed: int | None = None
    gives_splits: bool = True


MSMT_LISTS = {
    "list_train.txt": "train",
    "list_val.txt": "val",
    "list_query.txt": "query",
    "list_gallery.txt": "gallery",
}
TRAIN_SPLITS = ("train", "val")
HD_LAST_TRAIN = 447
HD_LAST_TEST = 501
HD_EXTRA_OFFSET = 1000


def by_folder(root: Path) -> Converter:  # noqa: ARG001 - the signature of all converters
    """Take the fields of the pattern alone; the source adds the split of the first folder."""
    return Converter(lambda _, fields: fields, gives_splits=False)


def by_msmt_lists(root: Path) -> Converter:
    """Take the splits of MSMT17 (Wei et al., CVPR 2018), whose ``list_*.txt`` name the images of each split.

    The train folder and the test folder both number their identities from 0000. Identities of train and val get the
    prefix ``train-``, so that different identities have different names.

    Raises:
        InputError: the lists do not exist or cannot be read.
    """
    splits: dict[tuple[bool, str], str] = {}
    for file, split in MSMT_LISTS.items():
        if (root / file).is_file():
            splits |= {(split in TRAIN_SPLITS, cells[0]): split for cells in _cells(root / file)}
    if not splits:
        raise InputError(f"{root} has none of the lists of MSMT17 ({', '.join(MSMT_LISTS)}).")

    def convert(uri: str, fields: Fields) -> Fields:
        folder, _, rest = uri.partition("/")
        split = splits.get(("train" in folder, rest))
        if split is None:
            raise ValueError("none of the lists names it")
        prefix = "train-" if split in TRAIN_SPLITS else ""
        return {**fields, "split": split, "identity": f"{prefix}{fields['identity']}"}

    return Converter(convert, len(splits))


def by_hd_number(root: Path) -> Converter:
    """Split HD (PolyU Hand Dorsal) by the number of the identity as in MBA-Net.

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

    return Converter(convert)


def by_vehicle_lists(root: Path) -> Converter:
    """Take identities and splits of VehicleID (Liu et al., CVPR 2016) from ``train_test_split``.

    Lines of its lists are the name of an image without suffix and its vehicle. ``test_list_800.txt`` and its like are
    test; the smallest list that has an image is its field ``test_list``.

    Raises:
        InputError: the lists do not exist or cannot be read.
    """
    vehicles: dict[str, tuple[str, str, str | None]] = {}
    folder = root / "train_test_split"
    sizes = {
        int(path.stem.rpartition("_")[2]): path for path in folder.glob("test_list_*.txt") if path.stem[10:].isdigit()
    }
    lists = [(path, "test", str(size)) for size, path in sorted(sizes.items(), reverse=True)]
    for path, split, name in [(folder / "train_list.txt", "train", None), *lists]:
        if path.is_file():
            vehicles |= {cells[0]: (cells[1], split, name) for cells in _cells(path, 2)}
    if not vehicles:
        raise InputError(f"{folder} has none of the lists of VehicleID (train_list.txt, test_list_800.txt, ...).")

    def convert(uri: str, fields: Fields) -> Fields:
        stem = uri.rpartition("/")[2].rpartition(".")[0]
        if stem not in vehicles:
            raise ValueError("none of the lists names it")
        identity, split, test_list = vehicles[stem]
        return {**fields, "identity": identity, "split": split, "test_list": test_list}

    return Converter(convert, len(vehicles))


def by_birds_lists(root: Path) -> Converter:
    """Take classes and splits of CUB-200-2011 (Wah et al. 2011) and NABirds (Van Horn et al., CVPR 2015).

    ``images.txt`` numbers the images below ``images``; ``image_class_labels.txt``, ``classes.txt`` and
    ``train_test_split.txt`` (1 is train) say the rest. A class whose name another has, too, begins with its number.

    Raises:
        InputError: a list does not exist or cannot be read.
    """
    paths = {cells[0]: cells[1] for cells in _cells(root / "images.txt", 2)}
    names = {cells[0]: cells[1] for cells in _cells(root / "classes.txt", 2)}
    twice = {name for name in names.values() if list(names.values()).count(name) > 1}
    labels = {number: f"{number} {name}" if name in twice else name for number, name in names.items()}
    classes = {cells[0]: labels.get(cells[1], cells[1]) for cells in _cells(root / "image_class_labels.txt", 2)}
    is_train = {cells[0]: cells[1] == "1" for cells in _cells(root / "train_test_split.txt", 2)}
    images = {path: (classes.get(number), is_train.get(number)) for number, path in paths.items()}

    def convert(uri: str, fields: Fields) -> Fields:
        label, train = images.get(uri.removeprefix("images/"), (None, None))
        if label is None or train is None:
            raise ValueError("the lists do not name it")
        return {**fields, "label": label, "split": "train" if train else "test"}

    return Converter(convert, len(images))


def _cells(path: Path, n: int = 1) -> Iterator[list[str]]:
    """Yield the cells of every line of a list: ``n`` of them, divided by white space.

    Raises:
        InputError: the file cannot be read, or a line has fewer cells.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}).") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        cells = line.strip().split(maxsplit=n - 1) if n > 1 else line.split()
        if len(cells) < n:
            raise InputError(f"{path} line {number} is '{line.strip()}', and {n} words are expected.")
        yield cells
