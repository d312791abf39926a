"""What a request to train did."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.encoders.artefact import find_card

if TYPE_CHECKING:
    from training.loop import TrainingResult
    from training.refresh.report import RefreshReport


@dataclass(slots=True)
class TrainReport:
    """What was trained, what became of it in the store, and how it was evaluated.

    Attributes:
        job: name of the job.
        recipe: where the recipe is from.
        out: folder of the run.
        result: history, best epoch and its score; whether the run was interrupted.
        refresh: what the refresh of the store did; None if there was none.
        results: result files of the evaluations.
        page: the report on them.
    """

    job: str
    recipe: str
    out: Path
    result: TrainingResult
    refresh: RefreshReport | None = None
    results: list[Path] = field(default_factory=list)
    page: Path | None = None

    @property
    def encoder(self) -> Path | None:
        """Folder of the trained encoder, which ``index(encoder=...)`` loads; None if there is none."""
        card = find_card(self.out)
        return None if card is None else card.parent

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C stopped it; the same command goes on."""
        return self.result.interrupted or (self.refresh is not None and self.refresh.interrupted)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        score = self.result.best_score
        return {
            "job": self.job,
            "recipe": self.recipe,
            "out": str(self.out),
            "epochs": self.result.epochs,
            "best_epoch": self.result.best_epoch,
            "best_score": None if math.isnan(score) else score,
            "note": self.result.note or None,
            "interrupted": self.interrupted,
            "encoder": None if self.encoder is None else str(self.encoder),
            "refresh": None if self.refresh is None else self.refresh.to_dict(),
            "results": [str(path) for path in self.results],
            "report": None if self.page is None else str(self.page),
        }

    def lines(self) -> Iterator[str]:
        """Yield what was done, as sentences."""
        if self.result.interrupted:
            yield f"Stopped; the same command with `out={self.out}` goes on."
            return
        if self.result.history:
            other = bool(self.result.note) or math.isnan(self.result.best_score)  # the score is not that of the epoch
            score = "" if other else f", score {self.result.best_score:.4f}"
            yield f"{self.result.epochs} epochs; best: epoch {self.result.best_epoch}{score}"
        if self.result.note:
            yield self.result.note
        if self.encoder is not None:
            yield f"Encoder: {self.encoder}"
        if self.refresh is not None:
            yield from self.refresh.lines()
        if self.results:
            yield f"{len(self.results)} results: {self.results[0].parent}"
        if self.page is not None:
            yield f"Report: {self.page}"
