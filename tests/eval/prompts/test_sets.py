from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from eval.prompts.sets import PromptSet, edges, merge, net_new, read_prompts
from retrieval.errors import InputError, MissingFileError
from tests.support.prompt_sets import pairs, sets
from tests.support.shared_data import SHARED, needs_shared

MUSHROOM = SHARED / "mushroom"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "prompts.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_lists_and_single_texts_in_file_order(tmp_path: Path) -> None:
    content = {"b": ["second", "first", "second"], "a": "only", "none": []}
    found = read_prompts(written(tmp_path, "\ufeff" + json.dumps(content)))
    assert list(found.prompts.items()) == [("b", ("second", "first")), ("a", ("only",)), ("none", ())]
    assert (found.name, found.repeated, len(found), found.classes) == ("prompts", 1, 3, ("b", "a"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "prompts.json is empty"),
        ("  \n", "prompts.json is empty"),
        ("a photo of a {}\n", "not a prompt set in JSON: line 1, column 1"),
        ('["Amanita muscaria"]', "'prompts make'"),
        ("{}", "has no prompt"),
        ('{"a": []}', "has no prompt"),
        ('{"a": ["x"], "a": ["y"]}', "has 'a' twice"),
        ('{"a": 3}', "gives classes indexes, not prompts"),
        ('{"a": "0", "b": "1"}', "gives classes indexes, not prompts"),
        ('{"a": 0, "b": "1"}', "class 'a' has 0 instead of a list"),
        ('{"a": ["x"], "b": "1"}', "class 'b' has \"1\", an index"),
        ('{"a": {"x": "y"}}', "class 'a' has"),
        ('{"a": ["x", null]}', "prompt 2 of class 'a' is null"),
        ('{"a": ["x", " "]}', "prompt 2 of class 'a' is empty"),
        ('{"a": [NaN]}', "NaN"),
        ('{" ": ["x"]}', "a class without a name"),
        ('{"a": ["\\ud83d"]}', "half of a character"),
        ('{"a": ["caf\xe9"]}'.encode("latin-1"), "not UTF-8"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_prompt_set_is_said(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as error:
        read_prompts(written(tmp_path, content))
    assert says in str(error.value)
    assert "prompts.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.json"):
        read_prompts(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_prompts(tmp_path)


@given(sets, sets)
def test_merge_and_net_new_are_union_and_difference(first: PromptSet, second: PromptSet) -> None:
    assert pairs(merge([first, second], "both")) == pairs(first) | pairs(second)
    assert pairs(net_new(first, second)) == pairs(second) - pairs(first)
    assert merge([first, net_new(first, second)], "").sha256 == merge([second, first], "").sha256


@given(sets)
def test_edges_are_the_pairs_and_shared_texts_have_several(prompts: PromptSet) -> None:
    found = edges(prompts)
    texts = prompts.unique_texts
    assert [(label, texts[at]) for at, label in zip(found.vector.tolist(), found.label, strict=True)] == [
        (label, text) for label, own in prompts.prompts.items() for text in own
    ]
    uses = {text: tuple(label for label, own in prompts.prompts.items() if text in own) for text in texts}
    assert prompts.shared() == {text: labels for text, labels in uses.items() if len(labels) > 1}


@given(sets)
def test_what_is_written_is_read_back(prompts: PromptSet) -> None:
    assert json.loads(prompts.to_json()) == {label: list(texts) for label, texts in prompts.prompts.items()}


def test_the_hash_is_of_the_pairs_alone() -> None:
    one = PromptSet.of("one", [("a", ["x", "y"]), ("b", ["x"])])
    same = PromptSet.of("two", [("b", ["x"]), ("a", ["y"]), ("a", ["x", "y"]), ("c", [])])
    assert one.sha256 == same.sha256
    assert one.sha256 != one.renamed({"a": "A"}).sha256


def test_renaming_to_a_name_that_is_there_joins_the_texts() -> None:
    found = PromptSet.of("set", [("a", ["x", "y"]), ("A", ["y", "z"])]).renamed({"A": "a"})
    assert found.prompts == {"a": ("x", "y", "z")}
    assert found.repeated == 1


@needs_shared
def test_the_facts_of_the_mushroom_prompts() -> None:
    delta = read_prompts(MUSHROOM / "delta_prompts.json")
    shared = delta.shared()
    assert (len(delta), len(delta.unique_texts), delta.repeated, len(delta.classes)) == (10_389, 8_647, 0, 169)
    assert (len(shared), sum(map(len, shared.values()))) == (19, 1_761)
    assert len(edges(delta).vector) == 10_389


@needs_shared
@pytest.mark.parametrize(("name", "rows", "with_delta"), [("plain", 676, 11_065), ("enriched", 1_017, 11_406)])
def test_the_delta_is_net_new_against_the_baselines(name: str, rows: int, with_delta: int) -> None:
    delta = read_prompts(MUSHROOM / "delta_prompts.json")
    baseline = read_prompts(MUSHROOM / f"class_prompts_{name}.json")
    assert (len(baseline), len(merge([baseline, delta], "both"))) == (rows, with_delta)
    assert net_new(baseline, delta).prompts == delta.prompts
