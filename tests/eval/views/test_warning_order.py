"""Warnings, the worst first."""

from __future__ import annotations

from eval.audit.crossings import SENTENCES
from eval.views.warning_order import worst_first


def test_shared_samples_come_before_misleading_numbers_before_samples_that_are_left_out() -> None:
    warnings = [
        "The text has 90 tokens.",
        "552 samples have no label and take no part.",
        "On test the fusion is worse than arm black bears alone: top-1 -3.8 [-7.5, -1.1].",
        "Identities in several spellings that may be one: 3, 03. They count as different.",
        "1,234 pictures are in both train (or val) and test, byte for byte (audit shows them).",
    ]
    assert worst_first([*warnings, *warnings]) == [warnings[at] for at in (4, 2, 3, 1, 0)]


def test_every_finding_of_an_audit_is_of_the_worst_kind_and_order_within_a_kind_stays() -> None:
    shared = [words.format(n=1234) + " (audit shows them)." for pair in SENTENCES.values() for words in pair]
    assert worst_first(["With 5 classes top-5 is 100 % by construction.", *shared])[:-1] == shared
