"""Fusion methods: options, settings and mixtures of class probabilities, among which the mode ``fusion`` chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from eval.classification.choosing import best_index, choosing_rule
from eval.classification.mixing import mix, mix_per_class, per_class_alphas, rerank_best, weight_grid
from eval.classification.stacker import fit_stacker, stratified_folds
from eval.classification.universe import match_names
from eval.seams.classification import ClassConfig
from eval.seams.options import Alphas, Depths, Positives, Weights
from eval.seams.scorer import Arm, Scorer, Setting
from eval.statistics.class_summary import metrics_of_logits
from retrieval.errors import InputError
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNIFORM_NATS = 0.02  # an arm closer than this to uniform probabilities is reported as uninformative

ONE_SAMPLE = (
    "There is one val sample, so numbers of shots are compared on the sample that the weights were fitted on; use more "
    "val samples or `val_from=train:0.1`."
)


class FusionOptions(ClassConfig):
    """Options of fusing arms.

    When settings are chosen on val, ``per_class`` and ``stacker`` are scored there by cross-validation with ``folds``.
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
        description="Strength with which the weight of a class is drawn towards the best weight for all, in samples of "
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
        description="Number of folds of cross-validation on val. Of methods stacker and per_class. With protocol "
        "k-fold, which has folds of its own, write fusion.folds.",
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
"""Options that belong to some methods only, with these methods."""


def require_used(config: FusionOptions) -> None:
    """Check that every option given is used by the method.

    Raises:
        InputError: an option of another method differs from its default.
    """
    for name, methods in USED_BY.items():
        default = type(config).model_fields[name].default
        if config.method not in methods and getattr(config, name) != default:
            users = " or ".join(methods)
            raise InputError(f"`{name}` is for `method={users}`, and the method is {config.method}.")


class Mixture(NamedTuple):
    """A way to mix class probabilities: ``mix`` makes (n, C) of a sequence of (n, C), one per arm.

    ``setting``: the values that identify it; ``fitted``: values fitted on val, for reports; ``out_of_fold`` (n, C):
    class probabilities of val, each row by a fit of the other folds, or None if not asked for or not possible;
    ``distance``: :func:`from_equal_weights`, 0 for mixtures without one weight per arm.
    """

    setting: Setting
    mix: Callable[[Sequence[Float32]], Float32]
    fitted: Setting = MappingProxyType({})
    warnings: tuple[str, ...] = ()
    out_of_fold: Float32 | None = None
    distance: float = 0.0


class ClassWeights(NamedTuple):
    """Weights per class from a file: ``codes`` (k,) of the classes that have one, their ``alphas``, and warnings."""

    codes: Int64
    alphas: tuple[float, ...]
    warnings: tuple[str, ...]


def weight_settings(config: FusionOptions, names: Sequence[str]) -> list[tuple[Setting, tuple[float, ...]]]:
    """List the weights of arms to compare, each with sum 1, and their settings.

    Raises:
        InputError: there are too many, or ``config.weights`` are not one per arm with a positive sum.
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


def from_equal_weights(weights: Sequence[float]) -> float:
    """Sum of the squared differences of weights with sum 1 from equal weights."""
    return sum((weight - 1 / len(weights)) ** 2 for weight in weights)


def is_fitted(config: FusionOptions, classes: Sequence[str]) -> bool:
    """Return whether the method is fitted on val even if there is only one setting."""
    if config.method == "per_class":
        return config.class_alphas is None or len(_given_weights(config.class_alphas, classes).codes) < len(classes)
    return config.method == "stacker"


def mixtures(
    config: FusionOptions, names: Sequence[str], val: Sequence[Float32], labels: Int64, classes: Sequence[str], *,
    out_of_fold: bool = False,
) -> list[Mixture]:  # fmt: skip
    """List the mixtures of a method, fitted on val if the method is a fitted one.

    Args:
        config: the method and its options.
        names: names of the arms.
        val: per arm (n, C) class probabilities of val samples; may be empty unless :func:`is_fitted`.
        labels: (n,) class codes of the val samples.
        classes: names of the label universe.
        out_of_fold: whether to compute ``out_of_fold`` of fitted mixtures, to score them on val.

    Raises:
        InputError: the method takes two arms and there are more, val is too small to fit a stacker, or the weights
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
        stacker = fit_stacker(
            val, labels, config.stacker_c, config.folds, config.class_weight, config.sample_seed,
            out_of_fold=out_of_fold,
        )  # fmt: skip
        fitted = {"stacker_c": stacker.c, "held_out_nll": stacker.held_out_nll}
        return [Mixture({}, stacker.mix, fitted, stacker.warnings, stacker.out_of_fold)]
    if config.method == "rerank":
        return [Mixture({"depth": k}, partial(_reranked, depth=k)) for k in dict.fromkeys(config.depths)]
    return [
        Mixture(setting, partial(mix, weights=weights), distance=from_equal_weights(weights))
        for setting, weights in weight_settings(config, names)
    ]


def mixture_metrics(probs: Float32, labels: Int64, config: ClassConfig) -> dict[str, float]:
    """Compute the metrics to choose by of class probabilities (n, C)."""
    with np.errstate(divide="ignore"):
        return metrics_of_logits(np.log(probs), labels, choosing_rule(config))


def _reranked(probs: Sequence[Float32], depth: int) -> Float32:
    return rerank_best(probs[1], probs[0], depth)


def _mixed_per_class(probs: Sequence[Float32], weights: NDArray[np.float64]) -> Float32:
    return mix_per_class(probs[0], probs[1], weights)


def _per_class(
    config: FusionOptions, val: Sequence[Float32], labels: Int64, classes: Sequence[str], *, out_of_fold: bool
) -> Mixture:
    """Make the mixture of weights per class: given in a file, fitted on val, or both."""
    fitted: dict[str, str | int | float | None] = {}
    given = None if config.class_alphas is None else _given_weights(config.class_alphas, classes)
    warnings = () if given is None else given.warnings
    weights, overall = _class_weights(config, given, val, labels, len(classes))
    out_of_fold_probs: Float32 | None = None
    if overall is not None:
        fitted["alpha"] = overall
        if given is not None:
            lacking = len(classes) - len(given.codes)
            warning = f"The file of weights has none for {lacking} of {len(classes)} classes; they take {overall:g}."
            warnings = (*warnings, warning)
        if out_of_fold:
            out_of_fold_probs = _per_class_out_of_fold(config, given, val, labels)
            warnings = warnings if out_of_fold_probs is not None else (*warnings, ONE_SAMPLE)
    fitted["class_alpha_mean"] = float(weights.mean())
    mix_classes = partial(_mixed_per_class, weights=weights)
    return Mixture({}, mix_classes, fitted, warnings, out_of_fold_probs)


def _class_weights(
    config: FusionOptions, given: ClassWeights | None, val: Sequence[Float32], labels: Int64, classes: int
) -> tuple[NDArray[np.float64], float | None]:
    """Return weights (C,) of the second arm, and the best single weight on val, None if all weights are given."""
    weights, overall = np.empty(classes), None
    if given is None or len(given.codes) < classes:
        overall = _best_alpha(config, val, labels)
        weights[:] = overall
    if given is not None:
        weights[given.codes] = given.alphas
    elif overall is not None:
        weights = per_class_alphas(val[0], val[1], labels, config.alphas, overall, config.shrinkage)
    return weights, overall


def _per_class_out_of_fold(
    config: FusionOptions, given: ClassWeights | None, val: Sequence[Float32], labels: Int64
) -> Float32 | None:
    """Compute class probabilities (n, C) of val, each row with weights of the other folds; None for one sample."""
    if len(labels) < 2:
        return None
    fold_of = stratified_folds(labels, config.folds, config.sample_seed)
    probs = np.empty_like(val[0])
    for fold in range(int(fold_of.max()) + 1):
        train, held = fold_of != fold, fold_of == fold
        train_probs = [arm_probs[train] for arm_probs in val]
        weights, _ = _class_weights(config, given, train_probs, labels[train], probs.shape[1])
        probs[held] = mix_per_class(val[0][held], val[1][held], weights)
    return probs


def _given_weights(class_alphas: Mapping[str, float], classes: Sequence[str]) -> ClassWeights:
    """Match the class names of a file of weights to the label universe.

    Raises:
        InputError: no name matches a class.
    """
    codes = match_names(class_alphas, classes)
    if not codes:
        raise InputError(
            f"None of the {len(class_alphas)} names of the file of weights is one of the {len(classes)} classes (the "
            f"first is '{classes[0]}'); check the names, or leave class_alphas out to fit weights on val."
        )
    warnings: tuple[str, ...] = ()
    unmatched = [name for name in class_alphas if name not in codes]
    if unmatched:
        warnings = (f"{len(unmatched)} names of the file of weights are no class here ('{unmatched[0]}', ...).",)
    return ClassWeights(np.array(list(codes.values()), np.int64), tuple(class_alphas[name] for name in codes), warnings)


def _best_alpha(config: FusionOptions, val: Sequence[Float32], labels: Int64) -> float:
    """Return the weight of the second arm that is best on val."""
    metrics = [mixture_metrics(mix(val, (1 - alpha, alpha)), labels, config) for alpha in config.alphas]
    distances = [from_equal_weights((1 - alpha, alpha)) for alpha in config.alphas]
    return config.alphas[best_index(metrics, config, distances)]


def features_arm(arms: Sequence[Arm], weights: Sequence[float], config: FusionOptions, scorer: Scorer) -> Arm:
    """Make one arm of the concatenated vectors of all arms.

    Each arm's unit vectors are multiplied by the root of its weight, so that cosines are weighted means. The scorer has
    the options of the first arm with the same scorer, else its defaults.
    """
    roots = [np.float32(np.sqrt(weight)) for weight in weights]
    vectors = {
        view: np.concatenate([root * arm.vectors[view] for root, arm in zip(roots, arms, strict=True)], axis=1)
        for view in config.views
    }
    options = [arm.options for arm in arms if arm.scorer.name == scorer.name]
    return Arm("features", scorer, vectors, options[0] if options else scorer.config_type())


def uniform_warnings(names: Sequence[str], probs: Sequence[Float32]) -> list[str]:
    """Warn of arms with nearly uniform class probabilities (n, C), which a mixture hardly depends on.

    Nearly uniform means that log C less the mean entropy is below :data:`UNIFORM_NATS`. Logits with standard deviation
    s over the classes have about s^2 / 2; plain cosines have 0.001.
    """
    warnings = []
    for name, arm_probs in zip(names, probs, strict=True):
        classes = arm_probs.shape[1]
        logs = np.log(np.maximum(arm_probs, np.finfo(np.float32).tiny))
        entropy = -np.einsum("nc,nc->n", arm_probs, logs)
        if len(arm_probs) and np.log(classes) - float(entropy.mean()) < UNIFORM_NATS:
            warnings.append(
                f"Arm {name} has nearly uniform probabilities (highest {arm_probs.max(axis=1).mean():.3f} on average, "
                f"1/{classes} is {1 / classes:.3f}), so almost every weight of the other arm gives that arm's ranking; "
                "leave class_temperature to the encoder, or pass `calibrate=true`."
            )
    return warnings
