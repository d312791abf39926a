from __future__ import annotations

from eval.audit.spellings import name_findings
from tests.support.audit_samples import pool, said


def test_spellings_and_placeholders_are_found_by_column() -> None:
    samples = pool(
        a={"identity": "3", "label": "owl", "camera": "unknown", "aspect": "n/a"},
        b={"identity": "3.0", "label": "Owl", "camera": "unknown", "aspect": "n/a"},
        c={"identity": "003", "label": "fox"},
        d={"identity": "4", "label": "fox"},
    )
    found = name_findings(samples)
    assert said(found) == {
        "suspected-double": ("warning", [("b", "a"), ("c", "a", "b")]),
        "placeholder": ("warning", [("a",)]),
    }
    assert [item.detail for item in found[0].items] == [
        "label 'Owl' (1 sample) and 'owl' (1)",
        "identity '003' (1 sample), '3' (1) and '3.0' (1)",
    ]


def test_ordinary_names_are_not() -> None:
    samples = pool(**{f"s{at}": {"identity": f"{at:03d}", "label": f"class {at}"} for at in range(20)})
    assert name_findings(samples) == []
