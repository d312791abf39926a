"""Heads over stored vectors: the classifiers of the scorers ``gda``, ``lp++`` and ``clap``, fitted once and kept.

A head is a classifier of unit vectors: the logit of class c is f . w_c + b_c.
"""

from __future__ import annotations

import math
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eval.metrics.probabilities import softmax
from eval.scorers.clap import fit_from_texts
from eval.scorers.gda import fit_gaussians, has_spread
from eval.scorers.lp_plus import BlendedProbe, fit_blended
from retrieval.errors import InputError
from training.jobs.adapter_matrix import SCORE
from training.learner import LOSS
from training.optimisers import Optimisers

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from retrieval.types import Float32, Int64
    from training.jobs.adapter_data import AdapterData
    from training.jobs.adapter_recipe import AdapterRecipe
    from training.schedule import Moment


class Head(NamedTuple):
    """``weights`` (K, d) and ``bias`` (K,) of the classes ``classes`` (K,), codes in ascending order."""

    weights: Float32
    bias: Float32
    classes: Int64


class HeadSetting(NamedTuple):
    """One value of the option that may list several: its name, the value, and the function that fits the head."""

    option: str
    value: float
    fit: Callable[[], tuple[Float32, Float32]]


class HeadFit(NamedTuple):
    """The settings of a head, the codes of its classes, and sentences for the user."""

    settings: tuple[HeadSetting, ...]
    classes: Int64
    notes: tuple[str, ...] = ()


def head_fit(data: AdapterData, recipe: AdapterRecipe) -> HeadFit:
    """Prepare the head of a method.

    Raises:
        InputError: several settings are given, and there are no val samples to choose one.
    """
    prepared = {"gda": _gda, "lp++": _lp_plus, "clap": _clap}[recipe.method](data, recipe)
    if len(prepared.settings) > 1 and not len(data.val):
        option = prepared.settings[0].option
        raise InputError(
            f"recipe: `{option}` has {len(prepared.settings)} values, and there are no val samples to choose one; give "
            "one value, or hold samples out with `data.val_from=train:0.1`."
        )
    return prepared


def _gda(data: AdapterData, recipe: AdapterRecipe) -> HeadFit:
    vectors, labels = np.asarray(data.vectors[data.train]), data.labels[data.train]
    model = fit_gaussians(vectors, labels, len(data.names))
    classes = np.flatnonzero(model.learnt & data.classes.has_vector)
    weights, bias, texts = model.weights[classes], model.bias[classes], data.classes
    notes: tuple[str, ...] = ()
    if not has_spread(labels, vectors):
        notes = ("No two train samples of a class differ: S is the identity, so that the nearest class mean wins.",)
    if texts.bank is None:
        return HeadFit((HeadSetting("gda.a", 1.0, lambda: (weights, bias)),), classes, notes)
    zero_shot = np.float32(texts.scale) * texts.vectors[classes]

    def blended(a: float) -> tuple[Float32, Float32]:
        return zero_shot + np.float32(a) * weights, np.float32(a) * bias

    settings = (HeadSetting("gda.a", a, partial(blended, a)) for a in recipe.gda.a)
    return HeadFit(tuple(settings), classes, notes)


def _lp_plus(data: AdapterData, recipe: AdapterRecipe) -> HeadFit:
    vectors, labels, texts, classes = _with_texts(data)
    iterations = recipe.lp_plus.iterations

    @cache
    def probes() -> dict[int, BlendedProbe]:  # one descent passes through all numbers of iterations
        return fit_blended(vectors, labels, texts, iterations)

    def blended(n: int) -> tuple[Float32, Float32]:
        return probes()[n].weights, probes()[n].bias

    settings = (HeadSetting("lp_plus.iterations", n, partial(blended, n)) for n in iterations)
    return HeadFit(tuple(settings), classes)


def _clap(data: AdapterData, recipe: AdapterRecipe) -> HeadFit:
    vectors, labels, texts, classes = _with_texts(data)
    options, scale = recipe.clap, data.classes.scale

    def pulled() -> tuple[Float32, Float32]:
        weights = fit_from_texts(vectors, labels, texts, scale, options.iterations, options.text_length)
        return np.float32(scale) * weights, np.zeros(len(weights), np.float32)

    return HeadFit((HeadSetting("clap.text_length", options.text_length, pulled),), classes)


def _with_texts(data: AdapterData) -> tuple[Float32, Int64, Float32, Int64]:
    """Train vectors, their labels counted over the K classes with a text, the texts (K, d), and the classes (K,)."""
    classes = np.flatnonzero(data.classes.has_vector)
    labels = np.searchsorted(classes, data.labels[data.train])
    return np.asarray(data.vectors[data.train]), labels, data.classes.vectors[classes], classes


def head_model(classes: int, dimension: int) -> torch.nn.Module:
    """A module with the buffers ``weights`` (K, d) and ``bias`` (K,)."""
    import torch

    model = torch.nn.Module()
    model.register_buffer("weights", torch.zeros(classes, dimension))
    model.register_buffer("bias", torch.zeros(classes))
    return model


class HeadStage:
    """Fits a head under each setting, one per epoch: the best on val is kept. A :class:`training.learner.Stage`."""

    patience = 0

    def __init__(self, name: str, model: Any, data: AdapterData, fit: HeadFit) -> None:
        """``model`` is a :func:`head_model` of the classes of ``fit``."""
        self.name, self.epochs = name, len(fit.settings)
        self._model, self._data, self._fit = model, data, fit
        self._setting: dict[str, float] = {}

    def begin(self) -> Optimisers:
        """No optimiser: a head is fitted by its own rule."""
        return Optimisers({})

    def batches(self, epoch: int) -> list[int]:
        """The number of the setting, the only batch of an epoch."""
        return [epoch]

    def images(self, batch: int) -> int:  # noqa: ARG002 - all batches are alike
        """See :class:`training.learner.Stage`."""
        return len(self._data.train)

    def step(self, batch: int, moment: Moment) -> dict[str, float]:  # noqa: ARG002 - no rate depends on the moment
        """Fit the head under a setting; the loss is the cross-entropy of the train samples."""
        import torch

        setting = self._fit.settings[batch]
        weights, bias = setting.fit()
        self._model.weights.copy_(torch.from_numpy(weights))
        self._model.bias.copy_(torch.from_numpy(bias))
        return {LOSS: self._answered(self._data.train)[1], setting.option: float(setting.value)}

    def validate(self) -> dict[str, float]:
        """Share of val samples whose class is found, and the geometric mean of the probabilities of their classes."""
        if not len(self._data.val):
            return {}
        top1, loss = self._answered(self._data.val)
        return {"top1": top1, SCORE: math.exp(-loss)}

    def _answered(self, rows: Int64) -> tuple[float, float]:
        """Share of samples whose class is found, and the mean cross-entropy of those whose class the head has."""
        rows = rows[np.isin(self._data.labels[rows], self._fit.classes)]
        truth = np.searchsorted(self._fit.classes, self._data.labels[rows])
        logits = self._data.vectors[rows] @ self._model.weights.numpy().T + self._model.bias.numpy()
        chosen = softmax(logits)[np.arange(len(rows)), truth].astype(np.float64)
        return float((logits.argmax(axis=1) == truth).mean()), float(-np.log(np.maximum(chosen, 1e-45)).mean())
