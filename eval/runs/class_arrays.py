"""The arrays of a classification: labels of train and val alone, and a sealed examiner for test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from eval.classification.candidates import candidate_classes
from eval.classification.examiner import TruthExaminer
from eval.classification.universe import LabelUniverse
from eval.seams.classification import ClassArrays, ClassConfig, ClassDraw
from eval.seams.samples import Pool, text_codes
from retrieval.errors import InputError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from eval.seams.scorer import Arm, Scorer
    from retrieval.types import Int64


def class_arrays(
    pool: Pool, splits: SplitSet, universe: LabelUniverse, arms: list[Arm], scorers: Mapping[str, Scorer],
    config: ClassConfig,
) -> tuple[ClassArrays, Int64]:  # fmt: skip
    """Arrays for the mode, and the codes (n,) of the true classes, which the mode does not get."""
    from retrieval.search.exact import make_index

    codes = {name: code for code, name in enumerate(universe.names)}
    truth = np.array([codes.get(str(label), -1) for label in pool.columns["label"]], np.int64)
    groups = pool.columns.get("group")
    units = None if groups is None or not any(value is not None for value in groups) else text_codes(groups)[0]
    rows = pool.rows(splits.sample)
    draws = tuple(_draw(splits, rows, truth, int(draw)) for draw in np.unique(splits.draw))
    if config.given is not None:
        draws = tuple(_restricted(draw, pool.columns["given"], len(codes), config.given) for draw in draws)
    examiner = TruthExaminer(truth, units)
    arrays = ClassArrays(pool.ids, universe.names, units, tuple(arms), draws, make_index, examiner, scorers)
    return arrays, truth


def _draw(splits: SplitSet, rows: Int64, truth: Int64, draw: int) -> ClassDraw:
    """Rows of a draw by role, and the labels of its train and val samples."""
    train, val, test = (
        np.sort(rows[(splits.draw == draw) & (splits.role == role)]).astype(np.int64)
        for role in ("train", "val", "test")
    )
    labels = np.full(len(truth), -1, np.int64)
    for role_rows in (train, val):
        labels[role_rows] = truth[role_rows]
    labels[test] = -1
    return ClassDraw(train, val, test, labels)


def _restricted(draw: ClassDraw, values: NDArray[np.object_], classes: int, name: str) -> ClassDraw:
    """Add the classes that are possible for each sample to a draw.

    Raises:
        InputError: there are no train samples from which to learn them.
    """
    if not (draw.labels[draw.train] >= 0).any():
        raise InputError(
            f"`given={name}` learns from train samples which classes go with a value, and there are none; give samples "
            "a split when they are indexed, or draw one with `protocol=holdout`."
        )
    return replace(draw, candidates=candidate_classes(values, draw.train, draw.labels, classes))
