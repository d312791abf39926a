"""Recipes: a YAML file, and ``key=value`` pairs that override it (:mod:`training.overrides`)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from retrieval.config import Config
from retrieval.errors import InputError, unknown
from retrieval.text_files import read_yaml
from training.hardware import HardwareConfig
from training.overrides import apply_overrides

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RECIPES = Path(__file__).resolve().parent / "recipes"
"""Folder of the recipes that ship; ``--config NAME`` reads ``NAME.yaml`` in it."""

Recipe = TypeVar("Recipe", bound=Config)


class LoopConfig(HardwareConfig):
    """How long, how fast and how carefully a job of one stage trains."""

    epochs: int = Field(30, ge=1, le=1_000_000, description="Passes over the training images.")
    warm_up: float = Field(0.1, ge=0, lt=1, description="Share of all steps in which the learning rate rises from 0.")
    learning_rate: float = Field(1e-3, gt=0, description="Learning rate at its highest; it falls along a cosine.")
    final: float = Field(0.01, ge=0, le=1, description="Where the cosine ends, as a share of the learning rate.")
    weight_decay: float = Field(0.1, ge=0, description="Weight decay of AdamW, for matrices and convolutions only.")
    beta_2: float = Field(0.98, gt=0, lt=1, description="Second beta of AdamW; 0.98 is CLIP's for small batches.")
    clip_norm: float = Field(1.0, gt=0, description="Longest gradient; longer ones are shortened to it.")
    pieces: int = Field(
        1, ge=1, le=65_536, description="Parts in which a batch is computed where it does not fit in memory."
    )
    patience: int = Field(
        0, ge=0, le=1_000_000, description="Validations without a better held-out score before stopping; 0 never stops."
    )
    evaluate_every: int = Field(
        0, ge=0, le=1_000_000, description="Steps between validations within an epoch; 0 validates after epochs only."
    )
    ema: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay of an exponential average of the weights, which is validated and kept; 0 has none.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of initial weights, order and augmentation.")


def read_recipe(
    source: Path | Mapping[str, Any], overrides: Iterable[str] = (), cls: type[Config] | None = None
) -> dict[str, Any]:
    """Read a recipe and apply overrides such as ``loop.epochs=5`` or ``sources.drains=null``.

    Args:
        source: a YAML file, the name of a recipe that ships, or a recipe itself.
        overrides: ``key=value``, with dots for keys inside keys.
        cls: class of the recipe, which says where keys are names, as of classes.

    Raises:
        UnknownNameError: there is no such file, and no recipe of this name ships.
        InputError: it is no YAML mapping, or an override cannot be applied.
    """
    recipe = _read_yaml(source) if isinstance(source, Path) else copy.deepcopy(dict(source))
    apply_overrides(recipe, overrides, cls)
    return recipe


def _read_yaml(path: Path) -> dict[str, Any]:
    ships = RECIPES / f"{path}.yaml"
    if not path.exists() and not ships.is_file():
        names = sorted(file.relative_to(RECIPES).with_suffix("").as_posix() for file in RECIPES.rglob("*.yaml"))
        raise unknown("file, or recipe that ships,", str(path), names)
    recipe = read_yaml(path if path.exists() else ships, "a recipe")
    if not isinstance(recipe, dict):
        raise InputError(f"{path} is no recipe: it has no 'key: value' lines.")
    return recipe


def validate_recipe(cls: type[Recipe], values: Mapping[str, Any], where: str) -> Recipe:
    """Validate a recipe group by group, so that a wrong key is told from the keys of its own group.

    Raises:
        InputError: a key or value that cannot be used.
    """
    groups = dict(values)
    for name, info in cls.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Config) and name in groups:
            if not isinstance(groups[name], dict):
                raise InputError(f"{where}: {name} is a group of keys, not {groups[name]!r}.")
            groups[name] = validate_recipe(kind, groups[name], f"{where}, {name}")
    return cls.read(groups, where)
