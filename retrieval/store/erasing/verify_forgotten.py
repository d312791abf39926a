"""Check that nothing of what was forgotten is left in a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.errors import InputError
from retrieval.store.erasing.byte_search import ANCHOR
from retrieval.store.erasing.marker import read_marker
from retrieval.store.erasing.traces import Trace, raw_strings, recorded_names, search_store, texts_anywhere
from retrieval.store.findings import StoreFinding
from retrieval.store.lance import is_remote

if TYPE_CHECKING:
    from retrieval.store.snapshot import LanceSnapshot

SHOWN = 8
"""Traces of one name that are shown, each in a finding of its own."""


def verify_forgotten(snapshot: LanceSnapshot, names: Sequence[str], *, quiet: bool = False) -> list[StoreFinding]:
    """Search all files of a store for ids, paths or identities, and for everything that is recorded as forgotten.

    Args:
        snapshot: the last version of the store.
        names: ids, paths or identities.
        quiet: whether to show no progress.

    Raises:
        InputError: the store is on object storage, or a name is empty.
    """
    if is_remote(snapshot.uri):
        raise InputError(f"{snapshot.uri}: files on object storage are not searched; search a local copy.")
    if not all(name.strip() for name in names):
        raise InputError("The name to search for is empty.")
    record = snapshot.forgotten()
    cells = [texts_anywhere(names), recorded_names(record)]
    searched = search_store(Path(snapshot.uri), raw_strings(names), cells, quiet=quiet)
    findings = list(unfinished(Path(snapshot.uri)))
    for name in names:
        findings += _of_name(snapshot, name, [trace for trace in searched.traces if trace.what == name])
        if (when := record.when(name)) is not None:
            findings.append(StoreFinding(f"record of {name}", wrong=False, detail=f"forgotten {when}"))
    others = [trace for trace in searched.traces if trace.what not in names]
    findings += [StoreFinding("forgotten samples", wrong=True, detail=str(trace)) for trace in others[:SHOWN]]
    detail = f"{searched.files:,} files, {searched.size:,} bytes; {len(record):,} samples on the record"
    findings.append(StoreFinding("searched", wrong=False, detail=detail))
    return findings


def unfinished(folder: Path) -> Iterator[StoreFinding]:
    """Report an erasure that was begun and not finished."""
    marker = read_marker(folder)
    if marker is not None:
        detail = (
            f"an erasure of {marker.begun} was stopped; run the same command again, or 'forget --finish': until then "
            "files of old versions are there"
        )
        yield StoreFinding("unfinished", wrong=True, detail=detail)


def _of_name(snapshot: LanceSnapshot, name: str, traces: Sequence[Trace]) -> Iterator[StoreFinding]:
    """Report where a name stands."""
    for column in ("id", "uri", "identity"):
        count = snapshot.samples(["id"], **{column: name}).num_rows
        if count:
            detail = f"in the store: {count:,} samples have this {column}; 'forget' them first"
            yield StoreFinding(name, wrong=True, detail=detail)
            return
    for trace in traces[:SHOWN]:
        where = f"{trace.file}, column {trace.column}" if trace.column else trace.file
        yield StoreFinding(name, wrong=True, detail=f"stands in {where}; {_way_out(trace)}")
    if len(traces) > SHOWN:
        yield StoreFinding(name, wrong=True, detail=f"stands in {len(traces) - SHOWN} more places")
    if not traces:
        raw = "" if len(name.encode()) >= ANCHOR else f" (only cells of text: raw bytes from {ANCHOR} on)"
        yield StoreFinding(name, wrong=False, detail=f"in no file{raw}")


def _way_out(trace: Trace) -> str:
    if trace.file.startswith("banks.lance/"):
        return "erase the bank with 'drop-bank'"
    return "it is of what the store holds now, or of an old version: 'forget --finish' erases these"
