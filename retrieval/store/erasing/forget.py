"""Forget samples: erase them from every file of a store; docs/decisions/0021-forget.md gives the order of the steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError, UnknownNameError, first_names
from retrieval.store.erasing import marker
from retrieval.store.erasing.byte_search import ANCHOR
from retrieval.store.erasing.clean import erase_old_files
from retrieval.store.erasing.plan import ForgetPlan
from retrieval.store.erasing.redaction import Redaction
from retrieval.store.erasing.report import EraseReport, report_of
from retrieval.store.erasing.rows import erase_from_records, erase_from_tables, write_deleted_again
from retrieval.store.erasing.selection import select_samples
from retrieval.store.erasing.traces import (
    CellSearch,
    Searched,
    names_in_columns,
    raw_strings,
    recorded_names,
    search_store,
)
from retrieval.store.lock import records_alone
from retrieval.store.writer import LanceWriter

if TYPE_CHECKING:
    import pyarrow as pa

    from retrieval.store.erasing.request import ForgetRequest
    from retrieval.store.lance import LanceTables
    from retrieval.store.open import LanceStore
    from retrieval.store.snapshot import LanceSnapshot


def forget(store: LanceStore, request: ForgetRequest, say: Callable[[str], None]) -> EraseReport:
    """Forget the samples of a request, or say what would be forgotten.

    Args:
        store: the store, in a local folder.
        request: the request.
        say: receives messages about a writer or readers that are waited for.

    Raises:
        UnknownNameError: no sample has the identity or id.
        InputError: no sample meets the condition, or an id may mean several.
        StoreLockedError: another process writes, or reads what is erased, after the time to wait.
        ReadOnlyStoreError: the store cannot be written.
    """
    if request.dry_run:
        with store.snapshot() as snapshot:
            plan = _plan(snapshot, request)
            return EraseReport(store.uri, dry_run=True) if plan is None else report_of(plan, dry_run=True)
    folder = store.local_folder
    with store.writer(request.wait, say) as writer:
        return _Forgetting(store.tables, folder, writer, request, say).run()


def _plan(snapshot: LanceSnapshot, request: ForgetRequest) -> ForgetPlan | None:
    return None if request.finish else ForgetPlan(snapshot, *select_samples(snapshot, request))


class _Forgetting:
    """One erasure, by the holder of the writer's lock."""

    def __init__(
        self, tables: LanceTables, folder: Path, writer: LanceWriter, request: ForgetRequest, say: Callable[[str], None]
    ) -> None:
        self._tables, self._folder, self._writer, self._request, self._say = tables, folder, writer, request, say

    def run(self) -> EraseReport:
        """Do all steps."""
        begun = marker.read_marker(self._folder)
        try:
            plan = _plan(self._writer.snapshot, self._request)
        except (UnknownNameError, InputError):
            if begun is None or not begun.is_of(self._request.selection):
                raise
            plan = None  # an earlier run was stopped after its commit
        strings: dict[bytes, str] = {}
        searches: list[CellSearch] = []
        if plan is None:
            marker.begin(self._folder, self._request.selection)
            report = EraseReport(self._tables.uri, finished=begun is not None)
            write_deleted_again(self._tables, self._writer)
            self._writer.commit("forget", same_rows=True)
            if begun is None:
                report.remains.append("No erasure was unfinished; old versions were erased.")
        else:
            report, strings, searches = self._erase(plan)
        erase_old_files(self._tables, self._folder, self._writer, self._request.wait, self._say)
        searches.append(recorded_names(self._writer.snapshot.forgotten()))
        searched = search_store(self._folder, strings, searches, quiet=self._request.quiet)
        _add_search(report, searched, same_vectors(self._writer.snapshot, [t.string for t in searched.traces]))
        if report.ok:
            marker.finish(self._folder)
        return report

    def _erase(self, plan: ForgetPlan) -> tuple[EraseReport, dict[bytes, str], list[CellSearch]]:
        """Erase samples from the newest version; return the report and what to search for."""
        strings = {data: what for data, what in plan.vectors().items() if len(data) >= ANCHOR}
        contents = set(plan.others.column("content").to_pylist())
        keys = [key for key in plan.keys if key not in contents]  # a box of an image has the image's key as content
        strings |= raw_strings((*plan.ids, *keys, *_unlike(plan.uris, plan.others)))
        marker.begin(self._folder, self._request.selection)
        with records_alone(self._folder):
            report = report_of(plan, dry_run=False)
            erase_from_records(self._tables, plan)
        erase_from_tables(self._tables, self._writer, plan, quiet=self._request.quiet)
        self._writer.commit("forget")
        texts = {"id": plan.ids, "key": keys, "uri": plan.uris, "identity": plan.identities}
        return report, strings, [names_in_columns(texts), _in_results(plan)]


def _unlike(uris: tuple[str, ...], others: pa.Table) -> Iterator[str]:
    """Yield the paths that are no part of the path of another sample: their bytes occur nowhere else."""
    whole = "\n".join(others.column("uri").drop_null().to_pylist())
    return (uri for uri in uris if uri not in whole)


def _in_results(plan: ForgetPlan) -> CellSearch:
    """Return a search for results that name what was forgotten."""
    import json

    redaction = Redaction({*plan.ids, *plan.uris}, plan.identities)

    def search(table: str, rows: pa.Table) -> Iterator[tuple[str, str]]:
        if table == "results":
            for text in rows.column("result").to_pylist():
                result = json.loads(text)
                if redaction.of(result) != result:
                    yield "result", "a name of what was forgotten"

    return search


BANKS = "banks.lance/"


def _add_search(report: EraseReport, searched: Searched, shared: Mapping[bytes, Sequence[str]]) -> None:
    """Put what a search came across into a report.

    Listed, and not traces, are names and vectors in banks, which are not erased, and vectors that other samples have.
    """
    report.searched_files, report.searched_bytes = searched.files, searched.size
    in_banks = [trace for trace in searched.traces if trace.file.startswith(BANKS)]
    report.remains += sorted({f"A bank has {trace.what}; erase it with drop-bank." for trace in in_banks})
    report.traces = [str(trace) for trace in searched.traces if trace not in in_banks and trace.string not in shared]
    samples = sorted({sample for others in shared.values() for sample in others})
    if samples:
        report.remains.append(
            f"Other samples with the same vector, of other image files, not forgotten: {len(samples):,} "
            f"({first_names(samples)})."
        )


def same_vectors(snapshot: LanceSnapshot, vectors: Collection[bytes]) -> dict[bytes, list[str]]:
    """Return which samples of a snapshot have one of these vectors, to the bit: vector -> paths and ids."""
    sizes = {4 * snapshot.width(space, view) for space in snapshot.spaces for view in space.views}
    wanted = {vector for vector in vectors if len(vector) in sizes}
    keys: dict[bytes, set[str]] = {}
    for space in snapshot.spaces if wanted else ():
        first = [np.frombuffer(vector, "<f4")[0] for vector in wanted]
        for part in (part for view in space.views for part in snapshot.vector_parts(space, view)):
            for row in np.flatnonzero(np.isin(part.data[:, 0], first)):
                if (data := part.data[row].tobytes()) in wanted:
                    keys.setdefault(data, set()).add(part.keys[row].decode())
    samples = {}
    for data, names in keys.items():
        rows = snapshot.samples(["uri", "id"], key=names).to_pylist()
        samples[data] = [f"{row['uri']} ({row['id']})" for row in rows]
    return samples
