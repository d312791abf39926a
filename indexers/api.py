"""The write side from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexers.jobs import import_file, index_images
from indexers.pipeline.report import IndexReport
from indexers.requests import ImportRequest, IndexRequest
from indexers.vectors.attach_vectors import AttachReport
from indexers.vectors.import_vectors import BankReport, ImportReport
from retrieval.config import takes_options_of
from retrieval.store.open import LanceStore


@takes_options_of(IndexRequest)
def index(path: str | Path, store: str | Path | LanceStore, **options: Any) -> IndexReport:
    """Embed the images of a folder or table into a store; what is embedded already is not embedded again.

    Args:
        path: folder or table of images.
        store: the store, or its folder, which is made where there is none.
        **options: see below.

    Returns:
        Counts of what was done, and notes.

    Raises:
        InputError: the images, the encoder or an option cannot be used.
        UnknownNameError: a model, a source or a view does not exist.
        MissingFileError: a file that was named does not exist.
        ReadOnlyStoreError: the store cannot be written.
        StoreLockedError: another process keeps writing.
    """
    return index_images(IndexRequest.read({**options, "path": path}, "index"), store)


@takes_options_of(ImportRequest)
def import_vectors(
    path: str | Path, store: str | Path | LanceStore, **options: Any
) -> ImportReport | AttachReport | BankReport:
    """Bring vectors that were made elsewhere into a store: .npz, .npy with a table, CSV, TSV or Parquet.

    Args:
        path: file of vectors.
        store: the store, or its folder, which is made where there is none.
        **options: see below.

    Returns:
        Counts of what was done: of samples, of images that vectors were attached to, or of a bank.

    Raises:
        InputError: the file or an option cannot be used.
        UnknownNameError: an array, a column, a space or a source does not exist.
        MissingFileError: the file does not exist.
        ReadOnlyStoreError: the store cannot be written.
        StoreLockedError: another process keeps writing.
    """
    return import_file(ImportRequest.read({**options, "path": path}, "import_vectors"), store)
