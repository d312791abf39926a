from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.prompts.unread import equal_vectors, unread_warnings
from eval.seams.scorer import ClassBank
from retrieval.encoders import text_tokens
from retrieval.errors import NetworkError
from retrieval.types import EncoderSpec, Float32
from tests.support.sample_stores import spec, unit

CLASSES = ("a", "b", "c")
CLIP = EncoderSpec("open_clip", "vitrine-tiny", "tag:shipped", "digest", spec().preprocess, "fp32", 8)


def bank(vectors: Float32, texts: tuple[str, ...], edges: list[tuple[int, int]]) -> ClassBank:
    rows, codes = np.array(edges, np.int64).T
    return ClassBank("set", vectors, rows, codes, None, texts)


def tilted(vectors: Float32) -> Float32:
    """The same vectors but for rounding."""
    return (vectors + np.float32(3e-8)).astype(np.float32)


def test_equal_vectors_are_grouped_however_they_are_rounded() -> None:
    base = unit(2000, 64).vectors
    order = np.random.default_rng(0).permutation(2200)
    vectors = np.concatenate([base, tilted(base[:100]), base[:100]])[order]
    groups = equal_vectors(vectors)
    codes = np.concatenate([np.arange(2000), np.arange(100), np.arange(100)])[order]
    assert len(np.unique(groups)) == 2000
    assert all(len(np.unique(groups[codes == code])) == 1 for code in range(100))


def test_one_vector_and_none() -> None:
    assert equal_vectors(unit(1, 4).vectors).tolist() == [0]
    assert equal_vectors(np.zeros((0, 4), np.float32)).tolist() == []


def test_texts_of_different_classes_with_one_vector_are_told() -> None:
    one, two = unit(2).vectors
    warnings = unread_warnings(
        bank(np.stack([one, two, one]), ("a x", "b x", "c x"), [(0, 0), (1, 1), (2, 2)]), CLASSES, spec()
    )
    assert len(warnings) == 1
    assert "2 of 3 texts of bank set have the same vector" in warnings[0]
    assert "'a' and 'c'" in warnings[0]


def test_what_is_ordinary_passes_in_silence() -> None:
    one, two = unit(2).vectors
    same_class = bank(np.stack([one, one, two]), ("A x", "a x", "b x"), [(0, 0), (1, 0), (2, 1)])
    one_text = bank(np.stack([one, two]), ("x", "y"), [(0, 0), (0, 1), (1, 2)])  # told elsewhere, as a shared text
    for texts in (same_class, one_text):
        assert unread_warnings(texts, CLASSES, spec()) == []


@pytest.mark.parametrize("text", ["-", "\u200b", "…", "* * *"])
def test_texts_without_a_word_are_told(text: str) -> None:
    (warning,) = unread_warnings(bank(unit(2).vectors, (text, "a cap"), [(0, 0), (1, 1)]), CLASSES, spec())
    assert warning.startswith("1 text of bank set without a letter or digit")
    assert warning.isascii()


def words(n: int) -> str:
    return " ".join(["cap"] * n)


def test_texts_beyond_the_context_are_told() -> None:
    (warning,) = unread_warnings(bank(unit(2).vectors, (words(90), "x"), [(0, 0), (1, 1)]), CLASSES, CLIP)
    assert "1 of 2 texts of bank set are longer than the 56 tokens that the text tower reads" in warning


def test_a_tokenizer_that_cannot_be_loaded_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # no counts of other tests

    def fail(*_: Any) -> Any:
        raise NetworkError("there is no network.")

    monkeypatch.setattr(text_tokens, "token_counts", fail)
    (warning,) = unread_warnings(bank(unit(2).vectors, (words(90), "x"), [(0, 0), (1, 1)]), CLASSES, CLIP)
    assert "could not be found out: there is no network." in warning
