"""The public Python function of a refresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from retrieval.config import takes_options_of
from retrieval.store.open import LanceStore
from training.refresh.report import RefreshReport
from training.refresh.request import RefreshRequest
from training.refresh.run import refresh as run_refresh


@takes_options_of(RefreshRequest)
def refresh(checkpoint: str | Path, store: str | Path | LanceStore, **options: Any) -> RefreshReport:
    """Bring a trained encoder and its banks into a store, and say what changed.

    The samples that have vectors in the space that was trained from get vectors in a space of the encoder: from their
    image files, or of a linear adapter by a matrix product. Only what is missing, or no longer right, is computed; the
    other space does not change. :func:`promote` makes the new one the default.

    Args:
        checkpoint: folder of a training run, or of the encoder that one left.
        store: the store, or its folder.
        **options: see below.

    Returns:
        Numbers of vectors, images that could not be embedded, and the comparison of both spaces.

    Raises:
        MissingFileError: there is no store, or no such run.
        InputError: the run, the space or an option cannot be used.
        UnknownNameError: a space, a view, or a mode or option of an evaluation does not exist.
        WeightsError: the encoder was changed, or does not fit.
        ReadOnlyStoreError: the store cannot be written.
        StoreLockedError: another process held the store's lock for the whole ``wait``.
    """
    place = store.uri if isinstance(store, LanceStore) else str(store)
    return run_refresh(RefreshRequest.read({**options, "checkpoint": checkpoint, "store": place}, "refresh"))
