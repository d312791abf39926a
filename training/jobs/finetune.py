"""Job ``finetune``: a CLIP whose images are drawn to the texts of their classes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from eval.views.wording import metric_name
from retrieval.errors import InputError
from training.checkpoint import open_run
from training.data.training_data import DataNeeds
from training.hardware import resolve_hardware
from training.jobs.finetune_parts import BASE, HeadTraining, TowerTraining, held_out_metrics
from training.jobs.finetune_recipe import FinetuneRecipe
from training.jobs.finetune_texts import class_texts
from training.jobs.label_export import load_best, record_of
from training.jobs.label_metrics import SCORE, TIE
from training.jobs.label_stage import LabelPlan, LabelStage
from training.learner import Learner
from training.loop import TrainingResult, fit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from retrieval.config import Config
    from training.data.training_data import TrainingData
    from training.jobs.wise_ft import WeightMean
    from training.models.towers import ImageTower
    from training.run_settings import RunSettings


class FinetuneJob:
    """See :class:`training.registry.TrainingJob`."""

    recipe: type[Config] = FinetuneRecipe

    def needs(self, recipe: FinetuneRecipe) -> DataNeeds:
        """Images and their labels; a linear head needs stored vectors alone."""
        head = recipe.train == "head"
        return DataNeeds(images=not head, views=(BASE,) if head else (), repeats=True)

    def run(self, recipe: FinetuneRecipe, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        """Train; leaves an encoder with a bank of the class texts, or, with ``train=head``, a bank alone."""
        assert data is not None  # noqa: S101 - needs() asks for it
        _check(recipe, data)
        hardware = resolve_hardware(recipe.loop, run.device)
        tower = text_image_tower(data, hardware.device)
        edges = class_texts(recipe.texts, data.classes, data.banks)
        parts = HeadTraining if recipe.train == "head" else TowerTraining
        training: TowerTraining | HeadTraining = parts(recipe, data, tower, edges)
        hardware.prepare(training.network, training.compiled)
        plan = LabelPlan(recipe.loop, recipe.loss, recipe.batch, recipe.selection, recipe.batches)
        open_run(out, recipe.model_dump(mode="json"))
        with training.inputs(out, quiet=run.quiet) as inputs:
            stage = LabelStage(training.network, data, inputs, plan, hardware)
            learner = Learner(training.network, SCORE, [stage], recipe.loop.ema, TIE)
            result = fit(learner, out, seed=recipe.loop.seed, run=run)
            if not result.history or result.interrupted:
                return result
            mean = _mean(recipe, training, stage, load_best(out))
        details = {"wise_ft": {f"{alpha:g}": metrics for alpha, metrics in mean.metrics.items()}}
        record = record_of("finetune", recipe, recipe.data, data, result, _metrics(mean), details)
        training.export(out, record, mean.tensors)
        return _with_mean(result, recipe, mean)


def _mean(
    recipe: FinetuneRecipe, training: TowerTraining | HeadTraining, stage: LabelStage, best: Mapping[str, torch.Tensor]
) -> WeightMean:
    """Choose the mean of the weights before and after training."""
    from training.jobs.wise_ft import ALPHAS, choose_mean

    alpha, after = recipe.wise_ft.alpha, training.trained(best)
    alphas = ALPHAS if alpha == "val" else (1.0 if isinstance(alpha, str) else alpha,)
    measure = partial(held_out_metrics, training, stage) if len(stage.held_out_target) else None
    return choose_mean(training.before, after, alphas, measure, recipe.selection)


def _check(recipe: FinetuneRecipe, data: TrainingData) -> None:
    """Refuse what can be told from the recipe and the data.

    Raises:
        InputError: nothing would be trained, or held-out samples are needed and there are none.
    """
    if recipe.unfreeze != "all" and recipe.train not in ("vision", "both"):
        raise InputError(f"unfreeze={recipe.unfreeze} is for train=vision and train=both; leave it out.")
    if recipe.unfreeze == "none" and recipe.train == "vision":
        raise InputError("unfreeze=none with train=vision trains nothing; use train=head.")
    if recipe.wise_ft.alpha == "val" and not len(data.rows("val")):
        raise InputError(
            "wise_ft.alpha=val is chosen on held-out samples, and there are none; hold some out with "
            "`data.val_from=train:0.1`, or give a number, or off."
        )


def text_image_tower(data: TrainingData, device: str) -> ImageTower:
    """Load both towers of the encoder of the space.

    Raises:
        InputError: there is no space, or its encoder has no text tower.
    """
    from training.models.towers import load_tower

    if data.space is None:
        raise InputError("finetune starts from the encoder of a space; name it with `space`.")
    tower = load_tower(data.space, device, "open_clip")
    if tower.clip is None or tower.spec.family != "open_clip":
        raise InputError(
            f"The encoder of space {data.space.name}, {tower.spec.family}/{tower.spec.model}, has no text tower, to "
            "whose texts images could be drawn; train it with the job classifier, or name a space of an open_clip "
            "encoder with `space`."
        )
    return tower


def _with_mean(result: TrainingResult, recipe: FinetuneRecipe, mean: WeightMean) -> TrainingResult:
    """Give the result the held-out score of the weights that are kept, and say which they are."""
    if recipe.wise_ft.alpha == "off":
        return result
    chosen = f"{mean.alpha:g} of 0, 0.1, ..., 1 chosen" if recipe.wise_ft.alpha == "val" else f"{mean.alpha:g}"
    scores = {alpha: metrics[recipe.selection] for alpha, metrics in mean.metrics.items()}
    if not scores:
        return result._replace(note=f"WiSE-FT: alpha {chosen}.")
    name = metric_name(recipe.selection)
    return result._replace(
        best_score=scores[mean.alpha],
        note=f"WiSE-FT: alpha {chosen}; held-out {name} {scores[mean.alpha]:.4f} ({scores[0.0]:.4f} before training, "
        f"{scores[1.0]:.4f} at the best epoch).",
    )


def _metrics(mean: WeightMean) -> dict[str, float]:
    """Held-out metrics of the mean that was chosen, of the weights before and after training, and its alpha."""
    metrics = {f"zero_shot_{name}": value for name, value in mean.metrics.get(0.0, {}).items()}
    metrics |= {f"trained_{name}": value for name, value in mean.metrics.get(1.0, {}).items()}
    return {**metrics, **mean.metrics.get(mean.alpha, {}), "wise_ft_alpha": mean.alpha}


JOB = FinetuneJob()
