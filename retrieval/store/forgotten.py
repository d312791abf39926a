"""The record of forgotten samples: salted hashes of their ids and keys, by which they are known when they come back.

A hash is keyed by a secret of the store, so that it says nothing to whoever has another store or a list of ids. A text
in the record is ``SALT:HASH`` in hexadecimal digits.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import pyarrow as pa

from retrieval.store.schema import FORGOTTEN

if TYPE_CHECKING:
    from retrieval.store.lance import LanceTables

SALT_BYTES = HASH_BYTES = 16


class ForgottenRecord:
    """The record of a store.

    Args:
        rows: rows of the table ``forgotten``.
    """

    def __init__(self, rows: pa.Table) -> None:
        self._ids = dict(zip(rows.column("id").to_pylist(), rows.column("forgotten").to_pylist(), strict=True))
        self._keys = set(rows.column("content").drop_null().to_pylist())
        salts = {text.partition(":")[0] for text in (*self._ids, *self._keys)}
        self._salts = sorted(salts) or [secrets.token_hex(SALT_BYTES)]

    def __len__(self) -> int:
        return len(self._ids)

    def when(self, sample: str) -> str | None:
        """Return when the sample with this id was forgotten, ISO 8601; None if it was not."""
        return next((self._ids[text] for text in self._hashes(sample) if text in self._ids), None)

    def has_key(self, key: str) -> bool:
        """Return whether a sample with this key (content and crop) was forgotten, and no other had it."""
        return any(text in self._keys for text in self._hashes(key))

    def ids_of(self, ids: Iterable[str]) -> set[str]:
        """Return those of these ids that were forgotten."""
        return {sample for sample in set(ids) if self.when(sample) is not None} if self._ids else set()

    def keys_of(self, keys: Iterable[str]) -> set[str]:
        """Return those of these keys that were forgotten."""
        return {key for key in set(keys) if self.has_key(key)} if self._keys else set()

    def hash(self, text: str) -> str:
        """Return the salted hash of an id or a key, as it is recorded."""
        return _salted(self._salts[0], text)

    def rows(
        self, ids: Sequence[str], sources: Sequence[str | None], keys: Sequence[str | None], when: str
    ) -> pa.Table:
        """Return rows of the table for newly forgotten samples; ``keys`` are None where another sample has them."""
        columns = {
            "id": [self.hash(sample) for sample in ids],
            "source": list(sources),
            "content": [None if key is None else self.hash(key) for key in keys],
            "forgotten": [when] * len(ids),
            "reason": [None] * len(ids),
        }
        return pa.table(columns, schema=FORGOTTEN)

    def hashes(self, texts: Collection[str]) -> set[str]:
        """Return all hashes under which ids or keys may be recorded."""
        return {text for name in texts for text in self._hashes(name)}

    def _hashes(self, text: str) -> Iterable[str]:
        return (_salted(salt, text) for salt in self._salts)


def _salted(salt: str, text: str) -> str:
    return f"{salt}:{blake2b(text.encode(), digest_size=HASH_BYTES, key=bytes.fromhex(salt)).hexdigest()}"


def read_forgotten(tables: LanceTables) -> ForgottenRecord:
    """Read the newest record of a store, committed or not."""
    return ForgottenRecord(tables.read("forgotten") if tables.count("forgotten") else FORGOTTEN.empty_table())
