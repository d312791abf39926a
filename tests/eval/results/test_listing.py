"""Short ids of results."""

from __future__ import annotations

from eval.results.listing import short_ids


def test_ids_are_long_enough_to_tell_results_apart() -> None:
    assert short_ids(["a" * 12 + "b", "a" * 12 + "c", "d" * 13]) == ["a" * 12 + "b", "a" * 12 + "c", "d" * 13]
    assert short_ids(["0123456789", "0123456789"]) == ["01234567", "01234567"]
