"""Ways to make one answer of several arms: candidates that the mode ``fusion`` chooses among."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from eval.classification.choosing import best_of, choosing_rule
from eval.classification.mixing import mix, mix_per_class, per_class_alphas, rerank_best, weight_grid
from eval.classification.stacker import fit_stacker, stratified_folds
from eval.classification.universe import match_names
from eval.seams.classification import ClassConfig
from eval.seams.options import Alphas, Depths, Positives, Weights
from eval.seams.scorer import Arm, Scorer, Setting
from eval.statistics.class_figures import quick_metrics
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_TOLD = 0.02
"""Nats. Logits whose standard deviation over classes is s tell about s^2 / 2; cosines as they are, 0.001."""

ONE_SAMPLE = (
    "There is one val sample: numbers of shots are compared on the very sample that weights were fitted on; use more "
    "val samples or `val_from=train:0.1`."
)


class FusionOptions(ClassConfig):
    """Options that say how arms are fused.

    Where numbers of shots are chosen, ``per_class`` and ``stacker`` are judged on val by cross-validation in ``folds``.
    """

    method: Literal["alpha", "per_class", "stacker", "features", "rerank"] = Field(
        default="alpha",
        description="alpha: (1 - alpha) first + alpha last over class probabilities; per_class: an alpha for each "
        "class, fitted on val; stacker: logistic regression fitted on val; features: joined vectors of all arms, from "
        "which feature_scorer learns; rerank: the first arm orders the best classes of the last.",
    )
    alphas: Alphas = Field(
        default=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        description="Candidate weights of the last arm. With more than two arms their smallest step divides 1 in "
        "every way. Of methods alpha, per_class and features.",
    )
    weights: Weights | None = Field(
        default=None,
        description="One weight per arm, instead of alphas; they are divided by their sum. Of methods alpha and "
        "features.",
    )
    class_alphas: Mapping[str, Annotated[float, Field(ge=0, le=1)]] | None = Field(
        default=None,
        description="Weight of the last arm by class name, or a JSON file of these, instead of fitted ones. Of method "
        "per_class.",
    )
    shrinkage: float = Field(
        default=10.0,
        ge=0,
        description="Strength with which the weight of a class is drawn towards the best weight for all, in images of "
        "the class. Of method per_class.",
    )
    stacker_c: Positives = Field(
        default=(0.01, 0.1, 1.0),
        description="Candidate inverse strengths of regularisation, of which cross-validation on val chooses one. Of "
        "method stacker.",
    )
    folds: int = Field(
        default=5,
        ge=2,
        le=100,
        description="Number of folds of cross-validation on val. Of methods stacker and per_class.",
    )
    class_weight: Literal["none", "balanced"] = Field(
        default="none",
        description="balanced weighs samples by the inverse frequency of their class. Of method stacker.",
    )
    feature_scorer: Literal["prototype", "knn", "linear"] = Field(
        default="prototype", description="Scorer that learns from the joined vectors. Of method features."
    )
    depths: Depths = Field(
        default=(1, 3, 5, 10),
        description="Candidate numbers of best classes that are ordered again. Of method rerank.",
    )


USED_BY: Mapping[str, tuple[str, ...]] = {
    "alphas": ("alpha", "per_class", "features"), "weights": ("alpha", "features"), "class_alphas": ("per_class",),
    "shrinkage": ("per_class",), "stacker_c": ("stacker",), "folds": ("per_class", "stacker"),
    "class_weight": ("stacker",),
    "feature_scorer": ("features",), "depths": ("rerank",),
}  # fmt: skip
"""Options of some methods alone."""


def require_used(config: FusionOptions) -> None:
    """Refuse options that the method would ignore.

    Raises:
        InputError: there is one.
    """
    for name, methods in USED_BY.items():
        default = type(config).model_fields[name].default
        if config.method not in methods and getattr(config, name) != default:
            fitting = " or ".join(methods)
            raise InputError(f"`{name}` is for `method={fitting}`, and the method is {config.method}.")


class Mixer(NamedTuple):
    """One candidate: its setting, and the probabilities (n, C) it makes of those of every arm.

    ``fitted``: what was found on val for it, for people to see; it does not tell candidates apart. ``out_of_fold``:
    class probabilities (n, C) of val, each by a fit of the other folds; None where none was wanted or can be had.
    """

    setting: Setting
    mix: Callable[[Sequence[Float32]], Float32]
    fitted: Setting = MappingProxyType({})
    warnings: tuple[str, ...] = ()
    out_of_fold: Float32 | None = None


class ClassWeights(NamedTuple):
    """Weights per class as given: ``codes`` of the classes that have one, ``alphas`` of these, and what to say."""

    codes: Int64
    alphas: tuple[float, ...]
    warnings: tuple[str, ...]


def weight_settings(config: FusionOptions, names: Sequence[str]) -> list[tuple[Setting, tuple[float, ...]]]:
    """Candidate weights of arms, together 1, each with its setting.

    Raises:
        InputError: there are too many, or ``weights`` are not one per arm.
    """
    if config.weights is None:
        grid = weight_grid(len(names), config.alphas)
    else:
        total = sum(config.weights)
        if len(config.weights) != len(names) or not total > 0:
            given = ",".join(f"{weight:g}" for weight in config.weights)
            raise InputError(
                f"`weights={given}` cannot be used: {len(names)} arms ({', '.join(names)}) need as many weights, at "
                "least one above 0."
            )
        grid = [tuple(weight / total for weight in config.weights)]
    if len(names) == 2:
        return [({"alpha": weights[1]}, weights) for weights in grid]
    return [({f"alpha {name}": w for name, w in zip(names, weights, strict=True)}, weights) for weights in grid]


def is_fitted(config: FusionOptions, classes: Sequence[str]) -> bool:
    """Whether the method has to be fitted on val, even where there is nothing to choose."""
    if config.method == "per_class":
        return config.class_alphas is None or len(_given_weights(config.class_alphas, classes).codes) < len(classes)
    return config.method == "stacker"


def mixers(
    config: FusionOptions, names: Sequence[str], val: Sequence[Float32], labels: Int64, classes: Sequence[str], *,
    out_of_fold: bool = False,
) -> list[Mixer]:  # fmt: skip
    """The candidates of a method that mixes probabilities; those that are fitted are fitted on val.

    Args:
        config: the method and its options.
        names: of the arms.
        val: per arm the class probabilities of val samples; may be empty unless :func:`is_fitted`.
        labels: of the val samples.
        classes: names of the universe.
        out_of_fold: whether what is fitted shall be judged on val too.

    Raises:
        InputError: the method takes two arms and there are more, there is too little to fit a stacker, or weights
            cannot be used.
    """
    if config.method in {"per_class", "rerank"} and len(names) != 2:
        raise InputError(
            f"`method={config.method}` takes two arms, and there are {len(names)}; leave some out, or take method "
            "alpha or stacker."
        )
    if config.method == "per_class":
        return [_per_class(config, val, labels, classes, out_of_fold=out_of_fold)]
    if config.method == "stacker":
        made = fit_stacker(
            val, labels, config.stacker_c, config.folds, config.class_weight, config.sample_seed,
            out_of_fold=out_of_fold,
        )  # fmt: skip
        fitted = {"stacker_c": made.c, "held_out_nll": made.held_out}
        return [Mixer({}, made.mix, fitted, made.warnings, made.out_of_fold)]
    if config.method == "rerank":
        return [Mixer({"depth": k}, partial(_reranked, depth=k)) for k in dict.fromkeys(config.depths)]
    return [Mixer(setting, partial(mix, weights=weights)) for setting, weights in weight_settings(config, names)]


def mixture_figures(probs: Float32, labels: Int64, config: ClassConfig) -> dict[str, float]:
    """Figures to choose by, of class probabilities (n, C)."""
    with np.errstate(divide="ignore"):
        return quick_metrics(np.log(probs), labels, choosing_rule(config))


def _reranked(probs: Sequence[Float32], depth: int) -> Float32:
    return rerank_best(probs[1], probs[0], depth)


def _per_class(
    config: FusionOptions, val: Sequence[Float32], labels: Int64, classes: Sequence[str], *, out_of_fold: bool
) -> Mixer:
    """A weight per class: fitted on val around the one weight that is best there, or given for some or all."""
    fitted: dict[str, str | int | float | None] = {}
    given = None if config.class_alphas is None else _given_weights(config.class_alphas, classes)
    words = () if given is None else given.warnings
    weights, overall = _class_weights(config, given, val, labels, len(classes))
    held: Float32 | None = None
    if overall is not None:
        fitted["alpha"] = overall
        if given is not None:
            lacking = len(classes) - len(given.codes)
            said = f"The file of weights has none for {lacking} of {len(classes)} classes; they take {overall:g}."
            words = (*words, said)
        if out_of_fold:
            held = _per_class_held_out(config, given, val, labels)
            words = words if held is not None else (*words, ONE_SAMPLE)
    fitted["class_alpha_mean"] = float(weights.mean())
    return Mixer({}, lambda probs: mix_per_class(probs[0], probs[1], weights), fitted, words, held)


def _class_weights(
    config: FusionOptions, given: ClassWeights | None, val: Sequence[Float32], labels: Int64, classes: int
) -> tuple[NDArray[np.float64], float | None]:
    """Weights (C,), and the one weight that was best on val; None where all are given."""
    weights, overall = np.empty(classes), None
    if given is None or len(given.codes) < classes:
        overall = _best_alpha(config, val, labels)
        weights[:] = overall
    if given is not None:
        weights[given.codes] = given.alphas
    elif overall is not None:
        weights = per_class_alphas(val[0], val[1], labels, config.alphas, overall, config.shrinkage)
    return weights, overall


def _per_class_held_out(
    config: FusionOptions, given: ClassWeights | None, val: Sequence[Float32], labels: Int64
) -> Float32 | None:
    """Class probabilities (n, C) of val, each with the weights of the other folds; None of one sample."""
    if len(labels) < 2:
        return None
    dealt = stratified_folds(labels, config.folds, config.sample_seed)
    held = np.empty_like(val[0])
    for fold in range(int(dealt.max()) + 1):
        train, rest = dealt != fold, dealt == fold
        part = [each[train] for each in val]
        weights, _ = _class_weights(config, given, part, labels[train], held.shape[1])
        held[rest] = mix_per_class(val[0][rest], val[1][rest], weights)
    return held


def _given_weights(class_alphas: Mapping[str, float], classes: Sequence[str]) -> ClassWeights:
    """Match a file's names to the universe.

    Raises:
        InputError: none of them is there.
    """
    codes = match_names(class_alphas, classes)
    if not codes:
        raise InputError(
            f"None of the {len(class_alphas)} names of the file of weights is one of the {len(classes)} classes (the "
            f"first is '{classes[0]}'); check the names, or leave class_alphas out to fit weights on val."
        )
    words: tuple[str, ...] = ()
    strange = [name for name in class_alphas if name not in codes]
    if strange:
        words = (f"{len(strange)} names of the file of weights are no class here ('{strange[0]}', ...).",)
    return ClassWeights(np.array(list(codes.values()), np.int64), tuple(class_alphas[name] for name in codes), words)


def _best_alpha(config: FusionOptions, val: Sequence[Float32], labels: Int64) -> float:
    figures = [mixture_figures(mix(val, (1 - alpha, alpha)), labels, config) for alpha in config.alphas]
    return config.alphas[best_of(figures, config.criterion)]


def features_arm(arms: Sequence[Arm], weights: Sequence[float], config: FusionOptions, scorer: Scorer) -> Arm:
    """Vectors of all arms joined: unit vectors times the root of their weight, so that cosines are weighted means.

    The scorer has the options of the arm that has the same one, or its defaults.
    """
    roots = [np.float32(np.sqrt(weight)) for weight in weights]
    vectors = {
        view: np.concatenate([root * arm.vectors[view] for root, arm in zip(roots, arms, strict=True)], axis=1)
        for view in config.views
    }
    own = [arm.options for arm in arms if arm.scorer.name == scorer.name]
    return Arm("features", scorer, vectors, own[0] if own else scorer.config_type())


def uniform_arms(names: Sequence[str], probs: Sequence[Float32]) -> list[str]:
    """Say which arms have nearly uniform probabilities: mixed in, they change nothing but ties.

    Nearly uniform is an arm that is on average less than :data:`LEAST_TOLD` nats from it: log C less the entropy.
    """
    words = []
    for name, each in zip(names, probs, strict=True):
        classes = each.shape[1]
        entropy = -np.einsum("nc,nc->n", each, np.log(np.maximum(each, np.finfo(np.float32).tiny)))
        if len(each) and np.log(classes) - float(entropy.mean()) < LEAST_TOLD:
            words.append(
                f"Arm {name} has nearly uniform probabilities (highest {each.max(axis=1).mean():.3f} on average, "
                f"1/{classes} is {1 / classes:.3f}), so almost every weight of the other arm gives that arm's ranking; "
                "leave class_temperature to the encoder, or pass `calibrate=true`."
            )
    return words
