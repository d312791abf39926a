"""What adapters train on: which bank, classes without a text, and what cannot be trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from retrieval.errors import InputError, UnknownNameError, UnknownOptionError
from tests.support.adapter_tasks import NAMES, planted, recipe, text_bank, training_data, without_texts
from training.jobs.adapter_data import AdapterData, adapter_data

DATA = planted(shots=3, val=2)
SAID = DATA.banks[0]


def read(data: Any = DATA, **values: Any) -> AdapterData:
    return adapter_data(data, recipe(**values), "base")


def test_the_only_bank_with_texts_of_the_classes_is_taken() -> None:
    others = (replace(SAID, name="x", kind="classifier"), text_bank(SAID.vectors, "z", tuple("uvwxyz")))
    found = read(replace(DATA, banks=(*others, SAID)))
    assert found.classes.bank == "said"
    assert found.classes.scale == pytest.approx(20)
    assert np.allclose(found.classes.vectors, SAID.vectors, atol=1e-6)
    assert (len(found.train), len(found.val), found.shots) == (18, 12, 3)
    assert found.notes == ("Classes are represented by the texts of bank said.",)
    assert read(replace(DATA, banks=(replace(SAID, temperature=None),))).classes.scale == 100


def test_several_banks_are_told_apart_by_name_or_hash() -> None:
    both = replace(DATA, banks=(SAID, replace(SAID, name="said too", vectors=-SAID.vectors)))
    with pytest.raises(InputError, match=r"several banks with texts of these classes; name one as `bank`: said \("):
        read(both)
    assert read(both, bank="said").classes.bank == "said"
    assert read(both, bank="said t").classes.bank == "said too"
    assert read(both, bank=SAID.sha256[:9]).classes.bank == "said"
    with pytest.raises(UnknownNameError, match="bank of texts in the space 'said tow'"):
        read(both, bank="said tow")
    with pytest.raises(InputError, match="`bank=sai` may mean"):
        read(both, bank="sai")


def test_embedded_texts_go_before_learned_ones() -> None:
    learned = replace(SAID, name="coop", kind="learned-prompts", vectors=-SAID.vectors)
    assert read(replace(DATA, banks=(learned, SAID))).classes.bank == "said"
    assert read(replace(DATA, banks=(learned,))).classes.bank == "coop"


def test_class_means_stand_in_for_texts() -> None:
    found = read(without_texts(DATA))
    assert (found.classes.bank, found.classes.scale) == (None, 100)
    rows = DATA.rows("train")
    mean = DATA.vectors["base"].vectors[rows][DATA.target[rows] == 2].mean(axis=0)
    assert np.allclose(found.classes.vectors[2], mean / np.linalg.norm(mean), atol=1e-6)
    assert found.notes == ("Classes are represented by the means of train samples.",)
    assert read(classes="prototypes").classes.bank is None
    with pytest.raises(InputError, match="takes no texts; leave out `bank`"):
        read(classes="prototypes", bank="said")


@pytest.mark.parametrize("values", [{"method": "lp++"}, {"method": "clap"}, {"classes": "texts"}])
def test_texts_that_are_needed_and_not_there(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"no bank with texts of these classes, which .* needs; store one, as 'eval"):
        read(without_texts(DATA), **values)
    if "method" in values:
        with pytest.raises(InputError, match="starts from texts"):
            read(classes="prototypes", **values)


def test_a_bank_of_other_classes_is_refused() -> None:
    other = text_bank(SAID.vectors, "other", tuple("uvwxyz"))
    with pytest.raises(InputError, match="None of the 6 classes of bank other"):
        read(replace(DATA, banks=(other,)), bank="other")


def test_classes_without_a_text_are_left_out_and_told() -> None:
    some = replace(SAID, edge_vector=SAID.edge_vector[:4], edge_class=SAID.edge_class[:4])
    found = read(replace(DATA, banks=(some,)))
    assert set(found.labels[found.train].tolist()) == set(found.labels[found.val].tolist()) == {0, 1, 2, 3}
    assert found.notes[1] == (
        "2 of 6 classes without a text ('class 4', 'class 5'): their 6 train samples are left out."
    )
    labels, role = np.array([4, 0]), np.array(["train", "val"])
    data = training_data(DATA.vectors["base"].vectors[:2], labels, role, (some,))
    with pytest.raises(InputError, match="None of the train samples has a class with a vector"):
        read(data)


def test_single_samples_of_a_class_are_told() -> None:
    labels, role = np.array([0, 0, 1]), np.array(["train"] * 3)
    found = read(training_data(DATA.vectors["base"].vectors[:3], labels, role, (SAID,)))
    assert found.notes[1] == "1 of 6 classes with a single train sample ('class 1')."
    assert found.shots == 1.5
    assert found.names == NAMES


@pytest.mark.parametrize("values", [{"method": "lora"}, {"matrix": {"rate": 1}}, {"nam": "x"}, {"classes": "text"}])
def test_wrong_keys_of_a_recipe(values: dict[str, Any]) -> None:
    with pytest.raises(UnknownOptionError):
        recipe(**values)


@pytest.mark.parametrize("values", [{"name": "a/b"}, {"matrix": {"steps": 0}}, {"matrix": {"penalty": "2/N"}},
                                    {"gda": {"a": -1}}])  # fmt: skip
def test_wrong_values_of_a_recipe(values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        recipe(**values)
