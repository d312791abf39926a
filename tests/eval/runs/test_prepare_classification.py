from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.api import evaluate
from eval.protocols.split_sets import splits_to_csv
from eval.results.files import read_result, write_result
from eval.results.schema import EvalResult
from eval.runs.prepare_classification import prepare_classification
from eval.runs.request import EvalRequest, RequestInputs
from retrieval.errors import IncompleteError, InputError, MissingFileError, TestDataError, UnknownNameError
from retrieval.search.exact import make_index
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from tests.support.labelled_stores import CLIP, RES, class_store, labelled, name_of, pool_of
from tests.support.sample_stores import store_with, unit

ROWS = labelled()


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return class_store(ROWS)


ARMS = (f"{CLIP}:prompts", f"{RES}:classifier")


def evaluated(store: Any, mode: str, *, say: Any = lambda _: None, **asked: Any) -> EvalResult:
    options = {"bootstrap": 20, **asked.pop("options", {})}
    if mode != "fusion":
        asked.setdefault("space", CLIP)
    return evaluate(store, mode, options=options, say=say, **asked)


def without_created(result: EvalResult) -> str:
    return json.dumps({key: value for key, value in result.to_dict().items() if key != "created"})


def test_the_shape_of_a_result(store: MemoryStore, tmp_path: Path) -> None:
    result = evaluated(store, "zeroshot", seed=3)
    values = result.to_dict()
    assert list(values) == [
        "schema_version", "task", "mode", "protocol", "departs_from", "request", "metrics", "draws", "n",
        "label_universe", "curves", "chosen", "arms", "per_class", "confusion", "warnings", "config", "provenance",
        "created",
    ]  # fmt: skip
    names = ["top_1", "top_5", "balanced_accuracy", "macro_f1", "macro_jaccard", "nll", "brier", "ece"]
    assert list(values["metrics"]) == names
    assert values["n"] == {"train": 24, "val": 16, "test": 20, "classes_tested": 4}
    assert values["label_universe"]["names"] == [name_of(code) for code in range(4)]
    assert values["label_universe"]["origin"] == "all"
    assert values["provenance"]["space"] == CLIP
    assert values["provenance"]["seed"] == 3
    assert sum(each["support"] for each in values["per_class"].values()) == 20
    wrong = sum(each["count"] for each in values["confusion"])
    assert wrong == round(20 * (1 - values["metrics"]["top_1"]["value"]))
    assert values["arms"]["prompts"]["bank"] == "said"
    assert values["chosen"] == {"settings": [{"bank": "said", "pool": "mean-embedding", "temperature": None}],
                                "criterion": None, "on": None}  # fmt: skip
    write_result(result, tmp_path / "r.json")
    assert read_result(tmp_path / "r.json") == result
    (stored, *_) = store.results()
    assert stored.result == values


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        ("zeroshot", {"options": {"pool": "softmax,max", "calibrate": True}}),
        ("knn", {"options": {"k": "1,5"}, "protocol": "k-fold", "seed": 4}),
        ("fewshot", {"options": {"shots": "1,2", "seeds": 2}}),
        ("fusion", {"arms": ARMS}),
    ],
)
def test_the_same_twice_gives_the_same_bytes(mode: str, asked: dict[str, Any]) -> None:
    if mode == "knn":
        asked["options"] = {**asked["options"], "val_from": "train:0.3"}
    first, second = (evaluated(class_store(ROWS), mode, **dict(asked)) for _ in range(2))
    assert without_created(first) == without_created(second)
    assert len(first.draws) == (5 if mode == "knn" else 1)


def test_a_fusion_names_both_spaces(store: MemoryStore) -> None:
    result = evaluated(store, "fusion", arms=ARMS)
    assert result.provenance.space == f"{CLIP} + {RES}"
    assert result.arms is not None
    assert [arm.space for arm in result.arms.values()] == [CLIP, RES]
    assert all(arm.gains is not None for arm in result.arms.values())


@pytest.mark.parametrize(
    ("mode", "options"),
    [("zeroshot", {"pool": "max,softmax"}), ("zeroshot", {"calibrate": True}), ("knn", {"k": "1,5"})],
)
def test_nothing_is_chosen_without_val(mode: str, options: dict[str, Any]) -> None:
    store = class_store(labelled(roles={"train": 4, "test": 4}))
    with pytest.raises(TestDataError, match=r"val_from=train:0\.1"):
        evaluated(store, mode, options=options)
    assert evaluated(store, mode, options={**options, "val_from": "train:0.5"}).n["val"] == 8
    if not options.get("calibrate"):
        side = evaluated(store, mode, options={**options, "choose": "none"})
        assert side.chosen is not None
        assert side.chosen.on is None
        assert {point.role for point in side.sweep or ()} == {"test"}


def test_a_calibration_without_val_does_not_send_people_in_a_circle() -> None:
    store = class_store(labelled(roles={"train": 4, "test": 4}))
    with pytest.raises(TestDataError, match="leave `calibrate` out"):
        evaluated(store, "zeroshot", options={"calibrate": True, "choose": "none"})


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"options": {"pol": "max"}}, InputError, "Did you mean 'pool'"),
        ({"options": {"pool": "maximum"}}, InputError, "pool"),
        ({"options": {"criterion": "top_2"}}, InputError, "criterion"),
        ({"options": {"test_share": 0.2}}, InputError, "no option 'test_share'"),
        ({"options": {"promts.pool": "max"}}, UnknownNameError, "Did you mean 'prompts'"),
        ({"options": {"prompts.pol": "max"}}, InputError, "Did you mean 'pool'"),
        ({"options": {"bank": "sad"}}, UnknownNameError, "Did you mean 'said'"),
        ({"options": {"views": "base,vflip"}}, UnknownNameError, "vflip"),
        ({"options": {"interval": "group"}}, InputError, "interval=class"),
        ({"options": {"labels_from": "missing.tsv"}}, MissingFileError, "missing.tsv"),
        ({"space": "clap"}, UnknownNameError, "Did you mean"),
        ({"space": RES}, InputError, "no text tower for prompts"),
        ({"aspect": "all"}, InputError, "name one aspect"),
        ({"aspect": "dorsal"}, InputError, "none of the samples has an aspect"),
        ({"protocol": "clipfh-11k"}, InputError, "split, holdout, k-fold"),
        ({"protocol": "holdout", "split_set": "x"}, InputError, "leave one of them out"),
        ({"arms": ARMS}, InputError, "takes `space`, not `arms`"),
        ({"seed": -1}, InputError, "seed=-1"),
        ({"prompts": ("none.json",)}, MissingFileError, "none.json"),
    ],
)
def test_wrong_zeroshots_are_one_sentence(
    store: MemoryStore, asked: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        evaluated(store, "zeroshot", **asked)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arms", "error", "says"),
    [
        ((f"{CLIP}:prompts",), InputError, "needs two `arms`"),
        ((), InputError, "needs two `arms`"),
        ((f"{CLIP}", f"{RES}:classifier"), InputError, "is not SPACE:SCORER"),
        ((f"{CLIP}:promts", f"{RES}:classifier"), UnknownNameError, "Did you mean 'prompts'"),
        (("clap:prompts", f"{RES}:classifier"), UnknownNameError, "No space"),
        ((f"{CLIP}:prompts:sayd", f"{RES}:classifier"), UnknownNameError, "Did you mean 'said'"),
        ((f"{CLIP}:classifier", f"{RES}:classifier"), InputError, "no classifier layer"),
        ((f"{RES}:prototype", f"{RES}:prototype"), InputError, "Two arms are called"),
        ((f"a={CLIP}:prompts", f"a={CLIP}:prototype"), InputError, "give them names"),
    ],
)
def test_wrong_arms_are_one_sentence(
    store: MemoryStore, arms: tuple[str, ...], error: type[Exception], says: str
) -> None:
    with pytest.raises(error) as caught:
        evaluated(store, "fusion", arms=arms)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        ("knn", {"prompts": ("p.json",)}),
        ("prototype", {"prompts": ("p.json",)}),
        ("fusion", {"prompts": ("p.json",), "arms": (f"{CLIP}:prototype", f"{RES}:classifier")}),
        ("fusion", {"prompts": ("p.json",), "arms": (f"{CLIP}:prompts:said", f"{RES}:classifier")}),
        ("knn", {"options": {"bank": "said"}}),
        ("fusion", {"options": {"bank": "said"}, "arms": (f"{CLIP}:prototype", f"{RES}:classifier")}),
    ],
)
def test_prompts_that_no_arm_takes_are_refused(
    store: MemoryStore, mode: str, asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.json").write_text('{"class 0": "text 0"}')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="prompts, tip"):
        evaluated(store, mode, **asked)


def test_prompts_and_a_bank_do_not_go_together(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"class 0": "text 0"}')
    with pytest.raises(InputError, match="not both"):
        evaluated(store, "zeroshot", prompts=(tmp_path / "p.json",), options={"bank": "said"})


def test_a_bank_option_reaches_the_arm_that_names_none() -> None:
    store = class_store(ROWS)
    (said,) = (bank for bank in store.banks() if bank.texts is not None)
    store.save_bank(type(said)(**{**_fields(said), "name": "more", "temperature": 1.0}))
    with pytest.raises(InputError, match="Say which prompts"):
        evaluated(store, "fusion", arms=ARMS)
    result = evaluated(store, "fusion", arms=ARMS, options={"bank": "said"})
    assert result.arms is not None
    assert result.arms["prompts"].bank == "said"


def _fields(bank: Any) -> dict[str, Any]:
    return {name: getattr(bank, name) for name in bank.__slots__}


def test_new_prompts_need_a_text_tower_and_stored_ones_do_not(store: MemoryStore, tmp_path: Path) -> None:
    known = {name_of(code): [f"text {code}", f"text {code + 4}"] for code in range(4)}
    (tmp_path / "known.json").write_text(json.dumps(known))
    (tmp_path / "new.json").write_text(json.dumps({name_of(0): ["never seen"]}))
    stored = evaluated(store, "zeroshot", prompts=(tmp_path / "known.json",))
    assert stored.metrics == evaluated(store, "zeroshot").metrics
    assert stored.arms is not None
    assert stored.arms["prompts"].bank == "known"
    with pytest.raises(InputError, match="no text tower"):
        evaluated(store, "zeroshot", prompts=(tmp_path / "new.json",))


def test_prompt_sets_are_candidates_of_which_val_chooses(tmp_path: Path) -> None:
    for name, codes in (("good", range(4)), ("bad", (1, 2, 3, 0))):
        texts = {name_of(code): [f"text {other}"] for code, other in zip(range(4), codes, strict=True)}
        (tmp_path / f"{name}.json").write_text(json.dumps(texts))
    files, store = (tmp_path / "bad.json", tmp_path / "good.json"), class_store(ROWS)
    result = evaluated(store, "zeroshot", prompts=files)
    assert result.chosen is not None
    assert result.chosen.settings[0]["bank"] == "good"
    assert [point.settings["bank"] for point in result.sweep or ()] == ["bad", "good"]
    joined = evaluated(store, "zeroshot", prompts=(f"{files[0]}+{files[1]}",))
    assert joined.arms is not None
    assert joined.arms["prompts"].bank == "bad+good"
    assert joined.metrics == evaluated(store, "zeroshot", prompts=files, options={"combine": True}).metrics


def test_the_universe_is_all_labels_those_of_test_or_a_file(tmp_path: Path) -> None:
    store = class_store([*ROWS, *({**row, "split": "train"} for row in labelled(6, {"more": 2}))])
    assert evaluated(store, "prototype").label_universe.n == 6
    split = evaluated(store, "prototype", options={"labels_from": "split"})
    assert (split.label_universe.n, split.label_universe.origin) == (4, "split")
    (tmp_path / "labels.tsv").write_text("1\tclass 1\n0\tclass 3\n2\tunseen\n")
    file = evaluated(store, "prototype", options={"labels_from": str(tmp_path / "labels.tsv")})
    assert file.label_universe.names == ("class 3", "class 1", "unseen")
    assert file.label_universe.origin == "file:labels.tsv"
    assert (file.n["test"], file.n["train"]) == (10, 16)
    assert any("10 test samples have a label outside the universe" in words for words in file.warnings)
    assert any("1 of 3 classes have no train sample" in words for words in file.warnings)
    (tmp_path / "one.txt").write_text("class 1\n")
    with pytest.raises(InputError, match="one class"):
        evaluated(store, "prototype", options={"labels_from": str(tmp_path / "one.txt")})


def test_all_labels_stay_all_labels_under_a_split_set_of_few(store: MemoryStore) -> None:
    """Top-5 over the labels of a small split set is another task than top-5 over all of them."""
    small = evaluated(store, "zeroshot", options={"test_n": 3, "val_n": 1, "train_limit": 1})
    again = evaluated(store, "zeroshot", split_set=small.provenance.split_set)
    assert small.label_universe.n == again.label_universe.n == 4
    assert small.metrics == again.metrics


def test_samples_without_a_label_are_counted() -> None:
    store = class_store([*ROWS, *({"uri": f"x{at}.jpg", "label": None, "split": "test"} for at in range(3))])
    result = evaluated(store, "zeroshot")
    assert result.n["test"] == 20
    assert any(words.startswith("3 samples have no label") for words in result.warnings)
    with pytest.raises(InputError, match="None of these samples has a label"):
        evaluated(class_store([{**row, "label": None} for row in ROWS]), "prototype")


def test_a_source_without_vectors_in_a_space_takes_no_part() -> None:
    other = [{**row, "source": "other"} for row in ROWS]
    store = class_store([*ROWS, *other], lacking=["other"])
    assert evaluated(store, "prototype").n["test"] == 40
    assert evaluated(store, "prototype", space=RES).n["test"] == 20
    assert evaluated(store, "fusion", arms=ARMS).n["test"] == 20
    both = evaluated(store, "prototype").provenance.split_set
    with pytest.raises(IncompleteError, match="60 of the 120 samples of split set"):
        evaluated(store, "prototype", space=RES, split_set=both)
    with pytest.raises(IncompleteError, match="No source has vectors"):
        evaluated(class_store(ROWS, lacking=["s"]), "prototype", space=RES)


def test_pictures_and_groups_across_train_and_test_are_told() -> None:
    rows = [{**row, "group": f"g{at}"} for at, row in enumerate(ROWS)]
    trained = [at for at, row in enumerate(rows) if row["split"] == "train"]
    tested = [at for at, row in enumerate(rows) if row["split"] == "test"]
    for at in (0, 1):
        rows[tested[at]]["group"] = rows[trained[at]]["group"]
    rows[tested[2]] |= {"key": "twin"}
    rows[trained[5]] |= {"key": "twin", "uri": rows[tested[2]]["uri"], "id": "other"}
    result = evaluated(class_store(rows), "prototype")
    assert "1 picture is in both train (or val) and test, byte for byte (audit shows them)." in result.warnings
    assert "2 groups have samples in both train (or val) and test (audit shows them)." in result.warnings
    drawn = evaluated(class_store(rows), "prototype", protocol="holdout")
    assert not any("audit" in words for words in drawn.warnings)


def test_groups_are_resampled_where_all_are_known() -> None:
    known = class_store([{**row, "group": f"{row['label']} {at // 3}"} for at, row in enumerate(ROWS)])
    some = class_store([{**row, "group": None if at % 2 else f"g{at}"} for at, row in enumerate(ROWS)])
    assert evaluated(known, "prototype").config["interval"] == "group"
    assert evaluated(known, "prototype", options={"interval": "class"}).config["interval"] == "class"
    assert evaluated(some, "prototype").config["interval"] == "class"
    with pytest.raises(InputError, match="have none"):
        evaluated(some, "prototype", options={"interval": "group"})


def test_a_class_of_one_image_and_one_without_train() -> None:
    rows = [
        *ROWS,
        {"uri": "lone.jpg", "label": "lone", "split": "test"},
        {"uri": "taught.jpg", "label": "taught", "split": "train"},
    ]
    result = evaluated(class_store(rows), "prototype")
    assert any("1 class (lone) has one test sample" in words for words in result.warnings)
    assert any("1 class (taught) has no test sample" in words for words in result.warnings)
    assert any("1 of 6 classes have no train sample" in words for words in result.warnings)
    assert result.per_class is not None
    assert result.per_class["lone"].recall == 0


def test_k_fold_does_not_call_five_tested_images_one() -> None:
    result = evaluated(class_store(labelled(3, {"any": 5})), "prototype", protocol="k-fold")
    assert not any("one test sample" in words for words in result.warnings)
    assert result.per_class is not None
    assert all(each.support == 5 for each in result.per_class.values())


@pytest.mark.parametrize(
    ("rows", "asked", "says"),
    [
        (labelled(3, {"train": 3}), {}, "`protocol=holdout`"),
        (labelled(1), {}, "one class"),
        (labelled(3, {"test": 3}), {}, "learns from train samples"),
        (labelled(3, {"any": 1}), {"protocol": "holdout"}, "two samples"),
    ],
)
def test_stores_of_which_no_number_can_be_made(rows: list[dict[str, Any]], asked: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluated(class_store(rows), "prototype", **asked)
    assert says in str(caught.value)


def test_a_split_set_of_peoples_own(store: MemoryStore, tmp_path: Path) -> None:
    pool = pool_of(ROWS)
    role = np.array([{"train": "test", "test": "train"}.get(each, each) for each in pool.columns["split"]])
    turned = SplitSet("own", np.zeros(len(pool), np.int64), pool.ids, role)
    (tmp_path / "own.csv").write_text(splits_to_csv(turned, pool))
    result = evaluated(store, "knn", split_set=tmp_path / "own.csv", options={"k": "1,5"})
    assert result.n == {"train": 20, "val": 16, "test": 24, "classes_tested": 4}
    assert result.provenance.split_set.startswith("own@")
    assert (
        result.metrics == evaluated(store, "knn", split_set=result.provenance.split_set, options={"k": "1,5"}).metrics
    )


def test_a_split_set_of_samples_that_are_gone() -> None:
    (name,) = {evaluated(store := class_store(ROWS), "prototype").provenance.split_set}
    less = class_store(ROWS[2:])
    less.save_splits(store.read_splits(name))
    with pytest.raises(InputError, match="2 of the 60 samples"):
        evaluated(less, "prototype", split_set=name)


def test_a_read_only_store_costs_a_sentence(store: MemoryStore) -> None:
    said: list[str] = []
    result = evaluated(class_store(ROWS, writable=False), "prototype", say=said.append)
    assert result.metrics == evaluated(store, "prototype").metrics
    assert len(said) == 1
    assert said[0].startswith("Not kept in the store")


def test_where_restricts_samples_and_labels(tmp_path: Path) -> None:
    names = [f"{at:03d}" for at in range(60)]
    labels = [name_of(at % 4) for at in range(60)]
    split = [("train", "val", "test")[at // 20] for at in range(60)]
    store, space = store_with(tmp_path / "s", names, unit(60), label=labels, split=split)
    result = evaluated(store, "prototype", space=space.name, where="label <> 'class 0'")
    assert (result.n["test"], result.label_universe.n) == (15, 3)
    assert result.config["where"] == "label <> 'class 0'"
    with pytest.raises(InputError, match="No sample meets"):
        evaluated(store, "prototype", space=space.name, where="label = 'wolf'")


def test_what_was_read_is_there_to_be_looked_at(store: MemoryStore) -> None:
    ready = prepare_classification(store, EvalRequest(mode="zeroshot", space=CLIP), RequestInputs())
    assert len(ready.samples) == len(ready.arrays.ids) == 60
    assert [arm.name for arm in ready.arrays.arms] == ["prompts"]
    assert ready.arrays.arms[0].logit_scale == pytest.approx(20)


def test_an_index_over_rows_counts_them_from_0() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50, 8)).astype(np.float32)
    rows = np.sort(rng.choice(50, 30, replace=False))
    queries, exclude = vectors[:4], [np.array([0, 7])] * 4
    for k, excluded in ((5, None), (5, exclude), (40, None)):
        ours = make_index("exact", vectors, rows).search(queries, k, excluded)
        whole = make_index("exact", vectors[rows]).search(queries, k, excluded)
        assert np.array_equal(ours.rows, whole.rows)
        assert np.array_equal(ours.scores, whole.scores)
