"""What ``info`` and ``verify`` say of saved indexes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import StoreError
from retrieval.store.ann_files import AGAIN, AnnRecord, ann_folder, ann_folders, damaged_ann_file, load_ann
from retrieval.store.findings import StoreFinding
from retrieval.store.lance import is_remote
from retrieval.store.schema import vectors_table
from retrieval.store.sizes import human_bytes

if TYPE_CHECKING:
    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.types import SpaceInfo


def describe_ann(snapshot: LanceSnapshot) -> list[dict[str, Any]]:
    """Return the saved indexes of all spaces as JSON data.

    ``stale`` is whether the vectors changed since; an index whose record is damaged has its message as ``damaged``, and
    no other values than space and view.
    """
    indexes: list[dict[str, Any]] = []
    for space, view, folder in _folders(snapshot, snapshot.spaces):
        try:
            record = load_ann(folder)
        except StoreError as error:
            indexes.append({"space": space.name, "view": view, "damaged": str(error)})
            continue
        if record is not None:
            indexes.append(
                {
                    "space": space.name,
                    "view": view,
                    "kind": record.kind,
                    "rows": record.rows,
                    "recall_at_10": record.measured["recall_at_10"],
                    "stale": _is_stale(snapshot, space, record),
                    "bytes": record.size,
                    "parameters": dict(record.parameters),
                    "created": record.created,
                    "damaged": None,
                }
            )
    return indexes


def _folders(snapshot: LanceSnapshot, spaces: Iterable[SpaceInfo]) -> Iterator[tuple[SpaceInfo, str, Path]]:
    """Yield the folders that may have an index, with space and view."""
    if not is_remote(snapshot.uri):
        for space in spaces:
            for view in space.views:
                folder = ann_folder(Path(snapshot.uri), space.fingerprint, view)
                if folder.is_dir():
                    yield space, view, folder


def _is_stale(snapshot: LanceSnapshot, space: SpaceInfo, record: AnnRecord) -> bool:
    place = snapshot.ann_place(space, record.view)
    return place is None or record.vectors != place.mark


def ann_lines(indexes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each index of :func:`describe_ann`."""
    for index in indexes:
        head = f"index of {index['space']} ({index['view']}): "
        if index["damaged"] is not None:
            yield f"{head}damaged: {index['damaged']}"
            continue
        stale = f"; stale, the vectors changed since: {AGAIN}" if index["stale"] else ""
        yield (
            f"{head}{index['kind']} over {index['rows']:,} vectors, recall@10 {index['recall_at_10']:.4f}, "
            f"{human_bytes(index['bytes'])}{stale}"
        )


def check_ann(
    snapshot: LanceSnapshot, spaces: Iterable[SpaceInfo], damaged_tables: Collection[str]
) -> Iterator[StoreFinding]:
    """Compare the files of all saved indexes with their digests. A stale index is not wrong.

    Args:
        snapshot: the version of the store.
        spaces: all spaces.
        damaged_tables: tables of vectors that are not read.
    """
    if is_remote(snapshot.uri):
        return
    others = set(ann_folders(Path(snapshot.uri)))
    for space, view, folder in _folders(snapshot, spaces):
        others.remove(folder)
        if vectors_table(space.fingerprint) not in damaged_tables:
            yield _check_folder(snapshot, space, view, folder)
    for folder in sorted(others):
        detail = f"{folder} is of no space of this store; delete it"
        yield StoreFinding("index of no space", wrong=True, detail=detail)


def _check_folder(snapshot: LanceSnapshot, space: SpaceInfo, view: str, folder: Path) -> StoreFinding:
    check = f"index of {space.name} {view}"
    try:
        record = load_ann(folder)
    except StoreError as error:
        return StoreFinding(check, wrong=True, detail=f"{str(error).removesuffix('.')}, or delete the folder")
    if record is None:
        return StoreFinding(check, wrong=False, detail="not complete, or of another version of Vitrine; it is not used")
    damaged = damaged_ann_file(folder, record)
    if damaged is not None:
        remedy = f"{AGAIN}, or drop the index with 'index-ann --drop'"
        return StoreFinding(check, wrong=True, detail=f"{folder / damaged} is not as it was written; {remedy}")
    stale = f"; stale, the vectors changed since: {AGAIN}" if _is_stale(snapshot, space, record) else ""
    return StoreFinding(check, wrong=False, detail=f"{record.kind}, as it was written{stale}")
