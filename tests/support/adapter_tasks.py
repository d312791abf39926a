"""Training data of adapters, drawn: classes that are told apart but for directions which say nothing of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from retrieval.encoders.projection import projection_matrix
from retrieval.types import PREPROJ, Bank, Embeddings, Encoder, EncoderSpec, Float32, Int64, SpaceInfo
from tests.support.labelled_stores import unit_rows
from tests.support.sample_stores import PIXELS
from training.config import validate_recipe
from training.data.training_data import TrainingData
from training.jobs.adapter_recipe import AdapterRecipe

CLASSES, DIMENSION, NUISANCES = 6, 16, 4
SPEC = EncoderSpec("open_clip", "towers", "random:0", "random-init:0", PIXELS, "fp32", 8)
SPACE = SpaceInfo(SPEC.fingerprint, "towers@1", SPEC, DIMENSION, ("base",), "2026-01-01T00:00:00Z")
NAMES = tuple(f"class {code}" for code in range(CLASSES))
SCALE = 20.0


def planted(shots: int = 8, val: int = 40, seed: int = 0, *, shuffled: bool = False) -> TrainingData:
    """Images are near the text of their class, but for strong differences in directions that all classes share.

    Args:
        shots: train samples of a class.
        val: val samples of a class.
        seed: of everything that is drawn.
        shuffled: whether the train samples have the labels of others.
    """
    rng = np.random.default_rng(seed)
    centres = unit_rows(rng.standard_normal((CLASSES, DIMENSION)))
    nuisances = np.linalg.qr(rng.standard_normal((DIMENSION, NUISANCES)))[0].T
    labels = np.tile(np.arange(CLASSES), shots + val)
    role = np.repeat(["train", "val"], [shots * CLASSES, val * CLASSES])
    n = len(labels)
    raw = centres[labels] + 0.9 * rng.standard_normal((n, NUISANCES)) @ nuisances
    vectors = unit_rows(raw + 0.06 * rng.standard_normal((n, DIMENSION)))
    if shuffled:
        train = np.flatnonzero(role == "train")
        labels[train] = labels[rng.permutation(train)]
    said = unit_rows(centres + 0.08 * rng.standard_normal((CLASSES, DIMENSION)))
    return training_data(vectors, labels, role, (text_bank(said),))


def training_data(
    vectors: Float32, labels: Int64, role: Any, banks: tuple[Bank, ...] = (), names: tuple[str, ...] = NAMES
) -> TrainingData:
    """Samples with vectors of the view ``base``."""
    ids = np.array([f"s{at:04}" for at in range(len(labels))], np.str_)
    columns = {"label": np.array([names[code] for code in labels], np.object_)}
    views = {"base": Embeddings(vectors, np.ones(len(vectors), np.float32))}
    space = replace(SPACE, dimension=vectors.shape[1])
    return TrainingData(ids, ids, names, labels, np.asarray(role), columns, space, views, banks)


def text_bank(vectors: Float32, name: str = "said", names: tuple[str, ...] = NAMES) -> Bank:
    """A bank with one text a class."""
    texts = tuple(f"a photo of {each}" for each in names)
    rows = np.arange(len(names))
    return Bank(name, SPACE.fingerprint, "prompts:x", vectors, rows, np.array(names), texts, None, 1 / SCALE,
                kind="prompts")  # fmt: skip


def before_projection(data: TrainingData, encoder: Encoder) -> TrainingData:
    """The same samples in a space of an encoder, with the view ``preproj``: what its projection maps to their vectors.

    Args:
        data: samples with vectors of the view ``base``.
        encoder: one with a projection without bias to as many dimensions.
    """
    back = np.linalg.pinv(projection_matrix(encoder).astype(np.float64))
    lengths = np.ones(len(data.target), np.float32)
    before = Embeddings(unit_rows(data.vectors["base"].vectors @ back.T), lengths)
    space = replace(SPACE, spec=encoder.spec, fingerprint=encoder.spec.fingerprint)
    return replace(data, space=space, vectors={**data.vectors, PREPROJ: before})


def without_texts(data: TrainingData) -> TrainingData:
    """The same samples in a space without texts."""
    return replace(data, banks=())


def recipe(**values: Any) -> AdapterRecipe:
    """A recipe; keys inside keys are dictionaries."""
    return validate_recipe(AdapterRecipe, values, "recipe")


def zero_shot(data: TrainingData, rows: Int64, matrix: Float32 | None = None) -> float:
    """Share of samples that are nearest to the text of their class, after a matrix."""
    vectors = data.vectors["base"].vectors[rows]
    mapped = vectors if matrix is None else vectors @ matrix.T
    return float(((mapped @ data.banks[0].vectors.T).argmax(axis=1) == data.target[rows]).mean())
