"""The source ``inaturalist``: tables of the iNaturalist Open Dataset, and photos that were downloaded from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from indexers.sources.base import NO_IMAGE
from indexers.sources.export_source import ExportOptions, ExportSource
from indexers.sources.joined_table import Cells, ExportTable, JoinedTable, no_images
from indexers.sources.photo_files import PhotoFiles, PhotoWay, choose_way

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PHOTOS, OBSERVATIONS, TAXA = "photos.csv", "observations.csv", "taxa.csv"
PHOTO, OBSERVATION, TAXON = "photo_id", "observation_uuid", "taxon_id"

_OF_PHOTO = ("photo_uuid", "license", "observer_id", "position")
_OF_OBSERVATION = ("observed_on", "latitude", "longitude", "positional_accuracy", "quality_grade")
_NO_OBSERVATION = "photos without an observation"


def is_inaturalist(folder: Path) -> bool:
    """Return whether a folder holds tables of the iNaturalist Open Dataset, packed by gzip or not."""
    return all(_has(folder, name) for name in (PHOTOS, OBSERVATIONS, TAXA))


def _has(folder: Path, name: str) -> bool:
    return (folder / name).is_file() or (folder / f"{name}.gz").is_file()


class INaturalistSource(ExportSource):
    """Photos of iNaturalist: the label is the name of the taxon, the group the observation.

    The tables may be those of the whole data set: of their rows, only those with a photo below the folder are kept.
    Photos are found by the folder named after ``photo_id``, as they are stored (``photos/123/medium.jpg``), or by
    ``photo_id`` or ``photo_uuid`` in their own names.
    """

    kind: ClassVar[str] = "inaturalist"
    tables: frozenset[str] = frozenset(name + packed for name in (PHOTOS, OBSERVATIONS, TAXA) for packed in ("", ".gz"))
    fields: ClassVar[Mapping[str, str]] = {"label": "taxon", "group": OBSERVATION, "captured_at": "observed_on"}
    Options = ExportOptions

    def _open(self, path: Path, root: Path) -> JoinedTable:
        photos = ExportTable(path / PHOTOS, (PHOTO, OBSERVATION), _OF_PHOTO)
        observations = ExportTable(path / OBSERVATIONS, (OBSERVATION, TAXON), _OF_OBSERVATION)
        taxa = ExportTable(path / TAXA, (TAXON, "name"), ("rank",))
        files = PhotoFiles(root)
        ways = [
            PhotoWay("the folder named after photo_id", lambda c: files.by_folder.get(c[PHOTO], ())),
            PhotoWay("the photo_id that begins the name", lambda c: files.by_start.get(c[PHOTO], ())),
            PhotoWay("photo_uuid as the name", lambda c: files.by_stem.get(c.get("photo_uuid", ""), ())),
        ]
        way, hits = choose_way(ways, (cells for _, cells in photos.rows()))
        if not hits:
            raise no_images(path, root, files, "photos", ways)
        columns = (*photos.places, *observations.places, "taxon", "rank")
        table = JoinedTable(path, ("filepath", *dict.fromkeys(columns)))
        _join(table, way, photos, observations, taxa)
        table.notes.append(f"Photos are matched by {way.what}: {table.images():,} of {len(files.uris):,}.")
        return table


def _join(table: JoinedTable, way: PhotoWay, photos: ExportTable, observations: ExportTable, taxa: ExportTable) -> None:
    """Add a row for each photo with a file, with the columns of its observation and the name of its taxon."""
    matched: list[tuple[str, str, Cells]] = []
    for number, cells in photos.rows(table.problems):
        where = f"{photos.name} row {number}"
        if not way.find(cells):
            table.left_out[NO_IMAGE] += 1
        elif (uri := table.one_image(where, way, cells)) is not None:
            matched.append((where, uri, cells))
    wanted = {cells[OBSERVATION] for _, _, cells in matched}
    rows = observations.rows(table.problems)
    observed = {cells[OBSERVATION]: cells for _, cells in rows if cells[OBSERVATION] in wanted}
    numbers = {cells[TAXON] for cells in observed.values()}
    named = {cells[TAXON]: cells for _, cells in taxa.rows(table.problems) if cells[TAXON] in numbers}
    for where, uri, cells in matched:
        observation = observed.get(cells[OBSERVATION])
        if observation is None:
            reason = f"its observation is not in {observations.name}"
            table.refuse(where, reason, _NO_OBSERVATION, [uri])
            continue
        taxon = named.get(observation[TAXON], {})
        names = {"taxon": taxon.get("name", ""), "rank": taxon.get("rank", "")}
        table.add(where, {**cells, **observation, **names, "filepath": uri})
