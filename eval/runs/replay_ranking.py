"""Recomputes the rankings of a re-identification result from the store, and checks them against the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.modes.reid import MODE
from eval.ranking.problem import RankingProblem, ReidConfig
from eval.ranking.rank_gallery import Blocks, Side, rank_queries
from eval.ranking.relations import settle
from eval.registry import load_protocol
from eval.runs.names import join_spellings, name_columns
from eval.runs.reading import read_again
from eval.seams.mode import WHOLE_PART, Draw
from eval.statistics.query_summary import DrawTable
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eval.results.schema import EvalResult
    from eval.seams.relations import Relations
    from eval.seams.samples import Pool
    from retrieval.types import SplitSet
    from retrieval.types.store import EmbeddingStore


class RankingHead(NamedTuple):
    """The first k of one query's ranking, best first: ``places`` (k,) in the gallery and their ``scores`` (k,)."""

    places: Int64
    scores: Float32


class Ranking(NamedTuple):
    """The rankings of one draw of one part.

    Attributes:
        query: (q,) rows of the queries among the samples.
        gallery: (g,) rows of the gallery among the samples.
        query_side: vectors and codes of the queries.
        gallery_side: vectors and codes of the gallery.
        relations: says which pairs are junk.
        first_ranks: (q,) rank, from 1, of each query's best match, equal scores in order of the gallery; 0 for none.
        blocks: computes the scores, block by block.
    """

    query: Int64
    gallery: Int64
    query_side: Side
    gallery_side: Side
    relations: Relations
    first_ranks: Int64
    blocks: Blocks

    def best(self, queries: Sequence[int], k: int) -> list[RankingHead]:
        """Return the first k of the rankings of some queries, without junk.

        The scores equal those of the metrics to the bit, since they are computed in the same blocks.

        Args:
            queries: positions in ``query``.
            k: length of the rankings.
        """
        heads: dict[int, RankingHead] = {}
        for start, scores in self.blocks(self.query_side.vectors, self.gallery_side.vectors):
            for at in queries:
                if start <= at < start + len(scores):
                    heads[at] = self._head(at, scores[at - start], k)
        return [heads[at] for at in queries]

    def _head(self, at: int, scores: Float32, k: int) -> RankingHead:
        places = np.flatnonzero(~self.relations.junk(self.query[at : at + 1], self.gallery)[0])
        if len(places) > k:  # those of the k-th score or more, then they alone are sorted
            places = places[scores[places] >= np.partition(scores[places], -k)[-k]]
        order = np.argsort(-scores[places], kind="stable")[:k]
        return RankingHead(places[order], scores[places[order]])


@dataclass(frozen=True, slots=True)
class Replay:
    """The rankings of every draw of every part.

    Attributes:
        samples: samples of the evaluation in the order of the data; rows of rankings refer to them.
        rankings: part name to a ranking per draw.
        matches: part name to a table (q, k) per draw: whether each counted query is matched within rank 1, 2, ..., k.
    """

    samples: Pool
    rankings: Mapping[str, tuple[Ranking, ...]]
    matches: Mapping[str, Sequence[DrawTable]]


def replay(store: EmbeddingStore, result: EvalResult) -> Replay:
    """Recompute the rankings of a result from its stored split sets.

    Raises:
        InputError: the result is not of mode ``reid``, the store lacks its split sets, or the store has changed so that
            it gives another result.
        UnknownNameError: the store lacks the space of the result.
    """
    if result.mode != "reid" or result.cmc is None:
        raise InputError(f"A result of mode {result.mode} has no rankings; pictures of them need `mode=reid`.")
    options = {key: value for key, value in result.config.items() if key in ReidConfig.option_names()}
    if options.get("score_norm", "none") != "none":
        raise InputError("Rankings with score_norm are not made again from a result, so there are no pictures of them.")
    length = len(result.cmc)
    config = ReidConfig.read({**options, "ranks": tuple(range(1, length + 1))}, "The result's config")
    parts = _split_sets(store, result)
    with store.snapshot() as snapshot:
        space = snapshot.space(result.provenance.space_fingerprint)
        samples, read = read_again(snapshot, space, parts, MODE.needs(config), _mirrored(result), _names(config))
    arrays, config = settle(read, config)
    tables = MODE.tables(arrays, config)[1]
    matches = {part: [DrawTable(t.values[:, :length], t.units) for t in draws] for part, draws in tables.items()}
    curves = [[table.values.mean(axis=0) for table in draws] for draws in matches.values()]
    if not np.allclose(np.mean(curves, axis=(0, 1)), result.cmc, atol=1e-9):
        raise InputError(
            "The rankings made from the store do not give this result: labels, cameras or vectors have changed since; "
            "evaluate again."
        )
    problem = RankingProblem(arrays, config)
    rankings = {part: tuple(_ranking(problem, draw) for draw in draws) for part, draws in arrays.parts.items()}
    return Replay(samples, rankings, matches)


def _names(config: ReidConfig) -> Callable[[Pool], Pool]:
    """The function that joins the spellings of names, if the evaluation did."""
    columns = name_columns(config, aspect=True)
    return (lambda pool: join_spellings(pool, columns).pool) if config.join_spellings else (lambda pool: pool)


def _mirrored(result: EvalResult) -> str | None:
    """The aspect whose mirror images the protocol compares, or None."""
    rule = load_protocol(result.departs_from or result.protocol)
    fields = rule.options.model_fields
    options = {key: value for key, value in result.config.items() if key in fields}
    return rule.mirrored(rule.options.read(options, "The result's config"))


def _ranking(problem: RankingProblem, draw: Draw) -> Ranking:
    (query, query_side), (gallery, gallery_side) = problem.sides(draw)
    blocks = problem.blocks(draw, query_side, gallery_side)
    ranks = rank_queries(query_side, gallery_side, blocks).ranks
    first = np.zeros(len(ranks.counts), np.int64)
    first[ranks.counts > 0] = ranks.stable[ranks.bounds[:-1][ranks.counts > 0]]
    return Ranking(query, gallery, query_side, gallery_side, problem.relations, first, blocks)


def _split_sets(store: EmbeddingStore, result: EvalResult) -> dict[str, SplitSet]:
    """The stored split set of every part, found by hash."""
    hashes: dict[str, str | None] = {WHOLE_PART: result.provenance.split_sha256}
    if result.parts:
        hashes = {name: part.split_sha256 for name, part in result.parts.items()}
    names = {sha: name for name, sha in store.split_sets().items()}
    splits = {name: store.read_splits(names[sha]) for name, sha in hashes.items() if sha in names}
    if len(splits) < len(hashes):
        raise InputError(
            f"The split set {result.provenance.split_set} of this result is not in the store; evaluate again with a "
            "store that can be written."
        )
    return splits
