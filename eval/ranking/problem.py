"""Re-identification: options, and the metrics of every query of a draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from eval.metrics.per_query import all_definitions, query_matches, query_penalties, query_precisions
from eval.metrics.ranking import ApDenominator, ApMethod, ApRule, Ties
from eval.ranking.diagnosis import why_all_are_excluded, why_nothing_matches
from eval.ranking.identities import CameraRule
from eval.ranking.rank_gallery import Blocks, GalleryRanking, Side, rank_queries
from eval.ranking.rescoring import ScoringOptions, scoring_blocks
from eval.ranking.score_norm import cohort_mask
from eval.results.schema import Definition
from eval.scorers.similarity import combine_views
from eval.seams.mode import WHOLE_PART, Draw, ModeConfig, RelatedArrays
from eval.seams.options import Identities, Names, Ranks
from eval.statistics.query_summary import DrawTable
from eval.statistics.slices import slice_names
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class ReidConfig(ScoringOptions, ModeConfig):
    """Options of ``reid``, beside those of its scores (:class:`eval.ranking.rescoring.ScoringOptions`)."""

    ranks: Ranks = Field(default=(1, 5, 10), description="Values of k of the Rank-k metrics.")
    ap_method: ApMethod = Field(
        default="step",
        description="Average precision: step averages the precision at each positive, trapezoid the mean of the "
        "precision at and just before it; sklearn is step with equal scores as one threshold; at_r and at_k stop at "
        "the rank that is the number of positives, or at ap_k.",
    )
    ap_k: int = Field(default=10, ge=1, description="Rank at which ap_method=at_k cuts off.")
    ap_denominator: ApDenominator = Field(
        default="min_k_n",
        description="Divisor of ap_method=at_k: the n positives, the smaller of ap_k and n, or the hits within ap_k.",
    )
    ties: Ties = Field(
        default="stable",
        description="Order of equal scores: as in the gallery (stable), positives last (pessimistic) or first "
        "(optimistic), or the expectation over all orders.",
    )
    denominator: Literal["valid", "all"] = Field(
        default="valid",
        description="Queries that are averaged: those with a positive (valid), or all, where a query without one "
        "counts 0.",
    )
    camera_rule: CameraRule = Field(
        default="auto",
        description="market1501 leaves gallery samples of the query's identity and camera out, none leaves them in; "
        "auto is market1501 where every camera is known.",
    )
    group_rule: Literal["none", "exclude"] = Field(
        default="none", description="exclude leaves gallery samples of the query's group (burst, specimen) out."
    )
    identity_columns: Names = Field(
        default=("identity",), description="Columns that together are the identity; two samples match where all agree."
    )
    junk_identities: Identities = Field(
        default=(), description="Identities that are ignored altogether; leading zeros do not count."
    )
    distractor_identities: Identities = Field(
        default=(), description="Identities that stay in the gallery and match nothing; leading zeros do not count."
    )
    slice: str | None = Field(
        default=None, description="Column for whose values the metrics are also computed one by one."
    )
    all_definitions: bool = Field(
        default=False,
        description="Whether to compute the metrics of the ranking under every definition of average precision, tie "
        "order and denominator.",
    )
    cmc_length: int = Field(default=50, ge=1, le=10_000, description="Number of ranks of the CMC curve in the result.")
    index: Literal["exact"] = Field(
        default="exact", description="Kind of search; mAP and mINP need the exact one, so there is no other."
    )

    @field_validator("index", mode="before")
    @classmethod
    def _check_index(cls, value: object) -> object:
        if value != "exact":
            raise ValueError(
                "mAP and mINP need the rank of every positive, and an index that is not exhaustive returns only the "
                "nearest; leave the option out, or say index=exact"
            )
        return value

    @property
    def ap_rule(self) -> ApRule:
        """The definition of average precision."""
        return ApRule(self.ap_method, self.ap_k, self.ap_denominator)


class RankingDraw(NamedTuple):
    """Ranking of one draw: table of query metrics, CMC curve (cmc_length,), counts, and what warnings need.

    ``excluded`` is the number of queries whose positives are all junk; ``absent`` are identities of queries that are
    not in the gallery; ``slices`` (queries,) the
    names of slices; ``definitions`` the metrics under every definition, if the options ask for them.
    """

    table: DrawTable
    cmc: NDArray[np.float64]
    counts: dict[str, int]
    excluded: int
    absent: frozenset[str]
    slices: NDArray[np.object_] | None
    definitions: list[Definition]


def metric_names(config: ReidConfig) -> list[str]:
    """Names of the metrics, in the order of the columns of a draw's table."""
    return [*(f"rank_{k}" for k in sorted(set(config.ranks))), "mean_ap", "mean_inp"]


class RankingProblem:
    """The arrays of an evaluation, prepared for ranking any draw of them."""

    def __init__(self, arrays: RelatedArrays, config: ReidConfig) -> None:
        self._vectors: Float32 = combine_views([arrays.vectors[view] for view in config.views])
        self.relations = arrays.relations
        self._slices = slice_names(arrays.columns[config.slice]) if config.slice else None
        self._config = config

    def sides(self, draw: Draw) -> tuple[tuple[Int64, Side], tuple[Int64, Side]]:
        """Rows and arrays of a draw's queries and of its gallery, junk identities left out."""
        query, gallery = (draw[role][~self.relations.ignored[draw[role]]] for role in ("query", "gallery"))
        is_query = np.zeros(len(self.relations.ignored), np.bool_)
        is_query[query] = True
        both = bool(is_query[gallery].any())
        return (query, self._side(query, both=both)), (gallery, self._side(gallery, both=both))

    def blocks(self, draw: Draw, queries: Side, gallery: Side) -> Blocks:
        """Choose the function that computes the scores of a draw's :meth:`sides`.

        Raises:
            InputError, TestDataError: scores are to be normalised, and there is no cohort for it.
        """
        cohort = None
        if self._config.score_norm != "none":
            train = draw.get("train", np.empty(0, np.int64))
            tested = self.relations.unit[np.concatenate([draw["query"], draw["gallery"]])]
            cohort = self._vectors[train[cohort_mask(self.relations.unit[train], tested)]]
        return scoring_blocks(self._config, queries, gallery, cohort)

    def rank(self, draw: Draw, part: str) -> RankingDraw:
        """Rank one draw of a part.

        Raises:
            InputError: no query has a valid positive.
        """
        (query, query_side), (gallery, gallery_side) = self.sides(draw)
        ranking = rank_queries(query_side, gallery_side, self.blocks(draw, query_side, gallery_side))
        valid = ranking.ranks.counts > 0
        if not valid.any():
            raise InputError(self._why_none(ranking, query, gallery, part))
        counted = valid if self._config.denominator == "valid" else np.ones(len(query), np.bool_)
        table, cmc = self._metrics(ranking, query, counted)
        units = self.relations.unit[np.concatenate([query, gallery])]
        counts = {
            "query": int(counted.sum()),
            "gallery": len(gallery),
            "identities": len(np.unique(units[units >= 0])),
            "query_identities": len(np.unique(table.units[table.units >= 0])),
            "query_without_positive": int((~valid).sum()),
        }
        absent = np.setdiff1d(self.relations.unit[query], self.relations.unit[gallery])
        names = frozenset(self.relations.names[code] for code in absent if code >= 0)
        return RankingDraw(
            table,
            cmc,
            counts,
            excluded=int((~valid & (ranking.positive_counts > 0)).sum()),
            absent=names,
            slices=None if self._slices is None else self._slices[query[counted]],
            definitions=all_definitions(ranking.ranks, self._config.ap_k) if self._config.all_definitions else [],
        )

    def identities(self, draws: Iterable[Draw]) -> set[str]:
        """Identities of all samples that take part in these draws."""
        return self._identity_names(np.concatenate([draw[role] for draw in draws for role in ("gallery", "query")]))

    def _metrics(
        self, ranking: GalleryRanking, query: Int64, counted: NDArray[np.bool_]
    ) -> tuple[DrawTable, NDArray[np.float64]]:
        """Values (queries, metrics) of the counted queries in the order of :func:`metric_names`, and the CMC curve."""
        config = self._config
        positives = ranking.ranks.where(counted)
        ranks = sorted(set(config.ranks))
        matches = query_matches(positives, max(*ranks, config.cmc_length), config.ties)
        values = [matches[:, k - 1] for k in ranks]
        values += [query_precisions(positives, config.ap_rule, config.ties), query_penalties(positives, config.ties)]
        rows = query[counted]
        # A query of unknown identity is a unit by itself.
        units = np.where(self.relations.unit[rows] >= 0, self.relations.unit[rows], -1 - rows)
        return DrawTable(np.stack(values, axis=1), units), matches[:, : config.cmc_length].mean(axis=0)

    def _side(self, rows: Int64, *, both: bool) -> Side:
        related = self.relations
        camera, group = (codes if codes is None else codes[rows] for codes in (related.camera, related.group))
        consecutive = len(rows) > 0 and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows)))
        vectors = self._vectors[rows[0] : rows[-1] + 1] if consecutive else self._vectors[rows]
        return Side(vectors, related.identity[rows], camera, group, rows if both else None)

    def _identity_names(self, rows: Int64) -> set[str]:
        codes = np.unique(self.relations.unit[rows])
        return {self.relations.names[code] for code in codes[codes >= 0]}

    def _why_none(self, ranking: GalleryRanking, query: Int64, gallery: Int64, part: str) -> str:
        where = f" of {part}" if part != WHOLE_PART else ""
        if not len(query) or not len(gallery):
            return f"There is nothing to rank{where}: {len(query)} queries, {len(gallery)} gallery samples."
        if ranking.positive_counts.any():
            camera, group = self.relations.camera is not None, self.relations.group is not None
            return why_all_are_excluded(camera=camera, group=group, where=where)
        if np.array_equal(query, gallery):
            return (
                f"None of the {len(self._identity_names(query))} identities{where} has two samples, so no query has a "
                "positive; use more samples (`where`, `aspect`), or check the identities."
            )
        return why_nothing_matches(self._identity_names(query), self._identity_names(gallery), where)
