"""Decide what to do for each sample of a source: nothing, rewrite its row, or open its file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain, count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from indexers.pipeline.rows import changes
from indexers.sources.split_words import NO_SPLIT, SPLITS
from retrieval.containers import containing_file
from retrieval.names import clean_name
from retrieval.types import Sample, Source

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from retrieval.types import Int64
    from retrieval.types.store import Snapshot

CHUNK = 2048

STATS_PER_TASK = 64
"""Files whose size and time one task reads: a task per file would cost more than reading them."""

Action = Literal["keep", "relabel", "open"]


@dataclass(frozen=True, slots=True)
class Step:
    """A sample and what to do for it.

    ``action`` is ``keep`` (nothing), ``relabel`` (write ``row`` with the values of ``changed``) or ``open`` (read the
    file: it is new, its size or time changed, or the space has no vector of it). ``size`` in bytes and ``mtime_ns`` are
    those of the file now. ``row`` is the stored row, None for a new sample.
    """

    action: Action
    sample: Sample
    path: Path
    size: int
    mtime_ns: int
    row: Mapping[str, Any] | None
    changed: Mapping[str, Any]


class StoredRows:
    """The stored rows of a source, by id of the sample.

    Args:
        rows: the rows.
        next_position: the first position that was never given to a sample.
    """

    def __init__(self, rows: pa.Table, next_position: int = 0) -> None:
        self._rows = rows
        self._free = _free_positions(rows.column("position"), next_position)
        ids = np.array(rows.column("id"), np.bytes_)
        self._order = np.argsort(ids)
        self._ids = ids[self._order]  # bytes take a fifth of the memory of a dictionary of texts
        self._requested = np.zeros(rows.num_rows, bool)

    def find(self, ids: list[str]) -> list[Mapping[str, Any] | None]:
        """Return the rows of these ids, None where the store has none."""
        indices = self._indices(ids)
        stored = indices[indices >= 0]
        self._requested[stored] = True
        rows = iter(self._rows.take(stored).to_pylist())
        return [next(rows) if at >= 0 else None for at in indices]

    def has(self, ids: list[str]) -> NDArray[np.bool_]:
        """Return whether the store has a row of each of these ids."""
        return self._indices(ids) >= 0

    def _indices(self, ids: list[str]) -> Int64:
        if not len(self._ids):
            return np.full(len(ids), -1, np.int64)
        wanted = np.array(ids, np.bytes_)
        at = np.minimum(np.searchsorted(self._ids, wanted), len(self._ids) - 1)
        return np.where(self._ids[at] == wanted, self._order[at], -1)

    def position(self, row: Mapping[str, Any] | None) -> int:
        """Return the position of a sample in the order of its source: that of its row, or the next free one if None.

        Call once per new sample, in the order of the source, also for samples that cannot be read. An interrupted run
        and the run that completes it then give the same positions as one run.
        """
        return next(self._free) if row is None else int(row["position"])

    def vanished(self) -> list[str]:
        """Return the ids that were never requested by :meth:`find`: the source no longer has them."""
        ids = self._rows.column("id")
        return [ids[int(at)].as_py() for at in np.flatnonzero(~self._requested)]


def read_stored_rows(snapshot: Snapshot, source: str) -> StoredRows:
    """Read the stored rows of a source."""
    start = next((info.next_position for info in snapshot.sources if info.name == source), 0)
    return StoredRows(snapshot.samples(source=source), start)


def _free_positions(positions: pa.ChunkedArray, start: int) -> Iterator[int]:
    """Yield the positions from ``start`` on that no sample has."""
    used = positions.drop_null().to_numpy()
    top = max(start, int(used.max(initial=-1)) + 1)
    return chain(np.setdiff1d(np.arange(start, top), used).tolist(), count(top))


def steps(source: Source, stored: StoredRows, embedded: set[str], pool: Executor) -> Iterator[Step]:
    """Yield a step for every sample of a source, in order.

    Args:
        source: the source.
        stored: its rows in the store.
        embedded: keys with vectors in all requested views.
        pool: threads that read sizes and times of files.
    """
    samples = iter(source)
    while chunk := list(islice(samples, CHUNK)):
        paths = [source.root / sample.uri for sample in chunk]
        parts = [paths[at : at + STATS_PER_TASK] for at in range(0, len(paths), STATS_PER_TASK)]
        stats = [stat for part in pool.map(_stats, parts) for stat in part]
        rows = stored.find([sample.id for sample in chunk])
        for sample, path, (size, mtime_ns), row in zip(chunk, paths, stats, rows, strict=True):
            yield _step(sample, path, size, mtime_ns, row, embedded)


def _step(
    sample: Sample, path: Path, size: int, mtime_ns: int, row: Mapping[str, Any] | None, embedded: set[str]
) -> Step:
    if row is None:
        return Step("open", sample, path, size, mtime_ns, None, {})
    changed = changes(sample, row)
    same = (row["size"], row["mtime_ns"]) == (size, mtime_ns)
    if not same or row["key"] not in embedded:
        return Step("open", sample, path, size, mtime_ns, row, changed)
    return Step("relabel" if changed else "keep", sample, path, size, mtime_ns, row, changed)


def _stats(paths: list[Path]) -> list[tuple[int, int]]:
    return [_stat(path) for path in paths]


def _stat(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of change in ns, of a member those of its container.

    (-1, 0) on an error, which opening the file will report.
    """
    try:
        status = os.stat(containing_file(path))  # noqa: PTH116 - a third faster than Path.stat over 700,000 files
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True, slots=True)
class SourceSurvey:
    """What the samples of a source are, before any is opened.

    There are ``total`` samples. Those that are not left out have so many different ``labels``, ``identities`` and
    ``cameras``; ``splits`` are their numbers by split, with ``"none"`` for those without one where others have one.
    ``meta_examples`` has, for each meta field, a value of its widest type (float before int).
    """

    total: int
    labels: int
    identities: int
    cameras: int
    splits: dict[str, int]
    meta_examples: dict[str, Any]


def survey(samples: Iterable[Sample], is_left_out: Callable[[Sample], bool] = lambda _: False) -> SourceSurvey:
    """Count samples, and the different names in the fields of those that are not left out, as they are stored."""
    total = 0
    fields: dict[str, set[str | None]] = {"label": set(), "identity": set(), "camera": set()}
    splits: Counter[str | None] = Counter()
    examples: dict[str, Any] = {}
    for sample in samples:
        total += 1
        if is_left_out(sample):
            continue
        splits[sample.split] += 1
        for name, values in fields.items():
            values.add(getattr(sample, name))
        for name, value in sample.meta.items():
            if value is not None and (name not in examples or (type(examples[name]) is int and type(value) is float)):
                examples[name] = value
    names = [{clean_name(value) for value in values if value is not None} for values in fields.values()]
    labels, identities, cameras = (len(values - {None}) for values in names)
    return SourceSurvey(total, labels, identities, cameras, _split_counts(splits), examples)


def _split_counts(splits: Counter[str | None]) -> dict[str, int]:
    """Return numbers of samples by split in the order of :data:`SPLITS`; empty if no sample has one."""
    counts = {name: splits[name] for name in SPLITS if splits[name]}
    return {**counts, **({NO_SPLIT: splits[None]} if counts and splits[None] else {})}
