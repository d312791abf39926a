"""Public Python functions that write to a store: :func:`index`, :func:`import_vectors` and :func:`index_ann`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from indexers.ann.build import build_ann
from indexers.ann.request import AnnReport, AnnRequest
from indexers.jobs import import_file, index_images
from indexers.pipeline.report import IndexReport
from indexers.requests import ImportRequest, IndexRequest
from indexers.vectors.attach_vectors import AttachReport
from indexers.vectors.import_vectors import BankReport, ImportReport
from retrieval.config import takes_options_of
from retrieval.store.open import LanceStore


@takes_options_of(IndexRequest)
def index(path: str | Path, store: str | Path | LanceStore, **options: Any) -> IndexReport:
    """Embed the images of a folder or table into a store. Images that are embedded already are skipped.

    Args:
        path: folder or table of images.
        store: the store, or its folder, which is created if it does not exist.
        **options: see below.

    Returns:
        Numbers of embedded, unchanged and failed samples, and notes.

    Raises:
        InputError: the images, the encoder or an option cannot be used.
        UnknownNameError: a model, a source or a view does not exist.
        MissingFileError: a given file does not exist.
        ReadOnlyStoreError: the store cannot be written.
        StoreLockedError: another process held the store's lock for the whole ``wait``.
    """
    return index_images(IndexRequest.read({**options, "path": path}, "index"), store)


@takes_options_of(ImportRequest)
def import_vectors(
    path: str | Path, store: str | Path | LanceStore, **options: Any
) -> ImportReport | AttachReport | BankReport:
    """Import vectors computed elsewhere into a store.

    They are read from .npz, .npy with a table, .mat, .pt, CSV, TSV, Parquet, or a folder of clip-retrieval.

    Args:
        path: file or folder of vectors.
        store: the store, or its folder. Vectors that become samples create it if it does not exist.
        **options: see below.

    Returns:
        Numbers of imported samples, of vectors attached to indexed samples, or of vectors and classes of a bank.

    Raises:
        InputError: the file or an option cannot be used.
        UnknownNameError: an array, a column, a space or a source does not exist.
        MissingFileError: the file does not exist.
        ReadOnlyStoreError: the store cannot be written.
        StoreLockedError: another process held the store's lock for the whole ``wait``.
    """
    return import_file(ImportRequest.read({**options, "path": path}, "import_vectors"), store)


@takes_options_of(AnnRequest)
def index_ann(store: str | Path | LanceStore, **options: Any) -> AnnReport:
    """Build an approximate index over a space and save it in the store, for ``search(..., approx=True)``.

    It takes the place of one that is there. Its recall, and what Rank-1 and mAP lose, are measured beside an exact
    search of some of the vectors. It is used until the vectors of the space change.

    Args:
        store: the store, or its folder.
        **options: see below.

    Returns:
        What is saved of the index, its recall, and time and size.

    Raises:
        InputError: there are too few vectors, or an option cannot be used.
        UnknownNameError: the kind, the space or the view does not exist.
        MissingFileError, StoreError: there is no store, or the index cannot be written.
        ReadOnlyStoreError: the store cannot be written.
        StoreLockedError: another process held the store's lock for the whole ``wait``.
    """
    return build_ann(AnnRequest.read(options, "index_ann"), store)
