"""Writes the assets of a classification for ``eval --out``: all predictions, and thumbnails of the worst errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.classification import true_ranks
from eval.results.assets import Neighbour, Prediction, WrongPrediction, thumbnail_name, write_assets
from eval.scorers.similarity import combine_views

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from eval.runs.prepare_classification import PreparedClassification
    from eval.seams.classification import Answer
    from retrieval.types import Float32, Int64
    from retrieval.types.store import EmbeddingStore

WORST = 24
"""Number of errors in the assets."""

NEIGHBOURS = 4
"""Number of neighbours of each error."""


def keep_assets(store: EmbeddingStore, path: Path, prepared: PreparedClassification) -> None:
    """Write all predictions of a classification, and its most confident errors with their nearest neighbours.

    The neighbours are train samples, or other test samples if there is no train split, by the vectors of the first
    arm. Only stored thumbnails are used; no image is opened.

    Args:
        store: where the thumbnails are.
        path: result file that the assets belong to.
        prepared: the classification.

    Raises:
        InputError: the assets cannot be written.
    """
    answer = prepared.solution.answers[0][0]
    worst = _worst(answer, prepared)
    near = _neighbours(worst, prepared)
    keys = prepared.samples.columns["key"]
    rows = sorted({*answer.rows[worst].tolist(), *(int(row) for neighbours, _ in near for row in neighbours)})
    with store.snapshot() as snapshot:
        thumbnails = snapshot.thumbnails([str(keys[row]) for row in rows])
    wrong = [
        WrongPrediction(
            str(prepared.arrays.ids[answer.rows[at]]),
            _text(prepared, "uri", int(answer.rows[at])),
            _text(prepared, "label", int(answer.rows[at])),
            prepared.arrays.classes[int(answer.probs[at].argmax())],
            float(answer.probs[at].max()),
            _thumbnail(prepared, int(answer.rows[at]), thumbnails),
            tuple(
                Neighbour(
                    _text(prepared, "uri", row),
                    _text(prepared, "label", row),
                    score,
                    _thumbnail(prepared, row, thumbnails),
                )
                for row, score in zip(neighbours.tolist(), scores.tolist(), strict=True)
            ),
        )
        for at, (neighbours, scores) in zip(worst.tolist(), near, strict=True)
    ]
    write_assets(path, _predictions(prepared), wrong, {thumbnail_name(key): data for key, data in thumbnails.items()})


def _text(prepared: PreparedClassification, column: str, row: int) -> str:
    return str(prepared.samples.columns[column][row])


def _thumbnail(prepared: PreparedClassification, row: int, thumbnails: Mapping[str, bytes]) -> str | None:
    key = _text(prepared, "key", row)
    return thumbnail_name(key) if key in thumbnails else None


def _worst(answer: Answer, prepared: PreparedClassification) -> Int64:
    """Positions in the answer of the most confident errors, most confident first."""
    predicted = answer.probs.argmax(axis=1)
    confidence = answer.probs.max(axis=1)
    wrong = np.flatnonzero(predicted != prepared.truth[answer.rows])
    return wrong[np.lexsort((wrong, -confidence[wrong]))][:WORST].astype(np.int64)


def _neighbours(worst: Int64, prepared: PreparedClassification) -> list[tuple[Int64, Float32]]:
    """Rows and scores of the nearest neighbours of each error."""
    arm, draw = prepared.arrays.arms[0], prepared.arrays.draws[0]
    gallery = draw.train if len(draw.train) else draw.test
    queries = draw.test[worst]
    if not len(queries):
        return []
    views = prepared.config.views
    vectors, query_vectors = (combine_views([arm.vectors[view][rows] for view in views]) for rows in (gallery, queries))
    excluded = [np.flatnonzero(gallery == row) for row in queries.tolist()]
    near = prepared.arrays.index("exact", vectors).search(query_vectors, min(NEIGHBOURS, len(gallery)), excluded)
    return [(gallery[rows[rows >= 0]], scores[rows >= 0]) for rows, scores in zip(near.rows, near.scores, strict=True)]


def _predictions(prepared: PreparedClassification) -> Iterator[Prediction]:
    """Yield the predictions of all draws and seeds."""
    classes, labels, samples = prepared.arrays.classes, prepared.truth, prepared.samples
    groups = samples.columns.get("group", np.full(len(samples.ids), None))
    for draw, seeds in enumerate(prepared.solution.answers):
        for seed, answer in enumerate(seeds):
            ranks = true_ranks(answer.scores, labels[answer.rows])
            predicted, confidence = answer.probs.argmax(axis=1), answer.probs.max(axis=1)
            for at, row in enumerate(answer.rows.tolist()):
                yield Prediction(
                    draw, seed, str(samples.ids[row]), str(samples.columns["uri"][row]), classes[int(labels[row])],
                    classes[int(predicted[at])], float(confidence[at]), int(ranks[at]), bool(ranks[at] == 1),
                    "" if groups[row] is None else str(groups[row]),
                )  # fmt: skip
