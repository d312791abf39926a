"""Writes the encoder of the job ``reid``: the best weights, without words, necks and centres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.checkpoint import BEST
from training.export import TrainingRecord, write_encoder
from training.models.export_network import CLIPREID, export_network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.data.training_data import TrainingData
    from training.jobs.reid.network import ReidNetwork
    from training.jobs.reid.recipe import ReidRecipe
    from training.loop import TrainingResult

METRICS = ("rank_1", "mean_ap")
"""Metrics of held-out identities in a line of the history."""


def export(
    network: ReidNetwork,
    out: Path,
    recipe: ReidRecipe,
    data: TrainingData,
    names: Sequence[str],
    result: TrainingResult,
) -> Path:
    """Write the encoder of the best epoch; of a CLIP one of the family ``clipreid``, else of the family it was.

    Returns:
        The folder of the encoder.
    """
    from safetensors.torch import load_file

    weights = {
        name.removeprefix("network."): tensor
        for name, tensor in load_file(out / BEST).items()
        if name.startswith("network.")
    }
    best = next((line for line in result.history if line["epoch"] == result.best_epoch), {})
    record = TrainingRecord(
        job="reid",
        recipe=recipe.model_dump(mode="json"),
        parent=data.space,
        target=recipe.data.target or "identity",
        classes=names,
        best_epoch=result.best_epoch,
        metrics={name: best[name] for name in METRICS if name in best},
    )
    family = CLIPREID if network.tower.widths.proj else None
    return write_encoder(out, record, **export_network(network.tower, weights, family=family)._asdict())
