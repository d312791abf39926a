"""The request to build an approximate index, and the report on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from retrieval.config import Config
from retrieval.store.ann_files import AnnRecord


class AnnRequest(Config):
    """A request to build an approximate index."""

    kind: str = Field(
        default="hnsw",
        description="Kind of index: hnsw (a graph), ivf (k-means cells) or lance (cells that are searched on disk).",
    )
    space: str | None = Field(
        default=None,
        description="Space: its name or the beginning of it. Without it, the default: the promoted or only one.",
    )
    view: str = Field(default="base", description="View of the space.")
    options: Mapping[str, Any] = Field(default={}, description="Options of the kind, such as ef_search or nprobe.")
    seed: int = Field(
        default=0, ge=0, description="Seed of k-means, and of the draw of queries that measure the index."
    )
    wait: float = Field(default=0.0, ge=0, description="Seconds to wait for another writer of the store.")
    quiet: bool = Field(default=False, description="Whether to show no progress.")


@dataclass(frozen=True, slots=True, repr=False)
class AnnReport:
    """A saved index.

    Attributes:
        space: name of the space.
        record: what is saved of the index.
        built: False if an index that was there was measured again with other options of search.
        seconds: time of building, without measuring.
    """

    space: str
    record: AnnRecord
    built: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data, which ``index-ann --json`` prints."""
        record = self.record
        return {
            "space": self.space,
            "fingerprint": record.space,
            "view": record.view,
            "kind": record.kind,
            "rows": record.rows,
            "dimension": record.dimension,
            "parameters": dict(record.parameters),
            "bytes": record.size,
            "built": self.built,
            "build_seconds": round(self.seconds, 1),
            **record.measured,
            "created": record.created,
            "store_version": record.store_version,
        }

    def __repr__(self) -> str:
        record = self.record
        recall = f"recall@10 {record.measured['recall_at_10']:.4f}"
        return f"AnnReport: {record.kind} over {record.rows:,} vectors of {self.space} ({record.view}), {recall}"
