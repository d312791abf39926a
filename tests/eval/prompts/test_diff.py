from __future__ import annotations

from hypothesis import given

from eval.prompts.diff import ClassDifference, TextChange, difference
from eval.prompts.sets import PromptSet, read_prompts
from tests.support.prompt_sets import pairs, sets
from tests.support.shared_data import SHARED, needs_shared


def test_new_dropped_and_only_rewritten() -> None:
    before = PromptSet.of("before", [("a", ["a cap", "A  ring.", "gone"]), ("b", ["same"]), ("old", ["x"])])
    after = PromptSet.of("after", [("a", ["a cap", "a ring", "new"]), ("b", ["same"]), ("c", ["y"])])
    found = difference(before, after)
    assert found.classes == {
        "a": ClassDifference(("new",), ("gone",), (TextChange("A  ring.", "a ring"),)),
        "old": ClassDifference((), ("x",), ()),
        "c": ClassDifference(("y",), (), ()),
    }
    assert (found.classes_new, found.classes_dropped, found.same) == (("c",), ("old",), 2)


@given(sets, sets)
def test_every_pair_is_counted_once(before: PromptSet, after: PromptSet) -> None:
    found = difference(before, after)
    assert found.same == len(pairs(before) & pairs(after))
    new = {(label, text) for label, own in found.classes.items() for text in own.new}
    dropped = {(label, text) for label, own in found.classes.items() for text in own.dropped}
    assert new == pairs(after) - pairs(before)
    assert dropped == pairs(before) - pairs(after)


@needs_shared
def test_plain_and_attribute_prompts_of_the_mushrooms_differ_in_one_class() -> None:
    plain, attr = (read_prompts(SHARED / "mushroom" / f"class_prompts_{name}.json") for name in ("plain", "attr"))
    found = difference(plain, attr)
    assert list(found.classes) == ["Crucibulum laeve"]
    own = found.classes["Crucibulum laeve"]
    assert (len(own.new), len(own.dropped), len(own.changed), found.same) == (4, 4, 0, 672)
