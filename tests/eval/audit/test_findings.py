"""Findings count all and list the worst."""

from __future__ import annotations

from eval.audit.findings import ITEMS_KEPT, Item, findings_of


def test_a_finding_counts_all_and_lists_the_worst() -> None:
    items = [Item((f"{at:04d}",), "", float(at)) for at in range(ITEMS_KEPT + 5)]
    (found,) = findings_of("check", "note", items, "A sentence.")
    assert found.count == ITEMS_KEPT + 5
    assert [item.score for item in found.items] == [float(ITEMS_KEPT + 4 - at) for at in range(ITEMS_KEPT)]
    assert findings_of("check", "note", [], "A sentence.") == []
