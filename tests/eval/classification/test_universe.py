from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.classification.universe import label_universe, match_names
from eval.ranking.identities import universe_of
from retrieval.errors import InputError, MissingFileError
from retrieval.types import SplitSet
from tests.support.labelled_stores import drawn, labelled, name_of, pool_of

POOL = pool_of([*labelled(3), *labelled(5, {"train": 2}), {"uri": "x.jpg", "label": None, "split": "test"}])
SPLITS: SplitSet = drawn(POOL)
OURS = tuple(name_of(code) for code in range(5))


def test_all_labels_in_order() -> None:
    found = label_universe("all", POOL, SPLITS)
    assert found.names == OURS
    assert found.recorded.origin == "all"
    assert found.recorded.names == OURS
    assert found.recorded.sha256 == universe_of(OURS).sha256


def test_labels_of_the_test_samples() -> None:
    assert label_universe("split", POOL, SPLITS) == (OURS[:3], "split")


def test_a_file_keeps_its_order(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("class 4\nclass 0\nwolf\n")
    found = label_universe(str(tmp_path / "names.txt"), POOL, SPLITS)
    assert found.origin == "file:names.txt"
    assert found.names == ("class 4", "class 0", "wolf")
    (tmp_path / "same.tsv").write_text("2\twolf\t\n0\tclass 4\t\n1\tclass 0\t\n")
    assert label_universe(str(tmp_path / "same.tsv"), POOL, SPLITS).names == found.names


def test_files_that_are_no_universe(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="splitt"):
        label_universe("splitt", POOL, SPLITS)
    (tmp_path / "one.txt").write_text("class 4\n")
    with pytest.raises(InputError, match=r"one class \('class 4'\)"):
        label_universe(str(tmp_path / "one.txt"), POOL, SPLITS)


def test_one_label_only() -> None:
    pool = pool_of(labelled(1))
    with pytest.raises(InputError, match="nothing to choose between"):
        label_universe("all", pool, drawn(pool))


def test_names_that_are_written_otherwise_mean_the_same() -> None:
    classes = ["Amanita muscaria", "boletus-edulis", "Class"]
    given_names = ["amanita_muscaria", "Boletus  Edulis", "Class", "wolf"]
    assert match_names(given_names, classes) == {"amanita_muscaria": 0, "Boletus  Edulis": 1, "Class": 2}


def test_the_same_text_goes_before_one_that_is_alike() -> None:
    assert match_names(["a b", "A B"], ["A B", "c"]) == {"A B": 0}
    assert match_names(["a b"], ["A B", "A_B"]) == {}
    assert match_names(["A_B", "a b"], ["A B", "A_B"]) == {"A_B": 1}


@given(st.lists(st.text("aA _-", min_size=1, max_size=4), unique=True, max_size=8), st.data())
def test_exact_names_always_match_and_codes_are_classes(classes: list[str], data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("aA _-", min_size=1, max_size=4), max_size=8))
    found = match_names(names, classes)
    assert {name: classes.index(name) for name in names if name in classes}.items() <= found.items()
    assert all(0 <= code < len(classes) for code in found.values())
    for name, code in found.items():
        assert "".join(filter(str.isalpha, name)).casefold() == "".join(filter(str.isalpha, classes[code])).casefold()
