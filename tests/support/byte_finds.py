"""A plain search of a store's files, one ``in`` after the other: the reference of what ``forget`` must leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lance
from lance.file import LanceFileReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def files_with(store: Path, needles: Iterable[bytes]) -> set[str]:
    """Files of a store that contain any of these bytes, as they lie or in a decoded cell."""
    listed = list(needles)
    hits = set()
    for path in sorted(file for file in store.rglob("*") if file.is_file()):
        texts = [path.read_bytes()]
        if path.parent.name == "data" and path.suffix == ".lance":
            table = LanceFileReader(str(path)).read_all().to_table()
            texts += [str(table.column(name).to_pylist()).encode() for name in table.column_names]
        if any(needle in text for needle in listed for text in texts):
            hits.add(path.relative_to(store).as_posix())
    return hits


def stored_vectors(store: Path) -> dict[str, list[bytes]]:
    """Bytes of all vectors of the newest versions, by key."""
    vectors: dict[str, list[bytes]] = {}
    for folder in store.glob("vectors_*.lance"):
        table = lance.dataset(str(folder)).to_table()
        for name in (name for name in table.column_names if name.startswith("v_")):
            for key, vector in zip(table.column("key").to_pylist(), table.column(name), strict=True):
                if vector.is_valid:
                    vectors.setdefault(key, []).append(vector.values.to_numpy().tobytes())
    return vectors
