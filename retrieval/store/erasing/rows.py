"""Write tables of a store again without the samples that a plan forgets."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.progress import progress
from retrieval.store.commits import now
from retrieval.store.digests import FileCheck
from retrieval.store.record_digests import require_files
from retrieval.store.records import keep_appended
from retrieval.types.store import result_sha256

if TYPE_CHECKING:
    from retrieval.store.erasing.plan import ForgetPlan
    from retrieval.store.lance import LanceTables
    from retrieval.store.writer import LanceWriter
    from retrieval.types import SplitSet

Affects = Callable[[pa.Table], bool]
Changed = Callable[[pa.Table], pa.Table]


def erase_from_records(tables: LanceTables, plan: ForgetPlan) -> None:
    """Write results, then split sets, again; each table in one step. The lock of records is held alone."""
    _rewrite_record(tables, "results", ["sha256"], _among("sha256", [r.sha256 for r in plan.results]), _results(plan))
    hashes = [splits.sha256 for splits in plan.splits]
    _rewrite_record(tables, "splits", ["sha256"], _among("sha256", hashes), _splits(plan))


def drop_banks(tables: LanceTables, hashes: Collection[tuple[str, str]]) -> None:
    """Erase banks by name and sha256. The lock of records is held alone."""
    names = {f"{name}\n{sha256}" for name, sha256 in hashes}

    def kept(rows: pa.Table) -> pa.Table:
        pairs = zip(rows.column("name").to_pylist(), rows.column("sha256").to_pylist(), strict=True)
        return rows.filter(pa.array([f"{name}\n{sha256}" not in names for name, sha256 in pairs], pa.bool_()))

    def affects(rows: pa.Table) -> bool:
        return bool(kept(rows).num_rows < rows.num_rows)

    _rewrite_record(tables, "banks", ["name", "sha256"], affects, kept)


def _rewrite_record(tables: LanceTables, name: str, columns: list[str], affects: Affects, changed: Changed) -> None:
    if tables.rewrite(name, columns, affects, changed, partial(require_files, tables, name)):
        keep_appended(tables, name)


def _results(plan: ForgetPlan) -> Changed:
    new = {result.sha256: result.result for result in plan.results}

    def changed(rows: pa.Table) -> pa.Table:
        listed = []
        for row in rows.to_pylist():
            result = new.get(row["sha256"])
            if result is not None:
                row |= {"sha256": result_sha256(result), "result": json.dumps(result)}
            listed.append(row)
        return pa.Table.from_pylist(listed, schema=rows.schema)

    return changed


def _splits(plan: ForgetPlan) -> Changed:
    affected_hashes = pa.array(sorted({splits.sha256 for splits in plan.splits}), pa.string())
    names = {(splits.name, splits.sha256): splits.new for splits in plan.splits}
    hashes = {key: splits.sha256 for key, splits in names.items() if splits is not None}
    gone = pa.array(sorted(plan.ids), pa.string())

    def changed(rows: pa.Table) -> pa.Table:
        affected = pc.is_in(rows.column("sha256"), value_set=affected_hashes)
        erased = pc.and_(affected, pc.is_in(rows.column("sample"), value_set=gone))
        rows = rows.filter(pc.invert(erased))
        sets = rows.group_by(["name", "sha256"]).aggregate([]).to_pylist()
        for name, sha256 in ((row["name"], row["sha256"]) for row in sets):
            splits = names.get((name, sha256))
            if splits is not None:
                rows = _renamed_rows(rows, name, splits, sha256, hashes[name, sha256])
        return rows

    return changed


def _renamed_rows(rows: pa.Table, name: str, splits: SplitSet, old: str, new: str) -> pa.Table:
    """Give the rows of a split set its new name and hash."""
    mask = pc.and_(pc.equal(rows.column("name"), name), pc.equal(rows.column("sha256"), old))
    for column, value in (("name", splits.name), ("sha256", new)):
        changed = pc.if_else(mask, pa.scalar(value, pa.string()), rows.column(column))
        rows = rows.set_column(rows.schema.get_field_index(column), rows.schema.field(column), changed)
    return rows


def erase_from_tables(tables: LanceTables, writer: LanceWriter, plan: ForgetPlan, *, quiet: bool) -> None:
    """Erase samples, failures, vectors, thumbnails and empty sources, and record hashes; the caller commits."""
    snapshot = plan.snapshot
    writer.retire_positions(set(plan.ids))
    check = FileCheck(tables.uri, snapshot.commit.files)
    names = sorted(writer.committed_tables())
    with progress("erase from tables", len(names), quiet=quiet) as bar:
        for name in names:
            columns, kept = _kept_rows(name, plan)
            tables.rewrite(name, columns, partial(_loses, kept), kept, partial(check.require, name))
            bar.advance()
    record = snapshot.forgotten()
    sources = plan.samples.column("source").to_pylist()
    keys = plan.samples.column("key").to_pylist()
    erased, empty = set(plan.keys), set(plan.empty_sources)
    rows = record.rows(
        plan.ids,
        [None if source in empty else source for source in sources],
        [key if key in erased else None for key in keys],
        now(),
    )
    tables.append("forgotten", rows)


def write_deleted_again(tables: LanceTables, writer: LanceWriter) -> None:
    """Write fragments with rows that were deleted or replaced again without them; the caller commits."""
    check = FileCheck(tables.uri, writer.snapshot.commit.files)
    for name in sorted(writer.committed_tables()):
        tables.rewrite(name, [], lambda _: False, lambda rows: rows, partial(check.require, name))


def _kept_rows(name: str, plan: ForgetPlan) -> tuple[list[str], Changed]:
    """Return the columns that say which rows of a table go, and the function that leaves these rows out."""
    if name == "failures":
        return ["source", "uri"], partial(_without_files, plan)
    column, values = {
        "samples": ("id", plan.ids),
        "sources": ("name", plan.empty_sources),
        "spaces": ("fingerprint", ()),
        "forgotten": ("id", ()),
    }.get(name, ("key", plan.keys))
    return [column], partial(_without, column, pa.array(sorted(values), pa.string()))


def _without(column: str, values: pa.Array, rows: pa.Table) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows.column(column), value_set=values)))


def _without_files(plan: ForgetPlan, rows: pa.Table) -> pa.Table:
    samples = plan.samples.select(["source", "uri"]).to_pydict()
    files = set(zip(samples["source"], samples["uri"], strict=True))
    listed = zip(rows.column("source").to_pylist(), rows.column("uri").to_pylist(), strict=True)
    return rows.filter(pa.array(np.array([file not in files for file in listed], np.bool_)))


def _loses(kept: Changed, rows: pa.Table) -> bool:
    return bool(kept(rows).num_rows < rows.num_rows)


def _among(column: str, values: Collection[str]) -> Affects:
    value_set = pa.array(sorted(values), pa.string())
    return lambda rows: bool(pc.any(pc.is_in(rows.column(column), value_set=value_set)).as_py())
