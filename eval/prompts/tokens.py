"""Find texts that are longer than the context of CLIP's text tower, which cuts them off without a message."""

from __future__ import annotations

from collections.abc import Sequence

CONTEXT = 77
"""Tokens that CLIP reads (Radford et al. 2021), two of which mark start and end."""


def too_long(texts: Sequence[str], context: int = CONTEXT) -> dict[str, int]:
    """Texts of more than ``context`` tokens -> number of tokens, with those of start and end, in order of ``texts``.

    A token stands for at least one byte, so texts of fewer bytes fit; the tokenizer is loaded only for longer texts.
    """
    candidates = [text for text in texts if len(text.encode()) + 2 > context]
    if not candidates:
        return {}
    counts = _clip_tokens(candidates)
    return {text: n for text, n in zip(candidates, counts, strict=True) if n > context}


def _clip_tokens(texts: Sequence[str]) -> list[int]:
    from retrieval.encoders.clip_tokenizers import clip_tokenizer

    tokenizer = clip_tokenizer(CONTEXT)
    return [len(tokenizer.encode(text)) + 2 for text in texts]
