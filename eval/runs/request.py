"""The request of an evaluation, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field

from retrieval.config import Config

if TYPE_CHECKING:
    from eval.prompts.sets import PromptSet
    from retrieval.types import SplitSet

BOOTSTRAP_STREAM, MODE_STREAM = 1, 2
"""Spawn keys of the seed sequences of bootstrap and mode, which makes them independent of each other and of draws."""


def _path_text(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _path_texts(value: object) -> object:
    return tuple(map(_path_text, value)) if isinstance(value, list | tuple) else value


PathText: TypeAlias = Annotated[str, BeforeValidator(_path_text)]
PathTexts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_path_texts)]


class EvalRequest(Config):
    """What to evaluate, and how.

    A result holds its request with names resolved (spaces and banks by hash, a split set by its stored name), so that
    it can be evaluated again from the store alone.
    """

    mode: str = Field(description="Name of the mode, such as reid or zeroshot.")
    space: str | None = Field(
        default=None,
        description="Space: its name, the beginning of it, or its fingerprint. Without it, the default space.",
    )
    protocol: str | None = Field(
        default=None,
        description="Name of the protocol. Of classification the default is split; else it is fixed where samples have "
        "the splits query and gallery, and monte-carlo where they have not.",
    )
    aspect: str | None = Field(default=None, description="One aspect, or all: a result per aspect and their mean.")
    split_set: PathText | None = Field(
        default=None, description="Stored split set (its name or the beginning of it), or a CSV file."
    )
    where: str | None = Field(default=None, description="SQL condition over the columns of the samples.")
    seed: int = Field(default=0, ge=0, description="Seed of draws and bootstrap.")
    options: Mapping[str, Any] = Field(
        default_factory=dict,
        description="Options of the mode, over what the protocol sets; ARM.key is an option of that arm's scorer.",
    )
    arms: tuple[str, ...] = Field(default=(), description="Arms of a fusion, [NAME=]SPACE:SCORER[:BANK] each.")
    prompts: PathTexts = Field(default=(), description="Prompt files (JSON); a.json+b.json is one set.")
    device: str = Field(default="auto", description="Where new prompts are embedded.")


@dataclass(frozen=True, slots=True)
class RequestInputs:
    """Inputs of a request as objects, in place of names.

    ``universe`` holds the names of the classes and their origin, in place of the option ``labels_from``. ``recorded``
    is the request that the split set and the universe were made for, where an evaluation is repeated on them: the
    result is then of that request, with its protocol and its options.
    """

    split_set: SplitSet | None = None
    prompt_sets: tuple[PromptSet, ...] = ()
    universe: tuple[tuple[str, ...], str] | None = None
    recorded: EvalRequest | None = None
