"""The images of a store's samples: files below the roots of their sources, or members of containers there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.containers import containing_file
from retrieval.crops import BOX, CropPolicy
from retrieval.encoders.preprocess import to_rgb
from retrieval.errors import IncompleteError, InputError
from retrieval.images import read_image, upright
from retrieval.outlines import to_corners
from retrieval.types import BOX_COLUMNS, Box

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL.Image import Image

    from eval.seams.samples import Pool
    from retrieval.types import Polygon
    from retrieval.types.store import SourceInfo

BOX_ITSELF = CropPolicy(BOX)

LOOK_THREADS = 16
"""Threads that look for files, which on a network drive wait for answers most of the time."""


class StoredImages:
    """The images of n samples.

    Args:
        pool: the samples, with the columns source, uri and, where the store has them, those of :data:`BOX_COLUMNS`.
        sources: the sources of the store.
        policy: what an encoder sees of a box; of a policy with two pictures, the first.

    Raises:
        IncompleteError: image files are gone, or samples never had any.
    """

    def __init__(self, pool: Pool, sources: Iterable[SourceInfo], policy: CropPolicy = BOX_ITSELF) -> None:
        infos = {source.name: source for source in sources}
        names, uris = pool.columns["source"], pool.columns["uri"]
        self._roots: dict[str, Path] = {name: Path(infos[name].root) for name in dict.fromkeys(names.tolist())}
        _require_files([infos[name] for name in self._roots], names.tolist())
        self._sources, self._uris = names, uris
        self._boxes = [pool.columns[name] for name in BOX_COLUMNS] if BOX_COLUMNS[0] in pool.columns else []
        self._polygons, self._policy = pool.columns.get("polygon"), policy
        self._require_images()

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._uris)

    def path(self, row: int) -> Path:
        """Return the image file of a sample, or the address of a member of a container."""
        return self._roots[self._sources[row]] / str(self._uris[row])

    def box(self, row: int) -> Box | None:
        """Return the box of a sample, None for a whole image."""
        return Box.of_columns([column[row] for column in self._boxes]) if self._boxes else None

    def polygon(self, row: int) -> Polygon | None:
        """Return the corners (x, y) of a sample's outline, None where it has none."""
        return None if self._polygons is None else to_corners(self._polygons[row])

    def decode(self, row: int) -> Image:
        """Decode the image of a sample as RGB, upright, its box cut out as the policy says.

        Raises:
            InputError: the file cannot be read, or is no image.
        """
        path = self.path(row)
        try:
            image = upright(read_image(path)).image
            return to_rgb(self._policy.pictures(image, self.box(row), self.polygon(row))[0])
        except InputError as error:
            raise InputError(f"{path}: {error}; put the image back, or leave it out with `data.where`.") from None

    def _require_images(self) -> None:
        """Raise IncompleteError if image files are gone; members of containers are not looked for, only their files."""
        paths = [self.path(row) for row in range(len(self))]
        files = list(dict.fromkeys(map(containing_file, paths)))
        with ThreadPoolExecutor(LOOK_THREADS) as pool:
            gone = {file for file, exists in zip(files, pool.map(Path.is_file, files), strict=True) if not exists}
        if gone:
            lost = [path for path in paths if containing_file(path) in gone]
            raise IncompleteError(
                f"{len(lost):,} of {len(paths):,} images are gone (the first is {lost[0]}); put them back, index the "
                "folder where it lies now, which records its place, or leave them out with `data.where`."
            )


def _require_files(infos: Sequence[SourceInfo], names: Sequence[str]) -> None:
    """Raise IncompleteError if samples are of imported vectors, which have no image files."""
    for info in infos:
        if info.kind == "import":
            raise IncompleteError(
                f"The {names.count(info.name):,} samples of source {info.name} are imported vectors without images; "
                "leave them out with `data.where`, or train an adapter, which needs vectors alone."
            )
