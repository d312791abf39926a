"""The sentences that a report begins with."""

from __future__ import annotations

from pathlib import Path

from eval.report.document import ListBlock, Paragraph
from eval.report.groups import LabelledResult, group_results
from eval.report.leads import Lead, leads_of
from eval.report.summary import lead_sentences, summary_blocks
from eval.results.schema import EvalResult
from tests.support.drawn_results import fewshot, fusion, knn, metric, reid, verification, zeroshot

PAIRED = "(paired over the same test samples"


def named(**results: EvalResult) -> list[LabelledResult]:
    return [LabelledResult(name, Path(f"{name}.json"), made) for name, made in results.items()]


def test_a_summary_says_what_is_best_by_how_much_and_what_guessing_gives() -> None:
    groups = group_results(named(knn=knn(), fusion=fusion(), hands=reid()))
    first, second, careful_of = summary_blocks(groups, [leads_of(group) for group in groups])
    assert isinstance(first, Paragraph)
    assert first.text == (
        "Classification: 15,614 test samples of 169 classes, learned from 689,520 train samples. The best of 2 results "
        "is fusion with top-1 59.4 [58.6, 60.2] % (95 % interval in brackets); guessing gives 0.6 %, always answering "
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


def test_lower_errors_are_ahead() -> None:
    (group,) = group_results(
        named(a=verification(metrics={"eer": metric(0.1)}), b=verification(metrics={"eer": metric(0.3)}))
    )
    assert next(iter(lead_sentences(group, leads_of(group)))).startswith("a is 20.0 points ahead of the next, b;")
