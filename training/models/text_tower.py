"""The text tower of an open_clip model, fed with texts or with texts in which some words are learned vectors."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from retrieval.encoders.open_clip_encoder import tokenizer as open_tokenizer
from retrieval.encoders.text_tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from retrieval.types import EncoderSpec


class LazyTokenizer:
    """The tokenizer of a spec, loaded for the first text."""

    def __init__(self, spec: EncoderSpec) -> None:
        self._spec = spec

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer, a function from a list of n texts to tokens (n, context) int64."""
        return open_tokenizer(self._spec)


@dataclass(frozen=True, slots=True)
class TextTower:
    """A text tower with its tokenizer.

    Attributes:
        module: the module with the tower's layers: the model itself, or its part ``text``.
        width: number of dimensions of its token embeddings.
        context: number of tokens that it reads.
        tokens_of: its tokenizer.
        scale: logarithm of the factor on similarities.
    """

    module: torch.nn.Module
    width: int
    context: int
    tokens_of: LazyTokenizer
    scale: torch.nn.Parameter

    def tokenise(self, texts: Sequence[str]) -> torch.Tensor:
        """Return the tokens of texts (n, context), on the device of the tower; longer texts are cut."""
        tokens: torch.Tensor = self.tokens_of.tokenizer(list(texts))
        return tokens.to(self.scale.device)

    def fits(self, text: str) -> bool:
        """Return whether the tower reads a text whole."""
        return count_tokens(self.tokens_of.tokenizer, [text])[0] <= self.context

    def embed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the token embeddings (n, context, width) of tokens (n, context)."""
        embedded: torch.Tensor = self.module.get_submodule("token_embedding")(tokens)
        return embedded

    def encode(self, tokens: torch.Tensor, embedded: torch.Tensor | None = None) -> torch.Tensor:
        """Return the features (n, d) of texts, not normalised.

        Args:
            tokens: (n, context), from which the place of the feature is read (the end of the text).
            embedded: token embeddings (n, context, width) to take instead of those of ``tokens``. What stands after the
                end of all texts is left out where it cannot change the features.
        """
        module: Any = self.module
        if embedded is not None:
            tokens = tokens[:, : _read_length(self.module, tokens)]
            module = _with_embeddings(self.module, embedded[:, : tokens.shape[1]])
        encode = getattr(module, "encode_text", module)
        features: torch.Tensor = encode(tokens)
        return features

    def parameters(self) -> dict[str, torch.nn.Parameter]:
        """Return its parameters by name; of a model with both towers in one module, those of the text alone."""
        return {
            name: parameter
            for name, parameter in self.module.named_parameters()
            if not name.startswith("visual.") and name not in ("logit_scale", "logit_bias")
        }


def find_text_tower(spec: EncoderSpec, network: torch.nn.Module) -> TextTower | None:
    """Return the text tower of an open_clip model; None for one of the package transformers, which takes no vectors."""
    module: Any = getattr(network, "text", network)
    embedding = getattr(module, "token_embedding", None)
    if embedding is None:
        return None
    context = int(getattr(network, "context_length", 0) or module.context_length)
    scale: torch.nn.Parameter = network.get_parameter("logit_scale")
    return TextTower(module, int(embedding.weight.shape[1]), context, LazyTokenizer(spec), scale)


def _with_embeddings(module: torch.nn.Module, embedded: torch.Tensor) -> torch.nn.Module:
    """Return a shallow copy of a text tower whose token embeddings are given; all other layers are shared."""
    import torch

    class FixedEmbeddings(torch.nn.Module):
        """Returns the given embeddings, whatever the tokens."""

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            del tokens
            return embedded

    changed = copy.copy(module)
    length, state = embedded.shape[1], vars(changed)
    if length < len(module.get_parameter("positional_embedding")):
        positions, mask = module.get_parameter("positional_embedding"), module.get_buffer("attn_mask")
        state["_parameters"] = {**module._parameters, "positional_embedding": positions[:length]}  # noqa: SLF001
        state["_buffers"] = {**module._buffers, "attn_mask": mask[:length, :length]}  # noqa: SLF001
    state["_modules"] = {**module._modules, "token_embedding": FixedEmbeddings()}  # noqa: SLF001 - copied on purpose
    return changed


def _read_length(module: torch.nn.Module, tokens: torch.Tensor) -> int:
    """Return how many tokens of texts decide their features: all up to the last end, if each sees those before only."""
    network: Any = module
    pool = getattr(network, "text_pool_type", getattr(network, "pool_type", None))
    others = getattr(network, "cls_emb", None) is not None or getattr(network, "use_pad_mask", False)
    if pool != "argmax" or getattr(network, "attn_mask", None) is None or others:
        return tokens.shape[1]
    return int(tokens.argmax(dim=-1).max()) + 1
