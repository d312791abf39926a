"""Interface of evaluation modes: what a mode asks for, the arrays it gets, what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from pydantic import Field

from eval.results.schema import Evaluation, TaskName
from eval.seams.options import Names
from eval.seams.relations import Relations
from retrieval.config import Config
from retrieval.types import Float32, Int64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Draw: TypeAlias = Mapping[str, Int64]
"""Role (``query``, ``gallery``, ...) to ascending row numbers of :class:`Arrays`."""

WHOLE_PART = ""
"""Name of the only part of an evaluation that is not divided into parts."""


class ModeConfig(Config):
    """Options that every mode has."""

    views: Names = Field(
        default=("base",),
        description="Stored views of each image to use, such as base,hflip. Ranking and verification sum their unit "
        "vectors and normalise; modes of classification follow tta.",
    )
    draws: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Number of draws that a drawing protocol makes. Without it, the protocol's own number.",
    )
    bootstrap: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Number of bootstrap resamples behind the 95 % intervals; 0 computes no intervals.",
    )


class Needs(NamedTuple):
    """What a mode reads: ``roles`` of samples, ``views`` of the space, ``columns`` of the samples.

    ``identity`` is always one of the columns; ``camera`` where the mode has an option ``camera_rule``, ``group`` where
    its ``group_rule`` is ``exclude``.
    ``held_out`` are splits (train, val) on which the mode chooses something; they become roles of every draw.
    """

    roles: tuple[str, ...]
    views: tuple[str, ...]
    columns: tuple[str, ...]
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrays:
    """All that a mode sees, rows in order of sample id.

    ``ids`` (n,) sample ids; ``vectors`` view -> (n, d) float32 unit vectors of one space; ``columns`` name -> (n,)
    text or None; ``parts`` part name -> its draws, as many in every part. An evaluation that is not divided has the
    one part :data:`WHOLE_PART`.
    """

    ids: NDArray[np.str_]
    vectors: Mapping[str, Float32]
    columns: Mapping[str, NDArray[np.object_]]
    parts: Mapping[str, tuple[Draw, ...]]


@dataclass(frozen=True, slots=True)
class RelatedArrays(Arrays):
    """Arrays with what relates their samples: which pairs are positive, and which are junk."""

    relations: Relations


C = TypeVar("C", bound=ModeConfig)


class AnyMode(Protocol):
    """What modes of all tasks say of themselves: a name, their task, the type of their options."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> TaskName: ...

    @property
    def config_type(self) -> type[ModeConfig]: ...


class Mode(Protocol, Generic[C]):
    """A ranking or a verification. Pure: the same arrays, configuration and generator state give the same result."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> TaskName: ...

    @property
    def config_type(self) -> type[C]: ...

    def needs(self, config: C) -> Needs: ...

    def evaluate(self, arrays: RelatedArrays, config: C, rng: np.random.Generator) -> Evaluation:
        """Evaluate all draws of all parts; ``rng`` feeds the bootstrap.

        Raises:
            InputError: no honest number can be made of these arrays.
        """
        ...
