"""Texts with places for learned vectors, and how they pass a frozen text tower (Zhou et al. 2022, CoOp)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from retrieval.errors import InputError

if TYPE_CHECKING:
    import torch

    from training.models.text_tower import TextTower

Place = Literal["end", "middle"]
"""Where the text of a class stands: at the end of the learned vectors, or in their middle."""


@dataclass(frozen=True, slots=True)
class ContextPrompts:
    """The tokens of m prompts.

    Attributes:
        tokens: (m, context) int64; at the places of learned vectors stands some token.
        places: (m, M) int64, position of every learned vector in its row.
    """

    tokens: torch.Tensor
    places: torch.Tensor

    def encode(self, tower: TextTower, context: torch.Tensor, rows: slice) -> torch.Tensor:
        """Encode some of the prompts.

        Args:
            tower: the text tower.
            context: learned vectors of these prompts, (k, M, width).
            rows: which k prompts.

        Returns:
            (k, d), of length 1.
        """
        import torch
        from torch.nn.functional import normalize

        tokens = self.tokens[rows]
        with torch.no_grad():
            words = tower.embed(tokens)
        at = torch.arange(len(tokens), device=tokens.device)[:, None]
        embedded = words.index_put((at, self.places[rows]), context.to(words.dtype))
        return normalize(tower.encode(tokens, embedded).float(), dim=-1)


def word_vectors(tower: TextTower, words: str) -> torch.Tensor:
    """Return the token embeddings of a text, (M, width), without those of start and end.

    Raises:
        InputError: the text has no token, or more than the tower reads.
    """
    import torch

    row = tower.tokenise([words])[0].tolist()
    start, end = _ends(tower)
    inner = row[start : _end_of(row, start, end)]
    if not inner or len(inner) > tower.context - 3:
        raise InputError(
            f"`context.words` has {len(inner)} tokens, and there is room for 1 to {tower.context - 3}; name a text "
            "such as 'a photo of a'."
        )
    with torch.no_grad():
        return tower.embed(torch.tensor([inner], device=tower.scale.device))[0].float()


def place_context(tower: TextTower, texts: Sequence[str], size: int, place: Place) -> ContextPrompts:
    """Make room for learned vectors beside texts: ``[V]1 ... [V]M TEXT.`` or half of them on either side.

    A text ends with a full stop, as the prompts of the paper do.

    Args:
        tower: the text tower, whose tokenizer is used.
        texts: m texts.
        size: number of learned vectors, M.
        place: where the texts stand.

    Raises:
        InputError: a text and the learned vectors are longer than the tower reads.
    """
    import torch

    start, end = _ends(tower)
    some_token = int(tower.tokenise(["a"])[0, start])
    bare = [text.strip().rstrip(".") for text in texts]
    rows, lengths = (tower.tokenise(listed).tolist() for listed in ([f"{text}." for text in bare], bare))
    before = size if place == "end" else size // 2
    made: list[list[int]] = []
    places: list[list[int]] = []
    for text, row, alone in zip(bare, rows, lengths, strict=True):
        inner = _end_of(row, start, end) - start
        if start + inner + size + 1 > tower.context:
            raise InputError(
                f"'{text[:60]}' has {inner} tokens or more, which with {size} learned vectors is more than the "
                f"{tower.context} that the text tower reads; shorten it, or use a smaller `context.tokens`."
            )
        after = start + _end_of(alone, start, end) - start  # where the text ends, before the full stop
        parts = (row[:start], [some_token] * before, row[start:after], [some_token] * (size - before), row[after:])
        made.append([token for part in parts for token in part][: tower.context])
        second = before + after
        places.append([*range(start, start + before), *range(second, second + size - before)])
    device = tower.scale.device
    return ContextPrompts(torch.tensor(made, device=device), torch.tensor(places, device=device))


def _ends(tower: TextTower) -> tuple[int, int]:
    """Return how many tokens stand before a text (0 or 1), and the token after it."""
    empty, text = (tower.tokenise([words])[0].tolist() for words in ("", "a"))
    start = int(empty[0] == text[0])
    return start, empty[start]


def _end_of(row: list[int], start: int, end: int) -> int:
    """Return the position after the last token of a text."""
    return next((at for at in range(start, len(row)) if row[at] == end), len(row))
