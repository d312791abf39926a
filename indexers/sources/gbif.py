"""The source ``gbif``: a download of GBIF (Darwin Core archive), and the images that were downloaded by its media."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from indexers.sources.base import NO_IMAGE
from indexers.sources.export_source import ExportOptions, ExportSource
from indexers.sources.joined_table import Cells, ExportTable, JoinedTable, no_images
from indexers.sources.photo_files import PhotoFiles, PhotoWay, address_tail, choose_way, photo_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexers.tables import InputTable

OCCURRENCE, MULTIMEDIA = "occurrence.txt", "multimedia.txt"
ID = "gbifID"

_OF_OCCURRENCE = (
    *("species", "scientificName", "taxonRank", "genus", "family", "order", "class", "phylum", "kingdom"),
    *("eventDate", "decimalLatitude", "decimalLongitude", "countryCode", "basisOfRecord", "sex", "lifeStage"),
    *("organismID", "datasetKey"),
)
"""Columns of an occurrence that samples keep, of the more than 200 that there are."""

_OF_MEDIA = ("identifier", "license", "creator", "rightsHolder")
_NO_OCCURRENCE, _NOT_IMAGES = "media without an occurrence", "media that are no images"


def is_gbif(folder: Path) -> bool:
    """Return whether a folder is an unpacked download of GBIF."""
    return (folder / OCCURRENCE).is_file() and (folder / MULTIMEDIA).is_file()


class GbifSource(ExportSource):
    """Occurrences of GBIF with the images below the folder; the label is the species, the group the occurrence.

    GBIF gives the addresses of images, not the images. They are found by the end of the address, by its file name, by
    the number of a photo in it, or by the gbifID that begins the name: whichever finds most, for all of them.
    """

    kind: ClassVar[str] = "gbif"
    tables: frozenset[str] = frozenset({OCCURRENCE, MULTIMEDIA})
    fields: ClassVar[Mapping[str, str]] = {"group": ID, "captured_at": "eventDate"}
    Options = ExportOptions

    def _open(self, path: Path, root: Path) -> JoinedTable:
        return _Join(path, root).table

    def _usual_columns(self, table: InputTable) -> Mapping[str, str | None]:
        label = next((name for name in ("species", "scientificName") if name in table.columns), None)
        return {**super()._usual_columns(table), **({"label": label} if label else {})}


class _Join:
    """Joins images, media and occurrences."""

    def __init__(self, path: Path, root: Path) -> None:
        self._occurrences = ExportTable(path / OCCURRENCE, (ID,), _OF_OCCURRENCE)
        has_media = (path / MULTIMEDIA).is_file()
        self._media = ExportTable(path / MULTIMEDIA, (ID, "identifier"), (*_OF_MEDIA, "type")) if has_media else None
        self._files = files = PhotoFiles(root)
        ways = [
            PhotoWay("the end of the address (photos/123/original.jpg)", lambda c: files.by_tail.get(_tail(c), ())),
            PhotoWay("the file name in the address", lambda c: files.by_name.get(_tail(c).rpartition("/")[2], ())),
            PhotoWay("the number of the photo in the address", lambda c: files.by_stem.get(_number(c), ())),
            PhotoWay("the gbifID that begins the name", lambda c: files.by_start.get(c[ID], ()), many=True),
        ]
        rows = self._occurrences if self._media is None else self._media
        way, hits = choose_way(ways if self._media else ways[-1:], (cells for _, cells in rows.rows()))
        media = () if self._media is None or way.many else tuple(n for n in _OF_MEDIA if n in self._media.places)
        self.table = JoinedTable(path, ("filepath", *self._occurrences.places, *media))
        if not hits:
            raise no_images(path, root, files, "occurrences" if self._media is None else "media", ways)
        self._by_occurrence(way) if way.many else self._by_media(way)
        self.table.notes.append(f"Images are matched by {way.what}: {self.table.images():,} of {len(files.uris):,}.")

    def _by_media(self, way: PhotoWay) -> None:
        """Add a row for each media with an image, with the columns of its occurrence."""
        if self._media is None:
            return
        matched: list[tuple[str, str, Cells]] = []
        for number, cells in self._media.rows(self.table.problems):
            where = f"{self._media.name} row {number}"
            if cells.get("type", "StillImage") not in {"StillImage", ""}:
                self.table.left_out[_NOT_IMAGES] += 1
            elif not way.find(cells):
                self.table.left_out[NO_IMAGE] += 1
            elif (uri := self.table.one_image(where, way, cells)) is not None:
                matched.append((where, uri, cells))
        wanted = {cells[ID] for _, _, cells in matched}
        rows = self._occurrences.rows(self.table.problems)
        occurrences = {cells[ID]: cells for _, cells in rows if cells[ID] in wanted}
        for where, uri, cells in matched:
            occurrence = occurrences.get(cells[ID])
            if occurrence is None:
                reason = f"gbifID {cells[ID]} is not in {self._occurrences.name}"
                self.table.refuse(where, reason, _NO_OCCURRENCE, [uri])
            else:
                self.table.add(where, {**cells, **occurrence, "filepath": uri})

    def _by_occurrence(self, way: PhotoWay) -> None:
        """Add a row for each image of an occurrence. Which of its media an image is, its name does not say."""
        media: Counter[str] = Counter()
        if self._media is not None:
            media.update(cells[ID] for _, cells in self._media.rows(self.table.problems))
        for number, cells in self._occurrences.rows(self.table.problems):
            uris = way.find(cells)
            for uri in uris:
                self.table.add(f"{self._occurrences.name} row {number}", {**cells, "filepath": uri})
            self.table.left_out[NO_IMAGE] += max(0, media.pop(cells[ID], 0) - len(uris))
        if rest := media.total():
            self.table.left_out[_NO_OCCURRENCE] += rest


def _tail(cells: Mapping[str, str]) -> str:
    return address_tail(cells["identifier"])


def _number(cells: Mapping[str, str]) -> str:
    return photo_number(cells["identifier"])
