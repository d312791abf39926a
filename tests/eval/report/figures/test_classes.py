"""Pictures of classes and what they are taken for."""

from __future__ import annotations

from eval.report.figures.classes import confusion_figure, involved_classes, worst_classes
from eval.results.schema import ClassMetrics, ConfusedPair
from tests.support.drawn_results import (
    fusion,
    result,
)  # fmt: skip


def test_worst_classes_have_images_and_stand_in_order() -> None:
    worst = worst_classes(fusion())
    assert len(worst) == 20
    assert [each.recall for _, each in worst] == sorted(each.recall for _, each in worst)
    assert all(each.support for _, each in worst)
    rest = [each for name, each in (fusion().per_class or {}).items() if name not in dict(worst) and each.support]
    assert min(each.recall for each in rest) >= worst[-1][1].recall


def test_the_confusion_grid_counts_what_was_taken_for_what() -> None:
    figures = {
        name: ClassMetrics(precision=0.5, recall=recall, f1=0.5, jaccard=0.5, support=support, predicted=5)
        for name, recall, support in (("a", 0.5, 10), ("b", 0.75, 4), ("c", 0.0, 0))
    }
    pairs = (ConfusedPair(label="a", predicted="b", count=4), ConfusedPair(label="b", predicted="a", count=1))
    made = result("knn", 0.5, per_class=figures, confusion=pairs)
    assert involved_classes(made) == ["a", "b"]
    texts = [text.get_text() for text in confusion_figure(made).axes[0].texts]
    assert texts == ["5", "4", "1", "3"]
    assert len(involved_classes(fusion())) <= 16
