"""Export vectors or a bank of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError, VitrineError
from retrieval.export.banks import find_bank, write_bank_npz, write_bank_parquet
from retrieval.export.columns import IMG_EMB, METADATA
from retrieval.export.npz_file import write_npz
from retrieval.export.parquet_file import write_parquet
from retrieval.export.rows import ExportRows, read_rows
from retrieval.export.shards import write_shards
from retrieval.files import check_new, make_folder_of, replacing, replacing_folder
from retrieval.progress import progress

if TYPE_CHECKING:
    from retrieval.export.request import ExportRequest
    from retrieval.types.store import EmbeddingStore, Snapshot


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Result of an export.

    ``vectors`` is the number of rows that were written, ``dimension`` that of their vectors and ``columns`` the names
    of what stands beside them. ``without_vector`` samples were asked for and have no vector in the space; ``renamed``
    ones have a path that other samples have, too, with the id added to it.
    """

    out: str
    format: str
    space: str
    vectors: int
    dimension: int
    columns: tuple[str, ...]
    bytes: int
    without_vector: int = 0
    renamed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about samples that are not as in the store."""
        notes = []
        if self.without_vector:
            notes.append(f"Left out: samples without a vector in space {self.space}, {self.without_vector:,}.")
        if self.renamed:
            notes.append(f"Samples that share a path: {self.renamed:,}; their `filepath` ends in # and the id.")
        return tuple(notes)


def export(store: EmbeddingStore, request: ExportRequest) -> ExportReport:
    """Write the vectors of a space, or a bank, to a file or folder, which appears when it is complete.

    Raises:
        UnknownNameError: the space, view, bank or format does not exist.
        InputError: the condition is invalid, no sample has a vector, or ``out`` exists or cannot be written.
    """
    kind = request.kind
    _check_target(request.out, force=request.force, folder=kind == "clip-retrieval")
    with store.snapshot() as snapshot:
        if request.bank is not None:
            return _export_bank(store, snapshot, request)
        rows = read_rows(snapshot, snapshot.space(request.space), request.view, request.where)
        make_folder_of(request.out, "`out`")
        rows = rows.with_projection() if request.projection is not None else rows
        with progress("exporting", len(rows), quiet=request.quiet) as bar:
            write = _writer(rows, bar.advance, snapshot, request)
            with _writing(request.out, folder=kind == "clip-retrieval") as part:
                write(part)
    return ExportReport(
        out=str(request.out),
        format=kind,
        space=rows.space.name,
        vectors=len(rows),
        dimension=rows.dimension,
        columns=tuple(rows.samples.column_names),
        bytes=_size(request.out),
        without_vector=rows.without_vector,
        renamed=rows.renamed,
    )


def _writer(
    rows: ExportRows, advance: Callable[[int], None], snapshot: Snapshot, request: ExportRequest
) -> Callable[[Path], None]:
    if request.kind == "npz":
        return partial(write_npz, rows=rows, advance=advance)
    if request.kind == "parquet":
        thumbnails = snapshot.thumbnails if request.thumbnails else None
        return partial(write_parquet, rows=rows, advance=advance, thumbnails=thumbnails)
    return partial(write_shards, rows=rows, advance=advance)


def _export_bank(store: EmbeddingStore, snapshot: Snapshot, request: ExportRequest) -> ExportReport:
    assert request.bank is not None  # noqa: S101 - the caller has looked
    bank = find_bank(store, request.bank, None if request.space is None else snapshot.space(request.space))
    make_folder_of(request.out, "`out`")
    with _writing(request.out) as part:
        (write_bank_npz if request.kind == "npz" else write_bank_parquet)(part, bank)
    names = {space.fingerprint: space.name for space in snapshot.spaces}
    columns = ["classes", *(["texts"] if bank.texts is not None else []), *(["bias"] if bank.bias is not None else [])]
    return ExportReport(
        out=str(request.out),
        format=request.kind,
        space=names.get(bank.space, bank.space),
        vectors=len(bank.edge_vector),
        dimension=bank.vectors.shape[1],
        columns=tuple(columns),
        bytes=_size(request.out),
    )


def _check_target(out: Path, *, force: bool, folder: bool) -> None:
    """Refuse to replace what the user may not have meant.

    Raises:
        InputError: ``out`` exists and ``force`` is not given, or it is a folder that no export made.
    """
    if not out.exists():
        return
    if not folder and out.is_dir():
        raise InputError(f"{out} is a folder; name a file in it.")
    if folder and not out.is_dir():
        raise InputError(f"{out} is a file, and this format is a folder; choose another name for `out`.")
    others = sorted(path.name for path in out.iterdir() if path.name not in {IMG_EMB, METADATA}) if folder else []
    if others:
        raise InputError(f"{out} holds other things ({others[0]}); choose a new or empty folder for `out`.")
    check_new(out, force=force or (folder and not any(out.iterdir())))


@contextmanager
def _writing(out: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary path, which becomes ``out`` if the block raises no exception.

    Raises:
        InputError: ``out`` cannot be written.
    """
    try:
        with replacing_folder(out) if folder else replacing(out, shared=False) as part:
            yield part
    except VitrineError:  # some of which are an OSError, too
        raise
    except OSError as error:
        raise InputError(
            f"{out} cannot be written ({error.strerror or error}); choose another place for `out`."
        ) from None


def _size(out: Path) -> int:
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)
