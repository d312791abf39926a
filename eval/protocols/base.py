"""The seam of protocols: a protocol gives samples their roles (query, gallery, ...) in every draw of every part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.protocols.split_sets import join_splits
from eval.seams.mode import WHOLE_PART
from retrieval.config import Config
from retrieval.errors import InputError, suggest
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.results.schema import TaskName
    from eval.seams.samples import Pool

ALL = "all"
"""Value of ``--aspect`` that evaluates every aspect by itself and reports the mean of their results."""


FIXED_OPTIONS = (
    "ap_method",
    "ties",
    "denominator",
    "camera_rule",
    "group_rule",
    "views",
    "identity_columns",
    "junk_identities",
    "distractor_identities",
    "rerank",
    "score_norm",
)
"""Options of the mode that every protocol of re-identification fixes.

Their values are those of :attr:`Protocol.settings`, else the mode's defaults.
"""


class NoProtocolOptions(Config):
    """Options of a protocol that has none."""


@dataclass(frozen=True, slots=True)
class Request:
    """The input of a protocol.

    Attributes:
        aspect: aspect to evaluate, or :data:`ALL`; None is the protocol's default. In a joint protocol's ``split``, the
            aspect of the part.
        draws: number of draws; None is the protocol's default.
        seed: seed of the draws, >= 0.
        given: split set to take the roles from.
        options: options of the protocol, of the type :attr:`Protocol.options`.
    """

    aspect: str | None = None
    draws: int | None = None
    seed: int = 0
    given: SplitSet | None = None
    options: Config = field(default_factory=NoProtocolOptions)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to evaluate.

    Attributes:
        name: name of the protocol.
        split: makes the split set of one part, from the pool of its samples, the request and a name for messages.
        aspect: default of ``--aspect``.
        aspects: aspects that ``--aspect all`` requires; empty for all aspects of the samples.
        columns: columns of samples to read where they exist.
        settings: options of the mode that the protocol sets. A result with another value of one of these, or of
            :data:`FIXED_OPTIONS`, is of the protocol "custom".
        draws_lots: whether the draws depend on the seed, which is then part of the split set's name.
        joint: whether each part needs the samples of all ``aspects``.
        options: type of the protocol's options.
        task: ``classification`` if the roles are train, val and test; ``ranking``, also of verifications, if they are
            query and gallery.
        mirrored: gives the aspect whose mirrored view is compared, or None, from the protocol's options.
    """

    name: str
    split: Callable[[Pool, Request, str], SplitSet]
    aspect: str | None = None
    aspects: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    draws_lots: bool = True
    joint: bool = False
    options: type[Config] = NoProtocolOptions
    task: TaskName = "ranking"
    mirrored: Callable[[Config], str | None] = lambda _: None

    def parts(self, pool: Pool, request: Request) -> dict[str, SplitSet]:
        """Make the split set of every part.

        Args:
            pool: samples that may take part.
            request: aspect, draws, seed and options.

        Returns:
            Part name to split set.

        Raises:
            InputError: an aspect has no samples, or no draw can be made.
        """
        aspect = request.aspect or self.aspect
        if aspect is None:
            return {WHOLE_PART: self._named(pool, request, WHOLE_PART)}
        available = pool.values("aspect")
        names = (list(self.aspects) or available) if aspect == ALL else [aspect]
        self.require_aspects([*names, *(self.aspects if self.joint else ())], available)
        parts = {}
        for name in names:
            part_pool = pool if self.joint else pool.take(pool.among("aspect", name))
            parts[name] = self._named(part_pool, replace(request, aspect=name), name)
        if len({len(np.unique(splits.draw)) for splits in parts.values()}) > 1:
            raise InputError("The aspects have different numbers of draws, so no mean of them can be made; name one.")
        return parts if aspect == ALL else {WHOLE_PART: parts[aspect]}

    def require_aspects(self, names: list[str], available: list[str]) -> None:
        """Check that every aspect has samples.

        Args:
            names: aspects that the protocol needs.
            available: aspects of the samples.

        Raises:
            InputError: ``names`` is empty, or some are not available; the message names those.
        """
        missing = [name for name in dict.fromkeys(names) if name not in available]
        if missing or not names:
            aspects = f"there are: {', '.join(available)}" if available else "none of the samples has an aspect"
            lack = f"no samples of aspect '{', '.join(missing)}'" if missing else "no aspects"
            near = suggest(missing[0], available) if missing and available else ""
            raise InputError(f"Protocol {self.name} finds {lack}; {aspects}.{near}")

    def _named(self, pool: Pool, request: Request, part: str) -> SplitSet:
        splits = self.split(pool, request, f"{self.name} ({part})" if part else self.name)
        if request.given is not None:
            stem = request.given.name.partition("@")[0]
        else:
            seed = f"seed{request.seed}" if self.draws_lots else ""
            stem = "/".join(filter(None, (self.name, part, seed)))
        return SplitSet(f"{stem}@{splits.sha256[:8]}", splits.draw, splits.sample, splits.role)


def whole_split(parts: Mapping[str, SplitSet]) -> SplitSet:
    """Join the split sets of all parts of an evaluation."""
    sets = list(parts.values())
    return sets[0] if len(sets) == 1 else join_splits(sets)
