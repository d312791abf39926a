"""Erase a space with its vectors, or a bank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from retrieval.errors import InputError, UnknownNameError, first_names, unknown
from retrieval.store import records
from retrieval.store.erasing import marker
from retrieval.store.erasing.clean import erase_old_files
from retrieval.store.erasing.report import EraseReport
from retrieval.store.erasing.rows import drop_banks
from retrieval.store.lock import records_alone
from retrieval.store.schema import vectors_table
from retrieval.store.spaces import default_space

if TYPE_CHECKING:
    from retrieval.store.erasing.request import DropBankRequest, DropSpaceRequest
    from retrieval.store.lance import LanceTables
    from retrieval.store.open import LanceStore
    from retrieval.store.snapshot import LanceSnapshot
    from retrieval.store.writer import LanceWriter
    from retrieval.types import Bank, SpaceInfo


def drop_space(store: LanceStore, request: DropSpaceRequest, say: Callable[[str], None]) -> EraseReport:
    """Erase a space: its vectors, its banks, and all old versions.

    Args:
        store: the store, in a local folder.
        request: the request.
        say: receives messages about a writer or readers that are waited for.

    Raises:
        UnknownNameError: there is no such space.
        InputError: several spaces match.
        StoreLockedError: another process writes, or reads what is erased, after the time to wait.
        ReadOnlyStoreError: the store cannot be written.
    """
    if request.dry_run:
        with store.snapshot() as snapshot:
            space = snapshot.space(request.space)
            return _space_report(snapshot, space, _banks_of(store.tables, space), dry_run=True)

    def prepare(writer: LanceWriter) -> _Erasure:
        space = writer.snapshot.space(request.space)
        report = _space_report(writer.snapshot, space, _banks_of(store.tables, space), dry_run=False)
        return _Erasure(report, lambda: commit_without(store.tables, writer, space), [space.fingerprint])

    return _erase(store, request, prepare, say)


class _Erasure(NamedTuple):
    """What is erased, the function that does it, and the fingerprints of spaces whose caches and indexes are stale."""

    report: EraseReport
    commit: Callable[[], None]
    stale: list[str]


def _erase(
    store: LanceStore,
    request: DropSpaceRequest | DropBankRequest,
    prepare: Callable[[LanceWriter], _Erasure],
    say: Callable[[str], None],
) -> EraseReport:
    """Commit an erasure and delete the old versions; where an earlier run has committed it, finish that.

    Raises:
        UnknownNameError: there is no such space or bank, and no erasure of it was stopped.
    """
    folder = store.local_folder
    with store.writer(request.wait, say) as writer:
        begun = marker.read_marker(folder)
        report = EraseReport(store.uri, finished=True)
        stale = None  # of the erasure that was stopped, this is not known
        try:
            erasure = prepare(writer)
        except UnknownNameError:
            if begun is None or not begun.is_of(request.selection):
                raise
        else:
            report = erasure.report
            marker.begin(folder, request.selection)
            erasure.commit()
            stale = None if begun else erasure.stale
        erase_old_files(store.tables, folder, writer, request.wait, say, stale)
        marker.finish(folder)
        return report


def _banks_of(tables: LanceTables, space: SpaceInfo) -> tuple[Bank, ...]:
    return records.banks(tables, space.fingerprint)


def commit_without(tables: LanceTables, writer: LanceWriter, space: SpaceInfo) -> None:
    """Commit the store without a space; its table is deleted when nobody reads it."""

    def kept(rows: pa.Table) -> pa.Table:
        return rows.filter(pc.not_equal(rows.column("fingerprint"), space.fingerprint))

    tables.rewrite("spaces", ["fingerprint"], lambda rows: kept(rows).num_rows < rows.num_rows, kept)
    writer.commit("drop space", without=[vectors_table(space.fingerprint)])


def _space_report(snapshot: LanceSnapshot, space: SpaceInfo, banks: Sequence[Bank], *, dry_run: bool) -> EraseReport:
    """Say what goes with a space, and which samples then have no vector in any other."""
    report = EraseReport(snapshot.uri, dry_run=dry_run, spaces=[space.name], banks=[bank.name for bank in banks])
    report.vectors = {space.name: snapshot.count(vectors_table(space.fingerprint))}
    others = [other for other in snapshot.spaces if other.fingerprint != space.fingerprint]
    keys = set(snapshot.samples(["key"]).column("key").to_pylist())
    for other in others:
        keys -= set(snapshot.read(vectors_table(other.fingerprint), ["key"]).column("key").to_pylist())
    if keys:
        report.remains.append(
            f"Samples that stay without a vector in any space: {len(keys):,}; index them with another encoder, or "
            "forget them."
        )
    report.remains += _consequences(snapshot, space, others)
    return report


def _consequences(snapshot: LanceSnapshot, space: SpaceInfo, others: Sequence[SpaceInfo]) -> Iterator[str]:
    """Say what becomes of spaces that were made from a space, and of the default."""
    children = [other.name for other in others if other.parent == space.fingerprint]
    if children:
        yield (
            f"Made from it, and kept with their vectors: {first_names(children)}; refresh cannot add to them any more, "
            "index with their encoder can."
        )
    before, after = default_space(snapshot.spaces), default_space(others)
    if others and before is not None and before.fingerprint == space.fingerprint:
        yield f"The default space without it: {after.name if after else 'none; promote one'}."


def drop_bank(store: LanceStore, request: DropBankRequest, say: Callable[[str], None]) -> EraseReport:
    """Erase a bank, and all old versions.

    Args:
        store: the store, in a local folder.
        request: the request.
        say: receives messages about a writer or readers that are waited for.

    Raises:
        UnknownNameError: there is no such bank or space.
        InputError: several banks match.
        StoreLockedError: another process writes, or reads what is erased, after the time to wait.
        ReadOnlyStoreError: the store cannot be written.
    """
    if request.dry_run:
        with store.snapshot() as snapshot:
            return EraseReport(store.uri, dry_run=True, banks=[_bank(snapshot, request).name])

    def prepare(writer: LanceWriter) -> _Erasure:
        bank = _bank(writer.snapshot, request)

        def commit() -> None:
            with records_alone(store.local_folder):
                drop_banks(store.tables, [(bank.name, bank.sha256)])

        return _Erasure(EraseReport(store.uri, banks=[bank.name]), commit, [])

    return _erase(store, request, prepare, say)


def _bank(snapshot: LanceSnapshot, request: DropBankRequest) -> Bank:
    space = None if request.space is None else snapshot.space(request.space).fingerprint
    banks = records.banks(snapshot.tables, space)
    matches = [bank for bank in banks if bank.name == request.bank]
    matches = matches or [bank for bank in banks if bank.sha256.startswith(request.bank)]
    if not matches:
        raise unknown("bank", request.bank, [bank.name for bank in banks])
    if len(matches) > 1:
        hashes = first_names((f"{bank.sha256[:12]} ({bank.name})" for bank in matches), 6)
        raise InputError(f"'{request.bank}' may mean {len(matches)} banks: {hashes}; write the beginning of its hash.")
    return matches[0]
