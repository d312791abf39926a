"""What ``eval --out`` keeps beside a result of classification: every prediction, and pictures of the worst errors."""

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
NEIGHBOURS = 4


def keep_assets(store: EmbeddingStore, path: Path, prepared: PreparedClassification) -> None:
    """Write the assets of a result file: all predictions, and the most confident errors with what is near them.

    Neighbours are train samples, or without a train split other test samples, by the first arm's vectors. Pictures
    are the stored thumbnails; no image is opened.

    Raises:
        InputError: they cannot be written there.
    """
    answer = prepared.solution.answers[0][0]
    worst = _worst(answer, prepared)
    near = _neighbours(worst, prepared)
    keys = prepared.samples.columns["key"]
    rows = sorted({*answer.rows[worst].tolist(), *(int(row) for found, _ in near for row in found)})
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
                for row, score in zip(found[0].tolist(), found[1].tolist(), strict=True)
            ),
        )
        for at, found in zip(worst.tolist(), near, strict=True)
    ]
    write_assets(path, _predictions(prepared), wrong, {thumbnail_name(key): data for key, data in thumbnails.items()})


def _text(prepared: PreparedClassification, column: str, row: int) -> str:
    return str(prepared.samples.columns[column][row])


def _thumbnail(prepared: PreparedClassification, row: int, there: Mapping[str, bytes]) -> str | None:
    key = _text(prepared, "key", row)
    return thumbnail_name(key) if key in there else None


def _worst(answer: Answer, prepared: PreparedClassification) -> Int64:
    """Places of the errors the arm was surest of, in order."""
    predicted = answer.probs.argmax(axis=1)
    confidence = answer.probs.max(axis=1)
    wrong = np.flatnonzero(predicted != prepared.truth[answer.rows])
    return wrong[np.lexsort((wrong, -confidence[wrong]))][:WORST].astype(np.int64)


def _neighbours(worst: Int64, prepared: PreparedClassification) -> list[tuple[Int64, Float32]]:
    """Rows and scores of the nearest known samples of each error."""
    arm, draw = prepared.arrays.arms[0], prepared.arrays.draws[0]
    known = draw.train if len(draw.train) else draw.test
    queries = draw.test[worst]
    if not len(queries):
        return []
    views = prepared.config.views
    vectors, asked = (combine_views([arm.vectors[view][rows] for view in views]) for rows in (known, queries))
    own = [np.flatnonzero(known == row) for row in queries.tolist()]
    found = prepared.arrays.index("exact", vectors).search(asked, min(NEIGHBOURS, len(known)), own)
    return [(known[rows[rows >= 0]], scores[rows >= 0]) for rows, scores in zip(found.rows, found.scores, strict=True)]


def _predictions(prepared: PreparedClassification) -> Iterator[Prediction]:
    classes, labels, places = prepared.arrays.classes, prepared.truth, prepared.samples
    for draw, seeds in enumerate(prepared.solution.answers):
        for seed, answer in enumerate(seeds):
            ranks = true_ranks(answer.scores, labels[answer.rows])
            predicted, confidence = answer.probs.argmax(axis=1), answer.probs.max(axis=1)
            for at, row in enumerate(answer.rows.tolist()):
                yield Prediction(
                    draw, seed, str(places.ids[row]), str(places.columns["uri"][row]), classes[int(labels[row])],
                    classes[int(predicted[at])], float(confidence[at]), int(ranks[at]), bool(ranks[at] == 1),
                )  # fmt: skip
