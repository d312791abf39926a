"""What a batch of training can fail with: losses that are no numbers, memory that is full, a compiler that gives up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError, first_names
from training.learner import LOSS, NamesSamples

if TYPE_CHECKING:
    from training.learner import Stage
    from training.schedule import Moment

FULL = ("out of memory", "not enough memory", "can't allocate memory")
"""Parts of messages of torch about memory, on CUDA, MPS and the CPU."""

COMPILERS = ("torch._dynamo", "torch._inductor")


def check_finite(losses: Mapping[str, float], stage: Stage, batch: Any, moment: Moment) -> None:
    """Check the losses of a batch.

    Raises:
        InputError: one is not finite; the message names the batch and its first samples.
    """
    for name, value in losses.items():
        if not math.isfinite(value):
            what = "the loss" if name == LOSS else f"the loss's part '{name}'"
            raise InputError(
                f"{what} became {value} in {_place(stage, moment)}{_samples(stage, batch)}; train with a lower "
                "learning rate, or without half precision (amp=off)."
            )


@contextmanager
def explained_errors(stage: Stage, batch: Any, moment: Moment) -> Iterator[None]:
    """Turn what torch raises for a batch into a sentence with the way out.

    Raises:
        InputError: memory is full, or the model cannot be compiled.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        text = str(error)
        if isinstance(error, MemoryError) or any(part in text.lower() for part in FULL):
            n = stage.images(batch)
            raise InputError(
                f"memory is full in {_place(stage, moment)} of {n:,} samples; train with a smaller batch, such as "
                f"{max(1, n // 2)}, and accumulate the gradients of twice as many, or compute a batch in more parts."
            ) from error
        if type(error).__module__.startswith(COMPILERS):
            raise InputError(
                f"torch.compile cannot compile the model ({' '.join(text.split())[:200]}); train with compile=false."
            ) from error
        raise


def _place(stage: Stage, moment: Moment) -> str:
    return f"batch {moment.batch + 1} of epoch {moment.epoch + 1}, stage {stage.name}"


def _samples(stage: Stage, batch: Any) -> str:
    if not isinstance(stage, NamesSamples):
        return ""
    return f" (samples {first_names(stage.sample_names(batch))})"
