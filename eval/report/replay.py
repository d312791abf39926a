"""The rankings behind a re-identification result, made again from the store and checked against the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.codes import text_codes
from eval.metrics.ranking import cumulative_match
from eval.mode import WHOLE_PART, Draw
from eval.modes.reid import MODE, ReidConfig
from eval.runner import read_again
from eval.scorers.ranked import Side, rank_queries
from eval.scorers.similarity import combine_views, similarity_blocks
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.mode import Arrays
    from eval.pool import Pool
    from eval.result import EvalResult
    from retrieval.types import EmbeddingStore, SplitSet


class Ranking(NamedTuple):
    """One draw of one part: rows of its queries (q,) and gallery (g,), and how they rank.

    ``first_ranks`` (q,) is the 1-based rank of each query's best right image; 0 where the query has none.
    """

    query: Int64
    gallery: Int64
    first_ranks: Int64


class Listed(NamedTuple):
    """The head of one query's ranking: ``rows`` (k,) of samples, best first, and their ``scores`` (k,)."""

    rows: Int64
    scores: Float32


@dataclass(frozen=True, slots=True)
class Replay:
    """Rankings of every draw of every part. Rows number ``samples``, which stand in order of id.

    ``identity`` and ``camera`` (n,) are codes, -1 for unknown; ``camera`` is None where no rule asks for it.
    """

    samples: Pool
    vectors: Float32
    identity: Int64
    camera: Int64 | None
    rankings: Mapping[str, tuple[Ranking, ...]]

    def best(self, ranking: Ranking, queries: Sequence[int], k: int) -> list[Listed]:
        """The first k of the ranking for some queries (places in ``ranking.query``), junk left out.

        The scores are those of the metric to the bit: the same blocks of the same product.
        """
        found: dict[int, Listed] = {}
        blocks = similarity_blocks(self.vectors[ranking.query], self.vectors[ranking.gallery])
        for start, scores in blocks:
            for at in queries:
                if start <= at < start + len(scores):
                    found[at] = self._head(ranking, at, scores[at - start], k)
        return [found[at] for at in queries]

    def _head(self, ranking: Ranking, at: int, scores: Float32, k: int) -> Listed:
        rows, query = ranking.gallery, ranking.query[at]
        valid = np.ones(len(rows), np.bool_)
        if self.camera is not None and self.identity[query] >= 0:
            valid = (self.identity[rows] != self.identity[query]) | (self.camera[rows] != self.camera[query])
        order = np.argsort(-scores[valid], kind="stable")[:k]
        return Listed(rows[valid][order], scores[valid][order])


def replay(store: EmbeddingStore, result: EvalResult) -> Replay:
    """Rank every draw of a result again from its stored split sets.

    Raises:
        InputError: it is no ``reid`` result, its split sets are not in this store, or the store has changed since so
            that the result does not come out again.
        UnknownNameError: the store has no such space.
    """
    if result.mode != "reid" or result.cmc is None:
        raise InputError(f"A result of mode {result.mode} has no rankings; pictures of them need --mode reid.")
    options = {key: value for key, value in result.config.items() if key in ReidConfig.model_fields}
    config = ReidConfig.read(options, "The result's config")
    parts = _split_sets(store, result)
    with store.snapshot() as snapshot:
        space = snapshot.space(result.provenance.space_fingerprint)
        samples, arrays = read_again(snapshot, space, parts, MODE.needs(config))
    found = _rank(samples, arrays, config)
    _check(found, result)
    return found


def _split_sets(store: EmbeddingStore, result: EvalResult) -> dict[str, SplitSet]:
    """The stored split set of every part, found by hash."""
    wanted: dict[str, str | None] = {WHOLE_PART: result.provenance.split_sha256}
    if result.parts:
        wanted = {name: part.split_sha256 for name, part in result.parts.items()}
    names = {sha: name for name, sha in store.split_sets().items()}
    missing = [name for name, sha in wanted.items() if sha not in names]
    if missing:
        raise InputError(
            f"The split set {result.provenance.split_set} of this result is not in the store; evaluate again with a "
            "store that can be written."
        )
    return {name: store.read_splits(names[sha]) for name, sha in wanted.items() if sha is not None}


def _rank(samples: Pool, arrays: Arrays, config: ReidConfig) -> Replay:
    vectors = combine_views([arrays.vectors[view] for view in config.views])
    identity = text_codes(arrays.columns["identity"])[0]
    camera = text_codes(arrays.columns["camera"])[0] if config.camera_rule == "market1501" else None

    def side(rows: Int64) -> Side:
        return Side(vectors[rows], identity[rows], None if camera is None else camera[rows])

    def ranking(draw: Draw) -> Ranking:
        ranks = rank_queries(side(draw["query"]), side(draw["gallery"])).ranks
        first = np.array([found[0] if len(found) else 0 for found in ranks], np.int64)
        return Ranking(draw["query"], draw["gallery"], first)

    rankings = {part: tuple(map(ranking, draws)) for part, draws in arrays.parts.items()}
    return Replay(samples, vectors, identity, camera, rankings)


def _check(found: Replay, result: EvalResult) -> None:
    """Refuse to draw what does not agree with the number."""
    length = len(result.cmc or ())
    draws = [draw.first_ranks for draws in found.rankings.values() for draw in draws]
    curves = [cumulative_match(ranks[ranks > 0], length) for ranks in draws if (ranks > 0).any()]
    if len(curves) < len(draws) or not np.allclose(np.mean(curves, axis=0), result.cmc or (), atol=1e-6):
        raise InputError(
            "The rankings made from the store do not give this result: labels, cameras or vectors have changed since; "
            "evaluate again."
        )
