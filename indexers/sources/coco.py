"""The source ``coco``: annotations in JSON as COCO has them; a sample is a box, or an image with one category."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from indexers.sources.base import folder_name, require_folder
from indexers.sources.boxes import BoxOptions, BoxSource
from indexers.sources.coco_outlines import MASK, SEGMENTATION, drawn_outline
from indexers.sources.coco_table import CocoTable, find_annotations
from indexers.sources.image_paths import ImagePaths
from indexers.sources.layout_notes import MOST_TYPES, LayoutNotes
from indexers.sources.manifest import image_way
from indexers.sources.split_words import split_name
from indexers.sources.table_source import RowOptions
from retrieval.types import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from indexers.sources.boxes import DrawnImage
    from indexers.tables import InputTable, TableRow, TimeColumn
    from retrieval.types import Box, Polygon, Sample

_FIELDS = {"camera": ("location",), "group": ("seq_id", "sequence_id"), "captured_at": ("datetime", "date")}
"""Fields, and the keys of images that hold them in COCO Camera Traps and iNaturalist's competitions."""


class CocoOptions(RowOptions, BoxOptions):
    """Options of the source ``coco``; columns are the keys of images and annotations."""

    images: bool = Field(
        default=False, description="Whether the whole image of boxes is a sample, too; it has no label."
    )
    class_map: Path | None = Field(
        default=None,
        description="YAML file that says of which object and condition each category is: 'rock toe damaged: {object: "
        "rock toe, condition: damaged}'. Without it, guessed where names of categories say it.",
    )

    image_root: Path | None = Field(
        default=None, description="Folder that holds the images. Without it, the folder, or that of the JSON file."
    )


class CocoSource(BoxSource):
    """Annotations of COCO: one JSON file, or those of a folder that list instances.

    An annotation with a box is a sample, cut out of its image; one with an outline alone has the box around it. One
    with neither, and every one with ``boxes=false``, labels the whole image; images of several categories are left out
    then, and counted. An outline of polygons is the sample's; a mask in run-length encoding is not read. The split is
    the word in the name of the file or its folder: ``instances_train2017.json``, ``valid/_annotations.coco.json``.
    """

    kind: ClassVar[str] = "coco"
    Options: ClassVar[type[CocoOptions]] = CocoOptions

    def __init__(self, path: Path, name: str | None, options: CocoOptions) -> None:
        files = find_annotations(path)
        folder = path if path.is_dir() else _folder_of(path)
        root = options.image_root or folder
        require_folder(root)
        self._image_root = options.image_root
        self.tables = frozenset(file.name for file in files)
        self._coco = CocoTable(
            folder, files, root, boxes=options.boxes, words=options.split, images=options.images,
            class_map=options.class_map,
        )  # fmt: skip
        name = name or f"{self.kind}:{folder_name(folder)}"
        super().__init__(path, root, name, self._coco, ImagePaths(root), options, boxes=options.boxes)

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        names = {
            field: next((name for name in names if name in table.columns), None) for field, names in _FIELDS.items()
        }
        return {field: name for field, name in names.items() if name is not None and field not in table.columns}

    def _samples(self) -> Iterator[Sample]:
        self._objects: dict[str, list[tuple[str, Box]]] = {}  # uri -> types and boxes
        self._types: set[str] = set()
        self._outlined = 0
        self._masks: list[str] = []  # places of annotations whose outline is a mask
        for sample in super()._samples():
            self._outlined += sample.polygon is not None
            self._keep_object(sample)
            yield sample

    def _keep_object(self, sample: Sample) -> None:
        """Keep the type and the box of an object for the notes, while there are few types."""
        if sample.box is None or sample.label is None or len(self._types) > MOST_TYPES:
            return
        kind = str(sample.meta.get("object") or sample.label)
        self._types.add(kind)
        self._objects.setdefault(sample.uri, []).append((kind, sample.box))
        if len(self._types) > MOST_TYPES:
            self._objects.clear()

    def _polygon(self, row: TableRow, image: DrawnImage, box: Box) -> Polygon | None:
        annotation = self._coco.annotation(row.number)
        segmentation = annotation.get(SEGMENTATION)
        if segmentation == MASK:
            self._masks.append(self._where(row.number))
            return None
        try:
            return drawn_outline(segmentation, image, box)
        except ValueError as error:
            reason = f"annotation id {annotation.get('id')}: {error}; its box is taken without an outline"
            self.problems.append(SourceProblem(self._where(row.number), reason, kind=None))
            return None

    def _add_notes(self, times: TimeColumn | None) -> None:
        super()._add_notes(times)
        if self._outlined:
            self.notes.append(f"{self._outlined:,} boxes have an outline of polygons.")
        if n := len(self._masks):
            self.notes.append(
                f"{n:,} outline{'s are masks' if n > 1 else ' is a mask'} in run-length encoding (RLE; first "
                f"{self._masks[0]}), which are not read; their boxes are taken."
            )
        layout = LayoutNotes()
        for objects in self._objects.values():
            layout.add(objects)
        self.notes += layout.notes()

    def _way_to_images(self) -> str:
        return image_way(self._image_root)


def _folder_of(file: Path) -> Path:
    """Return the folder of the data set that a file of annotations is of, so that ids are those of the whole folder."""
    inside = file.parent.name == "annotations" or split_name(file.parent.name) is not None
    return file.parent.parent if inside else file.parent
