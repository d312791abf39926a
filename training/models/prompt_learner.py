"""Learned words of identities: every identity has a few token embeddings in the place of X X X X in a template.

As in CLIP-ReID (Li et al. 2023): "A photo of a X X X X person.", the vectors drawn from N(0, 0.02), all else frozen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.models.text_tower import TextTower

PERSON = "A photo of a X X X X person."
"""The template of CLIP-ReID."""

SPREAD = 0.02
"""Standard deviation of the vectors at the start."""

PLACE = re.compile(r"\{\}|\bX(?: X)*\b")
"""Where a template has the learned words."""


class _Template(NamedTuple):
    """Tokens (1, context) of a template, their embeddings (1, context, width), and where the learned words begin."""

    tokens: torch.Tensor
    embedded: torch.Tensor
    start: int


class PromptLearner:
    """Learned words of n identities.

    Attributes:
        words: (n, count, width) the parameter that is trained.
    """

    words: torch.nn.Parameter

    def __init__(self, text: TextTower, identities: int, count: int, generator: torch.Generator) -> None:
        """Draw the words from N(0, 0.02).

        Args:
            text: the text tower.
            identities: number of identities n.
            count: number of words of an identity.
            generator: random generator on the CPU.
        """
        import torch

        drawn = torch.empty(identities, count, text.width).normal_(std=SPREAD, generator=generator)
        self.words = torch.nn.Parameter(drawn.to(text.scale.device))
        self._text, self._templates = text, dict[str, _Template]()

    def features(self, identities: torch.Tensor, templates: Sequence[str] | str = PERSON) -> torch.Tensor:
        """Return the text features (m, d) of m identities, not normalised.

        Args:
            identities: (m,) int64 numbers of the identities.
            templates: one template for all, or one for every identity. The learned words stand in the place of ``{}``
                or of a sequence of the word X, which has no part in how many they are.

        Raises:
            InputError: a template has no place for the words, or several, or is too long for the text tower.
        """
        import torch

        if isinstance(templates, str):
            templates = [templates] * len(identities)
        parts = [self._template(template) for template in templates]
        tokens = torch.cat([part.tokens for part in parts])
        rows = torch.arange(len(parts), device=tokens.device)[:, None]
        places = torch.tensor([part.start for part in parts], device=tokens.device)[:, None]
        places = places + torch.arange(self.words.shape[1], device=tokens.device)
        embedded = torch.cat([part.embedded for part in parts])
        return self._text.encode(tokens, embedded.index_put((rows, places), self.words[identities]))

    def _template(self, template: str) -> _Template:
        import torch

        if template not in self._templates:
            with torch.no_grad():
                tokens, start = self._tokenise(template)
                self._templates[template] = _Template(tokens, self._text.embed(tokens), start)
        return self._templates[template]

    def _tokenise(self, template: str) -> tuple[torch.Tensor, int]:
        """Return the tokens of a template with placeholders, and the position of the first placeholder.

        Placeholders are where the tokens of two texts with different words in the place differ.
        """
        count, places = self.words.shape[1], PLACE.findall(template)
        if len(places) != 1:
            raise InputError(
                f"The template '{template}' has {len(places)} places for the learned words; write one of them, as "
                f"in '{PERSON}'."
            )
        first, second = (PLACE.sub(" ".join([letter] * count), template) for letter in ("x", "z"))
        tokens = self._text.tokenise([first, second])
        positions = (tokens[0] != tokens[1]).nonzero()[:, 0].tolist()
        if not self._text.fits(first) or len(positions) != count or positions[-1] - positions[0] != count - 1:
            raise InputError(
                f"The template '{template}' with {count} learned words does not fit into the {self._text.context} "
                "tokens of the text tower; use fewer words or a shorter template."
            )
        return tokens[:1], positions[0]
