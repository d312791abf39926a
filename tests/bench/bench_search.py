"""Exact search and k-NN beside the product of queries and vectors alone, and beside FAISS's flat search.

``python -m tests.bench.bench_search`` prints three tables in about five minutes, ``--tables search --queries 1,100``
some. Contenders take turns in one process:

- ``product``: the inner products of all pairs, a block of rows at a time into one buffer, nothing done with them; the
  fastest of three sizes of block;
- ``ours``: ``ExactIndex.search`` over the memory-mapped vectors, k = 10;
- ``flat``: ``faiss.knn`` over the same vectors, with the k + 8 neighbours that exact search asked it for at first.

Ratios are ours over another contender's of the same round, the median with the least and the largest, of seconds and of
processor seconds (user + system of all threads), which say more on a busy machine. Neighbours are compared with a sort
of float64 scores; among the vectors are copies of 20 queries, 15 of each, so that ties cross the k-th place.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import faiss
import numpy as np

from eval.registry import load_scorer
from eval.scorers.knn import VoteOptions
from eval.seams.scorer import ScorerTask
from retrieval.search.exact import ExactIndex, make_index
from retrieval.types import Float32, Int64
from tests.support.class_banks import arm_of

ROWS, DIMENSION, K, SPARE = 1_000_000, 512, 10, 8
QUERIES = (1, 10, 100, 1000)
ROUNDS = 3
BLOCKS = (2048, 8192, 16_384)
COPIED, COPIES = 20, 15
TRAIN, TEST, CLASSES, NEIGHBOURS = 50_000, 10_000, 169, 20


def product(queries: Float32, data: Float32, size: int) -> None:
    """Compute all inner products, in blocks of rows and of at most 1,024 queries."""
    for start in range(0, len(queries), 1024):
        part = queries[start : start + 1024].T
        buffer = np.empty((size, part.shape[1]), np.float32)
        for at in range(0, len(data), size):
            block = data[at : at + size]
            np.matmul(block, part, out=buffer[: len(block)])


def timed(contenders: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> np.ndarray:
    """Return seconds and processor seconds (2, rounds, contenders); a round before is not counted."""
    clocks = (time.perf_counter, time.process_time)
    seconds = np.zeros((2, rounds + 1, len(contenders)))
    for turn in range(rounds + 1):
        for at, contender in enumerate(contenders):
            time.sleep(0.2)  # threads of the contender before stop spinning
            start = [clock() for clock in clocks]
            contender()
            seconds[:, turn, at] = [clock() - before for clock, before in zip(clocks, start, strict=True)]
    return seconds[:, 1:]


def compare(title: str, contenders: Mapping[str, Callable[[], object]]) -> None:
    """Print the seconds of the contenders, and the ratios of ``ours`` to the others."""
    seconds = timed([*contenders.values()])
    medians = (f"{name} {value:.3f} s" for name, value in zip(contenders, np.median(seconds[0], axis=0), strict=True))
    print(f"{title}: {', '.join(medians)}")
    ours = seconds[..., [*contenders].index("ours")]
    for at, name in enumerate(contenders):
        if name != "ours":
            wall, processor = (ratio(of_rounds) for of_rounds in ours / seconds[..., at])
            print(f"    ours x {name:8} {wall}   processor {processor}", flush=True)


def ratio(of_rounds: np.ndarray) -> str:
    """Return the median of ratios with the least and the largest."""
    return f"{np.median(of_rounds):5.2f} ({of_rounds.min():.2f}-{of_rounds.max():.2f})"


def fastest_product(queries: Float32, data: Float32) -> Callable[[], None]:
    """Return the product in blocks of the size that is fastest here."""
    contenders = [partial(product, queries, data, size) for size in BLOCKS]
    return contenders[int(timed(contenders, 1)[0].min(axis=0).argmin())]


def sorted_rows(queries: Float32, data: Float32) -> Int64:
    """Return the K rows of highest score of each query, equal scores by row: every score, then a sort."""
    scores = np.empty((len(queries), len(data)), np.float32)
    for at in range(0, len(data), 50_000):
        block = data[at : at + 50_000].astype(np.float64)
        scores[:, at : at + 50_000] = queries.astype(np.float64) @ block.T
    return np.argsort(-scores, axis=1, kind="stable")[:, :K]


def flat(queries: Float32, data: Float32, k: int) -> Callable[[], object]:
    """Return the search of FAISS that exact search began with before."""
    return lambda: faiss.knn(queries, data, k + SPARE, metric=faiss.METRIC_INNER_PRODUCT)


def search_table(data: Float32, queries: Float32, counts: Sequence[int]) -> None:
    """Print the contenders for each number of queries, and whether neighbours are those of a sort."""
    index = ExactIndex(data)
    for n in counts:
        part = queries[:n]
        ours = partial(index.search, part, K)
        compare(f"{n:,} queries", {"product": fastest_product(part, data), "ours": ours, "flat": flat(part, data, K)})
    checked = queries[: 2 * COPIED]
    same = np.array_equal(index.search(checked, K).rows, sorted_rows(checked, data))
    print(f"{len(checked)} queries, {COPIED} of them with {COPIES} equal vectors: neighbours of a sort: {same}")


def filter_table(data: Float32, queries: Float32, counts: Sequence[int]) -> None:
    """Print search in some of the rows beside search in all."""
    rng = np.random.default_rng(1)
    whole = ExactIndex(data)
    for share in (0.5, 0.1):
        some = ExactIndex(data, rows=np.flatnonzero(rng.random(len(data)) < share))
        for n in counts:
            ours, every = (partial(index.search, queries[:n], K) for index in (some, whole))
            compare(f"{n:,} queries, {share:.0%} of the rows", {"all rows": every, "ours": ours})


def votes_table(data: Float32, queries: Float32, _counts: Sequence[int]) -> None:
    """Print the scorer ``knn``, votes included."""
    train, arm = np.ascontiguousarray(data[:TRAIN]), arm_of("knn", VoteOptions(k=(NEIGHBOURS,)))
    scorer = load_scorer("knn")
    labels = np.random.default_rng(2).integers(0, CLASSES, len(train))
    task = ScorerTask(queries, None, train, labels, CLASSES, make_index)
    contenders = {
        "product": fastest_product(queries, train),
        "ours": lambda: list(scorer.logits(arm, task, scorer.settings(arm))),
        "flat": flat(queries, train, NEIGHBOURS),
    }
    compare(f"knn, k = {NEIGHBOURS}, {CLASSES} classes, {len(queries):,} queries, {len(train):,} train", contenders)


def make_vectors(path: Path, rows: int) -> tuple[Float32, Float32]:
    """Write random unit vectors (rows, d) to a file; return them memory-mapped, and queries near some of them."""
    rng = np.random.default_rng(0)
    written = np.memmap(path, np.float32, "w+", shape=(rows, DIMENSION))
    for start in range(0, rows, 100_000):
        block = rng.standard_normal((min(100_000, rows - start), DIMENSION), dtype=np.float32)
        written[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
    queries = written[rng.choice(rows, TEST)] + 0.02 * rng.standard_normal((TEST, DIMENSION), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    written[rng.choice(rows, COPIED * COPIES, replace=False)] = np.repeat(queries[:COPIED], COPIES, axis=0)
    written.flush()
    return np.memmap(path, np.float32, "r", shape=(rows, DIMENSION)), queries


TABLES = {"search": search_table, "filter": filter_table, "knn": votes_table}


def main(rows: int = ROWS, counts: Sequence[int] = QUERIES, tables: Sequence[str] = tuple(TABLES)) -> None:
    """Print tables: ``search``, ``filter`` (search in some of the rows) and ``knn`` (the scorer of that name)."""
    with tempfile.TemporaryDirectory() as folder:
        data, queries = make_vectors(Path(folder) / "hot.f32", rows)
        print(f"{rows:,} x {DIMENSION}, k = {K}, {ROUNDS} rounds")
        for table in tables:
            TABLES[table](data, queries, counts)


def numbers(text: str) -> list[int]:
    """Read "1,10"."""
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--queries", type=numbers, default=QUERIES)
    parser.add_argument("--tables", type=lambda text: text.split(","), default=tuple(TABLES))
    given = parser.parse_args()
    main(given.rows, given.queries, given.tables)
