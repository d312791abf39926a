"""Exact search over 1,000,000 x 512 beside raw FAISS ``IndexFlatIP``: the same neighbours, the ratio of times."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np

from retrieval.search.exact import ExactIndex

ROWS, DIMENSION, K = 1_000_000, 512, 10


def main(rows: int = ROWS) -> None:
    """Print one table; ``raw / ours`` above 1 means that ours is faster."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        data = np.memmap(Path(name) / "hot.f32", np.float32, "w+", shape=(rows, DIMENSION))
        for start in range(0, rows, 100_000):
            block = rng.standard_normal((min(100_000, rows - start), DIMENSION), dtype=np.float32)
            data[start : start + len(block)] = block / np.linalg.norm(block, axis=1, keepdims=True)
        data.flush()
        queries = data[:1000] + 0.02 * rng.standard_normal((1000, DIMENSION), dtype=np.float32)
        raw = faiss.IndexFlatIP(DIMENSION)
        raw.add(data)
        ours = ExactIndex(np.memmap(Path(name) / "hot.f32", np.float32, "r", shape=(rows, DIMENSION)))
        ours.search(queries[:1], K)
        print(f"{rows:,} x {DIMENSION}, k={K}; ours reads the memory-mapped matrix, raw its own copy")
        print("queries   ours s    raw s   raw/ours   same neighbours")
        for n in (1, 10, 100, 1000):
            times, same = [], 1.0
            for _ in range(3):
                begin = time.perf_counter()
                found = ours.search(queries[:n], K)
                middle = time.perf_counter()
                _, want = raw.search(queries[:n], K)
                times.append((middle - begin, time.perf_counter() - middle))
                same = min(same, float((found.rows == want).mean()))
            ours_s, raw_s = np.median(times, axis=0)
            ratio = np.median([t[1] / t[0] for t in times])
            print(f"{n:7d}{ours_s:9.3f}{raw_s:9.3f}{ratio:11.2f}{same:18.4f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
