"""Interface of classification modes: the options all of them have, and the answers they give back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import Field

from eval.results.schema import CalibrationResult, Choice, TaskName
from eval.seams.mode import ModeConfig
from eval.seams.options import Identities, MacroOver, Names, Tops
from retrieval.errors import TestDataError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from eval.seams.scorer import Arm, ClassBank, IndexFactory, Scorer

Criterion = Literal["top_1", "top_5", "balanced_accuracy", "macro_f1", "nll"]
TieBreak = Literal["nll", "macro_f1"]


class ClassConfig(ModeConfig):
    """Options that every mode of classification has."""

    target: str = Field(
        default="label", description="Column of the samples that is classified, such as label or meta_condition."
    )
    given: str | None = Field(
        default=None,
        description="Column that is known of every sample, such as the type of an object: only classes that train "
        "samples with the same value have are answered. Without it, every class is.",
    )
    unlabelled: Identities = Field(
        default=(), description="Labels that mean that none is known, such as unknown,NA; these samples take no part."
    )
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
    criterion: Criterion = Field(default="top_1", description="Metric on val by which a setting is chosen.")
    tie_break: TieBreak = Field(
        default="nll",
        description="Metric on val that decides between settings equal by criterion: the lowest nll, or the highest "
        "macro_f1. Of settings equal in that too, nll takes the weights nearest to equal ones, else the first.",
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
        "chosen on val. Without it, the only bank of texts of the space. Of method=classifier, "
        "its bank.",
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


T = TypeVar("T")


class Sealed(Generic[T]):
    """A value counted with test labels, which no mode sees: the task opens it when it builds the result."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def open(self) -> T:
        """The value; called by the code that builds results, by no mode."""
        return self._value


Metrics: TypeAlias = "Mapping[str, float] | Sealed[Mapping[str, float]]"
"""Metrics by name, those of test samples sealed."""


def on_val(metrics: Metrics) -> Mapping[str, float]:
    """Metrics that a choice may be made by.

    Raises:
        TestDataError: they are of test samples.
    """
    if isinstance(metrics, Sealed):
        raise TestDataError("Metrics of test samples cannot choose a setting.")
    return metrics


class SettingMetrics(NamedTuple):
    """A setting and its metrics in every draw, on the samples of ``role``; those on test are sealed.

    ``chosen`` is the share of draws in which it was chosen; ``arm`` names the arm it belongs to, None is the whole.
    """

    settings: Mapping[str, str | int | float | None]
    role: str
    metrics: tuple[Metrics, ...]
    chosen: float = 0.0
    arm: str | None = None


class SettingTables(NamedTuple):
    """A setting that stands beside others on test, unchosen: its tables per draw, per seed of the shots."""

    settings: Mapping[str, str | int | float | None]
    tables: tuple[tuple[Sealed[Any], ...], ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """The answers of a mode, before anything is counted.

    ``answers`` are of the whole; ``arms`` of each arm by itself, where there are several or it was calibrated;
    ``retrieval`` are recalls of texts that search the test samples, per draw; ``other_types`` are the answers of the
    first arm with types predicted where those of the whole have them annotated, or the other way round;
    ``rules_out`` says that an answer may give the true class probability 0, which no temperature changes.
    """

    answers: Answers
    sweep: tuple[SettingMetrics | SettingTables, ...] = ()
    chosen: Choice | None = None
    arms: Mapping[str, ArmSolution] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    retrieval: tuple[Sealed[Mapping[str, float]], ...] = ()
    other_types: Answers | None = None
    rules_out: bool = False


class Examiner(Protocol):
    """Counts answers to test samples for a mode that wants them side by side; what it gives is sealed."""

    def metrics(self, rows: Int64, logits: Float32, rule: Any) -> Sealed[Mapping[str, float]]: ...

    def table(self, answer: Answer, by: Literal["class", "group"]) -> Sealed[Any]: ...

    def recalls(
        self, rows: Int64, vectors: Float32, bank: ClassBank, ks: Sequence[int]
    ) -> Sealed[Mapping[str, float]]: ...


@dataclass(frozen=True, slots=True)
class Candidates:
    """Which classes are possible for each sample, by something that is known of it.

    ``codes`` (n,) of the known value of each sample, -1 for none; ``allowed`` (values + 1, C) says which classes go
    with each value, its last row with none. Every row of it has a class.
    """

    codes: Int64
    allowed: NDArray[np.bool_]

    def of(self, rows: Int64) -> NDArray[np.bool_]:
        """The classes possible for each of these samples: (rows, C)."""
        classes: NDArray[np.bool_] = self.allowed[self.codes[rows]]
        return classes


@dataclass(frozen=True, slots=True)
class ClassDraw:
    """One draw: ascending rows of :class:`ClassArrays` by role (train and val may be empty), and what may be learnt.

    ``labels`` (n,) are codes of classes of train and val samples; everywhere else they are -1, so that no mode sees
    the label of a test sample. ``candidates`` says which classes are possible for each sample, as the train samples of
    this draw teach; None where all are. ``types`` (C,), where it is not None, takes its place: the code of the type
    that each class belongs to, -1 for none. A sample's type is then the one whose classes have the largest sum of
    probabilities, and its classes are possible.
    """

    train: Int64
    val: Int64
    test: Int64
    labels: Int64
    candidates: Candidates | None = None
    types: Int64 | None = None


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

    def other_scorers(self, config: C_contra) -> tuple[str, ...]:
        """Scorers that it needs beside those of its arms."""
        ...

    @property
    def learns(self) -> bool:
        """Whether all its arms must learn from train samples."""
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
    """All that a mode of classification sees, rows in the order of the data.

    ``ids`` (n,) sample ids; ``classes`` (C,) the names of the label universe; ``groups`` (n,) codes of samples that
    are not independent (burst, specimen, site), or None where no group is known; ``index`` makes search indexes;
    ``examiner`` counts answers to test samples, and ``scorers`` are those a mode asks for beside its arms', by name.
    """

    ids: NDArray[np.str_]
    classes: tuple[str, ...]
    groups: Int64 | None
    arms: tuple[Arm, ...]
    draws: tuple[ClassDraw, ...]
    index: IndexFactory
    examiner: Examiner
    scorers: Mapping[str, Scorer] = field(default_factory=dict)
