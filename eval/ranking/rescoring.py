"""Options of the scores of a ranking (similarity, re-ranking, score normalisation), and the function they choose."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, ValidationInfo, field_validator, model_serializer
from pydantic_core import PydanticCustomError

from eval.ranking.k_reciprocal import KReciprocal, rerank_blocks
from eval.ranking.query_expansion import QueryExpansion, expanded_blocks
from eval.ranking.score_norm import ScoreNorm, normalised_blocks
from eval.scorers.similarity import similarity_blocks
from retrieval.config import Config
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eval.ranking.rank_gallery import Blocks, Side

_RECIPROCAL, _EXPANSION = KReciprocal(), QueryExpansion()
DEFAULTS: dict[str, dict[str, float]] = {
    "k-reciprocal": {"k1": _RECIPROCAL.k1, "k2": _RECIPROCAL.k2, "lambda_": _RECIPROCAL.weight},
    "alpha-qe": {"n": _EXPANSION.n, "alpha": _EXPANSION.alpha},
}
"""Options of every kind of re-ranking, and their defaults."""


class ScoringOptions(Config):
    """Options of modes that rank: how scores are computed.

    Re-ranking uses the unlabelled test samples, which the result records as ``transductive``.
    """

    rerank: Literal["none", "k-reciprocal", "alpha-qe"] = Field(
        default="none",
        description="Re-ranking: k-reciprocal (Zhong et al. 2017; k1, k2, lambda) or alpha query expansion (n, "
        "alpha). Both use the test gallery, so the result is transductive.",
    )
    k1: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        validate_default=True,
        description="k-reciprocal: size of the neighbourhoods that are compared; 20 unless given.",
    )
    k2: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        validate_default=True,
        description="k-reciprocal: number of neighbours averaged in the local query expansion; 6 unless given.",
    )
    lambda_: float | None = Field(
        default=None,
        ge=0,
        le=1,
        alias="lambda",
        validate_default=True,
        description="k-reciprocal: weight of the original distance in the final one; 0.3 unless given.",
    )
    n: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        validate_default=True,
        description="alpha-qe: number of neighbours that are added to the query; 10 unless given.",
    )
    alpha: float | None = Field(
        default=None,
        ge=0,
        le=100,
        validate_default=True,
        description="alpha-qe: exponent of a neighbour's similarity in its weight; 3 unless given.",
    )
    score_norm: Literal["none", ScoreNorm] = Field(
        default="none",
        description="Normalisation of scores by mean and standard deviation over samples of the train split: z takes "
        "those of the gallery sample, s averages z and the same for the query.",
    )

    @field_validator("k1", "k2", "lambda_", "n", "alpha")
    @classmethod
    def _check_rerank(cls, value: float | None, info: ValidationInfo) -> float | None:
        """Fill in the default, or refuse an option of another kind of re-ranking."""
        name, chosen = str(info.field_name), info.data.get("rerank", "none")
        if value is None:
            return DEFAULTS.get(chosen, {}).get(name)
        owner = next(rerank for rerank, options in DEFAULTS.items() if name in options)
        if chosen != owner:
            raise PydanticCustomError("rerank", "it belongs to rerank={owner}", {"owner": owner})
        return value

    @field_validator("score_norm")
    @classmethod
    def _check_score_norm(cls, value: str, info: ValidationInfo) -> str:
        if value != "none" and info.data.get("rerank", "none") != "none":
            raise PydanticCustomError(
                "score_norm", "re-ranked scores are not normalised; leave score_norm or rerank out"
            )
        return value

    @model_serializer(mode="wrap")
    def _serialize(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options that apply, by the names that users write; re-ranking adds ``transductive``."""
        options: dict[str, Any] = handler(self)
        optional = {name for defaults in DEFAULTS.values() for name in defaults}
        values = {name: value for name, value in options.items() if name not in optional or value is not None}
        if "lambda_" in values:
            values["lambda"] = values.pop("lambda_")
        return values if self.rerank == "none" else values | {"transductive": True}


def scoring_words(config: Mapping[str, Any]) -> list[str]:
    """Describe how scores in a result's config differ from similarity: ``rerank=k-reciprocal``, ``k1=20``, ..."""
    words = []
    rerank = str(config.get("rerank", "none"))
    if rerank in DEFAULTS:
        names = ("rerank", *(name.rstrip("_") for name in DEFAULTS[rerank]))
        words = [*(f"{name}={config[name]}" for name in names if name in config), "transductive"]
    if config.get("score_norm", "none") != "none":
        words.append(f"score_norm={config['score_norm']}")
    return words


def scoring_blocks(options: ScoringOptions, queries: Side, gallery: Side, cohort: Float32 | None) -> Blocks:
    """Choose the function that computes the scores of queries and gallery.

    Args:
        options: as validated.
        queries: the queries.
        gallery: the gallery.
        cohort: (c, d) vectors of untested identities; needed for ``score_norm``.
    """
    self_rows = find_self_rows(queries, gallery)
    if options.k1 is not None and options.k2 is not None and options.lambda_ is not None:
        return partial(
            rerank_blocks, settings=KReciprocal(options.k1, options.k2, options.lambda_), self_rows=self_rows
        )
    if options.n is not None and options.alpha is not None:
        return partial(expanded_blocks, settings=QueryExpansion(options.n, options.alpha), self_rows=self_rows)
    if options.score_norm != "none" and cohort is not None:
        return partial(normalised_blocks, cohort=cohort, norm=options.score_norm)
    return similarity_blocks


def find_self_rows(queries: Side, gallery: Side) -> Int64 | None:
    """Find the gallery row (n,) of every query itself, -1 for none; None if the sides have no row numbers."""
    if queries.sample is None or gallery.sample is None:
        return None
    order = np.argsort(gallery.sample)
    at = np.minimum(np.searchsorted(gallery.sample, queries.sample, sorter=order), len(order) - 1)
    return np.where(gallery.sample[order[at]] == queries.sample, order[at], -1).astype(np.int64)
