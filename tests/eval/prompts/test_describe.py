"""What is said of a prompt file and of the difference of two, in lines and as data."""

from __future__ import annotations

import json

from eval.prompts.describe import difference_counts, difference_data, difference_table, lint_data, lint_lines
from eval.prompts.diff import difference
from eval.prompts.lint import lint
from eval.prompts.sets import PromptSet
from tests.support.terminal import printed

BEFORE = PromptSet.of("before", [("a", ["a cap", "A  ring.", "gone"]), ("b", ["same"]), ("old", ["x"])])
AFTER = PromptSet.of("after", [("a", ["a cap", "a ring", "new"]), ("b", ["same"]), ("c", ["y"])])


def test_a_difference_is_a_row_per_class_and_one_for_all() -> None:
    found = difference(BEFORE, AFTER)
    assert difference_counts(found) == {"new": 2, "dropped": 2, "changed": 1}
    lines = [line.split() for line in printed([difference_table(found)]).splitlines()]
    assert lines == [
        ["class", "new", "dropped", "changed"],
        ["a", "1", "1", "1"],
        ["old", "0", "1", "0"],
        ["c", "1", "0", "0"],
        ["all", "2", "2", "1"],
        ["2", "the", "same"],
    ]
    data = json.loads(json.dumps(difference_data(found)))
    assert (data["new"], data["same"], data["classes_new"], data["classes_dropped"]) == (2, 2, ["c"], ["old"])
    assert data["classes"]["a"]["changed"] == [{"before": "A  ring.", "after": "a ring"}]


def test_a_finding_is_a_line_with_examples_and_a_check_without_one_is_ok() -> None:
    texts = [("cat", ["a {} cat", "a cat", "a cat"]), ("dog", ["a dog", "a cat"]), ("empty", [])]
    found = lint(PromptSet.of("set", texts))
    lines = list(lint_lines(found, None))
    assert lines[0].startswith("set: 4 prompts of 3 classes")
    assert "check  1 text shared by several classes, 2 uses" in lines
    assert "check  1 class without a prompt: empty" in lines
    assert "check  1 prompt that the class has already (counted once)" in lines
    assert any(line.startswith("         cat: 'a {} cat'") for line in lines)
    assert any(line.startswith("ok     no prompt cut off") for line in lines)
    data = json.loads(json.dumps(lint_data(found, None)))
    assert data["coverage"] is None
    assert data["placeholders"][0]["label"] == "cat"
