"""All benches of speed, one after the other: ``make bench``. How good vitrine-tiny is, says ``bench_tiny``."""

from __future__ import annotations

from tests.bench import (
    bench_classification,
    bench_first_answer,
    bench_fusion,
    bench_help,
    bench_index,
    bench_reid,
    bench_reindex,
    bench_rerank,
    bench_search,
)

for bench in (
    bench_help,
    bench_first_answer,
    bench_index,
    bench_search,
    bench_reid,
    bench_rerank,
    bench_reindex,
    bench_classification,
    bench_fusion,
):
    print(f"\n== {bench.__name__}: {(bench.__doc__ or '').splitlines()[0]}", flush=True)
    bench.main()
