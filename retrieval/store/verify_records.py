"""Check banks, split sets and results: their files by their digests, their rows by their hashes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import StoreError
from retrieval.store.digests import damaged_files
from retrieval.store.findings import StoreFinding
from retrieval.store.lance import is_remote
from retrieval.store.record_digests import RECORD_DIGESTS, read_digests
from retrieval.store.records import read_records, sound_bank, sound_result, sound_splits, space_widths
from retrieval.store.remedies import remedy
from retrieval.store.schema import APPENDED

if TYPE_CHECKING:
    import pyarrow as pa

    from retrieval.store.lance import LanceTables

REPAIR = "'verify --repair' writes it again"

MISFIT = "let 'verify --repair' take it out, then save it in the space that it was made in, as by 'refresh' of its run"
"""What to do about a bank that is not as wide as its space."""


def check_records(tables: LanceTables) -> Iterator[StoreFinding]:
    """Check all rows of banks, split sets and results; one finding for each that is damaged."""
    digests, damaged_lines = ({}, 0) if is_remote(tables.uri) else read_digests(Path(tables.uri))
    if damaged_lines:
        detail = f"{damaged_lines} lines are not as they were written; {REPAIR}"
        yield StoreFinding(RECORD_DIGESTS, wrong=True, detail=detail)
    for name in APPENDED:
        try:
            yield from _check_table(tables, name, digests.get(name, {}))
        except StoreError as error:
            yield StoreFinding(name, wrong=True, detail=str(error))


def _check_table(tables: LanceTables, name: str, digests: Mapping[str, str]) -> Iterator[StoreFinding]:
    unknown = 0
    damage = []
    if not is_remote(tables.uri):
        files = tables.files(name, tables.latest(name))
        unknown = sum(path not in digests for path in files)
        damage = list(damaged_files(tables.uri, {name: {path: digests[path] for path in files if path in digests}}))
    for file in damage:
        yield StoreFinding(f"file of {name}", wrong=True, detail=f"{file}; {file.way_out}")
    if damage:
        return
    rows = read_records(tables, name)
    labels = sorted(damaged_records(name, rows))
    misfits = misfit_banks(tables, rows) if name == "banks" else {}
    for label in sorted(misfits):
        yield StoreFinding(name, wrong=True, detail=f"{label}; {MISFIT}")
    for label in labels:
        yield StoreFinding(name, wrong=True, detail=f"{label} is not as it was stored; {remedy(name)}")
    if not labels and not misfits:
        detail = f"{rows.num_rows:,} rows, all as they were stored"
        detail += f"; {unknown} files without a digest" if unknown else ""
        yield StoreFinding(name, wrong=False, detail=detail)


def misfit_banks(tables: LanceTables, rows: pa.Table) -> dict[str, tuple[str | None, str | None]]:
    """Return the sound banks that are not as wide as their spaces: what is wrong with them -> their name and sha256."""
    misfits: dict[str, tuple[str | None, str | None]] = {}
    with suppress(StoreError):  # spaces that cannot be read are a finding of their own
        spaces = space_widths(tables)
        for row in rows.to_pylist():
            name, widths = spaces.get(row["space"], ("", ()))
            if widths and row["dimension"] not in widths and sound_bank(row) is not None:
                about = f"of {row['dimension']} dimensions, and its space {name} has {widths[0]}"
                misfits[f"bank {row['name']} ({row['sha256'][:8]}) is {about}"] = (row["name"], row["sha256"])
    return misfits


def damaged_records(name: str, rows: pa.Table) -> dict[str, tuple[str | None, str | None]]:
    """Return the banks, split sets or results that are damaged: what to call them -> their name and sha256."""
    import pyarrow.compute as pc

    if name == "banks":
        banks = [row for row in rows.to_pylist() if sound_bank(row) is None]
        return {f"bank {row['name']}": (row["name"], row["sha256"]) for row in banks}
    if name == "results":
        results = [row for row in rows.to_pylist() if sound_result(row) is None]
        return {f"result {str(row['sha256'])[:8]}": (None, row["sha256"]) for row in results}
    damaged: dict[str, tuple[str | None, str | None]] = {}
    for split_set in rows.column("name").unique().to_pylist():
        matching = pc.is_null(rows.column("name")) if split_set is None else pc.equal(rows.column("name"), split_set)
        if split_set is None or sound_splits(split_set, rows.filter(matching)) is None:
            damaged[f"split set {split_set}"] = (split_set, None)
    return damaged
