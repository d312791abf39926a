"""The sentences that a report begins with."""

from __future__ import annotations

from pathlib import Path

from eval.report.document import ListBlock, Paragraph
from eval.report.groups import LabelledResult, group_results
from eval.report.leads import Lead, leads_of
from eval.report.summary import best_sentence, data_sentence, lead_sentences, method_sentences, summary_blocks
from eval.report.tables import comparison_table
from eval.results.schema import ArmResult, EvalResult, Part
from tests.support.drawn_results import fewshot, figures, fusion, knn, metric, reid, verification, zeroshot

PAIRED = "(paired over the same test samples"


def named(**results: EvalResult) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), made) for name, made in results.items()]


def test_a_summary_says_what_is_best_by_how_much_and_what_guessing_gives() -> None:
    groups = group_results(named(knn=knn(), fusion=fusion(), hands=reid()))
    first, second, careful_of = summary_blocks(groups, [leads_of(group) for group in groups])
    assert isinstance(first, Paragraph)
    assert first.text == (
        "Classification: 15,614 test samples of 169 classes. The best of 2 results is fusion with top-1 59.4 "
        "[58.6, 60.2] % (95 % interval in brackets); guessing gives 0.6 %, always answering "
        "the most frequent class 23.0 %. fusion is 12.4 points ahead of the next, knn; the two are not paired here, so "
        "this does not say how sure it is. Beside its arms alone (paired), fusion has "
        "+34.0 [+33.0, +35.0] points over clip and +4.4 [+1.0, +6.0] points over resnet."
    )
    assert isinstance(second, Paragraph)
    assert second.text == (
        "Re-identification: 971 queries against 71 gallery samples of 71 identities, mean of 10 random draws. hands "
        "reaches Rank-1 74.6 [68.0, 79.0] % (95 % interval in brackets); guessing gives 1.4 %."
    )
    assert isinstance(careful_of, ListBlock)
    assert careful_of.items


def test_leads_are_clear_or_may_be_chance() -> None:
    (group,) = group_results(
        named(a=fusion(arms=None), b=knn(), c=zeroshot(), d=fewshot(metrics={"top_1": metric(0.1)}))
    )
    leads = [
        Lead("b", 0.12, (-0.01, 0.25), 0.0712, paired=True), Lead("c", 0.3, (0.2, 0.4), 0.00001, paired=True),
        Lead("d", 0.4, (-0.1, 0.5), 0.5, paired=True),
    ]  # fmt: skip
    assert list(lead_sentences(group, leads)) == [
        f"a is 12.0 points [-1.0, 25.0] ahead of the next, b {PAIRED}, p = 0.0712), which may be chance.",
        "It is clearly ahead of c (30.0 points [20.0, 40.0]).",
        "It is not clearly ahead of d (40.0 points [-10.0, 50.0]).",
    ]
    assert next(iter(lead_sentences(group, leads[1:2]))).endswith("p < 0.0001), a clear difference.")


def test_equal_results_and_pairs_of_queries() -> None:
    (group,) = group_results(named(a=knn(), b=knn()))
    assert next(iter(lead_sentences(group, leads_of(group)))).startswith("b has the same top-1 as a; the two are not")
    (group,) = group_results(named(a=reid(), b=reid()))
    lead = Lead("b", 0.1, (0.05, 0.2), 0.01, paired=True)
    assert list(lead_sentences(group, [lead])) == [
        "a is 10.0 points [5.0, 20.0] ahead of the next, b (paired query by query, p = 0.0100), a clear difference."
    ]


def methods(**top_1: float) -> EvalResult:
    arms = {name: ArmResult(space="clip@1", scorer=name, metrics=figures(value)) for name, value in top_1.items()}
    return fewshot(arms=arms, metrics=figures(next(iter(top_1.values()))), config={"shots": [2]})


def test_methods_of_few_shots_stand_side_by_side() -> None:
    (group,) = group_results(named(f=methods(gda=0.4, tip=0.3, knn=0.5), k=knn(), g=methods(gda=0.4, tip=0.3)))
    assert [row.label for row in group.rows()] == ["k", "f: gda", "f: tip", "f: knn", "g: gda", "g: tip"]
    first, second = method_sentences(group)
    assert first == (
        "f has the methods gda, tip and knn side by side: its headline is the first, gda, and the best is knn with "
        "top-1 50.0 %, chosen on test."
    )
    assert second.endswith("its headline is the first, gda, than which none of the others is better.")


def test_only_what_all_results_learned_from_is_said_of_all() -> None:
    def said(*results: EvalResult) -> bool:
        (group,) = group_results(named(**{f"r{at}": made for at, made in enumerate(results)}))
        return "learned from 689,520 train samples" in data_sentence(group)

    learned = fusion(arms={"a": ArmResult(scorer="knn"), "b": ArmResult(scorer="prompts")})
    assert said(knn())
    assert said(knn(), learned)
    assert not said(knn(), zeroshot())
    assert not said(fusion())  # of prompts and a classifier
    assert not said(methods(gda=0.4))


def test_equal_best_results_are_named_together() -> None:
    (group,) = group_results(named(a=knn(), b=knn(), c=zeroshot()))
    assert best_sentence(group).startswith("The best of 3 results are a and b, which have the same top-1 47.0 [46.2, ")
    (tie, *_) = lead_sentences(group, [Lead("b", 0.0, (-0.1, 0.1), 1.0, paired=True)])
    assert tie == f"b has the same top-1 as a {PAIRED}, p = 1.0000)."
    assert comparison_table(group, leads_of(group)).best is None


def test_a_query_is_ranked_against_the_gallery_of_its_part() -> None:
    parts = {
        name: Part(metrics={}, draws=(), n={"query": 6, "gallery": size}) for name, size in (("left", 6), ("right", 8))
    }
    made = reid(parts=parts, n={"query": 12, "gallery": 14, "identities": 8})
    (group,) = group_results(named(a=made))
    assert "12 queries against the 6 to 8 gallery samples of their part, of 71 identities" in data_sentence(group)
    assert "6 to 8 gallery samples in each of 2 parts" in group.title


def test_lower_errors_are_ahead() -> None:
    (group,) = group_results(
        named(a=verification(metrics={"eer": metric(0.1)}), b=verification(metrics={"eer": metric(0.3)}))
    )
    assert next(iter(lead_sentences(group, leads_of(group)))).startswith("a is 20.0 points ahead of the next, b;")
