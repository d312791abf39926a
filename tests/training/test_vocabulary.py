"""The vocabulary: merges against a slow reference, and texts through open_clip's own tokenizer."""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.encoders.torchvision_ops import repair_torchvision
from training.vocabulary import BASE, learn_merges, write_vocabulary

TEXTS = ["a red mushroom with a red cap", "a red ring", "the back of a left hand", "a hand on white paper"] * 3


def _tokenizer(path: Path) -> Any:
    repair_torchvision()
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(bpe_path=str(path), context_length=16)


def _first_merge(text: str) -> tuple[str, str]:
    """The commonest pair, counted letter by letter."""
    pairs: Counter[tuple[str, str]] = Counter()
    for word in text.split():
        letters = [*word[:-1], word[-1] + "</w>"]
        for position in range(len(letters) - 1):
            pairs[letters[position], letters[position + 1]] += 1
    most = max(pairs.values())
    return min(pair for pair, count in pairs.items() if count == most)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("abc", min_size=2, max_size=6), min_size=2, max_size=8))
def test_the_first_merge_is_the_commonest_pair(words: list[str]) -> None:
    text = " ".join(words)
    assert learn_merges([text], BASE + 1, least=1) == [_first_merge(text)]


def test_common_words_become_one_token_and_text_comes_back(tmp_path: Path) -> None:
    merges = learn_merges(TEXTS, 1024)
    write_vocabulary(tmp_path / "v.txt.gz", merges)
    tokenizer = _tokenizer(tmp_path / "v.txt.gz")
    assert tokenizer.vocab_size == BASE + len(merges)
    assert len(tokenizer.encode("a red mushroom")) == 3
    strange = "zebra #7, naïve & (quartz)!"
    written = ["zebra", "#", "7", ",", "naïve", "&", "(", "quartz", ")!"]
    assert tokenizer.decode(tokenizer.encode(strange)).split() == written


@functools.cache
def _small() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.txt.gz"
        write_vocabulary(path, learn_merges(TEXTS, 540))
        return _tokenizer(path)


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_every_ascii_text_tokenises(text: str) -> None:
    tokens = _small()([text])
    assert tokens.shape == (1, 16)
    assert int(tokens.max()) < _small().vocab_size


def test_no_more_tokens_than_asked_for_and_the_same_bytes(tmp_path: Path) -> None:
    assert len(learn_merges(TEXTS, BASE + 5)) == 5
    assert learn_merges([], 1024) == []
    assert learn_merges(["qx"], 1024) == []  # seen once: not worth a token
    for name in ("a", "b"):
        write_vocabulary(tmp_path / name, learn_merges(list(reversed(TEXTS)) if name == "b" else TEXTS, 600))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
