"""Job ``reid``: an encoder for re-identification, in CLIP-ReID's two stages (Li et al. 2023) or from images alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.commands.options import note
from retrieval.errors import InputError
from training.checkpoint import open_run
from training.data.image_loader import ImageLoader
from training.data.training_data import DataNeeds
from training.hardware import resolve_hardware
from training.jobs.reid.export import export
from training.jobs.reid.network import build_network
from training.jobs.reid.recipe import ReidRecipe
from training.jobs.reid.samples import check_samples, reid_samples
from training.jobs.reid.stages import ImageStage, WordsStage
from training.learner import Learner
from training.loop import TrainingResult, fit
from training.models.towers import ImageTower, load_tower

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.config import Config
    from retrieval.types import Preprocess, SpaceInfo
    from training.data.training_data import TrainingData
    from training.hardware import Hardware
    from training.learner import Stage
    from training.run_settings import RunSettings

IDENTITY = "identity"
"""The column that is learned, unless the recipe names another."""


class ReidJob:
    """See :class:`training.registry.TrainingJob`."""

    recipe: type[Config] = ReidRecipe

    def needs(self, recipe: ReidRecipe) -> DataNeeds:  # noqa: ARG002 - a TrainingJob
        """Images, and their identities."""
        return DataNeeds(images=True, target=IDENTITY)

    def run(self, recipe: ReidRecipe, data: TrainingData | None, out: Path, run: RunSettings) -> TrainingResult:
        """Train; ``out/encoder`` is then an encoder of re-identification with the best weights."""
        if data is None or data.space is None:
            raise InputError("The job reid trains the encoder of a space; index the images, and name a `space`.")
        hardware = resolve_hardware(recipe.hardware, run.device)
        notes = check_samples(data, recipe.image_stage, recipe.data.target or IDENTITY)
        tower = tower_for(recipe, data.space, hardware.device)
        open_run(out, recipe.model_dump(mode="json"))
        loader = ImageLoader(
            data,
            pixels_of(tower),
            recipe.augmentation,
            out,
            seed=recipe.seed,
            cache_gb=recipe.data.cache_gb,
            quiet=run.quiet,
        )
        if not run.quiet:
            for sentence in (*notes, *loader.notes):
                note(sentence)
        with loader:
            return _train(recipe, data, tower, loader, hardware, out, run)


def _train(
    recipe: ReidRecipe,
    data: TrainingData,
    tower: ImageTower,
    loader: ImageLoader,
    hardware: Hardware,
    out: Path,
    run: RunSettings,
) -> TrainingResult:
    samples = reid_samples(data, loader, pixels_of(tower))
    two_stages = recipe.two_stages(has_text=tower.text is not None)
    network = build_network(tower, recipe, len(samples.names), two_stages=two_stages)
    hardware.prepare(network.module, (tower.visual,))
    images = ImageStage(network, samples, recipe, hardware, two_stages=two_stages, out=out, quiet=run.quiet)
    stages: list[Stage] = [images]
    if two_stages:
        stages.insert(0, WordsStage(network, samples, recipe, hardware))
    result = fit(Learner(network.module, recipe.held_out.score, stages), out, seed=recipe.seed, run=run)
    if not result.interrupted:
        export(network, out, recipe, data, samples.names, result)
    return result


def tower_for(recipe: ReidRecipe, space: SpaceInfo, device: str) -> ImageTower:
    """Load the networks of a space's encoder, for the images of the recipe.

    Images of a size that the recipe names are stretched to it, as in CLIP-ReID.

    Raises:
        InputError: the recipe is for another architecture, or the encoder cannot be trained.
    """
    backbone, spec = recipe.backbone, space.spec
    if backbone is not None and spec.model not in {backbone, f"{backbone}-quickgelu"}:
        raise InputError(
            f"The recipe is for {backbone}, and the encoder of space {space.name} is {spec.family}/{spec.model}; name "
            f"a space of open_clip/{backbone}-quickgelu with `space`, take another recipe, or set `backbone=null`."
        )
    pixels = spec.preprocess
    if pixels is not None:
        if recipe.size is not None:
            pixels = replace(pixels, resize=min(recipe.size), crop=recipe.size, mode="squash")
        pixels = replace(pixels, mean=recipe.mean or pixels.mean, std=recipe.std or pixels.std)
    return load_tower(replace(space, spec=replace(spec, preprocess=pixels)), device)


def pixels_of(tower: ImageTower) -> Preprocess:
    """The preprocessing of a network that takes images."""
    if tower.spec.preprocess is None:
        raise InputError(f"{tower.spec.family}/{tower.spec.model} has no preprocessing, so it takes no images.")
    return tower.spec.preprocess


JOB = ReidJob()
