from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.classification.text_queries import first_ranks, text_to_image
from eval.scorers import similarity
from tests.support.class_banks import bank_of
from tests.support.shared_data import SHARED, needs_shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.scorer import ClassBank


def slow_ranks(images: NDArray[np.float32], labels: list[int], bank: ClassBank) -> list[int]:
    ranks = []
    for code, row in zip(bank.edge_class.tolist(), bank.edge_vector.tolist(), strict=True):
        order = sorted(range(len(images)), key=lambda image: (-float(images[image] @ bank.vectors[row]), image))
        places = [place for place, image in enumerate(order, 1) if labels[image] == code]
        ranks += places[:1]
    return ranks


@settings(max_examples=80, deadline=None)
@given(
    images=st.lists(st.tuples(st.integers(-1, 3), st.integers(-2, 2), st.integers(-2, 2)), max_size=12),
    texts=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=1, max_size=5),
    data=st.data(),
    block=st.sampled_from([1, 200, 1 << 20]),
)
def test_equals_a_sort(
    images: list[tuple[int, int, int]], texts: list[tuple[int, int]], data: st.DataObject, block: int
) -> None:
    """Whole numbers, so that many similarities are equal."""
    pairs = st.tuples(st.integers(0, 3), st.integers(0, len(texts) - 1))
    bank = bank_of(np.array(texts, np.float32), data.draw(st.lists(pairs, max_size=8, unique=True)))
    labels = [label for label, *_ in images]
    vectors = np.array([place for _, *place in images], np.float32).reshape(-1, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "BLOCK_BYTES", block)
        found = first_ranks(vectors, np.array(labels, np.int64), bank)
    assert found.tolist() == slow_ranks(vectors, labels, bank)


def test_recalls_and_the_number_of_texts() -> None:
    images = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    bank = bank_of(np.eye(2, dtype=np.float32), [(0, 0), (1, 0), (1, 1), (2, 1), (3, 0)])
    found = text_to_image(images, np.array([0, 1, 2]), bank, ks=(1, 2, 50))
    assert found == {"r_1": 0.5, "r_2": 1.0, "r_50": 1.0, "texts": 4.0}


def test_no_text_has_an_image() -> None:
    bank = bank_of(np.eye(2, dtype=np.float32), [(3, 0)])
    assert text_to_image(np.eye(2, dtype=np.float32), np.array([0, -1]), bank) == {"texts": 0.0}
    assert text_to_image(np.empty((0, 2), np.float32), np.empty(0, np.int64), bank) == {"texts": 0.0}


@needs_shared
def test_captions_find_real_images() -> None:
    with np.load(SHARED / "vectors" / "clip_vitb32_flickr8k_100x5.npz") as data:
        owners = data["text_image_index"].tolist()
        bank = bank_of(data["text"], [(owner, row) for row, owner in enumerate(owners)])
        found = text_to_image(data["image"], np.arange(100), bank)
    assert found["texts"] == 500
    assert (found["r_1"], found["r_5"]) == pytest.approx((0.832, 0.990), abs=1e-9)
