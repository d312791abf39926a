"""Samples of a store for training: roles, what is held out, copies, limits, and that everything left out is told."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.classification.choosing import train_rows
from eval.classification.shots import draw_shots
from eval.modes.fewshot import FewshotConfig
from eval.protocols.hands import HAND_ASPECTS
from eval.protocols.split_sets import join_splits
from eval.runs.prepare_classification import prepare_classification
from eval.runs.request import MODE_STREAM, EvalRequest, RequestInputs
from indexers.sources.hands11k import assign_splits
from retrieval.errors import InputError, TestDataError, UnknownNameError
from retrieval.store.memory import MemoryStore
from retrieval.types import SplitSet
from tests.support.hand_rows import hand_rows
from tests.support.identity_stores import memory_store, people
from tests.support.labelled_stores import CLIP, class_store, labelled
from tests.support.shared_data import SHARED, needs_shared
from training.data.data_config import DataConfig
from training.data.read_training_data import read_training_data
from training.data.training_data import DataNeeds, TrainingData

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VECTORS = DataNeeds(images=False, views=("base",))
TABLE = DataNeeds(images=False)


def read(store: MemoryStore, needs: DataNeeds = TABLE, **config: Any) -> TrainingData:
    """Read the training data of a store in memory."""
    with store.snapshot() as snapshot:
        space = snapshot.space(CLIP) if needs.views else None
        return read_training_data(store, snapshot, space, DataConfig.read(config, "recipe"), needs)


def uris(data: TrainingData, role: str) -> list[str]:
    """Uris of the samples of a role."""
    return [str(uri) for uri in data.columns["uri"][data.role == role]]


def left_out(data: TrainingData) -> int:
    """Number of samples that the first note says were left out."""
    told = data.notes[0].partition("Left out: ")[2]
    return sum(int(number.replace(",", "")) for number in re.findall(r" ([\d,]+)(?: \(first |,|\.$)", f" {told}"))


def test_train_and_val_are_those_of_the_split_with_their_vectors() -> None:
    store = class_store(labelled())
    data = read(store, VECTORS)
    assert (data.classes, len(data)) == (("class 0", "class 1", "class 2", "class 3"), 40)
    assert uris(data, "val") == [f"{code}/val{at}.jpg" for code in range(4) for at in range(4)]
    assert data.target.tolist() == [code for code in range(4) for _ in range(10)]
    assert [data.classes[code] for code in data.target] == data.columns["label"].tolist()
    assert data.rows("train").tolist() == [row for row in range(40) if row % 10 < 6]
    assert data.notes == (
        "40 of 60 samples: 24 to train on, 16 held out (val). Left out: test, query or gallery 20 (first 0/test0.jpg).",
    )
    with store.snapshot() as snapshot:
        matrix = snapshot.vectors(snapshot.space(CLIP))
        stored = dict(zip(matrix.keys.astype(str).tolist(), matrix.data, strict=True))
    assert np.array_equal(data.vectors["base"].vectors, np.stack([stored[key] for key in data.keys]))
    assert [bank.name for bank in data.banks] == ["said"]


def test_samples_without_a_class_a_split_or_a_vector_are_told() -> None:
    rows = labelled(2)
    rows += [{"uri": "x.jpg", "label": None, "split": "train"}, {"uri": "y.jpg", "label": "class 0"}]
    rows += [{"uri": f"z{at}.jpg", "label": "class 1", "split": "train", "source": "other"} for at in range(3)]
    store = class_store(rows, lacking=("other",))
    with store.snapshot() as snapshot:
        config = DataConfig()
        data = read_training_data(store, snapshot, snapshot.space("res"), config, VECTORS)
    assert "without label 1 (first x.jpg)" in data.notes[0]
    assert "without a split 1 (first y.jpg)" in data.notes[0]
    assert "without a vector in res@2 3 (first z0.jpg)" in data.notes[0]
    assert len(data) + left_out(data) == len(rows)
    with store.snapshot() as snapshot, pytest.raises(InputError, match="name a `space`"):
        read_training_data(store, snapshot, None, config, VECTORS)


def test_a_store_without_splits_is_all_trained_on_and_says_so() -> None:
    data = read(class_store([{**row, "split": None} for row in labelled(2)]))
    assert (len(data.rows("train")), len(data.rows("val"))) == (30, 0)
    assert "none is left to evaluate" in data.notes[1]


@pytest.mark.parametrize("option", ["train_split", "val_split"])
@pytest.mark.parametrize("split", ["test", "query", "gallery"])
def test_a_test_split_is_refused(option: str, split: str) -> None:
    config: dict[str, Any] = {option: split}
    with pytest.raises(TestDataError, match=rf"`data.{option}={split}` names samples that are evaluated; name"):
        read(class_store(labelled(2)), **config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": "lable"}, r"No column of samples 'lable'\. Did you mean 'label'"),
        ({"train_split": "trian"}, r"No split 'trian'\. Did you mean 'train'"),
        ({"aspect": "palmer"}, r"No aspect 'palmer'\. Did you mean 'palmar'"),
        ({"protocol": "clipfh"}, r"No protocol 'clipfh'\. Did you mean 'clipfh-11k'"),
        ({"split_set": "mine"}, "No split set 'mine'"),
    ],
)
def test_names_that_do_not_exist_are_told_with_a_suggestion(config: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        read(class_store(labelled(2, aspect="palmar")), **config)


def test_what_cannot_be_used_is_refused() -> None:
    tested = class_store(labelled(2, {"test": 3}))
    with pytest.raises(
        InputError, match=r"None of the 6 samples is one to train on \(test, query or gallery 6.*the split train when"
    ):
        read(tested)
    with pytest.raises(InputError, match=r"Protocol holdout draws train and test anew.*`data.split_set`"):
        read(class_store(labelled(2)), protocol="holdout")
    with pytest.raises(InputError, match=r"No samples are held out.*nothing.*`data.val_identities=0.15`"):
        read(class_store(labelled(2, {"train": 3})), TABLE._replace(val=True))
    with pytest.raises(InputError, match="needs identities or groups"):
        read(class_store(labelled(2)), val_identities=0.2)
    with pytest.raises(InputError, match=r"val_from=0.1` cannot be read; write train:0\.1"):
        read(class_store(labelled(2)), val_from=0.1)
    with pytest.raises(InputError, match=r"needs a class with two train samples \(or groups\)"):
        read(class_store(labelled(2, group="site")), val_from="train:0.1")


def test_classes_on_one_side_only_are_named() -> None:
    rows = labelled(3)
    rows = [row for row in rows if not (row["label"] == "class 1" and row["split"] == "val")]
    rows.append({"uri": "new.jpg", "label": "class 9", "split": "val"})
    notes = read(class_store(rows)).notes
    assert notes[1:] == (
        "1 class has samples in train and none in val: 'class 1'.",
        "1 class has samples in val and none in train: 'class 9'.",
    )


def test_doubtful_names_of_classes_are_told() -> None:
    rows = labelled(2)
    for at, name in enumerate(("Class 0", "unknown", "unknown")):
        rows[at]["label"] = name
    ways = "'class 0' (7 samples) and 'Class 0' (1)"
    assert read(class_store(rows)).notes[1:3] == (
        f"Classes in several spellings that may be one: {ways}. They are learned apart.",
        "'unknown' (2 samples) reads like a placeholder and is learned; `data.where` leaves samples out.",
    )


def _drawn(rows: Sequence[dict[str, Any]], roles: Sequence[str], draw: int = 0) -> SplitSet:
    with class_store(rows).snapshot() as snapshot:
        ids = snapshot.samples(["id"]).column("id").to_pylist()
    return SplitSet("mine", np.full(len(ids), draw), np.array(ids), np.array(roles))


def test_a_draw_of_a_split_set_gives_the_roles() -> None:
    rows = labelled(2, {"train": 4})
    store = class_store(rows)
    first = _drawn(rows, ["train", "val", "test", "train"] * 2)
    second = _drawn(rows, ["test", "train", "train", "val"] * 2, 1)
    store.save_splits(join_splits([first, second]))
    data = read(store, split_set="mine", draw=1)
    assert uris(data, "train") == ["0/train1.jpg", "0/train2.jpg", "1/train1.jpg", "1/train2.jpg"]
    assert uris(data, "val") == ["0/train3.jpg", "1/train3.jpg"]
    with pytest.raises(InputError, match=r"Split set mine has no draw 4; its draws are 0, 1\."):
        read(store, split_set="mine", draw=4)
    for option in ({"train_split": "other"}, {"val_split": None}):
        with pytest.raises(InputError, match=f"mine says which .* leave out `data.{next(iter(option))}`, or"):
            read(store, split_set="mine", **option)


def test_a_split_set_of_a_ranking_takes_its_samples_out_of_train() -> None:
    rows = labelled(2, {"train": 4})
    store = class_store(rows)
    store.save_splits(_drawn(rows[:2] + rows[4:6], ["query", "gallery"] * 2))
    data = read(store, split_set="mine")
    assert uris(data, "train") == ["0/train2.jpg", "0/train3.jpg", "1/train2.jpg", "1/train3.jpg"]


def _hands() -> list[dict[str, Any]]:
    """Eight people: the first four of each aspect are train, but the fourth is test as a left hand."""
    aspects = ("dorsal left", "dorsal right", "palmar left", "palmar right")
    rows = people(8, 3, aspects)
    for row in rows:
        last = 2 if row["aspect"] == "dorsal left" else 3
        row |= {"split": "train" if int(row["identity"]) <= last else "test", "meta_accessories": 0}
    rows[0]["meta_accessories"] = 1
    return rows


def _cases_without_train() -> Iterator[tuple[list[dict[str, Any]], dict[str, Any], str]]:
    """Rows, options, and what is said: the reasons, the most frequent first, and the way out of that one."""
    rows = labelled(2, {"train": 3, "test": 9})
    train = [row for row in rows if row["split"] == "train"]
    unnamed = [{**row, "label": None, "aspect": "b"} if at else {**row, "aspect": "a"} for at, row in enumerate(rows)]
    reasons = r"without label 5 \(first 0/train1.jpg\), of other aspects 1 \(first 0/train0.jpg\)"
    yield unnamed, {"aspect": "b"}, rf"None of the 6 train .*{reasons}\); index them again from a table with a column"
    others = [{**row, "split": "trn"} for row in train] + rows[-2:]
    yield others, {}, r"None of the 8 samples is one to train on \(of split trn 6 .*or pass `data.train_split=trn`\.$"
    held = [{**row, "split": "val"} for row in train]
    yield held, {}, r"held out \(val\) 6 .*hold out fewer, or give samples the split train"
    copied = [{**row, "content": f"c{at}", "key": f"c{at}"} for at, row in enumerate(train)]
    copied += [{**row, "uri": f"copy/{row['uri']}", "split": "test"} for row in copied]
    yield copied, {"val_from": "train:0.2"}, r"copies of evaluated samples 6 .*; index other pictures to train on"


@pytest.mark.parametrize(("rows", "config", "message"), list(_cases_without_train()))
def test_nothing_to_train_on_is_told_with_the_way_out_of_the_largest_reason(
    rows: list[dict[str, Any]], config: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(class_store(rows), **config)


def test_the_train_side_of_a_protocol_of_hands() -> None:
    store = memory_store(_hands())
    needs = TABLE._replace(target="identity")
    data = read(store, needs, protocol="clipfh-11k", aspect="dorsal right")
    assert set(data.columns["aspect"]) == {"dorsal right"}
    assert data.classes == ("000", "001", "002", "003")
    every = read(store, needs, protocol="clipfh-11k")
    assert (len(data), len(every), every.classes) == (12, 44, data.classes)  # one has accessories
    assert "1 identity is both trained on and evaluated under another aspect (first 003)." in every.notes
    assert len(every) + left_out(every) == 96
    with pytest.raises(InputError, match=r"is one to train on \(test.*; name another `data.protocol`"):
        read(memory_store(people(4, 3)), needs, protocol="monte-carlo")


@needs_shared
def test_the_train_side_of_11k_hands_is_the_published_one() -> None:
    hands = hand_rows(SHARED / "hands")
    rows = [
        {"uri": hand.image, "identity": hand.identity, "aspect": hand.aspect, "split": split, "meta_accessories": 0}
        for hand, split in zip(hands, assign_splits(hands), strict=True)
    ]
    store = memory_store(rows)
    data = read(store, TABLE._replace(target="identity"), protocol="clipfh-11k")
    counts = Counter(zip(data.columns["aspect"].tolist(), data.role.tolist(), strict=True))
    assert [(counts[aspect, "train"], counts[aspect, "val"]) for aspect in HAND_ASPECTS] == [
        (735, 73), (890, 72), (928, 76), (905, 72),
    ]  # fmt: skip
    one = read(store, TABLE._replace(target="identity"), protocol="clipfh-11k", aspect="dorsal right")
    assert (len(one.rows("train")), len(one.rows("val"))) == (890, 72)


def test_whole_identities_are_held_out_whatever_their_names() -> None:
    rows = [{**row, "split": "train"} for row in people(20, 3)]
    needs = TABLE._replace(target="identity")
    data = read(memory_store(rows), needs, val_identities=0.15)
    train, val = (set(data.columns["identity"][data.role == role]) for role in ("train", "val"))
    assert (len(train), len(val), train & val) == (17, 3, set())
    renamed = [{**row, "uri": f"other{at}.png", "source": "elsewhere"} for at, row in enumerate(rows)]
    assert np.array_equal(read(memory_store(renamed), needs, val_identities=0.15).role, data.role)
    assert not np.array_equal(read(memory_store(rows), needs, val_identities=0.15, val_seed=1).role, data.role)
    other = [{**row, "identity": f"x{100 - int(row['identity'])}"} for row in rows]
    assert np.array_equal(read(memory_store(other), needs, val_identities=0.15).role, data.role)


def test_classes_that_leave_train_with_their_groups_are_told() -> None:
    data = read(class_store([{**row, "group": row["label"]} for row in labelled(4, {"train": 3})]), val_identities=0.3)
    assert data.notes[1].startswith("3 classes have samples in train and none in val:")
    assert data.notes[2].startswith("1 class has samples in val and none in train:")


def test_val_samples_of_identities_that_stay_in_train_are_not_used() -> None:
    rows = [{**row, "split": "val" if row["uri"].endswith("_2.jpg") else "train"} for row in people(10, 3)]
    data = read(memory_store(rows), TABLE._replace(target="identity"), val_identities=0.2)
    assert (len(data.rows("train")), len(data.rows("val"))) == (16, 6)
    assert "of split val, which other samples replace 8" in data.notes[0]


def test_a_share_of_every_class_is_held_out_and_groups_stay_whole() -> None:
    rows = [{**row, "group": f"{row['label']}{at // 2}"} for at, row in enumerate(labelled(4, {"train": 10}))]
    data = read(class_store(rows), val_from="train:0.2")
    groups = data.columns["group"]
    assert not {*groups[data.role == "val"]} & {*groups[data.role == "train"]}
    assert np.bincount(data.target[data.rows("val")]).tolist() == [2, 2, 2, 2]
    assert len(read(class_store(labelled(2)), val_from="train:0.5").rows("val")) == 6


def test_copies_leave_the_side_that_is_learnt_from() -> None:
    rows = labelled(2)
    keys = {"0/train0.jpg": "a", "0/test0.jpg": "a", "0/val0.jpg": "b", "1/test1.jpg": "b", "0/train1.jpg": "c",
            "1/val1.jpg": "c", "0/train2.jpg": "d", "0/train3.jpg": "d"}  # fmt: skip
    rows = [{**row, "key": keys.get(row["uri"])} for row in rows]
    data = read(class_store(rows))
    assert not {"0/train0.jpg", "0/train1.jpg", "0/train3.jpg", "0/val0.jpg"} & {*data.columns["uri"]}
    assert {"1/val1.jpg", "0/train2.jpg"} <= {*data.columns["uri"]}
    assert "copies of evaluated samples 2 (first 0/train0.jpg)" in data.notes[0]
    assert "copies of val samples 1 (first 0/train1.jpg)" in data.notes[0]
    assert "copies of one class 1 (first 0/train3.jpg)" in data.notes[0]


def _with_near(rows: list[dict[str, Any]], *pairs: tuple[str, str]) -> MemoryStore:
    """A store in which the pictures of each pair of uris have almost the same hash, and the same vector."""
    at = {row["uri"]: number for number, row in enumerate(rows)}
    for number, (first, second) in enumerate(pairs):
        rows[at[first]]["phash"], rows[at[second]]["phash"] = str(1 << 20 + number * 9), str((1 << 20 + number * 9) + 5)
    store = class_store(rows)
    with store.snapshot() as snapshot:
        vectors = snapshot._vectors[CLIP]["base"][1]
        for first, second in pairs:
            vectors[at[second]] = vectors[at[first]]
    return store


def test_near_copies_of_evaluated_samples_leave_if_they_have_one_name() -> None:
    store = _with_near(labelled(2), ("0/train0.jpg", "0/test0.jpg"), ("0/train1.jpg", "1/test0.jpg"))
    data = read(store, VECTORS)
    assert " near copies of evaluated samples 1 (first 0/train0.jpg)." in data.notes[0]
    assert "0/train1.jpg" in uris(data, "train")


def test_val_samples_that_nearly_copy_train_samples_leave_val() -> None:
    store = _with_near(labelled(2), ("0/train0.jpg", "0/val0.jpg"), ("1/train0.jpg", "1/val3.jpg"))
    data = read(store, VECTORS)
    assert "val samples that nearly copy train samples 2 (first 0/val0.jpg)" in data.notes[0]
    assert {"0/train0.jpg", "1/train0.jpg"} <= {*uris(data, "train")}
    without_spaces = MemoryStore(store._snapshot._samples, {})
    assert read(without_spaces).notes[1] == (
        "Near copies of evaluated and val samples were not looked for (audit does)."
    )


@pytest.mark.parametrize("sampling", ["first", "random"])
def test_shots_are_those_of_the_mode_fewshot(sampling: str) -> None:
    store = class_store(labelled())
    data = read(store, shots=2, shot_seed=3, sampling=sampling)
    request = EvalRequest(mode="fewshot", space=CLIP, options={"shots": 2, "sampling": sampling})
    prepared = prepare_classification(store, request, RequestInputs())
    seed, draw = np.random.SeedSequence(0, spawn_key=(MODE_STREAM,)), prepared.arrays.draws[0]
    assert isinstance(prepared.config, FewshotConfig)
    drawn = draw_shots(prepared.arrays, draw, train_rows(prepared.arrays.arms[0], draw), 2, prepared.config, seed, 3)
    assert data.ids[data.role == "train"].tolist() == prepared.arrays.ids[drawn.rows].tolist()
    assert "beyond the limit of their class 16" in data.notes[0]
    assert len(data.rows("val")) == 16


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "split": st.sampled_from(["train", "train", "train", "val", "test", "query", None]),
            "label": st.sampled_from(["a", "b", None]),
            "identity": st.sampled_from([*"pqrst", None]),
            "group": st.sampled_from(["g", "h", None, None]),
            "key": st.sampled_from(["k", "l", None, None, None, None]),
        }
    ),
    min_size=2,
    max_size=24,
)
OPTIONS = st.sampled_from([{}, {"val_identities": 0.3}, {"val_from": "train:0.4"}, {"shots": 1}, {"val_split": None}])


@settings(max_examples=80, deadline=None)
@given(ROWS, OPTIONS)
def test_nothing_evaluated_is_seen_and_everything_is_told(
    drawn: list[dict[str, str | None]], options: dict[str, Any]
) -> None:
    rows = [{**row, "uri": f"{at}.jpg", "key": row["key"] or f"own{at}"} for at, row in enumerate(drawn)]
    try:
        data = read(class_store(rows, writable=False), **options)
    except InputError:
        return
    taken = [rows[int(str(uri).removesuffix(".jpg"))] for uri in data.columns["uri"]]
    tested = {row["key"] for row in rows if row["split"] in ("test", "query")}
    assert not {row["key"] for row in taken} & tested
    assert all(row["label"] is not None for row in taken)
    assert len(taken) + left_out(data) == len(rows)
    with_role = list(zip(taken, data.role, strict=True))
    train, val = ([row for row, role in with_role if role == name] for name in ("train", "val"))
    assert train
    assert not {row["key"] for row in train} & {row["key"] for row in val}
    if "val_identities" in options and any(row["identity"] for row in train):
        assert not {row["identity"] for row in train} & {row["identity"] for row in val} - {None}
    if "val_from" in options:
        assert not {row["group"] for row in train} & {row["group"] for row in val} - {None}
    if "shots" in options:
        assert len({row["label"] for row in train}) == len(train)
    if "val_identities" not in options and "val_from" not in options:
        assert all(row["split"] == role for row, role in with_role) or not any(row["split"] for row in rows)
