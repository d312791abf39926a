"""Interface of evaluation modes: the columns and roles a mode needs, the arrays it gets, the evaluation it returns.

Terms of all of ``eval``: a role is what a sample is used as (query, gallery, train, val, test). A draw is one division
of the samples into roles, at random or fixed; metrics are averaged over draws. A part evaluates the samples of one
aspect (such as the palmar side of hands) by itself. A space holds the vectors of one encoder in a store, a view those
of one variant of the images (``base``; ``hflip``, mirrored).
"""

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
"""One draw: role (``query``, ``gallery``, ...) to the ascending row numbers of its samples in :class:`Arrays`."""

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
    join_spellings: bool = Field(
        default=False,
        description="Whether names that differ only in case, separators (spaces, underscores, hyphens), leading zeros "
        "or a trailing .0 are one name, such as 3, 003 and 3.0. Without it they are different, and it is said.",
    )
    bootstrap: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Number of bootstrap resamples behind the 95 % intervals, and of exchanges behind those of "
        "differences; 0 computes no intervals.",
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
    """The input of a mode: n samples in the order of the data.

    Attributes:
        ids: (n,) ids of the samples.
        vectors: view to (n, d) float32 unit vectors of one space.
        columns: name of a column to its (n,) values, text or None.
        parts: name of a part to its draws, as many in every part. An evaluation that is not divided has the one part
            :data:`WHOLE_PART`.
    """

    ids: NDArray[np.str_]
    vectors: Mapping[str, Float32]
    columns: Mapping[str, NDArray[np.object_]]
    parts: Mapping[str, tuple[Draw, ...]]


@dataclass(frozen=True, slots=True)
class RelatedArrays(Arrays):
    """Arrays with the relations of their samples: which pairs are positive, and which are junk (not evaluated)."""

    relations: Relations


C = TypeVar("C", bound=ModeConfig)


class AnyMode(Protocol):
    """Attributes of the modes of all tasks: their name, their task and the type of their options."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> TaskName: ...

    @property
    def config_type(self) -> type[ModeConfig]: ...


class Mode(Protocol, Generic[C]):
    """A mode of ranking or verification: a pure function of arrays, configuration and the generator's state."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> TaskName: ...

    @property
    def config_type(self) -> type[C]: ...

    def needs(self, config: C) -> Needs:
        """Return the roles, views and columns that :meth:`evaluate` needs."""
        ...

    def evaluate(self, arrays: RelatedArrays, config: C, rng: np.random.Generator) -> Evaluation:
        """Evaluate all draws of all parts; ``rng`` is the generator of all random choices, such as the bootstrap.

        Raises:
            InputError: the metrics cannot be computed from these arrays, or would be misleading.
        """
        ...
