"""Saved approximate indexes beside raw FAISS and exact search: time of building, size, recall and queries per second.

``python -m tests.bench.bench_ann`` takes about half an hour for a million vectors of 512 numbers, most of it to build
the graph; ``--rows 100000`` takes some minutes. The vectors lie round centres, 100 round each, and the centres round 50
others. Each kind is built as ``index-ann`` builds it, opened from its files, and searched for the ten nearest others of
1,000 of the vectors:

- ``ours``: the opened index, whose candidates are scored again;
- ``raw``: FAISS's own search of the same file with the same parameters, or Lance's of the same dataset, k = 10;
- ``exact``: exact search.

Ratios are ours over raw of the same round, the median with the least and the largest, of seconds and of processor
seconds, which say more on a busy machine. ``--raw-build`` also builds FAISS's indexes without Vitrine.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import faiss as faiss_module
import lance
import numpy as np

from indexers.ann.measure import recall_of
from retrieval.search.ann_kinds import FAISS_FILE, KINDS, LANCE_FOLDER
from retrieval.search.exact import ExactIndex
from retrieval.search.saved_index import open_index
from retrieval.store.ann_files import AnnRecord, ann_files
from retrieval.store.sizes import human_bytes
from retrieval.types import Float32, Int64
from tests.bench.bench_search import compare

faiss: Any = faiss_module  # its type hints lack search parameters

ROWS, DIMENSION, K, QUERIES, ROUNDS = 1_000_000, 512, 10, 1000, 3
PER_CENTRE, GROUPS, SPREAD = 100, 50, 0.8
SINGLE = 100
"""Queries that are asked one by one."""


def make_clusters(path: Path, rows: int) -> Float32:
    """Write unit vectors (rows, d) round centres to a file; return them memory-mapped."""
    rng = np.random.default_rng(0)
    groups = rng.standard_normal((GROUPS, DIMENSION), dtype=np.float32)
    count = max(1, rows // PER_CENTRE)
    centres = groups[rng.integers(0, GROUPS, count)] + SPREAD * rng.standard_normal(
        (count, DIMENSION), dtype=np.float32
    )
    written = np.memmap(path, np.float32, "w+", shape=(rows, DIMENSION))
    for start in range(0, rows, 50_000):
        size = min(50_000, rows - start)
        block = centres[rng.integers(0, count, size)] + SPREAD * rng.standard_normal(
            (size, DIMENSION), dtype=np.float32
        )
        written[start : start + size] = block / np.linalg.norm(block, axis=1, keepdims=True)
    written.flush()
    return np.memmap(path, np.float32, "r", shape=(rows, DIMENSION))


def built(kind: str, folder: Path, data: Float32, options: Mapping[str, int]) -> AnnRecord:
    """Build an index in a folder, and print what that took."""
    folder.mkdir()
    made = KINDS[kind]
    parameters = {**made.parameters(made.options(**options), len(data)), "seed": 0}
    start, processor = time.perf_counter(), time.process_time()
    made.build(folder, data, parameters, lambda _: None)
    took, processor = time.perf_counter() - start, time.process_time() - processor
    files = ann_files(folder)
    record = AnnRecord("f", "base", kind, len(data), data.shape[1], "", parameters, folder.name, files, {}, "", 1)
    shown = ", ".join(f"{name} {value}" for name, value in parameters.items())
    print(
        f"\n{kind} ({shown})\n  built in {took:.0f} s, processor {processor:.0f} s; {human_bytes(record.size)}",
        flush=True,
    )
    start = time.perf_counter()
    open_index(folder.parent, record, data)
    print(f"  opened, with what is compared first, in {time.perf_counter() - start:.2f} s", flush=True)
    return record


def raw_build(kind: str, data: Float32, parameters: Mapping[str, int]) -> None:
    """Build FAISS's index with the same parameters, without Vitrine, and print what that took."""
    half, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    processor = time.process_time()
    if kind == "hnsw":
        index = faiss.IndexHNSWSQ(data.shape[1], half, parameters["links"], metric)
        index.hnsw.efConstruction = parameters["ef_construction"]
        faiss.omp_set_num_threads(parameters["threads"])
    else:
        centres = faiss.IndexFlatIP(data.shape[1])
        index = faiss.IndexIVFScalarQuantizer(centres, data.shape[1], parameters["cells"], half, metric, False)
    rows = min(len(data), 40 * parameters.get("cells", 1))
    index.train(np.ascontiguousarray(data[:rows]))
    index.add(np.ascontiguousarray(data))
    faiss.omp_set_num_threads(faiss.omp_get_num_procs())
    print(f"  raw FAISS built in processor {time.process_time() - processor:.0f} s", flush=True)


def raw_search(folder: Path, record: AnnRecord) -> Callable[[Float32], Int64]:
    """Return the search of FAISS or Lance alone, for K and the query itself."""
    if record.kind == "lance":
        dataset = lance.dataset(str(folder / LANCE_FOLDER))
        return lambda queries: np.stack([_lance_rows(dataset, query, record.parameters["nprobe"]) for query in queries])
    index = faiss.read_index(str(folder / FAISS_FILE))
    if record.kind == "hnsw":
        params = faiss.SearchParametersHNSW(efSearch=record.parameters["ef_search"])
    else:
        params = faiss.SearchParametersIVF(nprobe=record.parameters["nprobe"])
    return lambda queries: index.search(queries, K + 1, params=params)[1]


def _lance_rows(dataset: Any, query: Float32, nprobe: int) -> Int64:
    nearest = {"column": "vector", "q": query.astype(np.float16), "k": K + 1, "nprobes": nprobe}
    table = dataset.to_table(columns=["_distance"], nearest=nearest, with_row_id=True)
    return np.asarray(table.column("_rowid").to_numpy(), np.int64)


def one_by_one(search: Callable[[Float32], object], queries: Float32) -> None:
    """Search with each query by itself."""
    for query in queries:
        search(query[None])


def kind_table(kind: str, folder: Path, data: Float32, options: Mapping[str, int], *, raw: bool) -> None:
    """Print the figures of a kind."""
    record = built(kind, folder, data, options)
    if raw and kind != "lance":
        raw_build(kind, data, record.parameters)
    rows = np.sort(np.random.default_rng(1).choice(len(data), QUERIES, replace=False))
    queries, itself = np.array(data[rows]), list(rows[:, None])
    ours, exact = open_index(folder.parent, record, data), ExactIndex(data)
    theirs = raw_search(folder, record)
    nearest = exact.search(queries, K, itself)
    print(f"  recall@10 {recall_of(ours.search(queries, K, itself), nearest):.4f}", end="")
    hits = [
        len(np.intersect1d(row[row != own][:K], best))
        for row, own, best in zip(theirs(queries), rows, nearest.rows, strict=True)
    ]
    print(f", raw {np.mean(hits) / K:.4f}", flush=True)
    contenders: dict[str, Callable[[], object]] = {
        "ours": partial(ours.search, queries, K, itself),
        "raw": partial(theirs, queries),
        "exact": partial(exact.search, queries, K, itself),
    }
    compare(f"  {QUERIES:,} queries", contenders)
    some = queries[:SINGLE]
    alone: dict[str, Callable[[], object]] = {
        "ours": partial(one_by_one, partial(ours.search, k=K), some),
        "raw": partial(one_by_one, theirs, some),
    }
    compare(f"  {SINGLE} queries one by one", alone)


def main(
    rows: int = ROWS,
    kinds: Sequence[str] = tuple(KINDS),
    options: Mapping[str, int] | None = None,
    *,
    raw: bool = False,
) -> None:
    """Print the figures of kinds."""
    with tempfile.TemporaryDirectory() as folder:
        data = make_clusters(Path(folder) / "vectors.f32", rows)
        print(f"{rows:,} x {DIMENSION}, k = {K}, {ROUNDS} rounds", flush=True)
        for kind in kinds:
            chosen = {
                name: value for name, value in (options or {}).items() if name in KINDS[kind].options.model_fields
            }
            kind_table(kind, Path(folder) / kind, data, chosen, raw=raw)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=tuple(KINDS))
    parser.add_argument("--raw-build", action="store_true")
    parser.add_argument("-o", action="append", default=[], metavar="KEY=NUMBER", help="option of a kind")
    given = parser.parse_args()
    pairs = {name: int(value) for name, _, value in (pair.partition("=") for pair in given.o)}
    main(given.rows, given.kinds, pairs, raw=given.raw_build)
