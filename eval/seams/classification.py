"""The seam of classification modes: the options all of them have, and the answers they give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import Field

from eval.results.schema import CalibrationResult, Choice, SweepPoint, TaskName
from eval.seams.mode import ModeConfig
from eval.seams.options import MacroOver, Names, Tops
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval.seams.mode import Draw
    from eval.seams.scorer import Arm, IndexFactory

Criterion = Literal["top_1", "top_5", "balanced_accuracy", "macro_f1", "nll"]


class ClassConfig(ModeConfig):
    """Options that every mode of classification has."""

    labels_from: str = Field(
        default="all",
        description="Label universe: all labels of the samples, split for the labels of the test samples, or a file "
        "of names (one a line, or INDEX<TAB>NAME).",
    )
    val_from: str | None = Field(
        default=None,
        description="Val taken out of train, stratified by class: train:0.1 is a share of every class, train:1000 a "
        "number of samples. Without it, the val samples of the split set.",
    )
    train_limit: int | None = Field(
        default=None, ge=1, description="Largest number of train samples; a random subset is kept. Without it, all."
    )
    val_n: int | None = Field(
        default=None, ge=1, description="Largest number of val samples; a random subset is kept. Without it, all."
    )
    test_n: int | None = Field(
        default=None, ge=1, description="Largest number of test samples; a random subset is kept. Without it, all."
    )
    sample_seed: int = Field(default=42, ge=0, description="Seed of val_from, train_limit, val_n and test_n.")
    choose: Literal["val", "none"] = Field(
        default="val",
        description="val chooses one setting by its figures on val; none chooses nothing and lists the test figures "
        "of all settings side by side.",
    )
    criterion: Criterion = Field(
        default="top_1", description="Metric on val by which a setting is chosen; macro-F1 breaks ties of top_1."
    )
    calibrate: bool = Field(default=False, description="Whether to fit a temperature for each arm on val.")
    tops: Tops = Field(default=(1, 5), description="Values of k of the top-k accuracies.")
    macro_over: MacroOver = Field(
        default="present",
        description="Classes over which macro-F1 and macro-Jaccard are means: those in truth or prediction (present, "
        "as scikit-learn does), the whole label universe, or those in truth.",
    )
    bins: int = Field(default=15, ge=1, le=1000, description="Number of equal-width bins of the calibration error.")
    interval: Literal["auto", "class", "group"] = Field(
        default="auto",
        description="Units that the bootstrap resamples: images within their class, or whole groups (bursts, "
        "specimens). auto takes groups where the group of every sample is known.",
    )
    tta: Literal["vectors", "probabilities"] = Field(
        default="vectors",
        description="Combination of several views: their vectors are summed before scoring, or their class "
        "probabilities are averaged after it.",
    )
    bank: Names | None = Field(
        default=None,
        description="Stored banks of texts for arms that name none, in place of prompt sets; of several, one is "
        "chosen on val. Without it, the only bank of texts of the space.",
    )
    combine: bool = Field(default=False, description="Whether to join the texts of all given prompt sets into one set.")


class Answer(NamedTuple):
    """Class probabilities of test samples: ``rows`` (n,) of the arrays, ``probs`` (n, C) float32, rows sum to 1.

    ``logits`` (n, C) rank the classes where they are known: far from the best, float32 probabilities are all 0.
    """

    rows: Int64
    probs: Float32
    logits: Float32 | None = None

    @property
    def scores(self) -> Float32:
        """What the classes are ranked by: (n, C)."""
        return self.probs if self.logits is None else self.logits


Answers: TypeAlias = tuple[tuple[Answer, ...], ...]
"""Per draw, per seed of the shots (one where there are none)."""


@dataclass(frozen=True, slots=True)
class ArmSolution:
    """What an arm answers by itself, which setting it took in each draw, and the temperature fitted for it."""

    answers: Answers
    chosen: Choice | None = None
    calibration: CalibrationResult | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """The answers of a mode, before anything is counted.

    ``answers`` are of the whole; ``arms`` of each arm by itself, where there are several or it was calibrated.
    """

    answers: Answers
    sweep: tuple[SweepPoint, ...] = ()
    chosen: Choice | None = None
    arms: Mapping[str, ArmSolution] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    retrieval: Mapping[str, float] | None = None


C_contra = TypeVar("C_contra", bound=ClassConfig, contravariant=True)


class ClassMode(Protocol[C_contra]):
    """A way to classify stored vectors. Pure: the same arrays, options and seed give the same answers."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> TaskName: ...

    @property
    def config_type(self) -> type[ClassConfig]: ...

    def arm_scorers(self, config: C_contra) -> tuple[str, ...]:
        """The scorers of its arms, which all have the one space asked for; none where the user names arms."""
        ...

    def solve(self, arrays: ClassArrays, config: C_contra, seed: np.random.SeedSequence) -> Solution:
        """Answer all test samples of all draws.

        Raises:
            InputError: no honest answer can be made of these arrays.
            TestDataError: something would have to be chosen, and there is no val to choose on.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClassArrays:
    """All that a mode of classification sees, rows in order of sample id.

    ``ids`` (n,) sample ids; ``classes`` (C,) the names of the label universe; ``labels`` (n,) codes into it, -1 for
    train samples of other labels; ``groups`` (n,) codes of images that are not independent (burst, specimen, site), or
    None where no group is known; ``draws`` have the roles ``train``, ``val`` and ``test`` (the first two may be
    empty); ``index`` makes search indexes.
    """

    ids: NDArray[np.str_]
    classes: tuple[str, ...]
    labels: Int64
    groups: Int64 | None
    arms: tuple[Arm, ...]
    draws: tuple[Draw, ...]
    index: IndexFactory
