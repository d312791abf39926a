"""Rows of COCO annotations: find the files, read them, and join images, annotations and categories."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from indexers.sources.boxes import BOX, BOX_SIZE
from indexers.sources.coco_checks import by_id, check_pixels, corners_note
from indexers.sources.coco_outlines import SEGMENTATION, compact, read_parts, surrounding_box
from indexers.sources.object_classes import classes_note, guess_classes, read_classes
from indexers.sources.shard_files import note_split_folders, shard_word
from indexers.tables import TableRow
from retrieval.errors import InputError, MissingFileError, first_names
from retrieval.limits import MIB
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from indexers.tables import Cell

PATTERNS = ("annotations/*.json", "_annotations.coco.json", "*/_annotations.coco.json", "*.json")
"""Where the annotations of a folder lie; the first place that has any is taken."""

OTHER_TASKS = ("captions", "person_keypoints", "stuff", "panoptic", "image_info")
"""Beginnings of names of COCO's files that list no instances."""

MOST_FILES = 50
"""More files of JSON in a folder are annotations of an image each, in another format."""

MOST_BYTES = 1024 * MIB
"""Bytes of a file of annotations; the largest of COCO has 450 MB."""

UNANNOTATED, SEVERAL, CROWDS = "images without annotations", "images of several categories", "crowds of objects"
UNUSABLE = "unusable annotations"

_HEAD = 1 << 16
_LISTS = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_DROPPED = frozenset({"keypoints", "counts"})
"""Keys whose lists are most of a file, and are not read."""

_IMAGE_KEYS = frozenset({"id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured"})
_ANNOTATION_KEYS = frozenset({"id", "image_id", "category_id", BOX, SEGMENTATION, "area", "iscrowd", "caption"})
_TRUE = frozenset({"1", "1.0", "true"})
_FILE_ROWS = 10**9
"""More rows than a file has: row n of file k has the number k * 10^9 + n."""

CLASS_COLUMNS = ("object", "condition")
"""Columns of what a category is, where the names of categories or a file say it."""

_OWN_COLUMNS = ("filepath", "label", "split", BOX, *BOX_SIZE)


def is_coco(path: Path) -> bool:
    """Return whether a file begins as an object of COCO does, with lists of images, annotations or categories."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError:
        return False
    return head.startswith(b"{") and _LISTS.search(head) is not None


def has_annotations(folder: Path) -> bool:
    """Return whether a folder holds annotations of COCO where they usually lie."""
    return any(_instances(folder))


def _instances(folder: Path) -> Iterator[Path]:
    for pattern in PATTERNS:
        files = sorted(islice(folder.glob(pattern), MOST_FILES + 1))
        if len(files) > MOST_FILES:
            continue
        files = [file for file in files if not file.name.startswith((*OTHER_TASKS, "."))]
        instances = [file for file in files if file.is_file() and is_coco(file)]
        if instances:
            yield from instances
            return


def find_annotations(path: Path) -> list[Path]:
    """Return the files of annotations of a folder, or the file itself.

    Raises:
        MissingFileError: there is no such path.
        InputError: there are none, or the file is none.
    """
    if path.is_dir():
        files = list(_instances(path))
        if not files:
            raise InputError(f"{path} holds no annotations of COCO ({', '.join(PATTERNS)}).")
        return files
    if not path.is_file():
        raise MissingFileError(f"There is no file or folder {path}.")
    if not is_coco(path):
        raise InputError(f"{path} is no file of COCO: a JSON object with images, annotations and categories.")
    return [path]


class _Annotations(NamedTuple):
    """The lists of one file. ``name`` is its path for messages, ``folder`` that of its images below the root."""

    name: str
    folder: str
    split: str | None
    images: dict[Any, dict[str, Any]]
    annotations: list[Any]
    categories: dict[Any, str]


class CocoTable:
    """Annotations of COCO as rows: ``filepath``, ``label``, ``split``, ``bbox`` and other keys with plain values.

    Args:
        folder: the folder of the data set.
        files: files of annotations.
        root: the folder that paths are relative to.
        boxes: whether an annotation with a box is a row of its own.
        images: whether every image is a row, too, without a label.
        class_map: file of what categories are; None guesses it from their names.
        words: words that the option ``split`` maps.

    Raises:
        InputError: a file cannot be read, or is not of this form.
    """

    typed = False

    def __init__(
        self,
        folder: Path,
        files: Sequence[Path],
        root: Path,
        *,
        boxes: bool,
        words: Collection[str],
        images: bool = False,
        class_map: Path | None = None,
    ) -> None:
        self.path = files[0] if len(files) == 1 else folder
        self.notes: list[str] = []
        self.ignored: dict[str, str] = {}
        self.skipped: Counter[str] = Counter()
        self._boxes, self._images = boxes, images
        self._files = [_read(file, folder, root, words) for file in files]
        if boxes:
            self._check_boxes(files)
        self.notes += note_split_folders((file.name for file in self._files), words)
        keys: dict[str, None] = {}
        for file in self._files:
            for entry in file.images.values():
                self._add_keys(entry, _IMAGE_KEYS, keys)
            for entry in file.annotations:
                if isinstance(entry, dict):
                    self._add_keys(entry, _ANNOTATION_KEYS, keys)
        names = ["filepath", "label", *(["split"] if any(file.split for file in self._files) else ())]
        entries = (entry for file in self._files for entry in file.annotations)
        if boxes and any(isinstance(entry, dict) and entry.get(BOX) for entry in entries):
            names += (BOX, *BOX_SIZE)
        labels = list(dict.fromkeys(label for file in self._files for label in file.categories.values()))
        self.classes = guess_classes(labels) if class_map is None else read_classes(class_map, labels)
        if self.classes:
            names += CLASS_COLUMNS
            self.notes.append(classes_note(self.classes, guessed=class_map is None))
        self.columns = (*names, *(key for key in keys if key not in names))
        self._skipped: Counter[str] = Counter()
        self._several = [self._images_of_several(file) for file in self._files]

    def _check_boxes(self, paths: Sequence[Path]) -> None:
        for path, file in zip(paths, self._files, strict=True):
            check_pixels(path, file.annotations)
            note = corners_note(path, file.name, file.annotations)
            self.notes += [note] if note else []

    def location(self, number: int) -> str:
        """Return the file and the number of an annotation (from 1), for messages."""
        file, row = self._place(number)
        is_image = row > len(file.annotations)
        return f"{file.name} {'image' if is_image else 'annotation'} {row - is_image * len(file.annotations)}"

    def annotation(self, number: int) -> Mapping[str, Any]:
        """Return the annotation that a row with a box is of."""
        file, row = self._place(number)
        return file.annotations[row - 1]  # type: ignore[no-any-return]  # a row is of an object

    def _place(self, number: int) -> tuple[_Annotations, int]:
        at, row = divmod(number, _FILE_ROWS)
        return self._files[at], row

    def rows(self, problems: list[SourceProblem]) -> Iterator[TableRow]:
        """Yield a row per annotation; those that cannot be used are appended to ``problems``."""
        self.skipped = self._skipped.copy()
        for at, (file, several) in enumerate(zip(self._files, self._several, strict=True)):
            if self._images:
                yield from self._image_rows(file, at * _FILE_ROWS + len(file.annotations) + 1)
            for number, entry in enumerate(file.annotations, at * _FILE_ROWS + 1):
                try:
                    cells = self._cells(file, entry, several)
                except ValueError as error:
                    problems.append(SourceProblem(self.location(number), str(error), kind=UNUSABLE))
                    continue
                if cells is not None:
                    yield TableRow(number, cells)

    def _cells(self, file: _Annotations, entry: Any, several: Collection[Any]) -> list[Cell] | None:
        """Return the cells of an annotation; None for one that is counted.

        Raises:
            ValueError: the annotation cannot be used; the message is the reason.
        """
        image, label = _joined(file, entry)
        if str(entry.get("iscrowd")).strip().lower() in _TRUE:
            self.skipped[CROWDS] += 1
            return None
        box = entry.get(BOX) or None
        if not (self._boxes and box is not None) and entry["image_id"] in several:
            self.skipped[SEVERAL] += 1
            return None
        values: dict[str, Any] = {
            **image,
            **{key: value for key, value in entry.items() if key not in _ANNOTATION_KEYS},
        }
        values |= {"filepath": f"{file.folder}{image['file_name']}", "label": label, BOX: _box_text(box)}
        values |= dict(zip(BOX_SIZE, (image.get("width"), image.get("height")), strict=True))
        if label in self.classes:
            values |= dict(zip(CLASS_COLUMNS, self.classes[label], strict=True))
        if file.split is not None:
            values["split"] = file.split
        return [value if not isinstance(value := values.get(name), dict | list) else None for name in self.columns]

    def _image_rows(self, file: _Annotations, number: int) -> Iterator[TableRow]:
        """Yield a row per image that has a box, or no annotation: the whole image, without a label."""
        labelled = {
            entry["image_id"]
            for entry in file.annotations
            if isinstance(entry, dict) and not (self._boxes and entry.get(BOX)) and "image_id" in entry
        }
        for at, (key, image) in enumerate(file.images.items()):
            if key in labelled:
                continue  # the annotation of the whole image is its row
            values: dict[str, Any] = {**image, "filepath": f"{file.folder}{image['file_name']}", BOX: None}
            if file.split is not None:
                values["split"] = file.split
            cells = [values.get(name) for name in self.columns]
            yield TableRow(number + at, [cell if not isinstance(cell, dict | list) else None for cell in cells])

    def _images_of_several(self, file: _Annotations) -> frozenset[Any]:
        """Return the ids of images whose annotations for the whole image have several categories; count the others."""
        labels: dict[Any, set[str]] = defaultdict(set)
        annotated = set()
        for entry in file.annotations:
            try:
                _, label = _joined(file, entry)
            except ValueError:
                continue
            annotated.add(entry["image_id"])
            if not (self._boxes and entry.get(BOX)):
                labels[entry["image_id"]].add(label)
        several = {image: names for image, names in labels.items() if len(names) > 1}
        if several:
            image, names = next(iter(several.items()))
            first = f"{file.images[image]['file_name']}: {first_names(sorted(names), 4)}"
            self.notes.append(
                f"{file.name}: {len(several):,} images have several categories (first {first}) and are left out, with "
                "all of their annotations."
            )
        bare = len(file.images) - len(annotated)
        if bare and not self._images:
            self._skipped[UNANNOTATED] += bare
        return frozenset(several)

    def _add_keys(self, entry: dict[str, Any], without: Collection[str], keys: dict[str, None]) -> None:
        for key, value in entry.items():
            if key in without or key in keys or key in _OWN_COLUMNS:
                continue
            if isinstance(value, dict | list):
                self.ignored.setdefault(key, "lists" if isinstance(value, list) else "objects")
            else:
                keys[key] = None


def _joined(file: _Annotations, entry: Any) -> tuple[dict[str, Any], str]:
    """Return the image and the category of an annotation.

    Raises:
        ValueError: it is no object, or names an image or a category that the file does not list.
    """
    if not isinstance(entry, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the content is wrong, not the caller
    for key, listed in (("image_id", file.images), ("category_id", file.categories)):
        value = entry.get(key)
        if not isinstance(value, str | int) or value not in listed:
            raise ValueError(f"its {key} is {json.dumps(value)[:60]}, which the file does not list")
    return file.images[entry["image_id"]], file.categories[entry["category_id"]]


def _box_text(box: Any) -> str | None:
    return None if box is None else " ".join(map(str, box)) if isinstance(box, list) else str(box)


def _read(path: Path, folder: Path, root: Path, words: Collection[str]) -> _Annotations:
    """Read a file of annotations.

    Raises:
        InputError: it cannot be read, or is not of this form.
    """
    content = _read_json(path)
    lists = {key: content.get(key) for key in ("images", "annotations", "categories")}
    lacking = [key for key, value in lists.items() if not isinstance(value, list)]
    if lacking:
        raise InputError(f"{path} has no list of {' and of '.join(lacking)}, so it labels no images.")
    for number, image in enumerate(lists["images"] or (), 1):
        if not _has(image, "id", "file_name"):
            raise InputError(f"{path}: image {number} has no id or no file_name.")
    images = by_id(path, "images", "file_name", lists["images"] or ())
    named = [
        {key: entry[key] for key in ("id", "name")} for entry in lists["categories"] or () if _has(entry, "id", "name")
    ]
    names = {key: entry["name"] for key, entry in by_id(path, "categories", "name", named).items()}
    counts = Counter(names.values())
    categories = {key: f"{key} {name}" if counts[name] > 1 else str(name) for key, name in names.items()}
    for entry in lists["annotations"] or ():
        _box_around(entry)
    name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    word = shard_word(name, words)
    return _Annotations(name, _folder(path, root, images), word, images, lists["annotations"] or [], categories)


def _box_around(entry: Any) -> None:
    """Give an annotation that has an outline and no box the box around the outline."""
    if not isinstance(entry, dict) or entry.get(BOX) or not entry.get(SEGMENTATION):
        return
    try:
        parts = read_parts(entry[SEGMENTATION])
    except ValueError:
        return  # told where its row is read
    if parts:
        entry[BOX] = surrounding_box(parts)


def _has(entry: Any, *keys: str) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str | int) for key in keys)


def _read_json(path: Path) -> dict[str, Any]:
    def without_lists(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: compact(value) if key == SEGMENTATION else value for key, value in pairs if key not in _DROPPED}

    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than {MOST_BYTES:,} bytes; divide its images among several files.")
        content = json.loads(path.read_bytes(), object_pairs_hook=without_lists)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply for a file of COCO.") from None
    except ValueError as error:
        where = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(f"{path} is not JSON ({where}).") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is no JSON object with images, annotations and categories.")
    return content


def _folder(path: Path, root: Path, images: dict[Any, dict[str, Any]]) -> str:
    """Return the folder below the root, with a slash, that has the first images of a file; empty if none has them."""
    stem = path.stem.rpartition("_")[2]  # train2017 of instances_train2017
    beside = path.parent.relative_to(root).as_posix() + "/" if path.is_relative_to(root) else ""
    folders = dict.fromkeys(("" if beside == "./" else beside, "", f"{stem}/", f"images/{stem}/", "images/"))
    names = [str(image["file_name"]) for image in islice(images.values(), 100)]
    return next((folder for folder in folders if any((root / folder / name).is_file() for name in names)), "")
