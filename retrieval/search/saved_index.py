"""Open the index that ``index-ann`` saved for a view, if it is one of the vectors that the view has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.errors import StoreError
from retrieval.search.ann_kinds import KINDS
from retrieval.search.approximate import ApproximateIndex
from retrieval.search.exact import ExactIndex
from retrieval.store.ann_files import AGAIN, AnnRecord, damaged_ann_file, load_ann

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.types import Float32, SpaceInfo
    from retrieval.types.store import Snapshot


@dataclass(frozen=True, slots=True)
class SavedIndex:
    """A saved index of a view: its kind and the index, or, where it cannot be used, the reason."""

    kind: str = ""
    index: ApproximateIndex | None = None
    reason: str = ""


def find_saved(snapshot: Snapshot, space: SpaceInfo, view: str, data: Float32) -> SavedIndex:
    """Open the saved index of a view.

    Args:
        snapshot: a version of the store.
        space: the space.
        view: the view.
        data: (n, d), the vectors of the view.
    """
    place = snapshot.ann_place(space, view)
    missing = SavedIndex(reason=f"Space {space.name} has no saved index of view {view}; 'index-ann' makes one")
    if place is None:
        return missing
    try:
        record = load_ann(place.folder)
        if record is None:
            return missing
        if record.vectors != place.mark:
            changed = f"The vectors of space {space.name} changed since its {record.kind} index was made; {AGAIN}"
            return SavedIndex(reason=changed)
        return SavedIndex(record.kind, open_index(place.folder, record, data))
    except StoreError as error:
        return SavedIndex(reason=str(error).removesuffix("."))


def open_index(folder: Path, record: AnnRecord, data: Float32) -> ApproximateIndex:
    """Open an index over the vectors ``data`` (n, d) that it was built over.

    FAISS trusts what it reads, so the digest of its files is compared first. Lance's are opened as they are, because
    reading them would take longer than most searches; rows that they propose are scored again like all candidates.

    Raises:
        StoreError: a file is damaged.
    """
    damaged = damaged_ann_file(folder, record, sizes_only=record.kind == "lance")
    if damaged is not None:
        raise StoreError(f"{folder / damaged} is not as it was written; {AGAIN}.")
    if record.kind not in KINDS:
        raise StoreError(f"{folder} has an index of the kind '{record.kind}', which is not known here; {AGAIN}.")
    candidates = KINDS[record.kind].open(folder / record.generation, record)
    return ApproximateIndex(data, candidates, ExactIndex(data))
