"""Leads of the best result: those of ``compare``, from the predictions beside the results alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from eval.api import evaluate
from eval.report.groups import Group, LabelledResult, group_results
from eval.report.leads import Lead, leads_of
from eval.results.files import write_result
from eval.runs.compare import compare_results
from eval.runs.keep_assets import keep_assets
from eval.runs.prepare_classification import PreparedClassification
from eval.runs.request import EvalRequest
from eval.runs.run import evaluate_request
from tests.support.compared_spaces import hands, two_spaces
from tests.support.drawn_results import fusion, knn, metric, verification
from tests.support.labelled_stores import CLIP, RES, class_store, labelled

if TYPE_CHECKING:
    from retrieval.store.memory import MemoryStore

ROLES = {"train": 2, "val": 2, "test": 12}


def kept(store: MemoryStore, path: Path, mode: str = "prototype", **asked: Any) -> LabelledResult:
    options = {"bootstrap": 200, **asked.pop("options", {})}
    run = evaluate_request(store, EvalRequest(mode=mode, options=options, **asked), say=lambda _: None)
    assert isinstance(run.prepared, PreparedClassification)
    write_result(run.result, path)
    keep_assets(store, path, run.prepared)
    return LabelledResult(path.stem, path, run.result)


def only_group(*results: LabelledResult) -> Group:
    (group,) = group_results(results)
    return group


@pytest.mark.parametrize("in_groups", [False, True])
def test_a_lead_is_the_paired_difference_of_compare(tmp_path: Path, *, in_groups: bool) -> None:
    rows = labelled(roles=ROLES)
    if in_groups:
        rows = [{**row, "group": f"{row['uri'][:-5]}{at // 2}"} for at, row in enumerate(rows)]
    store = class_store(rows)
    group = only_group(
        kept(store, tmp_path / "a.json", space=CLIP),
        kept(store, tmp_path / "b.json", space=RES),
        kept(store, tmp_path / "c.json", "fewshot", space=CLIP, options={"shots": 1, "seeds": 3}),
    )
    best, *others = group.results
    for lead, other in zip(leads_of(group), others, strict=True):
        compared = compare_results(store, other.result, best.result).differences["top_1"]
        assert (lead.label, lead.paired) == (other.label, True)
        assert lead.value == pytest.approx(compared.metric.value, abs=1e-9)
        assert lead.ci95 == pytest.approx(compared.metric.ci95, abs=0.02)
        assert lead.p_value == pytest.approx(compared.p_value, abs=0.05)


def test_what_cannot_be_paired_is_not(tmp_path: Path) -> None:
    store = class_store(labelled(roles=ROLES))
    first, second = (kept(store, tmp_path / f"{space[0]}.json", space=space) for space in (CLIP, RES))
    predictions = tmp_path / "r.assets" / "predictions.csv"
    text = predictions.read_text()
    assert [lead.paired for lead in leads_of(only_group(first, second))] == [True]
    predictions.write_text("".join(text.splitlines(keepends=True)[:-1]))  # a sample is missing
    assert [lead.paired for lead in leads_of(only_group(first, second))] == [False]
    predictions.write_text(text.replace(",1,\n", ",0,\n"))  # predictions of another result
    assert [lead.paired for lead in leads_of(only_group(first, second))] == [False]
    predictions.unlink()
    (lead,) = leads_of(only_group(first, second))
    assert (lead.ci95, lead.p_value, lead.paired) == (None, None, False)
    assert lead.value == pytest.approx(abs(first.result.metrics["top_1"].value - second.result.metrics["top_1"].value))


def test_without_resamples_there_is_no_interval(tmp_path: Path) -> None:
    store = class_store(labelled(roles=ROLES))
    made = [kept(store, tmp_path / f"{s[0]}.json", space=s, options={"bootstrap": 0}) for s in (CLIP, RES)]
    (lead,) = leads_of(only_group(*made))
    assert lead.paired
    assert (lead.ci95, lead.p_value, lead.is_clear) == (None, None, False)


def test_results_of_other_metrics() -> None:
    named = [LabelledResult(name, Path(f"{name}.json"), made) for name, made in (("a", fusion()), ("b", knn()))]
    assert [lead.label for lead in leads_of(only_group(*named))] == ["b"]
    errors = [LabelledResult(f"{at}", Path("x.json"), verification(metrics={"eer": metric(at)})) for at in (0.1, 0.3)]
    (lead,) = leads_of(only_group(*errors))
    assert lead.label == "0.3"
    assert lead.value == pytest.approx(-0.2)
    assert leads_of(only_group(named[0])) == []


def test_a_store_pairs_rankings(tmp_path: Path) -> None:
    store = two_spaces(hands())
    options = {"bootstrap": 60, "draws": 3, "views": "base"}
    made = [evaluate(store, "reid", space=name, protocol="clipfh-11k", options=options) for name in ("sharp", "dull")]
    group = only_group(*(LabelledResult(f"{at}", tmp_path / f"{at}.json", one) for at, one in enumerate(made)))
    assert [lead.paired for lead in leads_of(group)] == [False]
    (lead,) = leads_of(group, partial(compare_results, store))
    best, other = (labelled.result for labelled in group.results)
    compared = compare_results(store, other, best).differences["rank_1"]
    assert (lead.paired, lead.value, lead.p_value) == (True, compared.metric.value, compared.p_value)
    assert lead.ci95 == compared.metric.ci95
    (lead,) = leads_of(group, partial(compare_results, class_store(labelled(roles=ROLES))))
    assert not lead.paired
    assert "which is not in this store" in lead.reason


def test_a_clear_lead_has_an_interval_on_one_side_of_zero() -> None:
    assert [Lead("a", 0.1, ends).is_clear for ends in ((0.01, 0.2), (-0.2, -0.1), (-0.1, 0.2), (0.0, 0.1), None)] == [
        True, True, False, False, False,
    ]  # fmt: skip
