"""The network of the job ``reid``: the towers of an encoder, and what is added for the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.models.bnneck import make_bnneck
from training.models.prompt_learner import PromptLearner
from training.models.towers import require_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from training.jobs.reid.recipe import ReidRecipe
    from training.models.bnneck import NeckOutput
    from training.models.towers import ImageTower, TowerFeatures


UNTRAINED = ("logit_scale", "logit_bias", "token_embedding.weight", "neck.norm.bias", "neck_proj.norm.bias")
"""Ends of the names of parameters that no stage trains."""


@dataclass(frozen=True, slots=True)
class ReidNetwork:
    """A tower, words of identities, and heads.

    Attributes:
        tower: the encoder's networks.
        module: holds all of it, for checkpoints: ``network`` (the towers), ``neck`` and ``neck_proj``, and, where the
            recipe has use for them, ``words``, ``arcface``, ``centers`` and ``texts``.
        words: learned words of C identities; None without a text tower.
        templates: texts with a place for the words.
    """

    tower: ImageTower
    module: torch.nn.Module
    words: PromptLearner | None
    templates: tuple[str, ...]

    @property
    def arcface(self) -> torch.nn.Parameter:
        """(C, K, w) centres of ArcFace."""
        return self.module.get_parameter("arcface")

    @property
    def centers(self) -> torch.nn.Parameter:
        """(C, w) centers of the center loss."""
        return self.module.get_parameter("centers")

    @property
    def texts(self) -> torch.Tensor:
        """(T, C, d) fixed text features of the identities with every template; zeros until they are computed."""
        return self.module.get_buffer("texts")

    def necks(self, features: TowerFeatures) -> list[NeckOutput]:
        """Return what the necks make of the features before and, where there is one, after the projection."""
        outputs: list[NeckOutput] = [self.module.get_submodule("neck")(features.feat)]
        if features.proj is not None:
            outputs.append(self.module.get_submodule("neck_proj")(features.proj))
        return outputs

    def text_features(self, identities: torch.Tensor, template: int) -> torch.Tensor:
        """Return the text features (m, d) of m identities."""
        if self.words is None:
            raise ValueError("the network has no words")
        return self.words.features(identities, self.templates[template])

    def parts(self) -> dict[str, Sequence[str]]:
        """Return the names of the parameters of every part: visual, text, words, heads, centers.

        Of no part are the factor of similarities, the shifts of the necks, and the embeddings of words, of which texts
        are made once: nothing trains them.
        """
        names = [name for name, _ in self.module.named_parameters() if not name.endswith(UNTRAINED)]
        prefix = f"network.{self.tower.prefix}"
        visual = [name for name in names if name.startswith(prefix)]
        text = [name for name in names if name.startswith("network.") and name not in visual]
        heads = [name for name in names if name.startswith(("neck.", "neck_proj.")) or name == "arcface"]
        return {
            "visual": visual,
            "text": text,
            "heads": heads,
            "words": [name for name in names if name == "words"],
            "centers": [name for name in names if name == "centers"],
        }


def build_network(tower: ImageTower, recipe: ReidRecipe, identities: int, *, two_stages: bool) -> ReidNetwork:
    """Add words and heads, drawn from the seed of the recipe, to a tower.

    Args:
        tower: the towers of the encoder.
        recipe: what is needed of words and heads.
        identities: number of training identities C.
        two_stages: whether words of identities are learned.

    Raises:
        InputError: there is no text tower, or a template does not fit into it.
    """
    import torch

    generator = torch.Generator().manual_seed(recipe.seed)
    module: Any = torch.nn.Module()
    module.network = tower.network
    widths, losses = tower.widths, recipe.losses_of(two_stages=two_stages)
    module.neck = make_bnneck(widths.feat, identities, generator)
    if widths.proj:
        module.neck_proj = make_bnneck(widths.proj, identities, generator)
    if losses.arcface:
        module.arcface = _drawn((identities, losses.sub_centres, widths.feat), generator)
    if losses.center:
        module.centers = _drawn((identities, widths.feat), generator)
    words, templates = None, tuple(recipe.texts())
    if two_stages:
        words = PromptLearner(require_text(tower, "stages=two"), identities, recipe.prompts.words, generator)
        module.words = words.words
        module.register_buffer("texts", torch.zeros(len(templates), identities, widths.proj))
    return ReidNetwork(tower, module.to(tower.device), words, templates)


def _drawn(shape: tuple[int, ...], generator: torch.Generator) -> torch.nn.Parameter:
    import torch

    return torch.nn.Parameter(torch.randn(shape, generator=generator))
