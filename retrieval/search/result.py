"""The result of a search and its hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from retrieval.errors import VitrineError
from retrieval.escapes import printable
from retrieval.search.result_html import HtmlRow, hits_html
from retrieval.types import SpaceInfo, Thumbnails

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from retrieval.search.request import SearchRequest

SHOWN = 10
"""Hits that ``repr`` prints."""

SHOWN_IN_NOTEBOOK = 50


@dataclass(frozen=True, slots=True)
class Hit:
    """A sample with its rank and score (cosine, higher is better); with ``group_by``, the best sample of its group."""

    rank: int
    score: float
    sample: Mapping[str, Any]
    group: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the hit as JSON data; empty columns are left out."""
        row = {name: value for name, value in self.sample.items() if value is not None and name != "key"}
        head = {"rank": self.rank, "score": self.score}
        return head | ({"group": self.group} if self.group is not None else {}) | row


@dataclass(frozen=True, slots=True, repr=False)
class SearchResult:
    """Hits of a search, best first.

    Attributes:
        request: the request.
        space: the searched space.
        store_version: the searched version of the store.
        searched: number of searched samples.
        without_vector: number of samples of the same sources that have no vector in the space.
        exhaustive: True if every vector was compared, False if an approximate index may have missed some.
        index: ``exact``, or the kind of the approximate index that was used.
        hits: the hits.
        query_samples: the stored samples of the query; of an image, those of the same file. Empty for a text or a
            vector.
        warnings: sentences on what of the query's image or text is not used, and why a saved index was not used.
        thumbnails: reads thumbnails of samples by key.
    """

    request: SearchRequest
    space: SpaceInfo
    store_version: int
    searched: int
    without_vector: int
    exhaustive: bool
    index: str
    hits: tuple[Hit, ...]
    query_samples: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    thumbnails: Thumbnails | None = field(default=None, compare=False)

    @property
    def query(self) -> dict[str, Any]:
        """Kind and value of the query; the value of a vector is None."""
        return self.request.describe()

    @property
    def title(self) -> str:
        """One line with the query, the space and the number of searched samples."""
        return " · ".join(self.title_parts)

    @property
    def title_parts(self) -> tuple[str, ...]:
        """The parts of :attr:`title`, which are not broken on a narrow terminal."""
        words = " ".join(filter(None, (self.query["kind"], self.query["value"])))
        how = "" if self.exhaustive else f" approximately ({self.index})"
        return words, f"space {self.space.name}", f"{self.searched:,} samples searched{how}"

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON data, which ``search --json`` prints."""
        request = self.request
        return {
            "query": self.query,
            "space": self.space.name,
            "fingerprint": self.space.fingerprint,
            "store_version": self.store_version,
            "k": request.k,
            "where": request.where,
            "group_by": request.group_by,
            "combine": request.combine,
            "searched": self.searched,
            "without_vector": self.without_vector,
            "exhaustive": self.exhaustive,
            "index": self.index,
            "warnings": list(self.warnings),
            "hits": [hit.to_dict() for hit in self.hits],
        }

    def to_table(self) -> pa.Table:
        """Return the hits as an Arrow table with ``rank``, ``score`` and the columns of the samples."""
        import pyarrow as pa

        from retrieval.search.gallery import COLUMNS

        names = [name for name in COLUMNS if name != "key"]
        columns: dict[str, pa.Array] = {
            "rank": pa.array([hit.rank for hit in self.hits], pa.int64()),
            "score": pa.array([hit.score for hit in self.hits], pa.float32()),
        }
        columns |= {name: pa.array([hit.sample[name] for hit in self.hits], pa.string()) for name in names}
        return pa.table(columns)

    def to_frame(self) -> pd.DataFrame:
        """Return the hits as a pandas data frame; columns as in :meth:`to_table`.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        from retrieval.frames import to_frame

        return to_frame(self.to_table())

    def columns(self) -> list[str]:
        """Return the columns to display: those in which a hit has a value, without the one that hits are grouped by."""
        names = ("identity", "label", "aspect", "camera")
        return [n for n in names if n != self.request.group_by and any(hit.sample[n] for hit in self.hits)]

    def __repr__(self) -> str:
        lines = [f"SearchResult: {self.title}"]
        for hit in self.hits[:SHOWN]:
            words = [hit.group or "", *(str(hit.sample[name] or "") for name in self.columns()), hit.sample["id"]]
            lines.append(f"  {hit.rank:>3}  {hit.score:.4f}  {'  '.join(filter(None, [*words, hit.sample['uri']]))}")
        if len(self.hits) > SHOWN:
            lines.append(f"  ... and {len(self.hits) - SHOWN:,} more")
        return printable("\n".join(lines))

    def _repr_html_(self) -> str:
        group = [self.request.group_by] if self.request.group_by else []
        hits, thumbnails = self.hits[:SHOWN_IN_NOTEBOOK], self._thumbnails()
        rows = [
            HtmlRow(
                str(hit.rank),
                f"{hit.score:.4f}",
                thumbnails.get(hit.sample["key"]),
                (*([str(hit.group)] if group else []), *(str(hit.sample[name] or "") for name in self.columns()),
                 hit.sample["id"], hit.sample["uri"]),
            )
            for hit in hits
        ]  # fmt: skip
        columns = [*group, *self.columns(), "id", "path"]
        return hits_html(self.title, columns, rows, len(self.hits) - len(hits))

    def _thumbnails(self) -> Mapping[str, bytes]:
        """Return thumbnails of the hits in a notebook; none if the store cannot be read any more."""
        if self.thumbnails is None:
            return {}
        try:
            return self.thumbnails([hit.sample["key"] for hit in self.hits[:SHOWN_IN_NOTEBOOK]])
        except VitrineError:
            return {}
