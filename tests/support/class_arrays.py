"""Arms with given logits, and arrays of them, for tests of fusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from eval.modes.fusion import MODE, FusionConfig
from eval.registry import load_scorer
from eval.seams.classification import ClassArrays
from eval.seams.scorer import Arm, ClassBank
from retrieval.search.exact import make_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from eval.seams.classification import Solution
    from retrieval.types import Float32, Int64


def given_arm(name: str, logits: NDArray[np.floating]) -> Arm:
    """An arm that answers with these logits: its classifier's rows are the axes."""
    lengths = np.linalg.norm(logits, axis=1)
    classes = np.arange(logits.shape[1])
    bank = ClassBank("axes", np.eye(len(classes), dtype=np.float32), classes, classes)
    options = load_scorer("classifier").config_type()
    unit = (logits / lengths[:, None]).astype(np.float32)
    return Arm(name, "classifier", {"base": unit}, options, (bank,), {"base": lengths.astype(np.float32)})


def learning_arm(name: str, vectors: Float32, scorer: str = "prototype") -> Arm:
    """An arm that learns from train vectors."""
    return Arm(name, scorer, {"base": vectors}, load_scorer(scorer).config_type())


def signals(labels: Int64, classes: int, strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise (n, classes), higher at the true class."""
    raw = rng.standard_normal((len(labels), classes))
    raw[np.arange(len(labels)), labels] += strength
    return raw


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
        labels,
        None,
        tuple(arms),
        tuple({role: np.flatnonzero(each == role) for role in ("train", "val", "test")} for each in dealt),
        make_index,
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


def solve(arrays: ClassArrays, **options: Any) -> Solution:
    """Run the mode; options are as people write them."""
    return MODE.solve(arrays, FusionConfig.read({"bootstrap": 50, **options}, "-o"), np.random.SeedSequence(0))
