"""Write a bank: one row per text or vector and class that it belongs to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError, first_names, unknown
from retrieval.export.columns import PROVENANCE, VECTOR, VECTORS
from retrieval.export.npz_file import NpzWriter
from retrieval.export.parquet_file import list_array, parquet_writer

if TYPE_CHECKING:
    from retrieval.types import Bank, SpaceInfo
    from retrieval.types.store import EmbeddingStore


def find_bank(store: EmbeddingStore, name: str, space: SpaceInfo | None) -> Bank:
    """Find a bank by its name, or the beginning of its name or hash.

    Args:
        store: the store.
        name: the name.
        space: the space that it belongs to; None is any.

    Raises:
        UnknownNameError: there is no such bank.
        InputError: several banks are meant.
    """
    banks = store.banks(None if space is None else space.fingerprint)
    exact = [bank for bank in banks if name in (bank.name, bank.sha256)]
    matches = exact or [bank for bank in banks if bank.name.startswith(name) or bank.sha256.startswith(name)]
    if not matches:
        raise unknown("bank" if space is None else f"bank of space {space.name}", name, {bank.name for bank in banks})
    if len({bank.sha256 for bank in matches}) > 1:
        shown = first_names((f"{bank.name} ({bank.sha256[:8]})" for bank in matches), 6)
        raise InputError(f"'{name}' may be one of several banks: {shown}; give the hash of one, or its `space`.")
    return matches[0]


def write_bank_npz(part: Path, bank: Bank) -> None:
    """Write ``vectors`` (e, d) and ``classes`` (e,), one row per edge.

    Where the bank has them, ``texts`` and ``bias`` are (e,) and ``temperature`` is (). ``kind`` and ``provenance`` are
    texts of shape ().
    """
    with NpzWriter(part) as file:
        file.write_array(VECTORS, np.asarray(bank.vectors[bank.edge_vector], np.float32))
        file.write_array("classes", bank.edge_class)
        if bank.texts is not None:
            file.write_array("texts", np.array([bank.texts[at] for at in bank.edge_vector], np.str_))
        if bank.bias is not None:
            file.write_array("bias", np.asarray(bank.bias[bank.edge_vector], np.float32))
        if bank.temperature is not None:
            file.write_array("temperature", np.array(bank.temperature, np.float64))
        file.write_text("kind", bank.kind)
        file.write_text(PROVENANCE, _provenance(bank))


def write_bank_parquet(part: Path, bank: Bank) -> None:
    """Write the columns ``class``, ``text``, ``bias`` (where the bank has them) and ``vector``, one row per edge."""
    import pyarrow as pa

    columns = {"class": pa.array(bank.edge_class.tolist(), pa.string())}
    if bank.texts is not None:
        columns["text"] = pa.array([bank.texts[at] for at in bank.edge_vector], pa.string())
    if bank.bias is not None:
        columns["bias"] = pa.array(bank.bias[bank.edge_vector], pa.float32())
    columns[VECTOR] = list_array(np.asarray(bank.vectors[bank.edge_vector], np.float32))
    table = pa.table(columns)
    with parquet_writer(part, table.schema, _provenance(bank)) as file:
        file.write_table(table)


def _provenance(bank: Bank) -> str:
    """Return where a bank comes from, as JSON."""
    about: dict[str, Any] = {"bank": bank.name, "kind": bank.kind, "fingerprint": bank.space, "origin": bank.origin}
    about |= {"sha256": bank.sha256, "temperature": bank.temperature}
    return json.dumps(about, ensure_ascii=False, sort_keys=True)
