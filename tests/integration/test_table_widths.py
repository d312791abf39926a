"""Tables on terminals of 60, 80, 120 and 200 columns, as approved in ``tests/approved``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eval.audit.findings import AuditReport, Finding, Item
from eval.results.listing import ResultEntry
from eval.results.schema import Metric, Part
from eval.runs.compare_ranking import RankingComparison
from eval.statistics.paired_tests import McNemar, PairedDifference
from eval.views.audit_tables import audit_table
from eval.views.results import results_table
from eval.views.tables import comparison_tables, result_tables
from retrieval.commands.search import hits_table
from retrieval.search.request import SearchRequest
from retrieval.search.result import Hit, SearchResult
from retrieval.store.findings import StoreFinding, findings_table
from retrieval.store.info import info_tables
from retrieval.types import SpaceInfo
from tests.support import drawn_results
from tests.support.approved import check_approved
from tests.support.sample_stores import spec

if TYPE_CHECKING:
    from eval.results.schema import EvalResult

NAMES = ("rank_1", "rank_5", "rank_10", "mean_ap", "mean_inp")
ASPECTS = {
    "dorsal left": (0.155, 0.450, 0.763, 0.313, 0.313),
    "dorsal right": (0.140, 0.507, 0.780, 0.318, 0.318),
    "palmar left": (0.100, 0.360, 0.597, 0.247, 0.247),
    "palmar right": (0.113, 0.432, 0.710, 0.273, 0.273),
}
COUNTS = {"query": 60, "gallery": 30, "identities": 30}
LONG_PATH = "images/a folder with spaces/and_a_name_that_is_longer_than_any_terminal_of_sixty_columns_has/000-0.jpg"


def metrics(values: tuple[float, ...]) -> dict[str, Metric]:
    ends = [(max(0, value - 0.065), value + 0.134) for value in values]
    made = zip(NAMES, values, ends, strict=True)
    return {name: Metric(value=value, ci95=ci95, sd_draws=0.026) for name, value, ci95 in made}


def main_job() -> EvalResult:
    parts = {name: Part(metrics=metrics(values), draws=({},), n=COUNTS) for name, values in ASPECTS.items()}
    config = {"aspect": "all", "ap_method": "step", "ties": "stable", "denominator": "valid", "camera_rule": "none"}
    whole = metrics((0.127, 0.437, 0.713, 0.288, 0.288))
    return drawn_results.reid(parts=parts, metrics=whole, n={**COUNTS, "query": 240, "gallery": 120}, config=config)


def comparison() -> RankingComparison:
    shift = {"rank_1": 0.031, "mean_ap": -0.004}
    return RankingComparison(
        a="resnet50-imagenet1k_v2@1a2b", b="vit_small_patch14_dinov2.lvd142m@3c4d, rerank=k-reciprocal",
        store_version=3, split_set="clipfh-11k@aa", split_sha256="6" * 64, seed=0, resamples=1000,
        n={"query": 240, "identities": 30}, values={name: (0.5, 0.5 + value) for name, value in shift.items()},
        differences={
            name: PairedDifference(Metric(value=value, ci95=(value - 0.02, value + 0.02)), 0.0312, 6, 1, 3)
            for name, value in shift.items()
        },
        mcnemar=McNemar(only_a=(12,), only_b=(20,), p_values=(0.215,), p_value=0.215), warnings=(), mode="reid",
        protocol="clipfh-11k", departs_from=None, parts=tuple(ASPECTS),
    )  # fmt: skip


def audit_report() -> AuditReport:
    uris = {"a": "Hands/Hand_0000256.jpg", "b": LONG_PATH, "c": "c.jpg", "d": "d.jpg", "e": "e.jpg"}
    near = Finding(
        "near-vector-in-draw", "warning", 1,
        "Pairs of nearly the same vector are query and gallery of one draw (bursts, copies).",
        (Item(("a", "b"), "distance 0.026 of the typical, 18 bits", 0.9),),
    )  # fmt: skip
    same = Finding(
        "duplicate-in-draw", "error", 1, "Pictures are query and gallery of one draw, byte for byte.",
        (Item(("a", "b", "c", "d", "e"), "one content", 1.0),),
    )  # fmt: skip
    return AuditReport(
        findings=(same, near), uris=uris, samples=1272, store_version=4, space="vitrine-tiny-vitrine@7c9e",
        split_set="clipfh-11k/dorsal left/seed0@a3340c72", split_sha256="6" * 64, thresholds={},
    )  # fmt: skip


def search_result() -> SearchResult:
    paths = ("Hands/Hand_0000075.jpg", "Hands/Hand_0000088.jpg", LONG_PATH)
    hits = [
        Hit(rank, 0.9 - rank / 10, {
            "id": f"e52cb117c9178d90aea{rank}", "uri": path, "identity": f"000110{rank}", "label": None,
            "aspect": "dorsal right", "camera": None,
        })
        for rank, path in enumerate(paths, 1)
    ]  # fmt: skip
    space = SpaceInfo("7c9e" * 8, "vitrine-tiny-vitrine@7c9e", spec(), 160, ("base",), "2026-01-01")
    return SearchResult(
        SearchRequest(id="Hand_0000005.jpg"), space, 4, 1272, 0, exhaustive=True, index="exact", hits=tuple(hits)
    )


def description() -> dict[str, Any]:
    space = {
        "name": "vitrine-tiny-vitrine@7c9e", "vectors": 1272, "dimension": 160, "views": ["base", "hflip"],
        "imported": False, "encoder": "open_clip/vitrine-tiny", "weights": "/models/tag:vitrine", "precision": "bf16",
        "state": "complete", "parent_name": None, "promoted": None, "default": False,
    }  # fmt: skip
    child = {
        **space, "name": "adapter@01f8", "encoder": "adapter/vitrine-tiny", "weights": "folder:/runs/a/encoder",
        "parent_name": "vitrine-tiny-vitrine@7c9e", "promoted": "2026-11-29T00:00:00.000000Z", "default": True,
    }  # fmt: skip
    index = {
        "space": "vitrine-tiny-vitrine@7c9e", "view": "base", "kind": "hnsw", "rows": 1272, "recall_at_10": 0.9876,
        "stale": True, "bytes": 700_000, "damaged": None,
    }  # fmt: skip
    counts = {
        "samples": 1272,
        "objects": 0,
        "identities": 40,
        "labels": 60,
        "spaces": 2,
        "split_sets": 5,
        "failures": 1,
    }
    return {
        "store": "hands.vitrine", "store_version": 4, "counts": counts, "spaces": [space, child], "indexes": [index],
        "bytes": {"total": 4_500_000},
        "per_source": {"hands11k:hands": 480, "manifest:species/manifest": 576, "manifest:drains/sites": 72},
        "per_split": {"test": 582, "train": 494, "val": 196}, "per_aspect": dict.fromkeys(ASPECTS, 120),
        "per_class": dict.fromkeys(drawn_results.SPECIES, 12),
        "failures": [{"source": "hands11k:hands", "uri": LONG_PATH, "reason": "damaged JPEG data, which ends early"}],
    }  # fmt: skip


def entries() -> list[ResultEntry]:
    results = (drawn_results.fusion(), drawn_results.zeroshot(), main_job(), drawn_results.verification())
    return [ResultEntry(f"{at}eb7196a", "f" * 64, result) for at, result in enumerate(results)]


@pytest.mark.parametrize("mode", ["zeroshot", "knn", "fewshot", "fusion", "verification"])
def test_tables_of_a_mode(mode: str) -> None:
    result = getattr(drawn_results, mode)()
    result = result.model_copy(update={"config": {**result.config, "interval": "image"}})
    check_approved(f"eval-{mode}", list(result_tables(result)))


def test_the_table_of_the_main_job() -> None:
    check_approved("eval-reid", list(result_tables(main_job())))


def test_the_table_of_one_aspect() -> None:
    check_approved("eval-reid-one-aspect", list(result_tables(drawn_results.reid())))


def test_results() -> None:
    check_approved("results", [results_table(entries())])


def test_results_of_one_space() -> None:
    check_approved("results-one-space", [results_table([entries()[1], entries()[1]])])


def test_compare() -> None:
    check_approved("compare", list(comparison_tables(comparison())))


def test_audit() -> None:
    check_approved("audit", [audit_table(audit_report(), 5)])


def test_search() -> None:
    check_approved("search", [hits_table(search_result())])


def test_info() -> None:
    check_approved("info", list(info_tables(description())))


def test_verify() -> None:
    findings = (
        StoreFinding("files", wrong=False, detail="83 files as their digests say"),
        StoreFinding(
            "vectors", wrong=True,
            detail="vectors_7c9e.lance/data/0011223344556677.lance is damaged: take it out with 'verify --repair', "
            "then 'index' (or 'import-vectors') the source again",
        ),
    )  # fmt: skip
    check_approved("verify", [findings_table(findings)])
