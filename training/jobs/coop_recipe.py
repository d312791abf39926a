"""The recipe of the job ``coop``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from retrieval.config import Config
from training.data.data_config import DataConfig
from training.models.context_prompts import Place


class ContextConfig(Config):
    """The learned vectors of the prompts."""

    kind: Literal["shared", "class"] = Field(
        "shared", description="One context for all classes (the paper's unified one), or one for each."
    )
    tokens: int = Field(16, ge=1, le=1024, description="Learned vectors before the text of a class, or around it.")
    place: Place = Field(
        "end", description="Where the text of a class stands: at the end of the vectors, or in their middle."
    )
    words: str | None = Field(
        None,
        min_length=1,
        description="Words from whose embeddings the vectors start, such as 'a photo of a'; their number of tokens "
        "replaces tokens. Without it, the vectors are drawn.",
    )
    deviation: float = Field(0.02, gt=0, description="Standard deviation of vectors that are drawn.")


class PromptLoop(Config):
    """How long and how fast the vectors are trained: SGD, whose rate falls along a cosine."""

    epochs: int = Field(50, ge=1, le=1_000_000, description="Passes over the training samples.")
    batch: int = Field(32, ge=1, le=65_536, description="Samples per step.")
    learning_rate: float = Field(0.002, gt=0, description="Learning rate after the warm-up; it falls to 0.")
    warm_up_epochs: int = Field(1, ge=0, le=1_000_000, description="Epochs of the rate warm_up_rate.")
    warm_up_rate: float = Field(1e-5, gt=0, description="Learning rate of the first epochs.")
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of SGD.")
    weight_decay: float = Field(5e-4, ge=0, description="Weight decay of SGD.")
    text_batch: int = Field(
        128, ge=1, le=65_536, description="Prompts whose activations are in memory at a time; more are computed twice."
    )
    patience: int = Field(
        0, ge=0, le=1_000_000, description="Epochs without a better held-out score before stopping; 0 never stops."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of initial vectors and order.")


class CoopRecipe(Config):
    """Prompts with learned vectors, trained on stored vectors of images; the encoder does not change."""

    version: str | None = Field(None, description="Version of the recipe, for the table of runs.")
    remarks: str = Field("", description="What this version changes, for the table of runs.")
    bank: str = Field(
        "coop", min_length=1, max_length=80, pattern=r"^[\w.+-]+$", description="Name of the bank of learned prompts."
    )
    data: DataConfig = Field(DataConfig(), description="Samples that are trained on, and those held out.")
    views: tuple[str, ...] = Field(
        ("base",), min_length=1, description="Stored views to train on; each step draws one for every sample."
    )
    texts: str | None = Field(
        None,
        description="What stands for the classes in the prompts: a prompt file, or a bank of texts of the space; a "
        "class may have several texts. Without it, names of classes.",
    )
    base_classes: str | tuple[str, ...] | None = Field(
        None,
        description="Classes to train on, for base-to-new: half (the first half of the names), a file of names, or "
        "names. The others get prompts, too. Without it, all.",
    )
    context: ContextConfig = Field(ContextConfig(), description="The learned vectors.")
    selection: Literal["top_1", "nll"] = Field(
        "top_1", description="Held-out metric by which the epoch is chosen; of equal ones the lower nll."
    )
    loop: PromptLoop = Field(PromptLoop(), description="How long and how fast.")

    @field_validator("views", mode="before")
    @classmethod
    def _listed(cls, views: object) -> object:
        return tuple(part.strip() for part in views.split(",")) if isinstance(views, str) else views
