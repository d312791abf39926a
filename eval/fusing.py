"""Ways to make one answer of several arms: candidates that a mode of fusion chooses among."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field

from eval.arms import Arm, Setting
from eval.class_mode import ClassConfig
from eval.metrics.class_tables import quick_metrics
from eval.mode import split_text
from eval.registry import load_scorer
from eval.scorers.mixing import mix, mix_per_class, per_class_alphas, rerank_best, weight_grid
from eval.scorers.stacker import fit_stacker
from retrieval.errors import InputError

if TYPE_CHECKING:
    from retrieval.types import Float32, Int64

NEARLY_UNIFORM = 3.0
"""An arm whose highest probability is on average less than this many times 1/C says next to nothing."""


def _numbers(value: object) -> object:
    """Let ``alphas=0,0.5,1`` and ``alphas=0.5`` give a list."""
    return [value] if isinstance(value, int | float) else split_text(value)


Alphas: TypeAlias = Annotated[
    tuple[Annotated[float, Field(ge=0, le=1)], ...], BeforeValidator(_numbers), Field(min_length=1)
]
Positives: TypeAlias = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(_numbers), Field(min_length=1)
]
Depths: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_numbers), Field(min_length=1)]


class FusionOptions(ClassConfig):
    """How arms are fused.

    ``method``: ``alpha`` mixes probabilities with one weight, ``(1 - alpha) first + alpha last`` (with more than two
    arms every way to share 1 in steps of the alphas); ``per_class`` has a weight per class, shrunk towards the best
    one for all by ``shrinkage`` images, or read from a file (``class_alphas``); ``stacker`` is logistic regression
    fitted on val (``stacker_c``: candidates of the inverse regularisation, chosen by cross-validation in ``folds``;
    ``class_weight``); ``features`` joins the vectors of all arms, each weighted by the square root of its share, and
    lets ``feature_scorer`` learn from them; ``rerank`` lets the last arm order the ``depths`` best of the first.
    """

    method: Literal["alpha", "per_class", "stacker", "features", "rerank"] = "alpha"
    alphas: Alphas = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    class_alphas: Mapping[str, Annotated[float, Field(ge=0, le=1)]] | None = None
    shrinkage: float = Field(default=10.0, ge=0)
    stacker_c: Positives = (0.01, 0.1, 1.0)
    folds: int = Field(default=5, ge=2, le=100)
    class_weight: Literal["none", "balanced"] = "none"
    feature_scorer: Literal["prototype", "knn", "linear"] = "prototype"
    depths: Depths = (3, 5, 10)


class Mixer(NamedTuple):
    """One candidate: its setting, and the probabilities (n, C) it makes of those of every arm."""

    setting: Setting
    mix: Callable[[Sequence[Float32]], Float32]
    warnings: tuple[str, ...] = ()

    def __call__(self, probs: Sequence[Float32]) -> Float32:
        """Mix."""
        return self.mix(probs)


def mixers(
    config: FusionOptions, names: Sequence[str], val: Sequence[Float32], labels: Int64, classes: Sequence[str]
) -> list[Mixer]:
    """The candidates of a method; those that are fitted are fitted on val.

    Args:
        config: the method and its options.
        names: of the arms.
        val: per arm the class probabilities of val samples; empty where there is no choice and nothing to fit.
        labels: of the val samples.
        classes: names of the universe.

    Raises:
        InputError: the method takes two arms and there are more, or there is too little to fit a stacker.
    """
    if config.method in {"per_class", "rerank"} and len(names) != 2:
        raise InputError(f"-o method={config.method} takes two arms, and there are {len(names)}.")
    if config.method == "per_class":
        return [_per_class(config, val, labels, classes)]
    if config.method == "stacker":
        made = fit_stacker(val, labels, config.stacker_c, config.folds, config.class_weight, config.sample_seed)
        return [Mixer({"stacker_c": made.c}, made.mix, made.warnings)]
    if config.method == "rerank":
        return [Mixer({"depth": depth}, partial(_reranked, depth=depth)) for depth in config.depths]
    grid = weight_grid(len(names), config.alphas)
    if len(names) == 2:
        return [Mixer({"alpha": weights[1]}, partial(mix, weights=weights)) for weights in grid]
    return [
        Mixer({f"alpha {name}": w for name, w in zip(names, ws, strict=True)}, partial(mix, weights=ws)) for ws in grid
    ]


def _reranked(probs: Sequence[Float32], depth: int) -> Float32:
    return rerank_best(probs[0], probs[1], depth)


def _per_class(config: FusionOptions, val: Sequence[Float32], labels: Int64, classes: Sequence[str]) -> Mixer:
    """A weight per class: from the file, or fitted on val around the one weight that is best there."""
    overall = _best_alpha(config, val, labels)
    words: tuple[str, ...] = ()
    if config.class_alphas is None:
        weights = per_class_alphas(val[0], val[1], labels, config.alphas, overall, config.shrinkage)
    else:
        from eval.universe import match_names

        codes = match_names(config.class_alphas, classes)
        weights = np.full(len(classes), overall)
        for name, code in codes.items():
            weights[code] = config.class_alphas[name]
        lacking = len(classes) - len(codes)
        if lacking:
            words = (f"The file of weights has none for {lacking} of {len(classes)} classes; they take {overall:g}.",)
    setting = {"alpha": overall, "class_alpha_mean": float(weights.mean())}
    return Mixer(setting, lambda probs: mix_per_class(probs[0], probs[1], weights), words)


def _best_alpha(config: FusionOptions, val: Sequence[Float32], labels: Int64) -> float:
    from eval.answering import best_of, choosing_rule

    with np.errstate(divide="ignore"):
        figures = [
            quick_metrics(np.log(mix(val, (1 - alpha, alpha))), labels, choosing_rule(config))
            for alpha in config.alphas
        ]
    return config.alphas[best_of(figures, config.criterion)]


def features_arm(arms: Sequence[Arm], alpha: float, config: FusionOptions) -> Arm:
    """Vectors of two arms joined: unit vectors times the root of their weight, so that cosines are weighted means.

    Raises:
        InputError: there are more arms than two.
    """
    if len(arms) != 2:
        raise InputError(f"-o method=features takes two arms, and there are {len(arms)}.")
    roots = np.sqrt(np.array([1 - alpha, alpha], np.float32))
    vectors = {
        view: np.concatenate([root * arm.vectors[view] for root, arm in zip(roots, arms, strict=True)], axis=1)
        for view in config.views
    }
    own = [arm.options for arm in arms if arm.scorer == config.feature_scorer]
    options = own[0] if own else load_scorer(config.feature_scorer).config_type()
    return Arm("features", config.feature_scorer, vectors, options)


def uniform_arms(names: Sequence[str], probs: Sequence[Float32]) -> list[str]:
    """Say which arms have nearly uniform probabilities: mixed in, they change nothing but ties."""
    words = []
    for name, each in zip(names, probs, strict=True):
        classes = each.shape[1]
        highest = float(each.max(axis=1).mean()) if len(each) else 1.0
        if highest * classes < NEARLY_UNIFORM and classes > NEARLY_UNIFORM:
            words.append(
                f"Arm {name} has nearly uniform probabilities (highest {highest:.3f} on average, 1/{classes} is "
                f"{1 / classes:.3f}), so almost every weight of the other arm gives that arm's ranking; leave "
                f"class_temperature to the encoder, or pass -o calibrate=true."
            )
    return words
