"""The rankings behind a re-identification result, made again from the store and checked against the result."""

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
from eval.runs.reading import read_again
from eval.seams.mode import WHOLE_PART, Draw
from eval.statistics.query_summary import DrawTable
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.results.schema import EvalResult
    from eval.seams.relations import Relations
    from eval.seams.samples import Pool
    from retrieval.types import SplitSet
    from retrieval.types.store import EmbeddingStore


class Listed(NamedTuple):
    """The head of one query's ranking: places in the gallery (k,), best first, and their ``scores`` (k,)."""

    places: Int64
    scores: Float32


class Ranking(NamedTuple):
    """One draw of one part.

    ``query`` (q,) and ``gallery`` (g,) are rows of the samples, ``asked`` and ``known`` their arrays; ``relations`` say
    which pairs are junk. ``first_ranks`` (q,) is the 1-based rank of each query's best right image, equal scores in
    order of the gallery; 0 for none. ``blocks`` is what gives the scores.
    """

    query: Int64
    gallery: Int64
    asked: Side
    known: Side
    relations: Relations
    first_ranks: Int64
    blocks: Blocks

    def best(self, queries: Sequence[int], k: int) -> list[Listed]:
        """The first k for some queries (places in ``query``), junk left out.

        The scores are those of the metric to the bit: the same blocks of the same arithmetic.
        """
        found: dict[int, Listed] = {}
        for start, scores in self.blocks(self.asked.vectors, self.known.vectors):
            for at in queries:
                if start <= at < start + len(scores):
                    found[at] = self._head(at, scores[at - start], k)
        return [found[at] for at in queries]

    def _head(self, at: int, scores: Float32, k: int) -> Listed:
        places = np.flatnonzero(~self.relations.junk(self.query[at : at + 1], self.gallery)[0])
        order = np.argsort(-scores[places], kind="stable")[:k]
        return Listed(places[order], scores[places[order]])


@dataclass(frozen=True, slots=True)
class Replay:
    """Rankings of every draw of every part; rows number ``samples``, which stand in order of id.

    ``matches`` are, draw by draw, whether each query that counts is matched within rank 1, 2, ...: tables (q, k).
    """

    samples: Pool
    rankings: Mapping[str, tuple[Ranking, ...]]
    matches: Mapping[str, Sequence[DrawTable]]


def replay(store: EmbeddingStore, result: EvalResult) -> Replay:
    """Rank every draw of a result again from its stored split sets.

    Raises:
        InputError: it is no ``reid`` result, its split sets are not in this store, or the store has changed since so
            that the result does not come out again.
        UnknownNameError: the store has no such space.
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
        samples, read = read_again(snapshot, space, parts, MODE.needs(config), _mirrored(result))
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


def _mirrored(result: EvalResult) -> str | None:
    """The aspect whose mirror images the protocol compared, if any."""
    rule = load_protocol(result.departs_from or result.protocol)
    known = rule.options.model_fields
    own = {key: value for key, value in result.config.items() if key in known}
    return rule.mirrored(rule.options.read(own, "The result's config"))


def _ranking(problem: RankingProblem, draw: Draw) -> Ranking:
    (query, query_side), (gallery, gallery_side) = problem.sides(draw)
    blocks = problem.blocks(draw, query_side, gallery_side)
    ranks = [positives.stable for positives in rank_queries(query_side, gallery_side, blocks).ranks]
    first = np.array([stable[0] if len(stable) else 0 for stable in ranks], np.int64)
    return Ranking(query, gallery, query_side, gallery_side, problem.relations, first, blocks)


def _split_sets(store: EmbeddingStore, result: EvalResult) -> dict[str, SplitSet]:
    """The stored split set of every part, found by hash."""
    wanted: dict[str, str | None] = {WHOLE_PART: result.provenance.split_sha256}
    if result.parts:
        wanted = {name: part.split_sha256 for name, part in result.parts.items()}
    names = {sha: name for name, sha in store.split_sets().items()}
    found = {name: store.read_splits(names[sha]) for name, sha in wanted.items() if sha in names}
    if len(found) < len(wanted):
        raise InputError(
            f"The split set {result.provenance.split_set} of this result is not in the store; evaluate again with a "
            "store that can be written."
        )
    return found
