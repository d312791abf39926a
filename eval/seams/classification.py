"""The seam of classification modes: the options all of them have, and the answers they give back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import Field

from eval.results.schema import CalibrationResult, Chosen, SweepPoint
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
    """Options that every mode of classification has.

    ``labels_from``: the label universe: ``all`` labels of the samples, those of the test ``split``, or a file of names
    (one a line, or ``index<TAB>name``). ``val_from``: what val is where the data set has none: ``train:0.1`` (a share
    of every class) or ``train:1000`` (so many samples, stratified); they are taken out of train. ``train_limit``,
    ``val_n``, ``test_n``: keep so many samples, drawn by ``sample_seed``. ``choose``: settings are chosen on ``val``,
    or ``none`` is and all stand side by side; ``criterion`` says by what (top_1 ties are broken by macro-F1).
    ``calibrate``: fit a temperature on val. ``tops``: k of the top-k accuracies. ``macro_over``: the classes that
    macro-F1 and macro-Jaccard are means of: those in truth or prediction (``present``, scikit-learn's default), the
    whole ``universe``, or those in ``truth``. ``bins``: of the calibration error. ``interval``: what the bootstrap
    resamples: images within their ``class``, or ``group``s (bursts, specimens); ``auto`` takes groups where all are
    known. ``tta``: several ``views`` are summed as ``vectors`` before they are scored, or their ``probabilities`` are
    averaged after. ``bank``: stored banks that are the candidates of arms that name none; ``combine``: take the
    prompts of all ``--prompts`` as one set.
    """

    labels_from: str = "all"
    val_from: str | None = None
    train_limit: int | None = Field(default=None, ge=1)
    val_n: int | None = Field(default=None, ge=1)
    test_n: int | None = Field(default=None, ge=1)
    sample_seed: int = Field(default=42, ge=0)
    choose: Literal["val", "none"] = "val"
    criterion: Criterion = "top_1"
    calibrate: bool = False
    tops: Tops = (1, 5)
    macro_over: MacroOver = "present"
    bins: int = Field(default=15, ge=1, le=1000)
    interval: Literal["auto", "class", "group"] = "auto"
    tta: Literal["vectors", "probabilities"] = "vectors"
    bank: Names | None = None
    combine: bool = False


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
    chosen: Chosen | None = None
    calibration: CalibrationResult | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """The answers of a mode, before anything is counted.

    ``answers`` are of the whole; ``arms`` of each arm by itself, where there are several or it was calibrated.
    """

    answers: Answers
    sweep: tuple[SweepPoint, ...] = ()
    chosen: Chosen | None = None
    arms: Mapping[str, ArmSolution] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    retrieval: Mapping[str, float] | None = None


C_contra = TypeVar("C_contra", bound=ClassConfig, contravariant=True)


class ClassMode(Protocol[C_contra]):
    """A way to classify stored vectors. Pure: the same arrays, options and seed give the same answers."""

    @property
    def name(self) -> str: ...

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
