"""The store from Python: what it holds, whether it is sound, and its vectors as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from retrieval.errors import InputError, unknown
from retrieval.notebook import ShowsTables
from retrieval.search.vector_rows import rows_of
from retrieval.store.info import describe, info_tables
from retrieval.store.open import LanceStore, open_store
from retrieval.store.verify import Finding
from retrieval.store.verify import verify as check_snapshot
from retrieval.types import Float32

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType


class StoreInfo(ShowsTables, dict[str, Any]):
    """What a store holds: the dictionary that ``info --json`` prints, shown as a table of its spaces."""

    def _tables(self) -> Iterator[RenderableType]:
        return info_tables(self)


class StoreFindings(ShowsTables, tuple[Finding, ...]):
    """The checks of a store, one finding each; ``ok`` where none found anything wrong."""

    __slots__ = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.wrong for finding in self)

    def _tables(self) -> Iterator[RenderableType]:
        from rich.markup import escape
        from rich.table import Table

        table = Table("check", "", "detail", title="ok" if self.ok else "wrong", title_justify="left", box=None)
        for finding in self:
            table.add_row(escape(finding.check), "wrong" if finding.wrong else "ok", escape(finding.detail))
        yield table


class SampleVectors(NamedTuple):
    """Vectors of samples, in order of sample id.

    ``ids`` (n,) sample ids; ``X`` (n, d) float32 of length one; ``y`` (n,) values of the target column, None where they
    are not known.
    """

    ids: NDArray[np.str_]
    X: Float32
    y: NDArray[np.object_]

    def __repr__(self) -> str:
        values = len({value for value in self.y.tolist() if value is not None})
        return f"SampleVectors: {self.X.shape[0]:,} samples, {self.X.shape[1]} dimensions, {values:,} values of y"


def info(store: str | Path | LanceStore) -> StoreInfo:
    """What a store holds: counts, spaces, sources, versions and bytes on disk.

    Args:
        store: the store, or its folder.

    Returns:
        A dictionary; a notebook shows its spaces.

    Raises:
        MissingFileError, StoreError: there is no store.
    """
    return StoreInfo(describe(open_store(store)))


def verify(store: str | Path | LanceStore) -> StoreFindings:
    """Check that every vector is finite, of length one and of a registered space, and every sample there once.

    Args:
        store: the store, or its folder.

    Returns:
        The findings; ``verify(store).ok`` where nothing is wrong.

    Raises:
        MissingFileError, StoreError: there is no store.
    """
    with open_store(store).snapshot() as snapshot:
        return StoreFindings(check_snapshot(snapshot))


def vectors(
    store: str | Path | LanceStore,
    space: str | None = None,
    where: str | None = None,
    *,
    view: str = "base",
    target: str = "label",
) -> SampleVectors:
    """Vectors of samples with their labels, ready for scikit-learn: ``ids, X, y = vitrine.vectors(store)``.

    Args:
        store: the store, or its folder.
        space: the space: its name or the beginning of it; not needed where there is one.
        where: condition in SQL over the columns of the samples, such as ``split = 'train'``.
        view: view of the space.
        target: column that ``y`` is taken from: ``label``, ``identity``, or any other.

    Returns:
        The samples that have a vector in the space.

    Raises:
        MissingFileError, StoreError: there is no store.
        UnknownNameError: there is no such space, view or column.
        InputError: the condition cannot be read, or no sample that meets it has a vector.
    """
    with open_store(store).snapshot() as snapshot:
        chosen = snapshot.space(space)
        if target not in (columns := snapshot.column_names("samples")):
            raise unknown("column", target, columns)
        matrix = snapshot.vectors(chosen, view)
        samples = snapshot.samples(list(dict.fromkeys(["id", "key", target])), where)
        rows = rows_of(samples.column("key"), matrix)
        if not (rows >= 0).any():
            among = "sample" if where is None else f"sample that meets '{where}'"
            raise InputError(f"No {among} has a vector in space {chosen.name}.")
        samples = samples.filter(rows >= 0)
        return SampleVectors(
            np.array(samples.column("id").to_pylist(), np.str_),
            np.ascontiguousarray(matrix.data[rows[rows >= 0]], np.float32),
            np.array(samples.column(target).to_pylist(), dtype=np.object_),
        )
