from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.registry import load_scorer
from eval.runs.arms import (
    ArmRequest,
    arm_of,
    arm_options,
    class_bank,
    parse_arm,
    read_arm,
    read_prompt_files,
    with_distinct_names,
)
from retrieval.errors import InputError, MissingFileError, SpaceMismatchError, UnknownNameError
from retrieval.store.memory import MemoryStore
from retrieval.types import Bank
from tests.support.adapted_stores import adapted_store
from tests.support.adapted_stores import bank as adapted_bank
from tests.support.labelled_stores import CLIP, RES, class_store, fingerprint, labelled, name_of, pool_of

ROWS = labelled()
NAMES = tuple(name_of(code) for code in range(4))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("clip:prompts", ArmRequest("prompts", "clip", "prompts")),
        (" clip : prompts : a, b ", ArmRequest("prompts", "clip", "prompts", ("a", "b"))),
        ("mine=clip:prompts:a", ArmRequest("mine", "clip", "prompts", ("a",))),
        ("clip@1a2b:classifier:0f3c", ArmRequest("classifier", "clip@1a2b", "classifier", ("0f3c",))),
        ("clip:prompts:p=1", ArmRequest("prompts", "clip", "prompts", ("p=1",))),
    ],
)
def test_arms_as_they_are_written(text: str, want: ArmRequest) -> None:
    assert parse_arm(text) == want


@pytest.mark.parametrize("text", ["", "clip", ":prompts", "clip:", "a=clip", "a="])
def test_arms_of_another_shape(text: str) -> None:
    with pytest.raises(InputError, match="SPACE:SCORER"):
        parse_arm(text)


def test_an_unknown_scorer() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'classifier'"):
        parse_arm("clip:clasifier")


def test_arms_that_share_a_name_are_told_apart_by_their_space() -> None:
    arms = with_distinct_names([parse_arm(f"{space}:knn") for space in "ab"] + [parse_arm("a:prompts")])
    assert [arm.name for arm in arms] == ["a knn", "b knn", "prompts"]
    with pytest.raises(InputError, match="Two arms are called 'a knn'"):
        with_distinct_names([parse_arm("a:knn"), parse_arm("a:knn")])


def test_options_go_to_their_arms() -> None:
    arms = with_distinct_names([parse_arm("a:knn"), parse_arm("b:knn"), parse_arm("x-y=c:prototype")])
    dotted: dict[str, dict[str, Any]] = {"knn": {"k": 3}, "a knn": {"k": 7}, "x_y": {"class_temperature": 0.5}}
    found = arm_options(arms, dotted, {"tau": 0.1}, ())
    values = {name: each.model_dump() for name, each in found.items()}
    assert [values[name]["k"] for name in ("a knn", "b knn")] == [(7,), (3,)]
    assert [values[name]["tau"] for name in ("a knn", "b knn")] == [0.1, 0.1]
    assert values["x-y"]["class_temperature"] == 0.5


@pytest.mark.parametrize(
    ("dotted", "bare", "error", "says"),
    [
        ({"kn": {"k": 1}}, {}, UnknownNameError, "Did you mean 'knn'"),
        ({"knn": {"kk": 1}}, {}, InputError, "no option 'kk'"),
        ({}, {"votez": "exp"}, InputError, "Did you mean 'votes'"),
        ({}, {"boostrap": 3}, InputError, "Did you mean 'bootstrap'"),
        ({}, {"k": 0}, InputError, "k"),
    ],
)
def test_options_that_no_arm_takes(dotted: Any, bare: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error) as caught:
        arm_options([parse_arm("a:knn")], dotted, bare, ("bootstrap",))
    assert says in str(caught.value)


def bank(names: list[str], *, texts: bool = True, name: str = "said", **more: Any) -> Bank:
    vectors = np.eye(len(names), 8, dtype=np.float32)
    said = tuple(f"text {at}" for at in range(len(names))) if texts else None
    edges = np.arange(len(names)), np.array(names)
    return Bank(name, "space", "x", vectors, *edges, said, kind="prompts" if texts else "classifier", **more)


def test_a_bank_over_the_universe_has_its_classes_only() -> None:
    stored = bank(["wolf", "class_1", "Class 0", "class 2"], bias=np.arange(4, dtype=np.float32))
    found = class_bank(stored, NAMES, "said")
    assert found.edge_class.tolist() == [0, 1, 2]
    assert np.array_equal(found.vectors[found.edge_vector], stored.vectors[[2, 1, 3]])
    assert found.bias is not None
    assert found.bias[found.edge_vector].tolist() == [2, 1, 3]
    assert found.texts is not None
    assert [found.texts[at] for at in found.edge_vector] == ["text 2", "text 1", "text 3"]
    with pytest.raises(InputError, match="`labels_from`"):
        class_bank(bank(["wolf", "fox"]), NAMES, "said")
    with pytest.raises(InputError, match="name its classes when the images are indexed"):
        class_bank(bank(["0", "1"], name="classifier", texts=False), NAMES, "classifier")


def read(store: MemoryStore, asked: ArmRequest) -> Any:
    with store.snapshot() as snapshot:
        return read_arm(store, snapshot, asked, (), "cpu")


def test_the_classifier_with_names_goes_before_the_one_with_numbers() -> None:
    store = class_store(ROWS)
    layer = next(each for each in store.banks() if each.name == "classifier")
    numbers = replace(layer, edge_class=np.array(["0", "1", "2", "3"]))
    store.save_bank(numbers)
    assert read(store, parse_arm(f"{RES}:classifier")).banks == (layer,)
    store.save_bank(replace(layer, bias=None))
    with pytest.raises(InputError, match="several classifier banks"):
        read(store, parse_arm(f"{RES}:classifier"))
    assert read(store, parse_arm(f"{RES}:classifier:{layer.sha256[:12]}")).banks == (layer,)


def test_banks_are_named_by_name_beginning_or_hash() -> None:
    store = class_store(ROWS)
    said = next(each for each in store.banks() if each.name == "said")
    for name in ("said", "sai", said.sha256[:8]):
        assert read(store, parse_arm(f"{CLIP}:prompts:{name}")).banks == (said,)
    store.save_bank(replace(said, temperature=1.0))
    with pytest.raises(InputError, match="name one by its hash"):
        read(store, parse_arm(f"{CLIP}:prompts:said"))
    with pytest.raises(UnknownNameError, match="There is: said"):
        read(store, parse_arm(f"{CLIP}:prompts:wolf"))
    with pytest.raises(UnknownNameError, match=f"bank of space {RES}"):
        read(store, parse_arm(f"{RES}:prompts:wolf"))


def test_a_bank_of_another_space_is_refused() -> None:
    store = class_store(ROWS)
    with pytest.raises(SpaceMismatchError, match=f"Bank 'said' belongs to space .* of space {RES}"):
        read(store, parse_arm(f"{RES}:prompts:said"))
    taken = read(store, parse_arm(f"{CLIP}:prompts:said"))
    options = load_scorer("prompts").config_type()
    with store.snapshot() as snapshot:
        strange = taken._replace(space=snapshot.space(RES))
        with pytest.raises(SpaceMismatchError, match="Bank 'said'"):
            arm_of(strange, snapshot, pool_of(ROWS), NAMES, ("base",), options)


def test_what_a_bank_lacks_is_told() -> None:
    store = class_store(ROWS)
    own = replace(bank(["class 0", "class 0", "wolf"]), space=fingerprint(store, CLIP))
    shared = replace(
        own, edge_vector=np.array([0, 0, 1, 2]), edge_class=np.array(["class 0", "class 1", "class 0", "wolf"])
    )
    store.save_bank(replace(shared, name="odd"))
    made = read(store, parse_arm(f"{CLIP}:prompts:odd"))
    with store.snapshot() as snapshot:
        arm, notes = arm_of(
            made, snapshot, pool_of(ROWS), NAMES, ("base", "hflip"), load_scorer("prompts").config_type()
        )
    assert notes == (
        "Bank odd has no prompt for 2 of 4 classes (class 2, class 3).",
        "1 classes of bank odd are not in the label universe (wolf).",
        "1 texts of bank odd speak for several classes (such as 'text 0').",
    )
    assert arm.logit_scale is None
    assert set(arm.vectors) == {"base", "hflip"}
    assert not arm.norms


def test_two_banks_of_one_name_stay_two_candidates() -> None:
    store = class_store(ROWS)
    said = next(each for each in store.banks() if each.name == "said")
    other = replace(said, vectors=said.vectors[::-1].copy())
    store.save_bank(other)
    asked = ArmRequest("prompts", CLIP, "prompts", (said.sha256, other.sha256))
    with store.snapshot() as snapshot:
        options = load_scorer("prompts").config_type()
        arm, _ = arm_of(read(store, asked), snapshot, pool_of(ROWS), NAMES, ("base",), options)
    assert [each.name for each in arm.banks] == [f"said {each.sha256[:8]}" for each in (said, other)]
    assert arm.logit_scale == pytest.approx(20)


def test_prompt_files(tmp_path: Path) -> None:
    for name in ("a", "b", "c+d"):
        (tmp_path / f"{name}.json").write_text(f'{{"x": ["{name} one", "same"]}}')
    a, b, odd = (str(tmp_path / f"{name}.json") for name in ("a", "b", "c+d"))
    assert [each.name for each in read_prompt_files([a, b], combine=False)] == ["a", "b"]
    (joined,) = read_prompt_files([f"{a}+{b}"], combine=False)
    assert (joined.name, joined.unique_texts) == ("a+b", ("a one", "same", "b one"))
    (combined,) = read_prompt_files([a, b], combine=True)
    assert combined == joined
    assert [each.name for each in read_prompt_files([odd], combine=True)] == ["c+d"]
    assert read_prompt_files([], combine=True) == ()
    with pytest.raises(MissingFileError):
        read_prompt_files([str(tmp_path / "none.json")], combine=False)


def test_an_adapter_is_scored_against_the_texts_of_its_parent(tmp_path: Path) -> None:
    store, parent, adapted, _ = adapted_store(tmp_path / "store")
    said, other = adapted_bank(parent, name="said"), adapted_bank(parent, "learned-prompts", "trained")
    for each in (said, other, adapted_bank(parent, "classifier"), adapted_bank(parent, "prototypes")):
        store.save_bank(each)

    def read_arms(arm: str) -> list[str]:
        with store.snapshot() as snapshot:
            return [each.sha256 for each in read_arm(store, snapshot, parse_arm(arm), (), "cpu").banks]

    for text in ("prompts:said", "prompts:sa", f"prompts:{said.sha256[:9]}", "prompts"):
        assert read_arms(f"{adapted.name}:{text}") == [said.sha256]
    assert read_arms(f"{adapted.name}:prompts:trained") == [other.sha256]
    for text in ("prompts:prototypes", "classifier:classifier"):
        with pytest.raises(SpaceMismatchError, match="use one that was made in"):
            read_arms(f"{adapted.name}:{text}")
    with pytest.raises(InputError, match="has no classifier layer"):
        read_arms(f"{adapted.name}:classifier")
    own = replace(said, space=adapted.fingerprint)
    store.save_bank(own)
    assert read_arms(f"{adapted.name}:prompts:said") == read_arms(f"{adapted.name}:prompts") == [own.sha256]
    assert read_arms(f"{adapted.name}:prompts:{said.sha256}") == [said.sha256]
    assert read_arms(f"{parent.name}:prompts") == [said.sha256]


def test_a_head_for_unit_vectors_comes_after_layers_and_needs_no_lengths() -> None:
    store = class_store(ROWS)
    layer = next(each for each in store.banks() if each.name == "classifier")
    head = replace(layer, name="gda", temperature=0.5)
    store.save_bank(head)
    assert read(store, parse_arm(f"{RES}:classifier")).banks == (layer,)
    made = read(store, parse_arm(f"{RES}:classifier:gda"))
    with store.snapshot() as snapshot:
        arm, _ = arm_of(made, snapshot, pool_of(ROWS), NAMES, ("base",), load_scorer("classifier").config_type())
    assert arm.banks[0].temperature == 0.5
    assert not arm.norms
