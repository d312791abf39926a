"""The section ``data`` of a recipe: which samples of a store are trained on, and which are held out."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, field_validator, model_validator

from retrieval.config import Config

NUMBER = re.compile(r"[\d.]+(e-?\d+)?")


def _text(value: object) -> object:
    """Return a number as text: ``draw=0`` is a number, and so is a label such as 1200."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]


class DataConfig(Config):
    """Samples of a store to train on, and those held out of training; never test, query or gallery samples."""

    target: Text | None = Field(
        None, description="Column that is learned, such as label, identity or condition; without it, the job's own."
    )
    where: str | None = Field(None, description="SQL condition over the columns of the samples.")
    protocol: str | None = Field(
        None, description="Protocol of re-identification whose train side is trained on, such as clipfh-11k."
    )
    aspect: Text | None = Field(None, description="Only samples of this aspect; all means every one.")
    split_set: Text | None = Field(
        None, description="Stored split set (its name or the beginning of it), or a CSV file, that gives the roles."
    )
    draw: int = Field(0, ge=0, description="Draw of the split set.")
    train_split: Text = Field("train", description="Split of the samples that are trained on.")
    val_split: Text | None = Field("val", description="Split of the samples that are held out; null for none.")
    val_identities: float | None = Field(
        None, gt=0, lt=1, description="Share of the identities (or groups) of train that are held out, whole."
    )
    val_from: Text | None = Field(
        None,
        description="Samples of train that are held out, of every class alike: train:0.1 (a share) or train:1000.",
    )
    val_seed: int = Field(0, ge=0, lt=2**31, description="Seed of val_identities and val_from.")
    limit_per_class: int | None = Field(None, ge=1, description="At most so many train samples of a class.")
    shots: int | None = Field(None, ge=1, description="Train samples of a class, as of the mode fewshot.")
    sampling: Literal["first", "random"] = Field(
        "random", description="What shots and limit_per_class take: the first samples of a class, or random ones."
    )
    shot_seed: int = Field(0, ge=0, lt=2**31, description="Seed of shots and limit_per_class.")
    oversample: dict[Text, PositiveFloat] = Field(
        {},
        description="Train samples that are drawn repeatedly: CLASS: n of each epoch, or COLUMN=VALUE: a share of it. "
        "For classifier, coop and finetune.",
    )
    cache_gb: float = Field(
        2.0, ge=0, description="Decoded images are kept in the run's folder up to so many gigabytes."
    )

    @field_validator("oversample", mode="before")
    @classmethod
    def _numbers(cls, oversample: object) -> object:
        """Refuse a value of a column without its share."""
        for name, number in oversample.items() if isinstance(oversample, dict) else ():
            if isinstance(number, str) and not NUMBER.fullmatch(number.strip()):
                raise ValueError(
                    f"{name}: {number!r} is no number; give the share of {number!r} in the column {name!r} as "
                    f"`data.oversample.{name}={number}=0.3`, or the samples of a class as `data.oversample.CLASS=50`"
                )
        return oversample

    @model_validator(mode="after")
    def _one_of_each(self) -> DataConfig:
        for first, second in (
            ("val_identities", "val_from"), ("limit_per_class", "shots"), ("split_set", "protocol"),
        ):  # fmt: skip
            if getattr(self, first) is not None and getattr(self, second) is not None:
                raise ValueError(f"{first} and {second} exclude each other; leave one of them out")
        if self.draw and self.split_set is None:
            raise ValueError("draw is of a split set; name it by split_set")
        return self
