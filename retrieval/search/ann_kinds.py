"""The kinds of index that can be saved: how each is built, how large it is, and how it is searched again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from retrieval.config import Config
from retrieval.errors import InputError, StoreError, unknown

if TYPE_CHECKING:
    from retrieval.search.candidates import CandidateSearch
    from retrieval.store.ann_files import AnnRecord
    from retrieval.types import Float32

Parameters = Mapping[str, int]
"""Options with the values that were chosen by the number of vectors, and the seed."""

HALF = 2
"""Bytes of a number in half precision, in which all kinds keep vectors."""

TRAINED_PER_CELL = 40
"""Least number of vectors per cell."""

PROBED = 32
"""One cell in this many is searched if an option does not say how many, and :data:`LEAST_PROBED` at least."""

LEAST_PROBED = 16

FAISS_FILE, LANCE_FOLDER = "index.faiss", "index.lance"


class HnswOptions(Config):
    """Options of an HNSW graph."""

    links: int = Field(default=32, ge=4, le=256, description="Links of a vector: more find more, and take more room.")
    ef_construction: int = Field(
        default=100, ge=8, le=4096, description="Vectors that building keeps for each new one: more take longer."
    )
    ef_search: int = Field(
        default=128, ge=1, le=65_536, description="Vectors that a search keeps: more find more, and take longer."
    )
    threads: int = Field(
        default=1, ge=1, le=1024, description="Threads that build. With more than one, each build gives another graph."
    )


class CellOptions(Config):
    """Options of an inverted file, FAISS's or Lance's."""

    cells: int | None = Field(
        default=None, ge=1, le=65_535, description="Number of k-means cells. Without it, by the number of vectors."
    )
    nprobe: int | None = Field(
        default=None,
        ge=1,
        description="Cells that a search reads: more find more. Without it, one in 32, and 8 at least.",
    )


class AnnKind(Protocol):
    """A kind of index that can be saved.

    ``options`` are its options, ``searching`` those that change a search alone: a saved index can change them.
    """

    options: type[Config]
    searching: tuple[str, ...]

    def parameters(self, options: Config, rows: int) -> dict[str, int]:
        """Choose the options that are not given, for so many vectors.

        Raises:
            InputError: the options do not fit the number of vectors.
        """
        ...

    def size(self, rows: int, dimension: int, parameters: Parameters) -> int:
        """Estimate the bytes of the files."""
        ...

    def build(self, folder: Path, data: Float32, parameters: Parameters, advance: Callable[[int], None]) -> None:
        """Build an index over ``data`` (n, d) in an empty folder; ``advance`` receives numbers of added vectors.

        Raises:
            OSError, StoreError: it cannot be written.
        """
        ...

    def open(self, folder: Path, record: AnnRecord) -> CandidateSearch:
        """Open the index in a folder.

        Raises:
            StoreError: it cannot be read.
        """
        ...


class Hnsw:
    """A graph of neighbours of FAISS (Malkov and Yashunin 2018)."""

    options: type[Config] = HnswOptions
    searching: tuple[str, ...] = ("ef_search", "threads")

    def parameters(self, options: Config, rows: int) -> dict[str, int]:
        del rows
        return options.model_dump()

    def size(self, rows: int, dimension: int, parameters: Parameters) -> int:
        links = 4 * round(2.1 * parameters["links"])  # twice as many on the lowest level, and those of the others
        return rows * (HALF * dimension + links + 16)

    def build(self, folder: Path, data: Float32, parameters: Parameters, advance: Callable[[int], None]) -> None:
        from retrieval.search.kernels import build_hnsw, write_index

        links, construction = parameters["links"], parameters["ef_construction"]
        graph = build_hnsw(data, links, construction, parameters["threads"], 8192, advance)
        write_index(graph, folder / FAISS_FILE)

    def open(self, folder: Path, record: AnnRecord) -> CandidateSearch:
        from retrieval.search.kernels import hnsw_candidates

        return hnsw_candidates(_read_faiss(folder, record), record.parameters["ef_search"])


class _Cells:
    """What the inverted files have in common."""

    options: type[Config] = CellOptions
    searching: tuple[str, ...] = ("nprobe",)
    per_root = 2
    """Number of cells per square root of the number of vectors."""

    def parameters(self, options: Config, rows: int) -> dict[str, int]:
        given = options.model_dump()
        cells = given["cells"] or max(1, min(round(self.per_root * math.sqrt(rows)), rows // TRAINED_PER_CELL))
        nprobe = given["nprobe"] or min(cells, max(LEAST_PROBED, math.ceil(cells / PROBED)))
        if cells * TRAINED_PER_CELL > rows:
            raise InputError(
                f"`cells={cells}` needs {cells * TRAINED_PER_CELL:,} vectors at least, and there are {rows:,}; choose "
                f"{rows // TRAINED_PER_CELL:,} or fewer."
            )
        if nprobe > cells:
            raise InputError(f"`nprobe={nprobe}` is more than there are cells; choose {cells:,} or fewer.")
        return {"cells": cells, "nprobe": nprobe}


class Ivf(_Cells):
    """An inverted file of FAISS."""

    def size(self, rows: int, dimension: int, parameters: Parameters) -> int:
        return rows * (HALF * dimension + 8) + 4 * parameters["cells"] * dimension

    def build(self, folder: Path, data: Float32, parameters: Parameters, advance: Callable[[int], None]) -> None:
        from retrieval.search.kernels import build_ivf, write_index

        write_index(build_ivf(data, parameters["cells"], parameters["seed"], advance), folder / FAISS_FILE)

    def open(self, folder: Path, record: AnnRecord) -> CandidateSearch:
        from retrieval.search.kernels import ivf_candidates

        return ivf_candidates(_read_faiss(folder, record), record.parameters["nprobe"])


class LanceCells(_Cells):
    """An inverted file of Lance, which is searched on disk and never read into memory as a whole."""

    per_root = 1

    def size(self, rows: int, dimension: int, parameters: Parameters) -> int:
        # The vectors stand in the dataset and in its inverted file.
        return rows * (2 * HALF * dimension + 8) + 4 * parameters["cells"] * dimension

    def build(self, folder: Path, data: Float32, parameters: Parameters, advance: Callable[[int], None]) -> None:
        from retrieval.search.cells import cell_centres
        from retrieval.store.lance_index import write_lance_index

        centres = cell_centres(data, parameters["cells"], parameters["seed"])
        write_lance_index(folder / LANCE_FOLDER, data, centres, advance)

    def open(self, folder: Path, record: AnnRecord) -> CandidateSearch:
        from retrieval.store.lance_index import lance_candidates

        return lance_candidates(folder / LANCE_FOLDER, record.rows, record.parameters["nprobe"])


KINDS: Mapping[str, AnnKind] = {"hnsw": Hnsw(), "ivf": Ivf(), "lance": LanceCells()}


def find_kind(name: str) -> AnnKind:
    """Find a kind by name.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if name not in KINDS:
        raise unknown("kind of index", name, KINDS)
    return KINDS[name]


def _read_faiss(folder: Path, record: AnnRecord) -> Any:
    from retrieval.search.kernels import read_index

    try:
        return read_index(folder / FAISS_FILE, record.rows, record.dimension)
    except ValueError as error:
        raise StoreError(f"{folder / FAISS_FILE} is no index of these vectors ({error}).") from None
