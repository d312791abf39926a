"""Images of the samples of a job that learns labels."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from retrieval.commands.options import note
from training.data.image_loader import ImageLoader
from training.jobs.label_batches import LoadedImages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from retrieval.types import EncoderSpec
    from training.data.training_data import TrainingData


@contextmanager
def image_inputs(
    data: TrainingData, spec: EncoderSpec, recipe: Any, out: Path, *, quiet: bool
) -> Iterator[LoadedImages]:
    """Load the images of samples as a network takes them, until the block ends.

    Args:
        data: samples with images.
        spec: the encoder whose preprocessing they get.
        recipe: a recipe with the groups ``augmentation``, ``data`` and ``loop``.
        out: folder of the run, in which decoded images are kept.
        quiet: whether to show no progress.
    """
    assert spec.preprocess is not None  # noqa: S101 - only imported spaces have none
    loader = ImageLoader(
        data,
        spec.preprocess,
        recipe.augmentation,
        out,
        seed=recipe.loop.seed,
        cache_gb=recipe.data.cache_gb,
        quiet=quiet,
    )
    if not quiet:
        for text in loader.notes:
            note(text)
    with loader:
        yield LoadedImages(loader, spec.preprocess)
