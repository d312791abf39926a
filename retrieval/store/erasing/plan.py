"""What forgetting samples means for a store: what is erased, written again, and only listed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retrieval.store import records
from retrieval.store.conditions import some_of
from retrieval.store.erasing.redaction import MAYBE, NOTE, Redaction, split_hashes, uses_held_out, with_note
from retrieval.store.schema import vectors_table
from retrieval.types import SplitSet
from retrieval.types.store import result_sha256

if TYPE_CHECKING:
    from retrieval.store.snapshot import LanceSnapshot

TRAINED_FOLDER = "folder:"
"""Beginning of the location of weights that lie in a folder, as training jobs leave them."""
"""Family of the encoders that training jobs leave."""

MADE_OF_SAMPLES = {"prototypes", "learned-prompts"}
"""Kinds of banks that are made of vectors of samples."""


class NewSplits(NamedTuple):
    """A stored split set, by name and hash, and what it becomes; None if no sample is left in it."""

    name: str
    sha256: str
    new: SplitSet | None


class NewResult(NamedTuple):
    """A stored result, by its hash, and what it becomes."""

    sha256: str
    result: dict[str, Any]

    @property
    def new_sha256(self) -> str:
        """Its new address."""
        return result_sha256(self.result)


@dataclass(frozen=True)
class ForgetPlan:
    """What to do with a store.

    Attributes:
        snapshot: the version of the store.
        samples: rows of the samples to forget, with the columns of :mod:`retrieval.store.erasing.selection`.
        others: rows of all other samples.
    """

    snapshot: LanceSnapshot
    samples: pa.Table
    others: pa.Table

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the samples to forget."""
        return tuple(self.samples.column("id").to_pylist())

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Keys of vectors and thumbnails that no other sample uses."""
        return _only(self.samples, self.others, "key")

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """Identities of which no sample is left."""
        return _only(self.samples, self.others, "identity")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels of which no sample is left."""
        return _only(self.samples, self.others, "label")

    @cached_property
    def uris(self) -> tuple[str, ...]:
        """Paths that no other sample has, in another source."""
        return _only(self.samples, self.others, "uri")

    @cached_property
    def empty_sources(self) -> tuple[str, ...]:
        """Sources of which no sample is left."""
        return _only(self.samples, self.others, "source")

    @cached_property
    def vector_counts(self) -> dict[str, int]:
        """Number of vectors to erase, by the name of their space."""
        keys = set(self.keys)
        counts = {}
        for space in self.snapshot.spaces:
            rows = self.snapshot.read(vectors_table(space.fingerprint), ["key"])
            counts[space.name] = len(keys.intersection(rows.column("key").to_pylist()))
        return counts

    @cached_property
    def thumbnails(self) -> int:
        """Number of thumbnails to erase."""
        return len(set(self.keys).intersection(self.snapshot.thumbnail_keys()))

    def vectors(self) -> dict[bytes, str]:
        """Read the vectors to erase, as the bytes that are stored; with each, what it is."""
        strings = {}
        for space in self.snapshot.spaces:
            columns = [f"v_{view}" for view in space.views]
            for where in some_of("key", self.keys):
                rows = self.snapshot.read(vectors_table(space.fingerprint), ["key", *columns], where)
                for column in columns:
                    for row in rows.column(column).drop_null():
                        data = np.asarray(row.values, "<f4").tobytes()
                        strings[data] = f"a vector of space {space.name}"
        return strings

    @cached_property
    def copies(self) -> list[dict[str, Any]]:
        """Other samples that are of the same content: copies of a file, or other boxes of an image."""
        contents = self.samples.column("content").drop_null().unique()
        mask = pc.is_in(self.others.column("content"), value_set=contents)
        rows: list[dict[str, Any]] = self.others.filter(mask).select(["id", "source", "uri", "identity"]).to_pylist()
        return rows

    @cached_property
    def splits(self) -> tuple[NewSplits, ...]:
        """Split sets that name a sample to forget."""
        return tuple(self._splits())

    def _splits(self) -> Iterator[NewSplits]:
        tables = self.snapshot.tables
        for name, sha256 in records.split_sets(tables).items():
            splits = records.read_splits(tables, name)
            new = splits.without(self.ids)
            if len(new.draw) < len(splits.draw):
                yield NewSplits(name, sha256, new if len(new.draw) else None)

    @cached_property
    def results(self) -> tuple[NewResult, ...]:
        """Results that were computed with a sample to forget, or name one."""
        tables = self.snapshot.tables
        stored = set(records.split_sets(tables).values())
        affected = {splits.sha256 for splits in self.splits}
        redaction = Redaction({*self.ids, *self.uris}, self.identities)
        changed = []
        for old in records.results(tables):
            hashes = split_hashes(old.result)
            result = redaction.of(old.result)
            if hashes & affected or result != old.result:
                result = with_note(result, NOTE)
            elif not hashes <= stored or uses_held_out(old.result):
                result = with_note(result, MAYBE)
            if result_sha256(result) != old.sha256:
                changed.append(NewResult(old.sha256, result))
        return tuple(changed)

    @cached_property
    def banks(self) -> tuple[str, ...]:
        """Banks that have a class of an identity's name, or were made of samples."""
        names = set(self.identities)
        return tuple(
            bank.name
            for bank in records.banks(self.snapshot.tables, None)
            if bank.kind in MADE_OF_SAMPLES or names & set(bank.edge_class.tolist())
        )

    @cached_property
    def trained_spaces(self) -> tuple[str, ...]:
        """Spaces whose encoder was trained from another space, or lies in a folder, as a training job leaves it."""
        return tuple(
            space.name
            for space in self.snapshot.spaces
            if space.parent is not None or space.spec.weights.startswith(TRAINED_FOLDER)
        )

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Image files of the samples that still exist."""
        roots = {source.name: Path(source.root) for source in self.snapshot.sources if source.kind != "import"}
        rows = self.samples.select(["source", "uri"]).to_pylist()
        paths = [roots[row["source"]] / row["uri"] for row in rows if row["source"] in roots]
        return tuple(str(path) for path in dict.fromkeys(paths) if path.exists())


def _only(rows: pa.Table, others: pa.Table, column: str) -> tuple[str, ...]:
    """Return the values of a column that only the first rows have."""
    values = set(rows.column(column).drop_null().to_pylist())
    return tuple(sorted(values - _values(others, column, values)))


def _values(rows: pa.Table, column: str, among: Collection[str]) -> set[str]:
    mask = pc.is_in(rows.column(column), value_set=pa.array(sorted(among), pa.string()))
    return set(rows.filter(mask).column(column).to_pylist())
