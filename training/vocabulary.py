"""Learns byte-pair encodings (Sennrich et al. 2016), and writes them in the format of open_clip's ``SimpleTokenizer``.

The job ``clip`` trains a small text encoder, whose vocabulary is learned from the captions. A merge joins two adjacent
symbols to a new one. The file is gzipped text: a first line that is skipped, then one merge per line, in the order in
which they were learned. The 256 bytes, each in two forms (within a word, and with ``</w>`` at its end), are tokens
without a line, so every text can be encoded; with the tokens of start and end a vocabulary has ``512 + merges + 2``
tokens.
"""

from __future__ import annotations

import gzip
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BASE = 512 + 2
"""Number of tokens without merges."""

Word = tuple[str, ...]
Pair = tuple[str, str]


def learn_merges(texts: Iterable[str], tokens: int, least: int = 2) -> list[Pair]:
    """Merge the most frequent pair of adjacent symbols repeatedly; ties are broken alphabetically.

    Args:
        texts: texts to learn from; words count as often as they occur.
        tokens: largest number of tokens of the vocabulary, at least ``BASE``.
        least: how often a pair must occur to be merged.

    Returns:
        At most ``tokens - BASE`` merges, in order.
    """
    words = Counter(_words(texts))
    merges: list[Pair] = []
    while len(merges) < tokens - BASE:
        pairs: Counter[Pair] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        if pairs[best] < least:
            break
        merges.append(best)
        words = Counter({_merge(word, best): count for word, count in words.items()})
    return merges


def write_vocabulary(path: Path, merges: Iterable[Pair]) -> None:
    """Write merges for open_clip; the same merges give the same bytes."""
    # No newline at the end: SimpleTokenizer would count an empty merge as one more token.
    text = "\n".join(["# vitrine byte-pair merges", *(" ".join(pair) for pair in merges)])
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _words(texts: Iterable[str]) -> Iterable[Word]:
    """Yield the words of all texts as ``SimpleTokenizer`` splits them: symbols of bytes, the last one marked."""
    from retrieval.encoders.clip_tokenizers import clip_tokenizer

    plain = clip_tokenizer(77)
    for text in texts:
        for word in plain.pat.findall(plain.clean_fn(text)):
            letters = [plain.byte_encoder[byte] for byte in word.encode()]
            yield (*letters[:-1], letters[-1] + "</w>")


def _merge(word: Word, pair: Pair) -> Word:
    """Join every occurrence of a pair in a word."""
    joined: list[str] = []
    position = 0
    while position < len(word):
        if word[position : position + 2] == pair:
            joined.append(word[position] + word[position + 1])
            position += 2
        else:
            joined.append(word[position])
            position += 1
    return tuple(joined)
