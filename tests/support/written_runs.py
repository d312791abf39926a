"""Folders of training runs, written by what jobs write them with, without a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.types import EncoderSpec, Preprocess, SpaceInfo
from training.checkpoint import open_run
from training.export import TrainingRecord, write_record
from training.run_log import save_history
from training.run_state import RunOutcome, running

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = Preprocess(32, (32, 32), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


def space_of(model: str) -> SpaceInfo:
    """A space of an encoder that is named only."""
    spec = EncoderSpec("open_clip", model, "tag:test", "0" * 64, PIXELS, "fp32", 8)
    return SpaceInfo(spec.fingerprint, model.lower(), spec, 16, ("base",), "2026-11-29T00:00:00")


def history_of(scores: list[float]) -> list[dict[str, Any]]:
    """A line for each epoch, with these scores."""
    return [
        {"epoch": at + 1, "step": at + 1, "stage": "image", "loss": 2.0 / (at + 1), "score": score, "rank_1": score,
         "images": 64, "seconds": 30.0}
        for at, score in enumerate(scores)
    ]  # fmt: skip


def write_run(
    out: Path,
    version: str | None = None,
    model: str = "ViT-B-16",
    scores: tuple[float, ...] = (0.2, 0.6, 0.5),
    *,
    finished: bool = True,
    **recipe: Any,
) -> Path:
    """Write the folder of a run of the job ``reid``; one that is not finished was interrupted."""
    values = {"version": version, "remarks": f"remarks on {version}", "loop": {"epochs": 3, "seed": 0}, **recipe}
    with running(out, "reid", {"space": model.lower()}) as note:
        open_run(out, values)
        save_history(out, history_of(list(scores)))
        best = max(range(len(scores)), key=scores.__getitem__)
        if finished:
            metrics = {"rank_1": scores[best]}
            write_record(out, TrainingRecord("reid", values, space_of(model), "identity", ("a",), best + 1, metrics))
        note.set_outcome(RunOutcome(interrupted=not finished, best_epoch=best + 1, best_score=scores[best]))
    return out


def compared(gain: float) -> dict[str, Any]:
    """What a refresh keeps of a comparison, in which top-1 rises by ``gain``."""
    top_1 = {"a": 0.5, "b": 0.5 + gain, "difference": gain, "ci95": [gain - 0.09, gain + 0.09], "p_value": 0.5}
    nll = {"a": 0.9, "b": 0.8, "difference": -0.1, "ci95": [-0.19, 0.01], "p_value": 0.5}
    return {
        "task": "classification", "a": "zeroshot: prompts tiny@1", "b": "zeroshot: prompts new@2", "by": "group",
        "split_set": "split@ab", "split_sha256": "ab", "classes": 48, "n": {"test": 144.0},
        "metrics": {"top_1": top_1, "nll": nll}, "warnings": [],
    }  # fmt: skip
