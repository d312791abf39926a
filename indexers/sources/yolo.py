"""The source ``yolo``: a data set with labels of YOLO; a sample is a labelled object, or a whole image."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from indexers.sources.base import BaseSource, folder_name
from indexers.sources.layout_notes import LayoutNotes
from indexers.sources.object_classes import ObjectClass, classes_note, guess_classes, read_classes
from indexers.sources.split_words import NO_SPLIT, read_split_option, split_name
from indexers.sources.table_source import UNLISTED
from indexers.sources.yolo_file import find_yolo_file, read_yolo_file
from indexers.sources.yolo_labels import Outline, parse_line
from retrieval.config import Config
from retrieval.errors import InputError, MissingFileError, VitrineError
from retrieval.images import image_frame
from retrieval.text_files import read_text
from retrieval.types import Sample, SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexers.sources.yolo_file import SplitPlace, YoloFile

UNUSABLE, AGAIN, NO_IMAGE = "unusable label lines", "objects listed again", "label files without an image"

_COPY = re.compile(r"(\.rf\.[0-9a-f]{32}|[_-]dup\d*)+$", re.IGNORECASE)
"""What Roboflow and people append to the names of altered copies of an image."""


class YoloOptions(Config):
    """Options of the source ``yolo``."""

    images: bool = Field(
        default=True, description="Whether the whole image is a sample, too; it has no label. Objects always are."
    )
    class_map: Path | None = Field(
        default=None,
        description="YAML file that says of which object and condition each class is: 'rock toe damaged: {object: rock "
        "toe, condition: damaged}'. Without it, guessed where names of classes say it.",
    )
    group: str | None = Field(
        default=None,
        description="Regular expression; what it matches of an image's file name (its first group, if it has one) is "
        "the group of its objects. Without it, the name without what marks copies ('.rf.HASH', '_dup').",
    )
    split: Annotated[Mapping[str, str], BeforeValidator(read_split_option)] = Field(
        default={}, description="Splits that keys of data.yaml are, such as val: test."
    )

    @field_validator("group")
    @classmethod
    def _pattern(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"'{value}' is no regular expression ({error})") from None
        return value


class YoloSource(BaseSource):
    """Images and label files of YOLO, as its ``data.yaml`` names them.

    Every line of a label file is a sample with a box, and a polygon where the line has one; every image is a sample
    without. An image without a label file has no objects.
    """

    kind: ClassVar[str] = "yolo"
    Options: ClassVar[type[YoloOptions]] = YoloOptions

    def __init__(self, path: Path, name: str | None, options: YoloOptions) -> None:
        file = find_yolo_file(path)
        if file is None:
            if not path.exists():
                raise MissingFileError(f"There is no file or folder {path}.")
            raise InputError(
                f"{path} has no data.yaml that names classes and splits; write one, or name it as the path."
            )
        self._file: YoloFile = read_yolo_file(file)
        places = [place.path for place in self._file.places if place.path is not None]
        folders = [path.parent if path.is_file() else path for path in places]
        root = Path(os.path.commonpath([file.parent.resolve(), *folders]))
        super().__init__(path, root, name or f"{self.kind}:{folder_name(file.parent)}")
        self.tables = frozenset(path.name for path in (file, *places) if path.is_file())
        self._walked = [""] if root == file.parent.resolve() else sorted({self._name(folder) for folder in folders})
        self._options = options
        names = list(self._file.names.values())
        self._classes: Mapping[str, ObjectClass] = (
            guess_classes(names) if options.class_map is None else read_classes(options.class_map, names)
        )
        self._group = re.compile(options.group) if options.group else None

    def _samples(self) -> Iterator[Sample]:
        self._counts: Counter[str] = Counter()
        self._turned: list[str] = []
        self._layout = LayoutNotes()
        self._texts: dict[str, bool] = {}  # uri of a text file -> whether it is the label file of an image
        images = [uri for folder in self._walked for uri in self._images_below(folder)]
        split_of: dict[str, str] = {}
        for place in self._file.places:
            split = self._split(place)
            for uri in self._images_of(place, images):
                first = split_of.setdefault(uri, place.key)
                if first == place.key:
                    yield from self._image_samples(uri, split)
                else:
                    self._counts[f"{place.key} names images of {first}"] += 1
        for uri in images:
            if uri not in split_of:
                self.tally.leave_out(UNLISTED, uri)
        self._count_texts()
        self._add_notes()
        if not split_of:
            raise InputError(f"{self._file.path} names {self._named()}, where no image lies.{self._lies_there()}")

    def _is_read(self, uri: str) -> bool:
        if super()._is_read(uri):
            return True
        if uri.endswith(".txt"):
            self._texts.setdefault(uri, False)
            return True
        return False

    def _split(self, place: SplitPlace) -> str | None:
        words = self._options.split
        name = words.get(place.key) or split_name(place.key)
        return None if name == NO_SPLIT else name

    def _images_of(self, place: SplitPlace, images: Sequence[str]) -> Iterator[str]:
        """Yield the uris of the images of a split, from a folder or a list of files; of a list, each once."""
        if place.path is None:
            return
        if place.path.is_dir():
            folder = self._name(place.path)
            yield from (uri for uri in images if folder == "." or uri.startswith(f"{folder}/"))
            return
        below = frozenset(images)
        listed: dict[str, None] = {}
        for number, line in enumerate(read_text(place.path, "a list of images").splitlines(), 1):
            if not line.strip():
                continue
            uri = self._listed(place.path, line.strip())
            if uri in below:
                listed[uri] = None
            else:
                self.tally.seen += 1
                reason = f"there is no image {line.strip()}"
                self.problems.append(SourceProblem(f"{place.path.name} line {number}", reason, missing=True))
        yield from listed

    def _listed(self, list_file: Path, text: str) -> str:
        """Return the uri of an image that a list names, relative to the list or the data set; empty if it is gone."""
        candidates = (list_file.parent / text, self._file.path.parent.resolve() / text)
        path = next((Path(os.path.normpath(one)) for one in candidates if one.is_file()), None)
        return self._name(path) if path is not None and path.is_relative_to(self.root) else ""

    def _image_samples(self, uri: str, split: str | None) -> Iterator[Sample]:
        group = self._group_of(uri)
        outlines = list(self._outlines(uri))
        self._counts["images without objects"] += not outlines
        if outlines:
            self._look_at_exif(uri)
        self._layout.add([(self._object_of(outline), outline.box) for outline in outlines])
        if self._options.images:
            yield Sample(self.name, uri, group=group, split=split)
        elif outlines:
            self.tally.seen -= 1
        else:
            self.tally.leave_out("images without objects", uri)
        for outline in outlines:
            label = self._file.names[outline.class_number]
            one = self._classes.get(label)
            meta = {} if one is None else {"object": one.object, "condition": one.condition}
            yield Sample(
                self.name, uri, label, group=group, split=split, box=outline.box, polygon=outline.polygon, meta=meta
            )

    def _object_of(self, outline: Outline) -> str:
        label = self._file.names[outline.class_number]
        return self._classes[label].object if label in self._classes else label

    def _group_of(self, uri: str) -> str:
        stem = Path(uri).stem
        if self._group is None:
            return _COPY.sub("", stem)
        match = self._group.search(stem)
        if match is None:
            raise InputError(f"`group={self._options.group}` matches nothing in the name of {uri}; correct it.")
        return match[match.re.groups > 0]

    def _outlines(self, uri: str) -> Iterator[Outline]:
        """Yield the objects of an image; lines that cannot be used are problems."""
        path = self._label_file(uri)
        if path is None:
            self._counts["images without a label file"] += 1
            return
        try:
            lines = read_text(path, "labels of YOLO").splitlines()
        except VitrineError as error:
            self.tally.seen += 1
            self.problems.append(SourceProblem(self._name(path), str(error), kind=UNUSABLE))
            return
        first: dict[str, int] = {}  # crop -> line
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            self.tally.seen += 1
            where = f"{self._name(path)} line {number}"
            try:
                outline = self._checked(line)
            except ValueError as error:
                self.problems.append(SourceProblem(where, str(error), kind=UNUSABLE))
                continue
            crop = Sample(self.name, uri, box=outline.box, polygon=outline.polygon).crop
            if (same := first.setdefault(crop, number)) != number:
                self._repeat(outline, where, same, lines)
                continue
            self._counts["cut"] += outline.is_cut
            self._counts["polygons" if outline.polygon else "boxes"] += 1
            yield outline

    def _checked(self, line: str) -> Outline:
        """Read a line.

        Raises:
            ValueError: it cannot be used, or its class has no name.
        """
        outline = parse_line(line)
        if outline.class_number not in self._file.names:
            raise ValueError(
                f"class {outline.class_number} has no name in {self._file.path.name}, which names "
                f"{min(self._file.names)} to {max(self._file.names)}"
            )
        return outline

    def _repeat(self, outline: Outline, where: str, first: int, lines: list[str]) -> None:
        """Count a line with the box of an earlier one; with another class, it is a problem."""
        before = parse_line(lines[first - 1]).class_number
        if before == outline.class_number:
            self.tally.leave_out(AGAIN, where)
            return
        names = self._file.names
        reason = f"the object of line {first} is '{names[before]}' there and '{names[outline.class_number]}' here"
        self.problems.append(SourceProblem(where, reason, kind="lines in conflict"))

    def _label_file(self, uri: str) -> Path | None:
        """Return the label file of an image: ``labels`` takes the place of the last ``images``, or it lies beside."""
        beside = f"{uri.rpartition('.')[0]}.txt"
        parts = beside.split("/")
        at = next((at for at in range(len(parts) - 2, -1, -1) if parts[at].lower() == "images"), None)
        if at is not None:
            parts[at] = "labels"
        for text in dict.fromkeys(("/".join(parts), beside)):
            if text in self._texts or (self._walked != [""] and (self.root / text).is_file()):
                self._texts[text] = True
                return self.root / text
        return None

    def _count_texts(self) -> None:
        """Count the text files that are no label file of an image."""
        for uri, is_read in self._texts.items():
            if not is_read:
                self.tally.seen += 1
                self.tally.leave_out(NO_IMAGE if _is_label_file(self.root / uri) else "not images", uri)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _look_at_exif(self, uri: str) -> None:
        try:
            if image_frame(self.root / uri).orientation != 1:
                self._turned.append(uri)
        except InputError:
            return  # decoding tells

    def _named(self) -> str:
        return ", ".join(f"{place.key}: {place.written}" for place in self._file.places)

    def _add_notes(self) -> None:
        counts, file = self._counts, self._file.path.name
        self.notes += [
            f"{file} names {place.key}: {place.written}, which does not exist."
            for place in self._file.places
            if place.path is None
        ]
        self.notes.append(
            f"{counts['boxes'] + counts['polygons']:,} objects ({counts['boxes']:,} boxes, {counts['polygons']:,} "
            f"polygons); {counts['images without objects']:,} images have none, of which "
            f"{counts['images without a label file']:,} have no label file."
        )
        if self._classes:
            self.notes.append(classes_note(self._classes, guessed=self._options.class_map is None))
        self.notes += self._layout.notes()
        if counts["cut"]:
            self.notes.append(f"{counts['cut']:,} objects reach beyond their image; what lies outside is cut off.")
        if self._turned:
            self.notes.append(
                f"{len(self._turned):,} images with objects (first {self._turned[0]}) are turned by Exif; objects are "
                "taken as fractions of the upright image. If they are not, remove the Exif orientation."
            )
        self.notes += [f"{file}: {what} ({n:,}), which stay there." for what, n in counts.items() if " names " in what]


def _is_label_file(path: Path) -> bool:
    """Return whether the first line of a file is a label."""
    try:
        line = next((line for line in read_text(path, "labels of YOLO").splitlines() if line.strip()), "")
        parse_line(line)
    except (VitrineError, ValueError):
        return False
    return True
