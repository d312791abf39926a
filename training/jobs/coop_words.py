"""The words of a vocabulary nearest to learned vectors (Zhou et al. 2022, table 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.models.text_tower import TextTower

WORDS = 3
"""Number of words for each vector."""

MOST_SHOWN = 32
"""Number of rows of a table that is printed; the record has all."""


class NearWords(NamedTuple):
    """The words nearest to one learned vector.

    Attributes:
        of: the class that has the vector; empty for one that all classes share.
        vector: its number, from 1.
        words: words, the nearest first.
        distances: their Euclidean distances.
    """

    of: str
    vector: int
    words: tuple[str, ...]
    distances: tuple[float, ...]


def nearest_words(tower: TextTower, context: torch.Tensor, names: Sequence[str]) -> list[NearWords]:
    """Find the tokens with the nearest embeddings.

    Args:
        tower: the text tower.
        context: (M, width), or (classes, M, width).
        names: names of the classes.
    """
    import torch

    embedding: Any = tower.module.get_submodule("token_embedding")
    table, texts = embedding.weight.detach().float(), _token_texts(tower, len(embedding.weight))
    listed = []
    sets = context[None] if context.ndim == 2 else context
    for name, vectors in zip([""] if context.ndim == 2 else names, sets, strict=True):
        with torch.inference_mode():
            near = torch.cdist(vectors.float(), table).topk(min(WORDS, len(table)), largest=False)
        for at, (distances, tokens) in enumerate(zip(near.values.tolist(), near.indices.tolist(), strict=True)):
            words = tuple(texts[token] for token in tokens)
            listed.append(NearWords(name, at + 1, words, tuple(round(value, 4) for value in distances)))
    return listed


def words_table(near: Sequence[NearWords]) -> FittedTable:
    """A table with a row for each vector."""
    of_classes = any(one.of for one in near)
    more = len(near) - MOST_SHOWN
    table = FittedTable(
        "Words nearest to the learned vectors",
        f"{more:,} more vectors are in training.json." if more > 0 else "Distances are Euclidean.",
    )
    if of_classes:
        table.add_column("class", "text")
    table.add_column("vector", "number")
    table.add_column("words, with distances", "prose")
    for one in near[:MOST_SHOWN]:
        words = [f"{word} {distance:.3f}" for word, distance in zip(one.words, one.distances, strict=True)]
        table.add_row(*([one.of] if of_classes else []), str(one.vector), ", ".join(words))
    return table


def _token_texts(tower: TextTower, n: int) -> list[str]:
    """The text of every token; ``</w>`` marks the end of a word in CLIP's vocabulary and is left out."""
    made: Any = tower.tokens_of.tokenizer
    inner = getattr(made, "tokenizer", None)  # of the package transformers
    if inner is not None:
        return [str(text) for text in inner.convert_ids_to_tokens(list(range(n)))]
    decoder: dict[int, str] = getattr(made, "decoder", {})
    return [decoder.get(token, f"token {token}").removesuffix("</w>") or f"token {token}" for token in range(n)]
