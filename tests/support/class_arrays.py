"""Arms with given logits, arrays of them and the truth that modes do not see, for tests of classification."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.classification.examiner import TruthExaminer
from eval.classification.figures import resampled, sweep_point
from eval.modes.fusion import MODE, FusionConfig
from eval.registry import load_scorer
from eval.seams.classification import ClassArrays, ClassDraw
from eval.seams.scorer import Arm, ClassBank
from retrieval.search.exact import make_index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from eval.results.schema import SweepPoint
    from eval.seams.classification import Solution
    from retrieval.types import Float32, Int64


def given_arm(name: str, logits: NDArray[np.floating]) -> Arm:
    """An arm that answers with these logits: its classifier's rows are the axes."""
    lengths = np.linalg.norm(logits, axis=1)
    classes = np.arange(logits.shape[1])
    bank = ClassBank("axes", np.eye(len(classes), dtype=np.float32), classes, classes)
    scorer = load_scorer("classifier")
    unit = (logits / lengths[:, None]).astype(np.float32)
    return Arm(name, scorer, {"base": unit}, scorer.config_type(), (bank,), {"base": lengths.astype(np.float32)})


def learning_arm(name: str, vectors: Float32, scorer: str = "prototype") -> Arm:
    """An arm that learns from train vectors."""
    found = load_scorer(scorer)
    return Arm(name, found, {"base": vectors}, found.config_type())


def signals(labels: Int64, classes: int, strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise (n, classes), higher at the true class."""
    raw = rng.standard_normal((len(labels), classes))
    raw[np.arange(len(labels)), labels] += strength
    return raw


def draw_of(truth: Int64, train: Int64, val: Int64, test: Int64) -> ClassDraw:
    """A draw that knows the labels of train and val."""
    labels = np.full(len(truth), -1, np.int64)
    for known in (train, val):
        labels[known] = truth[known]
    return ClassDraw(train, val, test, labels)


def truth_of(arrays: ClassArrays) -> Int64:
    """The true codes (n,)."""
    assert isinstance(arrays.examiner, TruthExaminer)
    return arrays.examiner.truth


def with_truth(arrays: ClassArrays, truth: Int64) -> ClassArrays:
    """The same samples with other labels, in every role."""
    draws = tuple(draw_of(truth, draw.train, draw.val, draw.test) for draw in arrays.draws)
    return replace(arrays, draws=draws, examiner=TruthExaminer(truth, arrays.groups))


def with_test_truth(arrays: ClassArrays, truth: Int64) -> ClassArrays:
    """The same draws, to the bit, with an examiner that has other labels."""
    return replace(arrays, examiner=TruthExaminer(truth, arrays.groups))


def without(arrays: ClassArrays, role: Literal["train", "val"]) -> ClassArrays:
    """The same without the samples of a role."""
    nothing = np.empty(0, np.int64)
    draws = (replace(draw, train=nothing) if role == "train" else replace(draw, val=nothing) for draw in arrays.draws)
    return replace(arrays, draws=tuple(draws))


def arrays_of(
    arms: Sequence[Arm], labels: Int64, classes: int, sizes: tuple[int, int, int], draws: int = 1
) -> ClassArrays:
    """Train, val and test of these sizes; every draw deals the rows anew."""
    n = sum(sizes)
    roles = np.repeat(["train", "val", "test"], sizes)
    dealt = [roles] + [np.random.default_rng(at).permutation(roles) for at in range(1, draws)]
    return ClassArrays(
        np.array([f"{at:06d}" for at in range(n)]),
        tuple(f"class {code}" for code in range(classes)),
        None,
        tuple(arms),
        tuple(draw_of(labels, *(np.flatnonzero(each == role) for role in ("train", "val", "test"))) for each in dealt),
        make_index,
        TruthExaminer(labels),
        {"prototype": load_scorer("prototype"), "linear": load_scorer("linear")},
    )


def two_arms(seed: int = 0, classes: int = 5, sizes: tuple[int, int, int] = (0, 60, 40), draws: int = 1) -> ClassArrays:
    """Two arms with errors of their own."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, sum(sizes))
    arms = [given_arm(name, signals(labels, classes, 1.5, rng)) for name in ("clip", "resnet")]
    return arrays_of(arms, labels, classes, sizes, draws)


def learners(seed: int = 0, classes: int = 6, train: int = 12, noise: float = 1.2) -> ClassArrays:
    """One arm that learns from train, one that does not; as many train images of every class."""
    rng = np.random.default_rng(seed)
    sizes = (classes * train, 90, 60)
    labels = np.concatenate([np.repeat(np.arange(classes), train), rng.integers(0, classes, 150)])
    raw = rng.standard_normal((classes, 12))[labels] + noise * rng.standard_normal((len(labels), 12))
    vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    arms = [learning_arm("few", vectors), given_arm("resnet", 3 * signals(labels, classes, 1.5, rng))]
    return arrays_of(arms, labels, classes, sizes)


def points(arrays: ClassArrays, solution: Solution) -> list[SweepPoint]:
    """The settings of a solution as the result has them."""
    config = FusionConfig(bootstrap=50)
    rng, by = np.random.default_rng(0), resampled(arrays, config)
    return [sweep_point(setting, arrays, config, rng, by) for setting in solution.sweep]


def solve(arrays: ClassArrays, **options: Any) -> Solution:
    """Run the mode; options are as people write them."""
    return MODE.solve(arrays, FusionConfig.read({"bootstrap": 50, **options}, "-o"), np.random.SeedSequence(0))
