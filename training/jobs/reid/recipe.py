"""The recipe of the job ``reid``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator, model_validator

from retrieval.config import Config
from retrieval.errors import InputError
from training.data.data_config import DataConfig
from training.hardware import HardwareConfig
from training.image_augment import ImageAugmentation
from training.losses.center import CenterForm
from training.models.freezing import Unfreeze
from training.models.prompt_learner import PERSON, PLACE
from training.schedule import Schedule, constant, cosine, cosine_from, one_cycle, per_epoch, steps

LARGEST = 65_536
"""Largest number of epochs, identities or images, so that a slip of the pen is told before memory is asked for."""

ScheduleName = Literal["cosine", "one_cycle", "steps", "constant"]

Epoch = Annotated[int, Field(ge=1, le=LARGEST)]


class ScheduleConfig(Config):
    """Course of all learning rates of a stage; every part keeps its own largest rate."""

    name: ScheduleName = Field("cosine", description="cosine, one_cycle, steps or constant.")
    per: Literal["batch", "epoch"] = Field("batch", description="Whether cosine and one_cycle change between batches.")
    warm_up: int = Field(0, ge=0, le=LARGEST, description="Epochs in which the rate rises; one_cycle has its own rise.")
    warm_up_factor: float = Field(
        0.1, ge=0, le=1, description="Of steps: where the rise begins, as a share of the rate."
    )
    first: float | None = Field(
        None, gt=0, description="Of cosine per epoch: the rate at which the rise begins; without it, it begins at 0."
    )
    last: float = Field(0.0, ge=0, description="Of cosine: where it ends; a rate with first, else a share of it.")
    milestones: list[Epoch] = Field([30, 50], description="Of steps: epochs, counted from 1, in which the rate falls.")
    gamma: float = Field(0.1, gt=0, le=1, description="Of steps: by what the rate is multiplied there.")

    @model_validator(mode="after")
    def _per_epoch(self) -> ScheduleConfig:
        if self.first is not None and (self.name, self.per) != ("cosine", "epoch"):
            raise ValueError("first is for name=cosine with per=epoch; leave it out")
        return self

    def rates(self, epochs: int) -> Schedule:
        """Return the schedule of a stage of so many epochs."""
        if self.name == "constant":
            return constant
        if self.name == "steps":
            return steps(self.milestones, self.gamma, self.warm_up, self.warm_up_factor)
        if self.first is not None:
            return cosine_from(self.first, self.warm_up, self.last)
        schedule = one_cycle() if self.name == "one_cycle" else cosine(min(1.0, self.warm_up / epochs), self.last)
        return per_epoch(schedule) if self.per == "epoch" else schedule


class PromptConfig(Config):
    """Texts of identities: a template in which some words are learned, different ones for every identity."""

    templates: list[str] = Field(
        [PERSON],
        min_length=1,
        description="Texts with one place for the learned words, {} or X X X X; of several, one is drawn for every "
        "batch. {aspect} becomes data.aspect.",
    )
    words: int = Field(4, ge=1, le=64, description="Learned words of an identity.")
    normalise: bool = Field(
        False, description="Whether image and text features have length 1 before they are compared."
    )
    temperature: float = Field(1.0, gt=0, description="Divisor of the similarities of images and texts.")

    @field_validator("templates")
    @classmethod
    def _one_place(cls, templates: list[str]) -> list[str]:
        for template in templates:
            if len(PLACE.findall(template)) != 1:
                raise ValueError(f"the template '{template}' has not one place for the words; write {{}} once")
        return templates


class PromptStageConfig(Config):
    """The first stage: words of identities are learned on features of images; all else is frozen."""

    epochs: int = Field(30, ge=0, le=LARGEST, description="Passes over the images; 0 leaves the words random.")
    batch: int = Field(64, ge=2, le=LARGEST, description="Images per step.")
    optimiser: Literal["adam", "adamw"] = Field("adam", description="Adam adds the decay to the gradient, AdamW not.")
    rate: float = Field(3.5e-4, gt=0, description="Learning rate of the words.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay of the words.")
    schedule: ScheduleConfig = Field(ScheduleConfig(), description="Course of the rate.")
    max_norm: float | None = Field(None, gt=0, description="Longest gradient; longer ones are shortened to it.")


class PartRates(Config):
    """Learning rates of the parts."""

    visual: float = Field(1e-5, gt=0, description="Rate of the image network.")
    heads: float = Field(1e-4, gt=0, description="Rate of neck, classifier and ArcFace centres.")
    text: float | None = Field(None, gt=0, description="Rate of the text network; without it, it is frozen.")
    bias_factor: float = Field(1.0, gt=0, description="Factor of the rate of biases.")


class PartDecays(Config):
    """Weight decays of the parts."""

    visual: float = Field(5e-4, ge=0, description="Decay of the image network.")
    heads: float = Field(5e-4, ge=0, description="Decay of neck, classifier and ArcFace centres.")
    text: float = Field(5e-4, ge=0, description="Decay of the text network.")
    bias: float | None = Field(None, ge=0, description="Decay of biases; without it, that of their part.")


class ImageStageConfig(Config):
    """The second stage, or the only one: the image network is trained; the words of identities are frozen."""

    epochs: int = Field(30, ge=1, le=LARGEST, description="Passes over the identities.")
    patience: int = Field(
        5, ge=0, le=LARGEST, description="Epochs without a better held-out score before stopping; 0 never stops."
    )
    identities: int = Field(8, ge=2, le=LARGEST, description="Identities of a batch.")
    images: int = Field(4, ge=2, le=LARGEST, description="Images of each identity in a batch.")
    optimiser: Literal["adam", "adamw"] = Field("adamw", description="Adam adds the decay to the gradient, AdamW not.")
    unfreeze: Unfreeze = Field(
        "all", description="What is trained of the image network: all, none, or the last N stages."
    )
    cache_frozen: bool = Field(
        False,
        description="Whether the frozen layers are computed once per image, without augmentation, and kept in the "
        "folder of the run.",
    )
    rates: PartRates = Field(PartRates(), description="Learning rates.")
    weight_decay: PartDecays = Field(PartDecays(), description="Weight decays.")
    schedule: ScheduleConfig = Field(ScheduleConfig(), description="Course of the rates.")
    max_norm: float | None = Field(None, gt=0, description="Longest gradient; longer ones are shortened to it.")


class ReidLosses(Config):
    """Weights of the losses of the image stage, 0 for those that are off, and their settings."""

    id: NonNegativeFloat = Field(1.0, description="Weight of the cross-entropy of identities, behind the neck.")
    smoothing: float = Field(0.1, ge=0, lt=1, description="Label smoothing of id and i2t.")
    triplet: NonNegativeFloat = Field(1.0, description="Weight of the batch-hard triplet loss, before the neck.")
    triplet_margin: float | None = Field(0.3, ge=0, description="Margin of the triplet loss; null for the soft margin.")
    supcon: NonNegativeFloat = Field(0.0, description="Weight of the contrastive loss of images and texts, both ways.")
    i2t: NonNegativeFloat | None = Field(
        None, description="Weight of the cross-entropy of images against all fixed texts; without it 1 in two stages."
    )
    arcface: NonNegativeFloat = Field(0.0, description="Weight of ArcFace, behind the neck.")
    arcface_scale: PositiveFloat = Field(30.0, description="Factor of ArcFace's cosines.")
    arcface_margin: float | Literal["dynamic"] = Field(
        0.5, description="Angle of ArcFace in radians, or dynamic: larger for identities of few images."
    )
    sub_centres: int = Field(
        1, ge=1, le=64, description="ArcFace's centres of an identity, of which the nearest counts."
    )
    center: NonNegativeFloat = Field(0.0, description="Weight of the center loss, before the neck.")
    center_form: CenterForm = Field("clip_reid", description="clip_reid, or wen: half of it, and the paper's update.")
    center_rate: PositiveFloat = Field(0.5, description="Learning rate of the centers, which have their own optimiser.")

    @field_validator("arcface_margin")
    @classmethod
    def _angle(cls, margin: float | str) -> float | str:
        if isinstance(margin, float) and not 0 <= margin < 1.6:
            raise ValueError("the margin is an angle in radians from 0 to 1.6 (0.5 rad are 28.6 degrees)")
        return margin

    @model_validator(mode="after")
    def _any(self) -> ReidLosses:
        if not any((self.id, self.triplet, self.supcon, self.i2t, self.arcface)):
            raise ValueError("all losses are off; give id, triplet, supcon, i2t or arcface a weight")
        return self

    @property
    def of_texts(self) -> bool:
        """Whether a loss compares images with texts."""
        return bool(self.supcon or self.i2t)


class HeldOutConfig(Config):
    """How held-out identities score an epoch."""

    gallery: Literal["leave_one_out", "single"] = Field(
        "leave_one_out", description="Gallery: all other images (leave_one_out), or one random image of each (single)."
    )
    draws: int = Field(10, ge=1, le=1000, description="Of single: draws of the gallery, whose mean counts.")
    score: Literal["mean_ap", "rank_1"] = Field("mean_ap", description="Metric that chooses the epoch.")


class ReidRecipe(Config):
    """Training of an encoder for re-identification.

    Without a recipe the encoder of the space is trained from images alone, or in CLIP-ReID's two stages if it has a
    text tower (``stages=auto``).
    """

    version: str | None = Field(None, description="Version of the recipe, for tables of runs.")
    remarks: str = Field("", description="What is special about it, for tables of runs.")
    backbone: str | None = Field(
        None, description="Architecture that the recipe is for, such as ViT-B-16; another one is refused."
    )
    stages: Literal["auto", "two", "images"] = Field(
        "auto", description="two: words of identities, then images; images: images alone; auto: two with a text tower."
    )
    data: DataConfig = Field(
        DataConfig(target="identity", val_identities=0.15), description="Samples to train on and those held out."
    )
    size: tuple[Epoch, Epoch] | None = Field(
        None, description="Height and width of the images, if not those of the space's encoder."
    )
    mean: tuple[float, float, float] | None = Field(
        None, description="Mean of the channels, if not that of the space's encoder."
    )
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = Field(
        None, description="Standard deviation of the channels, if not that of the space's encoder."
    )
    prompts: PromptConfig = Field(PromptConfig(), description="Texts of identities.")
    prompt_stage: PromptStageConfig = Field(PromptStageConfig(), description="First of two stages.")
    image_stage: ImageStageConfig = Field(ImageStageConfig(), description="Second stage, or the only one.")
    losses: ReidLosses = Field(ReidLosses(), description="Losses of the image stage.")
    augmentation: ImageAugmentation = Field(
        ImageAugmentation(erase=0.5, erase_with="mean"), description="How much training images vary."
    )
    held_out: HeldOutConfig = Field(HeldOutConfig(), description="How held-out identities score an epoch.")
    hardware: HardwareConfig = Field(HardwareConfig(), description="Use of the device.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of words, heads, batches and augmentation.")
    original_faults: bool = Field(
        False,
        description="Repeat two faults of the hands report: ArcFace is logged but not trained, and OneCycle raises all "
        "parts to the rate of the image network.",
    )

    def two_stages(self, *, has_text: bool) -> bool:
        """Whether words of identities are learned first, with an encoder that has a text tower or not."""
        return self.stages == "two" or (self.stages == "auto" and has_text)

    def losses_of(self, *, two_stages: bool) -> ReidLosses:
        """Return the losses of the image stage.

        Raises:
            InputError: without words of identities, a loss compares images with texts.
        """
        losses = self.losses
        if losses.i2t is None:
            losses = losses.model_copy(update={"i2t": 1.0 if two_stages else 0.0})
        if losses.of_texts and not two_stages:
            raise InputError(
                "losses.supcon and losses.i2t compare images with texts of identities, which are learned in two stages "
                "with an encoder that has a text tower; set both to 0, or use `stages=two`."
            )
        return losses

    def texts(self) -> list[str]:
        """Return the templates with the aspect filled in."""
        aspect = "" if self.data.aspect in (None, "all") else str(self.data.aspect)
        return [" ".join(template.replace("{aspect}", aspect).split()) for template in self.prompts.templates]
