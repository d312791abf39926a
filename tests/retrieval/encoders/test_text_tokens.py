"""Which texts a text tower cuts, by its own tokenizer, which is loaded only where a text may be too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from retrieval.encoders import text_tokens
from retrieval.encoders.cache_files import read_values, write_values
from retrieval.encoders.text_tokens import MOST_LISTS, TOKENS, context_of, cut_texts, most_tokens, token_counts
from retrieval.types import EncoderSpec
from tests.support.sample_stores import spec

if TYPE_CHECKING:
    from pathlib import Path

CLIP = EncoderSpec("open_clip", "vitrine-tiny", "tag:shipped", "digest", spec().preprocess, "fp32", 8)


def words(n: int) -> str:
    return " ".join(["cap"] * n)


def test_the_context_is_counted_to_the_token() -> None:
    assert context_of(CLIP) == 56
    (one,) = token_counts(CLIP, ["cap"])
    fits = (56 - 2) // (one - 2)
    cut = cut_texts([words(fits), words(fits + 1), "short"], CLIP)
    assert (cut.context, list(cut.tokens)) == (56, [words(fits + 1)])


@pytest.mark.parametrize(("model", "context"), [("ViT-B-32", 77), ("ViT-B-16-SigLIP", 64), ("ViT-H-14-CLIPA", 32)])
def test_contexts_of_models_of_open_clip(model: str, context: int) -> None:
    assert context_of(EncoderSpec("open_clip", model, "random:0", "d", CLIP.preprocess, "fp32", 8)) == context


def test_a_space_without_a_text_tower_has_no_context() -> None:
    assert context_of(spec()) is None
    assert cut_texts([words(500)], spec()).tokens == {}


@pytest.mark.parametrize("text", ["a photo of a Cantharellus cibarius, a type of mushroom with a yellow funnel"] * 2)
def test_ordinary_texts_need_no_tokenizer(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("the tokenizer was loaded")

    monkeypatch.setattr(text_tokens, "token_counts", refuse)
    assert cut_texts([text], CLIP).tokens == {}


def test_the_estimate_is_not_below_the_count() -> None:
    texts = ["a photo of a Boletus edulis.", "Röhrling, 12 cm, weiß", "茸の写真", "x-ray (no. 3/4) ...", words(30)]
    clip = EncoderSpec("open_clip", "ViT-B-32", "random:0", "d", CLIP.preprocess, "fp32", 8)
    counts = token_counts(clip, texts)
    assert all(most_tokens(text) >= count for text, count in zip(texts, counts, strict=True))


def test_counts_are_kept_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    texts = [words(60), words(70), "short"]
    first = cut_texts(texts, CLIP)
    calls = []

    def count(_: EncoderSpec, long: list[str]) -> list[int]:
        calls.append(long)
        return [9] * len(long)

    monkeypatch.setattr(text_tokens, "token_counts", count)
    assert cut_texts(texts, CLIP) == first
    assert not calls
    assert cut_texts(texts[1:], CLIP).tokens == {}, "other texts are counted"
    write_values(TOKENS, {key: ["x"] for key in read_values(TOKENS)})
    cut_texts(texts, CLIP)
    assert len(calls) == 2, "a damaged entry is not taken"
    for n in range(60, 60 + MOST_LISTS):
        cut_texts([words(n)], CLIP)
    assert len(read_values(TOKENS)) == MOST_LISTS
