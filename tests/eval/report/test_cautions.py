"""What a report tells its readers to be careful about."""

from __future__ import annotations

from pathlib import Path

from eval.report.cautions import cautions
from eval.report.groups import LabelledResult, group_results
from eval.report.leads import Lead, leads_of
from eval.results.schema import Choice, EvalResult, Universe
from tests.support.drawn_results import SPECIES, fewshot, fusion, knn, result, verification


def named(**results: EvalResult) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), made) for name, made in results.items()]


def careful(**results: EvalResult) -> list[str]:
    groups = group_results(named(**results))
    return [item.text for item in cautions(groups, [leads_of(group) for group in groups])]


def test_what_to_be_careful_about() -> None:
    few = Universe(n=12, sha256="1" * 64)
    words = careful(
        a=result("knn", 0.5, warnings=("Odd samples.",), n={"test": 40}),
        b=result("knn", 0.4, warnings=("Odd samples.", "More."), n={"test": 40}, names=SPECIES[:90]),
        c=fewshot(n={"test": 40}), d=verification(label_universe=few, departs_from="clipfh-11k", protocol="custom"),
    )  # fmt: skip
    assert words[0].startswith("Results of the task classification are over 2 label universes")
    assert "a and b: Odd samples." in words
    assert "b: More." in words
    assert "There are only 40 test samples: one of them is 2.5 points." in words
    assert "Identities are few in verification (12): with others the numbers may be quite different." in words
    assert any(line.startswith("d has options that depart from clipfh-11k") for line in words)
    assert any(line.startswith("c shows several settings on test side by side") for line in words)
    assert any(line.startswith("To call the best of 2 results the best") for line in words)
    assert words[-1].endswith("`vitrine audit` does.")


def test_what_was_chosen_and_where() -> None:
    chosen = Choice(settings=({"k": 1},), criterion="top_1", on="val")
    assert "Settings of a were chosen on val, none on test." in careful(a=knn(chosen=chosen))
    assert not any("were chosen" in line for line in careful(a=knn(chosen=Choice(settings=({"k": 1},)))))


def test_of_many_names_the_first_are_listed() -> None:
    words = careful(**{f"r{at}": result("knn", 0.5, warnings=("Odd." if at < 6 else "",)) for at in range(7)})
    assert "r0, r1, r2, r3 and 2 more: Odd." in words


def test_a_result_is_named_once_and_several_show() -> None:
    words = careful(a=fewshot(warnings=("Odd.", "Odd.")), b=fewshot(), c=knn())
    assert "a: Odd." in words
    assert any(line.startswith("a and b show several settings") for line in words)


def test_ties_and_pairs_that_could_not_be_made() -> None:
    groups = group_results(named(a=fusion(), b=knn(), c=knn(), d=knn()))
    leads = [
        Lead("b", 0.1, (-0.1, 0.2), 0.5, paired=True), Lead("c", 0.1), Lead("d", 0.1, reason="The store has changed."),
    ]  # fmt: skip
    words = [item.text for item in cautions(groups, [leads])]
    assert words[0] == "a is not clearly better than b: the order of these may be chance."
    assert words[1].startswith("a is not paired with c: intervals that overlap")
    assert words[2] == "a cannot be paired with d. The store has changed."
