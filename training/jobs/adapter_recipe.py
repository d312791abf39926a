"""The recipe of the job ``adapter``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from eval.scorers.clap import ClapOptions
from eval.scorers.gda import GdaOptions
from eval.scorers.lp_plus import LpPlusOptions
from retrieval.config import Config
from training.data.data_config import DataConfig

Method = Literal["rla", "prolip", "gda", "lp++", "clap"]


class MatrixConfig(Config):
    """How a matrix is trained; the defaults are those of the authors of RLA and ProLIP, who choose nothing on val."""

    learning_rate: float = Field(
        1e-3, gt=0, le=1, description="Learning rate of Adam at the first step; it falls to 0 along half a cosine."
    )
    penalty: float | Literal["1/N"] = Field(
        "1/N",
        description="Weight of the squared distance of the matrix to its start; 1/N divides by the mean number of "
        "train samples of a class.",
    )
    steps: int = Field(300, ge=1, le=1_000_000, description="Number of steps.")
    batch: int = Field(
        4096, ge=1, le=1_000_000, description="Train samples of a step; where there are fewer, each step takes all."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the batches.")


class AdapterRecipe(Config):
    """Training on stored vectors alone: a matrix that maps a space to a new one, or a classifier of the space.

    ``rla`` (regularised linear adapter) and ``prolip`` (the same on the last projection) train a matrix and leave an
    encoder; ``gda``, ``lp++`` and ``clap`` leave a bank of kind classifier.
    """

    version: str | None = Field(None, description="Version of the recipe, for tables of runs.")
    remarks: str = Field("", description="Remarks on the recipe, for tables of runs.")
    method: Method = Field("rla", description="What is trained.")
    bank: str | None = Field(
        None,
        description="Stored bank with the texts of the classes. Without it, the only one of the space that has texts "
        "of the classes.",
    )
    classes: Literal["auto", "texts", "prototypes"] = Field(
        "auto",
        description="What images are compared with: texts, or the mean vectors of the train samples of each class; "
        "auto means texts where the space has any.",
    )
    name: str | None = Field(
        None, pattern=r"^[\w+.@-]{1,80}$", description="Name of the bank that is left; without it, the method."
    )
    data: DataConfig = Field(DataConfig(), description="Which samples of the store.")
    matrix: MatrixConfig = Field(MatrixConfig(), description="How the matrix of rla and prolip is trained.")
    gda: GdaOptions = Field(GdaOptions(), description="Options of gda, as of the scorer.")
    lp_plus: LpPlusOptions = Field(LpPlusOptions(), description="Options of lp++, as of the scorer.")
    clap: ClapOptions = Field(ClapOptions(), description="Options of clap, as of the scorer.")
