"""Texts that are longer than the context of an encoder's text tower, which cuts them off without a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.encoders.adapter import FAMILY_NAME, read_parent
from retrieval.encoders.artefact import FOLDER, open_folder
from retrieval.encoders.cache_files import read_values, write_values
from retrieval.encoders.registry import family
from retrieval.types import digest

if TYPE_CHECKING:
    from types import ModuleType

    from retrieval.types import EncoderSpec

SHORT = 14
"""Bytes of a text that every text tower reads whole: a token is at least a byte, and no known context is under 16."""

TOKENS, MOST_LISTS = "tokens.json", 64
"""The file of numbers of tokens, and how many lists of texts it has at most."""

_PIECES = re.compile(r"[a-zA-Z]+|\d|[^\s\w]+|\w")


class CutTexts(NamedTuple):
    """Texts beyond the ``context``, in tokens, of a text tower -> number of tokens."""

    context: int
    tokens: dict[str, int]


def has_text_tower(spec: EncoderSpec) -> bool:
    """Return whether an encoder encodes texts to vectors of the space of its images; imported spaces have none."""
    return spec.preprocess is not None and family(spec.family).is_contrastive(spec.model)


def context_of(spec: EncoderSpec) -> int | None:
    """Return how many tokens the text tower of an encoder reads, or None if it has no text tower."""
    if not has_text_tower(spec):
        return None
    tower = _tower_spec(spec)
    length: int = _texts_of(tower).context_length(tower)
    return length


def _tower_spec(spec: EncoderSpec) -> EncoderSpec:
    """Return the encoder whose text tower reads the texts: of an adapter its parent, of any other itself."""
    while spec.family == FAMILY_NAME:
        spec, _ = read_parent(open_folder(Path(spec.weights.removeprefix(FOLDER))))
    return spec


def _texts_of(spec: EncoderSpec) -> ModuleType:
    """Return the module with the functions ``context_length`` and ``tokenizer`` of an encoder."""
    if spec.family == "hf":
        from retrieval.encoders import hf_text

        return hf_text
    from retrieval.encoders import open_clip_encoder

    return open_clip_encoder


def cut_texts(texts: Sequence[str], spec: EncoderSpec) -> CutTexts:
    """Find texts with more tokens than a text tower reads.

    The tokenizer is loaded only for texts that may have more. It takes longer to load than most evaluations, so the
    counts of :data:`MOST_LISTS` lists of texts are kept in a file of the user's cache.

    Raises:
        MissingDependencyError, NetworkError: the tokenizer is needed and cannot be loaded.
    """
    if max((len(text.encode()) for text in texts), default=0) <= SHORT:
        return CutTexts(0, {})
    context = context_of(spec)
    long = [text for text in texts if context is not None and most_tokens(text) > context]
    if context is None or not long:
        return CutTexts(context or 0, {})
    counts = zip(long, _kept_counts(spec, long), strict=True)
    return CutTexts(context, {text: n for text, n in counts if n > context})


def _kept_counts(spec: EncoderSpec, texts: Sequence[str]) -> list[int]:
    """Return what :func:`token_counts` returned for the same texts before, or call it."""
    key = digest(spec.fingerprint, *texts)
    kept = read_values(TOKENS)
    counts = kept.get(key)
    if isinstance(counts, list) and len(counts) == len(texts) and all(isinstance(n, int) for n in counts):
        return counts
    counts = token_counts(spec, texts)
    newest = list(kept.items())[1 - MOST_LISTS :]
    write_values(TOKENS, {**dict(newest), key: counts})
    return counts


def token_counts(spec: EncoderSpec, texts: Sequence[str]) -> list[int]:
    """Count the tokens of texts as the tokenizer of a text tower does, with those of start and end.

    Raises:
        MissingDependencyError: the tokenizer needs a package that is not installed.
        NetworkError: the tokenizer could not be downloaded.
    """
    tower = _tower_spec(spec)
    return count_tokens(_texts_of(tower).tokenizer(tower), texts)


def count_tokens(made: Any, texts: Sequence[str]) -> list[int]:
    """Count the tokens of texts by a tokenizer of open_clip or of the package transformers; nothing is cut."""
    if (inner := getattr(made, "tokenizer", None)) is not None:  # one of the package transformers
        return [len(inner(text, truncation=False)["input_ids"]) for text in texts]
    return [len(made.encode(text)) + 2 for text in texts]


def most_tokens(text: str) -> int:
    """Estimate from above, without a tokenizer, the tokens of a text in a natural language, with start and end.

    A token is taken to stand for three letters, one digit or sign, or one byte of any other letter.
    """
    pieces: list[str] = _PIECES.findall(text)
    letters = [piece for piece in pieces if piece.isascii() and piece.isalpha()]
    others = sum(len(piece.encode()) for piece in pieces) - sum(map(len, letters))
    return 2 + others + sum(1 + len(word) // 3 for word in letters)
