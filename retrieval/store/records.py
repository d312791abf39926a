"""Append and read banks, split sets and results. They are addressed by their hash, so that no lock is needed.

What is read is compared with its hash; a row that differs is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa

from retrieval.errors import StoreError, unknown
from retrieval.store.conditions import condition, equal_to
from retrieval.store.forgotten import read_forgotten
from retrieval.store.lance import LanceTables, is_remote
from retrieval.store.lock import records_shared
from retrieval.store.record_digests import add_digests, require_files, require_manifest, require_rows
from retrieval.store.remedies import remedy
from retrieval.store.schema import APPENDED, BANKS, RESULTS, SPLITS, vectors_table
from retrieval.types import Bank, BankKind, SplitSet, require_bank_width
from retrieval.types.store import StoredResult, result_sha256


def split_sets(tables: LanceTables) -> dict[str, str]:
    """Map names of stored split sets to their sha256, sorted by name."""
    with _shared(tables):
        require_manifest(tables, "splits")
        rows = tables.read("splits", columns=["name", "sha256"])
    return dict(sorted(set(zip(rows.column("name").to_pylist(), rows.column("sha256").to_pylist(), strict=True))))


def read_splits(tables: LanceTables, name: str) -> SplitSet:
    """Read a split set by its name.

    Raises:
        UnknownNameError: no split set has this name.
    """
    rows = _read(tables, "splits", where=equal_to("name", name))
    if rows.num_rows == 0:
        raise unknown("split set", name, split_sets(tables))
    splits = sound_splits(name, rows)
    if splits is None:
        raise damaged(tables, "splits", f"split set {name}")
    return splits


def sound_splits(name: str, rows: pa.Table) -> SplitSet | None:
    """Make a split set of the stored rows of its name; None if they are not those that were stored."""
    if None in (hashes := rows.column("sha256").unique().to_pylist()) or len(hashes) != 1:
        return None
    rows = rows.select(["draw", "sample", "role"])
    if any(rows.column(column).null_count for column in rows.column_names):
        return None
    rows = rows.group_by(rows.column_names).aggregate([])  # two evaluations may have saved it at the same time
    rows = rows.sort_by([("draw", "ascending"), ("sample", "ascending"), ("role", "ascending")])
    draw = rows.column("draw").to_numpy().astype(np.int64)
    sample = np.array(rows.column("sample").to_pylist(), dtype=np.str_)
    splits = SplitSet(name, draw, sample, np.array(rows.column("role").to_pylist(), dtype=np.str_))
    return splits if splits.sha256 == hashes[0] else None


def save_splits(tables: LanceTables, splits: SplitSet) -> None:
    """Append a split set unless the same rows are stored under the same name.

    Raises:
        StoreError: it names forgotten samples, as that of an evaluation that began before they were forgotten.
    """
    sha = splits.sha256
    if split_sets(tables).get(splits.name) == sha:
        return
    gone = read_forgotten(tables).ids_of(splits.sample)
    if gone:
        raise StoreError(f"{tables.uri}: {len(gone)} samples of it were forgotten meanwhile; evaluate again.")
    n = len(splits.draw)
    columns: dict[str, Any] = {
        "name": [splits.name] * n,
        "sha256": [sha] * n,
        "draw": splits.draw,
        "sample": splits.sample.tolist(),
        "role": splits.role.tolist(),
    }
    _append(tables, "splits", pa.table(columns, schema=SPLITS))


def banks(tables: LanceTables, space: str | None) -> tuple[Bank, ...]:
    """Read all banks, or those of one space, sorted by name."""
    where = None if space is None else equal_to("space", space)
    by_name = {}
    for row in _read(tables, "banks", where).to_pylist():
        bank = sound_bank(row)
        if bank is None:
            raise damaged(tables, "banks", f"bank {row['name']}")
        by_name[bank.name, row["sha256"]] = bank
    return tuple(by_name[key] for key in sorted(by_name))


def save_bank(tables: LanceTables, bank: Bank) -> None:
    """Append a bank unless one with the same name and sha256 is stored.

    Raises:
        SpaceMismatchError: it is not as wide as its space.
    """
    for name, widths in space_widths(tables, equal_to("fingerprint", bank.space)).values():
        require_bank_width(bank, name, widths)
    sha = bank.sha256
    if _has(tables, "banks", {"sha256": sha, "name": bank.name}):
        return
    row = {
        "sha256": sha,
        "name": bank.name,
        "space": bank.space,
        "kind": bank.kind,
        "origin": bank.origin,
        "dimension": bank.vectors.shape[1],
        "vectors": np.ascontiguousarray(bank.vectors, np.float32).tobytes(),
        "edge_vector": bank.edge_vector.tolist(),
        "edge_class": bank.edge_class.tolist(),
        "texts": None if bank.texts is None else list(bank.texts),
        "bias": None if bank.bias is None else bank.bias.tolist(),
        "temperature": bank.temperature,
    }
    _append(tables, "banks", pa.Table.from_pylist([row], schema=BANKS))


def space_widths(tables: LanceTables, where: str | None = None) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Map fingerprints of spaces, committed or not, to their name and widths: their dimension, and those of views.

    Raises:
        StoreError: the table of spaces cannot be read.
    """
    widths = {}
    for row in tables.read("spaces", columns=["fingerprint", "name", "dimension"], where=where).to_pylist():
        views: list[int] = []
        with suppress(StoreError):  # of vectors that cannot be read, only the dimension of the space is known
            types = tables.schema(vectors_table(row["fingerprint"])).types
            views = [kind.list_size for kind in types if pa.types.is_fixed_size_list(kind)]
        widths[row["fingerprint"]] = (row["name"], (row["dimension"], *views))
    return widths


def save_result(tables: LanceTables, result: Mapping[str, Any]) -> None:
    """Append a result unless one that differs at most in ``created`` is stored."""
    sha = result_sha256(result)
    if _has(tables, "results", {"sha256": sha}):
        return
    row = {"sha256": sha, "mode": result["mode"], "created": result.get("created"), "result": json.dumps(result)}
    _append(tables, "results", pa.Table.from_pylist([row], schema=RESULTS))


def results(tables: LanceTables) -> tuple[StoredResult, ...]:
    """Read all results, newest first; copies that were saved at the same time are read once."""
    by_sha = {}
    for row in _read(tables, "results").to_pylist():
        result = sound_result(row)
        if result is None:
            raise damaged(tables, "results", f"result {str(row['sha256'])[:8]}")
        by_sha[result.sha256] = result
    ordered = [by_sha[sha] for sha in sorted(by_sha)]
    return tuple(sorted(ordered, key=lambda result: result.created, reverse=True))


def _read(tables: LanceTables, name: str, where: str | None = None) -> pa.Table:
    """Read rows after checking the files that they are in."""
    with _shared(tables):
        require_rows(tables, name)
        return read_records(tables, name, where)


def _shared(tables: LanceTables) -> AbstractContextManager[None]:
    """Keep ``forget`` from erasing files of these tables; on object storage it cannot."""
    return nullcontext() if is_remote(tables.uri) else records_shared(Path(tables.uri))


def _has(tables: LanceTables, name: str, equal: Mapping[str, str]) -> bool:
    """Return whether a table has a row with these values."""
    with _shared(tables):
        require_manifest(tables, name)
        return bool(tables.read(name, columns=["sha256"], where=condition(equal)).num_rows)


def read_records(tables: LanceTables, name: str, where: str | None = None) -> pa.Table:
    """Read rows.

    Raises:
        StoreError: columns are missing.
    """
    rows = tables.read(name, where=where)
    if rows.schema.names != APPENDED[name].names:
        raise damaged(tables, name, f"the list of columns of {name}")
    return rows


def sound_result(row: Mapping[str, Any]) -> StoredResult | None:
    """Make a result of a stored row; None if the row is not as it was stored."""
    try:
        result = json.loads(row["result"])
        sound = row["sha256"] == result_sha256(result)
        sound &= (row["mode"], row["created"]) == (result["mode"], result.get("created"))
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return StoredResult(row["sha256"], row["created"] or "", result) if sound else None


def damaged(tables: LanceTables, table: str, what: str) -> StoreError:
    """Make the error for a damaged row."""
    return StoreError(f"{tables.uri}: {what} is not as it was stored; {remedy(table)}.")


def sound_bank(row: Mapping[str, Any]) -> Bank | None:
    """Make a bank of a stored row; None if the row is not as it was stored."""
    try:
        bank = _bank(row)
        sound = bank.sha256 == row["sha256"] and bank.kind in get_args(BankKind)
    except (ValueError, TypeError, AttributeError):
        return None
    return bank if sound else None


def _append(tables: LanceTables, name: str, rows: pa.Table) -> None:
    """Append rows, force them to the disk, and merge small files of earlier appends."""
    with _shared(tables):
        tables.append(name, rows)
        keep_appended(tables, name)
        tidy_appended(tables, name)


def keep_appended(tables: LanceTables, name: str) -> None:
    """Force the newest version of a table to the disk, and add the digests of its files."""
    tables.sync(name, tables.files(name, tables.latest(name)))
    add_digests(tables, name)


def tidy_appended(tables: LanceTables, name: str) -> None:
    """Merge small files and delete old versions, without the lock.

    Where another process changes the table at the same time, one of them leaves the work to the next call.
    """
    with suppress(StoreError, OSError):
        tables.sweep(name, alone=False)
        if tables.compact(name, partial(require_files, tables, name)):  # or damage would get a digest of its own
            add_digests(tables, name)
        tables.clean(name, (), unverified=False)


def _bank(row: Mapping[str, Any]) -> Bank:
    return Bank(
        name=row["name"],
        space=row["space"],
        kind=row["kind"],
        origin=row["origin"],
        vectors=np.frombuffer(row["vectors"], np.float32).reshape(-1, row["dimension"]),
        edge_vector=np.array(row["edge_vector"], np.int64),
        edge_class=np.array(row["edge_class"], np.str_),
        texts=None if row["texts"] is None else tuple(row["texts"]),
        bias=None if row["bias"] is None else np.array(row["bias"], np.float32),
        temperature=row["temperature"],
    )
