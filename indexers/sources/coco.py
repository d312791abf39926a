"""The source ``coco``: annotations in JSON as COCO has them; a sample is a box, or an image with one category."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from indexers.sources.base import folder_name, require_folder
from indexers.sources.boxes import BoxOptions, BoxSource
from indexers.sources.coco_table import CocoTable, find_annotations
from indexers.sources.image_paths import ImagePaths
from indexers.sources.manifest import image_way
from indexers.sources.split_words import split_name
from indexers.sources.table_source import RowOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.tables import InputTable

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

    An annotation with a box is a sample, cut out of its image. One without a box, and every one with ``boxes=false``,
    labels the whole image; images of several categories are left out then, and counted. The split is the word in the
    name of the file or its folder: ``instances_train2017.json``, ``valid/_annotations.coco.json``.
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
        table = CocoTable(
            folder, files, root, boxes=options.boxes, words=options.split, images=options.images,
            class_map=options.class_map,
        )  # fmt: skip
        name = name or f"{self.kind}:{folder_name(folder)}"
        super().__init__(path, root, name, table, ImagePaths(root), options, boxes=options.boxes)

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        names = {
            field: next((name for name in names if name in table.columns), None) for field, names in _FIELDS.items()
        }
        return {field: name for field, name in names.items() if name is not None and field not in table.columns}

    def _way_to_images(self) -> str:
        return image_way(self._image_root)


def _folder_of(file: Path) -> Path:
    """Return the folder of the data set that a file of annotations is of, so that ids are those of the whole folder."""
    inside = file.parent.name == "annotations" or split_name(file.parent.name) is not None
    return file.parent.parent if inside else file.parent
