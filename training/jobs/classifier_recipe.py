"""The recipe of the job ``classifier``."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from retrieval.config import Config
from training.data.data_config import DataConfig
from training.image_augment import ImageAugmentation
from training.jobs.label_recipe import LabelLoop, LabelLoss, Mixing, Sampling, Selection
from training.models.freezing import Unfreeze


class ClassifierModel(Config):
    """The network whose last layer is trained, and where its weights come from."""

    name: str | None = Field(
        None, description="FAMILY/MODEL of timm or torchvision, or a folder; without it, the encoder of the space."
    )
    weights: str | None = Field(
        None, description="Weights of the model NAME: a tag or a file; without them, it is trained from scratch."
    )
    preprocess: dict[str, Any] = Field(
        {}, description="Changes of the preprocessing, as index --preprocess takes them: img_size, mean, mode, ..."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of the features that are dropped before the last layer.")
    unfreeze: Unfreeze = Field(
        "all", description="What is trained besides the last layer: all, none, or the last N blocks or stages."
    )
    cache_frozen: bool = Field(
        False,
        description="Whether the frozen layers are computed once per image, without augmentation, and kept in the "
        "folder of the run.",
    )

    @model_validator(mode="after")
    def _named(self) -> ClassifierModel:
        if self.name is None and (self.weights is not None or self.preprocess):
            raise ValueError("weights and preprocess are of the model NAME; the encoder of a space has its own")
        return self


class ClassifierRecipe(Config):
    """A classifier of images, whose last layer becomes a bank and its penultimate features a space."""

    version: str | None = Field(None, description="Version of the recipe, for the table of runs.")
    remarks: str = Field("", description="Remarks on the recipe, for the table of runs.")
    data: DataConfig = Field(DataConfig(), description="Which samples are trained on.")
    model: ClassifierModel = Field(ClassifierModel(), description="Network and initial weights.")
    batch: int = Field(32, ge=1, le=65_536, description="Images per step.")
    batches: Sampling = Field(
        "shuffled",
        description="Batches of all samples in random order (shuffled), with all classes alike (balanced), or by the "
        "square roots of their sizes (weighted).",
    )
    augmentation: ImageAugmentation = Field(ImageAugmentation(), description="How images vary.")
    mixing: Mixing = Field(Mixing(), description="Mixed images and targets.")
    loss: LabelLoss = Field(LabelLoss(), description="What is minimised.")
    selection: Selection = Field(
        "top_1", description="Held-out metric by which weights are chosen: top_1 or macro_f1; equal ones by NLL."
    )
    loop: LabelLoop = Field(LabelLoop(), description="How long, how fast and how carefully.")

    @model_validator(mode="after")
    def _whole_images(self) -> ClassifierRecipe:
        if self.model.cache_frozen and self.mixing.any:
            raise ValueError("mixing mixes images, of which model.cache_frozen keeps what frozen layers make of each")
        return self
