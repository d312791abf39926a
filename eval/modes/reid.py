"""Re-identification: every query ranks the gallery; its positives are the gallery's images of the same identity."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from pydantic import Field

from eval.metrics.ranking import ApMethod, average_precision, cumulative_match, inverse_negative_penalty
from eval.metrics.summary import DrawTable, mean_counts, summarise
from eval.mode import WHOLE_PART, Arrays, Draw, ModeConfig, Needs, Ranks
from eval.result import Evaluation, Part, Universe
from eval.scorers.ranked import Ranked, Side, rank_queries
from eval.scorers.similarity import combine_views, require_unit
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

CameraRule = Literal["auto", "none", "market1501"]


class ReidConfig(ModeConfig):
    """Options of ``reid``.

    ``camera_rule``: ``market1501`` leaves gallery images of the query's identity and camera out; ``auto`` does so
    where every camera is known. ``cmc_length`` is how many ranks of the CMC curve are kept.
    """

    ranks: Ranks = (1, 5, 10)
    ap_method: ApMethod = "step"
    camera_rule: CameraRule = "auto"
    cmc_length: int = Field(default=50, ge=1)


class DrawResult(NamedTuple):
    """One draw: its table of query metrics, best ranks (queries,), and counts."""

    table: DrawTable
    first_ranks: Int64
    counts: dict[str, int]
    lost_to_camera: int


class Reid:
    """The mode ``reid``. Denominator: queries with at least one valid positive; the others are counted."""

    name = "reid"
    config_type = ReidConfig

    def needs(self, config: ReidConfig) -> Needs:
        """Queries and gallery with identity and camera."""
        return Needs(("query", "gallery"), config.views, ("identity", "camera"))

    def evaluate(self, arrays: Arrays, config: ReidConfig, rng: np.random.Generator) -> Evaluation:
        """Rank-k, CMC, mAP and mINP of every draw of every part, with intervals over identities.

        Raises:
            InputError: a vector is not of length one, cameras are needed and missing, or a draw has no query with a
                valid positive.
        """
        config, results = self._rank(arrays, config)
        names = metric_names(config)
        whole = _section(names, results, config, rng)
        sections = None
        if WHOLE_PART not in results:
            sections = {part: _section(names, {part: draws}, config, rng) for part, draws in results.items()}
        used = np.unique(np.concatenate([rows for d in arrays.parts.values() for draw in d for rows in draw.values()]))
        identities = sorted({value for value in arrays.columns["identity"][used] if value is not None})
        n = {**whole.n, "identities": len(identities), "query_identities": _query_identities(results)}
        resolved = config.model_dump(mode="json") | {"draws": len(whole.draws)}
        return Evaluation(
            metrics=whole.metrics,
            draws=whole.draws,
            n=n,
            label_universe=Universe(n=len(identities), sha256=_sha256(identities)),
            cmc=whole.cmc,
            parts=sections,
            config=resolved,
            warnings=_warnings(results, len(whole.draws)),
        )

    def tables(self, arrays: Arrays, config: ReidConfig) -> tuple[list[str], dict[str, list[DrawTable]]]:
        """Names of the metrics, and per part the query values of every draw, which a paired comparison needs.

        Queries stand in order of sample id; raises what :meth:`evaluate` does.
        """
        config, results = self._rank(arrays, config)
        return metric_names(config), {part: [draw.table for draw in draws] for part, draws in results.items()}

    def _rank(self, arrays: Arrays, config: ReidConfig) -> tuple[ReidConfig, dict[str, list[DrawResult]]]:
        """Settle the camera rule and rank every draw of every part."""
        for view in config.views:
            require_unit(arrays.vectors[view], arrays.ids, view)
        config = config.model_copy(update={"camera_rule": resolve_camera_rule(arrays, config.camera_rule)})
        problem = _Problem(arrays, config)
        return config, {part: [problem.rank(draw, part) for draw in draws] for part, draws in arrays.parts.items()}


MODE = Reid()


def metric_names(config: ReidConfig) -> list[str]:
    """Columns of the query tables: ``rank_k`` ascending, ``mean_ap``, ``mean_inp``."""
    return [*(f"rank_{k}" for k in sorted(set(config.ranks))), "mean_ap", "mean_inp"]


class _Problem:
    """The arrays of an evaluation, made ready for ranking any draw of them."""

    def __init__(self, arrays: Arrays, config: ReidConfig) -> None:
        self._vectors: Float32 = combine_views([arrays.vectors[view] for view in config.views])
        self._identity, self._names = text_codes(arrays.columns["identity"])
        self._camera = text_codes(arrays.columns["camera"])[0] if config.camera_rule == "market1501" else None
        self._config = config

    def rank(self, draw: Draw, part: str) -> DrawResult:
        """Rank one draw."""
        query, gallery = draw["query"], draw["gallery"]
        ranked = rank_queries(self._side(query), self._side(gallery))
        valid = np.array([len(ranks) > 0 for ranks in ranked.ranks], np.bool_)
        if not valid.any():
            raise InputError(self._why_none(ranked, query, gallery, part))
        ranks = [found for found in ranked.ranks if len(found)]
        first = np.array([found[0] for found in ranks], np.int64)
        identities = self._identity[np.concatenate([query, gallery])]
        counts = {
            "query": int(valid.sum()),
            "gallery": len(gallery),
            "identities": len(np.unique(identities[identities >= 0])),
            "query_identities": len(np.unique(self._identity[query[valid]])),
            "query_without_positive": int((~valid).sum()),
        }
        table = DrawTable(_query_metrics(ranks, first, self._config), self._identity[query[valid]])
        return DrawResult(table, first, counts, int((~valid & (ranked.positives > 0)).sum()))

    def _side(self, rows: Int64) -> Side:
        camera = None if self._camera is None else self._camera[rows]
        return Side(self._vectors[rows], self._identity[rows], camera)

    def _why_none(self, ranked: Ranked, query: Int64, gallery: Int64, part: str) -> str:
        where = f" of {part}" if part != WHOLE_PART else ""
        if not len(query) or not len(gallery):
            return f"There is nothing to rank{where}: {len(query)} queries, {len(gallery)} gallery images."
        if ranked.positives.any():
            return (
                f"Every query{where} shares its camera with all gallery images of its identity, and camera_rule="
                "market1501 leaves those out; to keep them, pass -o camera_rule=none."
            )
        shown = [self._some(rows) for rows in (query, gallery)]
        return (
            f"No query{where} has an image of its identity in the gallery: query identities {shown[0]}; gallery "
            f"identities {shown[1]}. Are they written alike (leading zeros, prefixes)?"
        )

    def _some(self, rows: Int64) -> str:
        codes = np.unique(self._identity[rows])
        names = [f"'{self._names[code]}'" for code in codes[codes >= 0]]
        return (", ".join(names[:3]) + (", ..." if len(names) > 3 else "")) or "none"


def resolve_camera_rule(arrays: Arrays, rule: CameraRule) -> CameraRule:
    """Settle ``auto``: ``market1501`` where all cameras are known, else ``none``.

    Raises:
        InputError: ``market1501`` is asked for and a camera is unknown.
    """
    unknown = np.flatnonzero([camera is None for camera in arrays.columns["camera"]])
    if rule == "market1501" and len(unknown):
        raise InputError(
            f"camera_rule=market1501 needs every camera, and {len(unknown)} of {len(arrays.ids)} samples have none "
            f"(the first is {arrays.ids[unknown[0]]}); index again with cameras, or pass -o camera_rule=none."
        )
    if rule == "auto":
        return "none" if len(unknown) else "market1501"
    return rule


def text_codes(values: NDArray[np.object_]) -> tuple[Int64, list[str]]:
    """Number texts in sorted order: codes (n,), -1 for None, and the texts that codes stand for."""
    names = sorted({str(value) for value in values if value is not None})
    numbers = {name: code for code, name in enumerate(names)}
    return np.array([-1 if value is None else numbers[str(value)] for value in values], np.int64), names


def _query_metrics(ranks: list[Int64], first: Int64, config: ReidConfig) -> NDArray[np.float64]:
    """Values (queries, metrics) in the order rank_k ..., mean_ap, mean_inp."""
    hits = [(first <= k).astype(np.float64) for k in sorted(set(config.ranks))]
    precision = np.array([average_precision(found, config.ap_method) for found in ranks])
    penalty = np.array([inverse_negative_penalty(found) for found in ranks])
    return np.stack([*hits, precision, penalty], axis=1)


def _section(
    names: list[str], results: dict[str, list[DrawResult]], config: ReidConfig, rng: np.random.Generator
) -> Part:
    """Figures of one part, or of the mean over several."""
    tables = [[draw.table for draw in draws] for draws in results.values()]
    summary = summarise(names, tables, config.bootstrap, rng)
    counts = [mean_counts([draw.counts for draw in draws]) for draws in results.values()]
    length = min(config.cmc_length, max(draw.counts["gallery"] for draws in results.values() for draw in draws))
    curves = [[cumulative_match(draw.first_ranks, length) for draw in draws] for draws in results.values()]
    return Part(
        metrics=summary.metrics,
        draws=summary.draws,
        n={key: sum(count[key] for count in counts) for key in counts[0]},
        cmc=tuple(map(float, np.mean(curves, axis=(0, 1)))),
    )


def _query_identities(results: dict[str, list[DrawResult]]) -> int:
    return len(np.unique(np.concatenate([draw.table.units for draws in results.values() for draw in draws])))


def _warnings(results: dict[str, list[DrawResult]], n_draws: int) -> tuple[str, ...]:
    """Name the queries that no metric counts, and intervals that cannot be."""
    draws = [draw for part in results.values() for draw in part]
    without = sum(draw.counts["query_without_positive"] for draw in draws)
    found = []
    if without:
        total = without + sum(draw.counts["query"] for draw in draws)
        lost = sum(draw.lost_to_camera for draw in draws)
        over = f" over {n_draws} draws" if n_draws > 1 else ""
        why = f", {lost} of them because their positives share their camera" if lost else ""
        found.append(
            f"{without} of {total} queries{over} have no valid positive in the gallery{why}; not in the metrics."
        )
    if _query_identities(results) < 2:
        found.append("All queries are of one identity: there is no interval.")
    return tuple(found)


def _sha256(names: list[str]) -> str:
    return hashlib.sha256(json.dumps(names, ensure_ascii=False).encode()).hexdigest()
