"""The recipe of the job ``finetune``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from retrieval.config import Config
from training.data.data_config import DataConfig
from training.image_augment import ImageAugmentation
from training.jobs.label_recipe import LabelLoop, LabelLoss, Sampling, Selection
from training.models.freezing import Unfreeze

Part = Literal["vision", "both", "head", "lora"]


class ClassTexts(Config):
    """The texts whose vectors the images of a class should be near to."""

    template: str = Field("a photo of a {}", description="Text of a class; {} is its name.")
    prompts: Path | None = Field(None, description="Prompt set, JSON, instead of the template.")
    bank: str | None = Field(None, description="Stored bank of prompts of the space, instead of the template.")

    @field_validator("template")
    @classmethod
    def _has_field(cls, template: str) -> str:
        if "{}" not in template and "{name}" not in template:
            raise ValueError("the template has no {} for the name of the class")
        return template

    @model_validator(mode="after")
    def _one(self) -> ClassTexts:
        if self.prompts is not None and self.bank is not None:
            raise ValueError("prompts and bank exclude each other; leave one of them out")
        return self


class LoraConfig(Config):
    """Low-rank changes of weights (Hu et al. 2022), by the package peft."""

    rank: int = Field(8, ge=1, le=1024, description="Rank of the change of every matrix.")
    alpha: float = Field(16.0, gt=0, description="The change is multiplied by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of a layer's inputs that its change does not see.")


class WiseFt(Config):
    """Mean of the weights before and after training (Wortsman et al. 2022)."""

    alpha: Literal["val", "off"] | float = Field(
        "val",
        description="Weight of the trained weights: a number from 0 (before) to 1, val (the best of 0, 0.1, ..., 1 on "
        "held-out samples), or off (1).",
    )

    @field_validator("alpha", mode="before")
    @classmethod
    def _off(cls, alpha: object) -> object:
        """YAML reads ``off`` as false."""
        return "off" if alpha is False else alpha

    @field_validator("alpha")
    @classmethod
    def _share(cls, alpha: str | float) -> str | float:
        if not isinstance(alpha, str) and not 0 <= alpha <= 1:
            raise ValueError("alpha is a number from 0 to 1, val or off")
        return alpha


class FinetuneLoop(LabelLoop):
    """How long, how fast and how carefully a CLIP is fine-tuned."""

    epochs: int = Field(15, ge=1, le=1_000_000, description="Passes over the training images.")
    learning_rate: float = Field(2e-5, gt=0, description="Learning rate at its highest; it falls along a cosine.")
    final: float = Field(0.0, ge=0, le=1, description="Where the cosine ends, as a share of the learning rate.")
    weight_decay: float = Field(0.01, ge=0, description="Weight decay, for matrices and convolutions only.")
    warm_up_steps: int | None = Field(
        100, ge=0, description="Steps in which the learning rate rises from 0 (at most half of all)."
    )


class FinetuneRecipe(Config):
    """Fine-tuning of a CLIP on labels: images are drawn to the texts of their classes."""

    version: str | None = Field(None, description="Version of the recipe, for the table of runs.")
    remarks: str = Field("", description="Remarks on the recipe, for the table of runs.")
    data: DataConfig = Field(DataConfig(), description="Which samples are trained on.")
    train: Part = Field(
        "vision",
        description="What is trained: the image tower (vision), both towers (both), a linear layer on stored vectors "
        "(head), or low-rank changes of the image tower (lora).",
    )
    unfreeze: Unfreeze = Field("all", description="What of the image tower: all, none, or the last N blocks or stages.")
    texts: ClassTexts = Field(ClassTexts(), description="Texts of the classes.")
    lora: LoraConfig = Field(LoraConfig(), description="Low-rank changes, with train=lora.")
    wise_ft: WiseFt = Field(WiseFt(), description="Mean with the weights before training.")
    batch: int = Field(16, ge=1, le=65_536, description="Images per step.")
    batches: Sampling = Field(
        "shuffled",
        description="Batches of all samples in random order (shuffled), with all classes alike (balanced), or by the "
        "square roots of their sizes (weighted).",
    )
    augmentation: ImageAugmentation = Field(ImageAugmentation(), description="How images vary.")
    loss: LabelLoss = Field(LabelLoss(), description="What is minimised.")
    selection: Selection = Field(
        "top_1", description="Held-out metric by which weights are chosen: top_1 or macro_f1; equal ones by NLL."
    )
    loop: FinetuneLoop = Field(FinetuneLoop(), description="How long, how fast and how carefully.")
