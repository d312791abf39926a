"""Words for splits: usual ones are known, others are mapped by the option."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexers.sources.split_words import (
    SPLITS,
    SplitWords,
    flagged_split,
    query_beside_test,
    read_split_option,
    split_like,
    split_name,
    unknown_words,
)
from retrieval.errors import InputError


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (
            "train",
            "train Train TRAIN training trn train2017 image_train bounding_box_train TrainSet train_images train-v2",
        ),
        ("val", "val valid validation dev development val_set ValidationData mask_val_v2 images-val"),
        ("test", "test TESTING tst test2015 holdout hold_out held-out TestSet test_data mask_test_v2"),
        ("query", "query queries probe image_query"),
        ("gallery", "gallery Gallery galleries gallery_images"),
    ],
)
def test_usual_words(split: str, words: str) -> None:
    assert {split_name(word) for word in words.split()} == {split}


@pytest.mark.parametrize(
    "word", ["", "images", "0", "cat", "trainer", "test tube", "trainval", "seg_train", "eval", "fold1"]
)
def test_words_that_are_no_splits(word: str) -> None:
    assert split_name(word) is None


@pytest.mark.parametrize(
    ("word", "split", "rest"),
    [("seg_train", "train", ("seg",)), ("test tube", "test", ("tube",)), ("PublicTest", "test", ("public",))],
)
def test_a_word_among_others(word: str, split: str, rest: tuple[str, ...]) -> None:
    assert split_like(word) == (split, rest)


def test_two_words_are_none_but_for_train_and_val() -> None:
    assert split_like("query_gallery") is None
    assert split_like("train_val") == split_like("trainval") == ("train", ())
    assert split_like("cats") is None


@pytest.mark.parametrize(
    ("option", "mapping"),
    [
        ("train", {"*": "train"}),
        (("Training=train", "1=train", "a=b=test"), {"Training": "train", "1": "train", "a=b": "test"}),
        ({"x": None, "y": "TEST"}, {"x": "none", "y": "test"}),
        (["x="], {"x": "none"}),
        ((), {}),
    ],
)
def test_the_option(option: Any, mapping: dict[str, str]) -> None:
    assert read_split_option(option) == mapping


@pytest.mark.parametrize("option", ["trainn", ["a=train", "a=test"], {"a": "support"}])
def test_options_that_cannot_be(option: Any) -> None:
    with pytest.raises(ValueError, match=r"is no split; write WORD=SPLIT|keep one of them"):
        read_split_option(option)


def test_the_option_goes_before_the_usual_meaning() -> None:
    words = SplitWords({"val": "test", "extra": "none"})
    assert [words.split(word) for word in ("VAL", "validation", "extra", "train")] == ["test", "val", None, "train"]
    assert words.split(None) is None
    with pytest.raises(KeyError):
        words.split("cats")


@pytest.mark.parametrize(
    ("column", "split"),
    [
        ("is_train", "train"),
        ("isTraining", "train"),
        ("is_training_image", "train"),
        ("is_test", "test"),
        ("train", None),
    ],
)
def test_columns_of_flags(column: str, split: str | None) -> None:
    assert flagged_split(column) == split


def test_flags_mean_the_columns_split_or_the_other() -> None:
    words = SplitWords({}, "is_test")
    assert [words.split(word) for word in ("1", "0", "True", "no")] == ["test", "train", "test", "train"]
    assert not SplitWords({}).knows("1")


def test_test_is_the_gallery_only_beside_queries_without_one() -> None:
    words = SplitWords({})
    assert query_beside_test(["image_test", "image_query", "cats"], words) == {"image_test": "gallery"}
    assert query_beside_test(["test", "query", "gallery"], words) == {}
    assert query_beside_test(["test", "train"], words) == {}


def test_unknown_words_name_the_option_for_each() -> None:
    error = unknown_words(Counter({"1": 3, "0": 2, "train": 1}), SplitWords({}), "Column 'x'", "or leave it")
    assert "'1' (3), '0' (2)." in str(error)
    assert "`split=1=train` `split=0=test`" in str(error)
    assert "'train'" not in str(error)
    folds = unknown_words(Counter("01234"), SplitWords({}), "Column 'fold'", "or leave it")
    assert "`split=0=none` `split=1=none`" in str(folds)


@given(st.dictionaries(st.text(min_size=1).filter(lambda word: word.strip() not in {"", "*"}), st.sampled_from(SPLITS)))
def test_every_word_of_the_option_means_what_it_says(option: dict[str, str]) -> None:
    unique = {word.strip(): split for word, split in option.items()}
    words = SplitWords(read_split_option(unique))  # type: ignore[arg-type]
    for word, split in unique.items():
        assert words.split(word) == split
    words.check("x", unique)


@given(st.text())
def test_any_text_is_known_or_not_and_never_an_error(text: str) -> None:
    assert split_name(text) in {*SPLITS, None}
    like = split_like(text)
    assert like is None or like.split in SPLITS


def test_a_mapped_word_that_the_source_lacks_is_an_error() -> None:
    words = SplitWords({"Trainning": "train"})
    with pytest.raises(InputError, match=r"root has no 'Trainning'. Did you mean 'Training'"):
        words.check("root", ["Training", "Testing"])
