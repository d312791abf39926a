"""An evaluation as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.prompts.sets import PromptSet
    from retrieval.types import SplitSet


@dataclass(frozen=True, slots=True)
class Asked:
    """An evaluation as it is asked for; the fields are the arguments of :func:`eval.runs.run.evaluate`.

    ``split_set`` may also be the set itself. ``universe`` are the names of the classes and their origin, instead of
    what the option ``labels_from`` would find; ``prompt_sets`` are read already.
    """

    mode: str
    space: str | None = None
    protocol: str | None = None
    aspect: str | None = None
    split_set: str | Path | SplitSet | None = None
    where: str | None = None
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    arms: tuple[str, ...] = ()
    prompts: tuple[Path | str, ...] = ()
    prompt_sets: tuple[PromptSet, ...] = ()
    universe: tuple[tuple[str, ...], str] | None = None
    device: str = "auto"
