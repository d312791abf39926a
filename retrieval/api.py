"""Public Python functions that read a store, export from it, or erase what is in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from retrieval.config import takes_options_of
from retrieval.errors import InputError, unknown
from retrieval.escapes import printable
from retrieval.export.encoder_job import export_encoder as run_export_encoder
from retrieval.export.encoder_report import EncoderExportReport
from retrieval.export.encoder_request import EncoderExportRequest
from retrieval.export.job import ExportReport, export
from retrieval.export.request import ExportRequest
from retrieval.notebook import ShowsTables
from retrieval.search.vector_rows import rows_of
from retrieval.store.erasing.drop import drop_bank as run_drop_bank
from retrieval.store.erasing.drop import drop_space as run_drop_space
from retrieval.store.erasing.forget import forget as run_forget
from retrieval.store.erasing.report import EraseReport
from retrieval.store.erasing.request import DropBankRequest, DropSpaceRequest, ForgetRequest
from retrieval.store.findings import StoreFinding, findings_table
from retrieval.store.info import describe, info_tables
from retrieval.store.open import LanceStore, open_store
from retrieval.store.promote import PromoteReport, PromoteRequest
from retrieval.store.promote import promote as run_promote
from retrieval.store.verify import verify_names, verify_store
from retrieval.types import Float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from retrieval.fitted_table import FittedTable


class StoreInfo(ShowsTables, dict[str, Any]):
    """Contents of a store: the dictionary that ``info --json`` prints, displayed as tables."""

    def _tables(self) -> Iterator[FittedTable]:
        return info_tables(self)


class StoreFindings(ShowsTables, tuple[StoreFinding, ...]):
    """Results of the checks of a store, one finding per check."""

    __slots__ = ()

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return not any(finding.wrong for finding in self)

    def _tables(self) -> Iterator[FittedTable]:
        yield findings_table(self)


class SampleVectors(NamedTuple):
    """Vectors of samples, in the order of the data.

    ``ids`` (n,) are the sample ids, ``X`` (n, d) float32 the L2-normalised vectors, and ``y`` (n,) the values of the
    target column, None where unknown.
    """

    ids: NDArray[np.str_]
    X: Float32
    y: NDArray[np.object_]

    def __repr__(self) -> str:
        values = len({value for value in self.y.tolist() if value is not None})
        return f"SampleVectors: {self.X.shape[0]:,} samples, {self.X.shape[1]} dimensions, {values:,} values of y"


def info(store: str | Path | LanceStore) -> StoreInfo:
    """Describe the contents of a store: counts, spaces, sources, versions and bytes on disk.

    Args:
        store: the store, or its folder.

    Returns:
        A dictionary, which notebooks display as tables.

    Raises:
        MissingFileError: the folder does not exist.
        StoreError: the folder is not a store that can be read.
    """
    return StoreInfo(describe(open_store(store)))


def verify(
    store: str | Path | LanceStore, *, repair: bool = False, forgotten: str | Sequence[str] = ()
) -> StoreFindings:
    """Read everything in a store and compare it with its digests.

    Each damaged file and row is a finding, which says what to do. Vectors are finite, L2-normalised and of a registered
    space, samples are unique.

    Args:
        store: the store, or its folder.
        repair: take damaged files and rows out first, so that ``index`` or ``evaluate`` can make again what was in
            them. What was taken out is reported as findings that are not wrong.
        forgotten: instead of all this, search every file of the store for these ids, paths or identities, and for
            every sample that is recorded as forgotten.

    Returns:
        The findings; their ``ok`` is True if every check passed.

    Raises:
        InputError: both are given, or a name is empty.
        MissingFileError: the folder does not exist.
        StoreError: the folder is not a store that can be read.
        ReadOnlyStoreError, StoreLockedError: ``repair`` is given and the store cannot be written.
    """
    if not forgotten:
        return StoreFindings(verify_store(open_store(store), repair=repair))
    if repair:
        raise InputError("verify: say one of repair and forgotten.")
    names = (forgotten,) if isinstance(forgotten, str) else tuple(forgotten)
    return StoreFindings(verify_names(open_store(store), names))


@takes_options_of(ForgetRequest)
def forget(store: str | Path | LanceStore, **options: Any) -> EraseReport:
    """Erase samples from every file of a store, and prove it by a search of every file afterwards.

    Rows, vectors of all spaces, thumbnails, caches, saved indexes and old versions are erased. Split sets and results
    are written again without the names of the samples. Image files are not touched, and salted hashes are kept, by
    which ``index`` leaves the samples out.

    >>> vitrine.forget("hands.vitrine", identity="0000012", dry_run=True)  # doctest: +SKIP

    Args:
        store: the store, or its folder.
        **options: see below; exactly one of ``identity``, ``id``, ``where`` and ``finish``.

    Returns:
        What was erased, what remains, and whether the search came across anything (``ok``).

    Raises:
        UnknownNameError: no sample has the identity or id.
        InputError: an option is invalid, no sample meets the condition, or an id may mean several.
        StoreLockedError: another process writes, or reads what is erased, after ``wait`` seconds.
        ReadOnlyStoreError: the store cannot be written.
    """
    return run_forget(open_store(store), ForgetRequest.read(options, "forget"), _say)


@takes_options_of(DropSpaceRequest)
def drop_space(store: str | Path | LanceStore, space: str, **options: Any) -> EraseReport:
    """Erase a space with its vectors and banks. Results that were computed in it stay.

    Args:
        store: the store, or its folder.
        space: name of the space, or the beginning of it.
        **options: see below.

    Raises:
        UnknownNameError: there is no such space.
        InputError: several spaces match.
        StoreLockedError: another process writes, or reads what is erased, after ``wait`` seconds.
        ReadOnlyStoreError: the store cannot be written.
    """
    request = DropSpaceRequest.read({**options, "space": space}, "drop_space")
    return run_drop_space(open_store(store), request, _say)


@takes_options_of(PromoteRequest)
def promote(store: str | Path | LanceStore, space: str, **options: Any) -> PromoteReport:
    """Make a space the default, which is taken where none is named. The one before stays until :func:`drop_space`.

    Args:
        store: the store, or its folder.
        space: name of the space, or the beginning of it.
        **options: see below.

    Returns:
        Names of the default space and of the one before.

    Raises:
        UnknownNameError: there is no such space.
        InputError: several spaces match, or a refresh has not completed the space.
        StoreLockedError: another process writes for the whole ``wait``.
        ReadOnlyStoreError: the store cannot be written.
    """
    return run_promote(open_store(store), PromoteRequest.read({**options, "space": space}, "promote"), _say)


@takes_options_of(DropBankRequest)
def drop_bank(store: str | Path | LanceStore, bank: str, **options: Any) -> EraseReport:
    """Erase a bank. Results that were computed with it stay.

    Args:
        store: the store, or its folder.
        bank: name of the bank, or the beginning of its sha256.
        **options: see below.

    Raises:
        UnknownNameError: there is no such bank or space.
        InputError: several banks match.
        StoreLockedError: another process writes, or reads what is erased, after ``wait`` seconds.
        ReadOnlyStoreError: the store cannot be written.
    """
    request = DropBankRequest.read({**options, "bank": bank}, "drop_bank")
    return run_drop_bank(open_store(store), request, _say)


def _say(message: str) -> None:
    print(printable(message), file=sys.stderr)  # noqa: T201 - says who is waited for


@takes_options_of(ExportRequest)
def export_vectors(store: str | Path | LanceStore, out: str | Path, **options: Any) -> ExportReport:
    """Write the vectors of a space with the columns of their samples, or a bank, to a file.

    ``import_vectors`` reads the file again, equal to the bit. The file appears when it is complete.

    Args:
        store: the store, or its folder.
        out: file to write, .npz or .parquet; or a folder, as clip-retrieval has it.
        **options: see below.

    Returns:
        Numbers of vectors that were written and of samples that have none.

    Raises:
        MissingFileError: the store does not exist.
        StoreError: the folder is not a store that can be read.
        UnknownNameError: the space, view, bank or format does not exist.
        InputError: the condition is invalid, no sample that meets it has a vector, or ``out`` exists or cannot be
            written.
    """
    return export(open_store(store), ExportRequest.read({**options, "out": out}, "export_vectors"))


@takes_options_of(EncoderExportRequest)
def export_encoder(store: str | Path | LanceStore, space: str, out: str | Path, **options: Any) -> EncoderExportReport:
    """Write the image encoder of a space to an ONNX file, and compare it with the stored vectors.

    ``index(..., encoder="onnx/FILE")`` runs the file, prepared as the file beside it says. Both appear when they are
    complete.

    Args:
        store: the store, or its folder.
        space: name of the space, or the beginning of it.
        out: file to write, .onnx.
        **options: see below.

    Returns:
        Sizes, and what the file keeps of the stored vectors; notebooks display it as a table.

    Raises:
        UnknownNameError: there is no such space, or ``out`` does not end in .onnx.
        InputError: several spaces match, the encoder cannot be exported, or ``out`` exists or cannot be written.
        MissingDependencyError: a package is not installed.
        MissingFileError, WeightsError, NetworkError: the weights of the encoder cannot be used.
    """
    request = EncoderExportRequest.read({**options, "space": space, "out": out}, "export_encoder")
    return run_export_encoder(open_store(store), request)


def vectors(
    store: str | Path | LanceStore,
    space: str | None = None,
    where: str | None = None,
    *,
    view: str = "base",
    target: str = "label",
) -> SampleVectors:
    """Return the vectors and labels of samples as arrays for scikit-learn: ``ids, X, y = vitrine.vectors(store)``.

    Args:
        store: the store, or its folder.
        space: name of the space, or the beginning of it. Without it, the default space.
        where: condition in SQL over the columns of the samples, such as ``split = 'train'``.
        view: view of the space.
        target: column whose values are ``y``, such as ``label`` or ``identity``.

    Returns:
        Ids, vectors and targets of the samples that have a vector in the space.

    Raises:
        MissingFileError: the folder does not exist.
        StoreError: the folder is not a store that can be read.
        UnknownNameError: the space, view or column does not exist.
        InputError: the condition is invalid, or no sample that meets it has a vector.
    """
    with open_store(store).snapshot() as snapshot:
        info_of_space = snapshot.space(space)
        if target not in (columns := snapshot.column_names("samples")):
            raise unknown("column", target, columns)
        matrix = snapshot.vectors(info_of_space, view)
        samples = snapshot.samples(list(dict.fromkeys(["id", "key", target])), where)
        rows = rows_of(samples.column("key"), matrix)
        if not (rows >= 0).any():
            sample = "sample" if where is None else f"sample that meets '{where}'"
            raise InputError(f"No {sample} has a vector in space {info_of_space.name}.")
        samples = samples.filter(rows >= 0)
        return SampleVectors(
            np.array(samples.column("id").to_pylist(), np.str_),
            np.ascontiguousarray(matrix.data[rows[rows >= 0]], np.float32),
            np.array(samples.column(target).to_pylist(), dtype=np.object_),
        )
