"""Writes the rankings of a re-identification as CSV: a row per query, with its metrics and the first of its ranking."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from eval.metrics.per_query import query_penalties, query_precisions
from eval.ranking.problem import RankingProblem, ReidConfig
from eval.ranking.rank_gallery import rank_queries
from eval.runs.reading import read_pool
from eval.runs.replay_ranking import Ranking
from retrieval.errors import InputError
from retrieval.escapes import csv_cell
from retrieval.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from eval.runs.prepare_ranking import PreparedRanking
    from eval.runs.task import PreparedEvaluation
    from eval.seams.mode import Draw
    from retrieval.types.store import EmbeddingStore

FIRST = 10
"""Number of gallery samples of a row."""

COLUMNS = (
    "part", "draw", "query", "uri", "identity", "positives", "counted", "first_match", "ap", "inp",
    *(f"{name}_{rank}" for rank in range(1, FIRST + 1) for name in ("gallery", "score")),
)  # fmt: skip
"""``first_match`` is the rank of the first positive, ``counted`` whether the query is in the means; ``gallery_1`` is
the id of the gallery sample of highest score, junk left out."""


class QueryRow(NamedTuple):
    """The ranking of one query in one draw; the metrics are None without a positive.

    ``query`` is the row of the query among the samples, ``identity`` its name, ``gallery`` the rows of the first
    gallery samples and ``scores`` their scores.
    """

    part: str
    draw: int
    query: int
    identity: str
    positives: int
    counted: bool
    first_match: int | None
    ap: float | None
    inp: float | None
    gallery: tuple[int, ...]
    scores: tuple[float, ...]


def write_per_query(store: EmbeddingStore, path: Path, prepared: PreparedEvaluation) -> int:
    """Write the rankings of a re-identification; return the number of rows.

    Raises:
        InputError: the evaluation is none of re-identification, or the file cannot be written.
    """
    require_reid(prepared.request.mode)
    ranking = cast("PreparedRanking", prepared)
    with store.snapshot() as snapshot:
        origins = read_pool(snapshot, ("id", "uri"), None)
    uris = dict(zip(origins.ids.tolist(), origins.columns["uri"].tolist(), strict=True))
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = 0
    for row in query_rows(ranking):
        writer.writerow(map(csv_cell, _cells(row, ranking.arrays.ids, uris)))
        rows += 1
    write_atomically(path, text.getvalue(), "choose another place for `per_query`")
    return rows


def require_reid(mode: str) -> None:
    """Refuse other modes than re-identification.

    Raises:
        InputError: the mode ranks no gallery.
    """
    if mode != "reid":
        raise InputError(
            f"Rankings per query are of mode reid, and not of {mode}; `out` keeps the predictions of a classification."
        )


def query_rows(prepared: PreparedRanking) -> Iterator[QueryRow]:
    """Yield the queries of all draws of all parts, in the order of the data; without junk identities."""
    config = cast("ReidConfig", prepared.config)
    problem = RankingProblem(prepared.arrays, config)
    for part, draws in prepared.arrays.parts.items():
        for number, draw in enumerate(draws):
            yield from _draw_rows(problem, config, draw, part, number)


def _draw_rows(problem: RankingProblem, config: ReidConfig, draw: Draw, part: str, number: int) -> Iterator[QueryRow]:
    (query, query_side), (gallery, gallery_side) = problem.sides(draw)
    blocks, relations = problem.blocks(draw, query_side, gallery_side), problem.relations
    ranks = rank_queries(query_side, gallery_side, blocks).ranks
    has_positive = ranks.counts > 0
    precisions = query_precisions(ranks, config.ap_rule, config.ties)
    penalties = query_penalties(ranks, config.ties)
    first = np.zeros(len(query), np.int64)
    order = ranks.under("stable" if config.ties == "expected" else config.ties)
    first[has_positive] = order[ranks.bounds[:-1][has_positive]]
    heads = Ranking(query, gallery, query_side, gallery_side, relations, first, blocks).best(range(len(query)), FIRST)
    for at, (row, head) in enumerate(zip(query.tolist(), heads, strict=True)):
        is_valid, unit = bool(has_positive[at]), int(relations.unit[row])
        yield QueryRow(
            part, number, row, relations.names[unit] if unit >= 0 else "", int(ranks.counts[at]),
            is_valid or config.denominator == "all", int(first[at]) if is_valid else None,
            float(precisions[at]) if is_valid else None, float(penalties[at]) if is_valid else None,
            tuple(gallery[head.places].tolist()), tuple(head.scores.tolist()),
        )  # fmt: skip


def _cells(row: QueryRow, ids: NDArray[np.str_], uris: Mapping[str, str]) -> Iterator[str]:
    query = str(ids[row.query])
    yield from (row.part, str(row.draw), query, uris.get(query, ""), row.identity, str(row.positives))
    yield str(int(row.counted))
    for value in (row.first_match, row.ap, row.inp):
        yield "" if value is None else repr(value)
    for at in range(FIRST):
        is_there = at < len(row.gallery)
        yield str(ids[row.gallery[at]]) if is_there else ""
        yield f"{row.scores[at]:.7g}" if is_there else ""
