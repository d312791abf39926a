"""Names go out of results; numbers and other names stay."""

from __future__ import annotations

from typing import Any

from retrieval.store.erasing.redaction import MAYBE, NOTE, Redaction, split_hashes, uses_held_out, with_note

RESULT: dict[str, Any] = {
    "task": "verification",
    "request": {"mode": "verification", "where": "identity != 'anna' AND split = 'test'"},
    "metrics": {"eer": {"value": 0.1}},
    "slices": {"anna": {"n": {"queries": 3}}, "ben": {"n": {"queries": 3}}},
    "warnings": ["anna/1.jpg has no vector; joanna/1.jpg has.", "Identity anna has one sample, annabel two."],
    "provenance": {"split_sha256": "aa"},
}


def test_identities_paths_and_ids_are_replaced_as_words() -> None:
    result = Redaction({"anna/1.jpg"}, {"anna"}).of(RESULT)
    assert list(result["slices"]) == ["(forgotten 1)", "ben"]
    assert result["request"]["where"] == "identity != '(forgotten 1)' AND split = 'test'"
    assert result["warnings"] == [
        "(forgotten) has no vector; joanna/1.jpg has.",
        "Identity (forgotten 1) has one sample, annabel two.",
    ]
    assert result["metrics"] == RESULT["metrics"]
    assert Redaction({"anna/1.jpg"}, {"anna"}).of(result) == result


def test_a_second_identity_gets_another_number() -> None:
    first = Redaction((), {"anna"}).of(RESULT)
    assert list(Redaction((), {"ben"}).of(first)["slices"]) == ["(forgotten 1)", "(forgotten 2)"]


def test_a_short_name_stands_in_quotation_marks() -> None:
    result = {"task": "ranking", "warnings": ["7 queries have no positive.", "where: identity = '7'"]}
    assert Redaction((), {"7"}).of(result)["warnings"] == [
        "7 queries have no positive.",
        "where: identity = '(forgotten 1)'",
    ]


def test_classes_are_identities_only_where_the_target_is() -> None:
    labels = {"task": "classification", "config": {"target": "label"}, "per_class": {"anna": {"f1": 1.0}}}
    assert list(Redaction((), {"anna"}).of(labels)["per_class"]) == ["(forgotten 1)"]
    assert list(Redaction((), {"7"}).of({**labels, "per_class": {"7": {}}})["per_class"]) == ["7"]
    people = {"task": "classification", "config": {"target": "identity"}, "per_class": {"7": {"f1": 1.0}}}
    people["label_universe"] = {"n": 2, "names": ["7", "8"]}
    result = Redaction((), {"7"}).of(people)
    assert (list(result["per_class"]), result["label_universe"]["names"]) == (["(forgotten 1)"], ["(forgotten 1)", "8"])


def test_a_result_that_names_nobody_is_equal() -> None:
    assert Redaction({"x/1.jpg"}, {"carla"}).of(RESULT) == RESULT


def test_a_note_is_added_once_and_the_stronger_one_stays() -> None:
    noted = with_note(with_note(RESULT, NOTE), NOTE)
    assert noted["warnings"] == [*RESULT["warnings"], NOTE]
    assert with_note(noted, MAYBE) == noted


def test_split_hashes_are_those_of_parts_or_of_the_whole() -> None:
    assert split_hashes(RESULT) == {"aa"}
    assert split_hashes({**RESULT, "parts": {"x": {"split_sha256": "bb"}, "y": {}}}) == {"bb"}


def test_thresholds_of_a_ranking_come_from_samples_of_no_split_set() -> None:
    assert not uses_held_out(RESULT)
    assert uses_held_out({**RESULT, "thresholds": {"0.001": 0.5}})
    assert not uses_held_out({"task": "classification", "chosen": {"settings": []}})
