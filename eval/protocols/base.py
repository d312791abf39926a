"""Interface of protocols: a protocol divides samples into roles (query, gallery, ...) for an evaluation.

A protocol may divide them several times; each division is a draw, and metrics are averaged over draws. It may do so for
each aspect of the samples (such as the dorsal and the palmar side of hands) by itself; the evaluation then has one part
per aspect. The modules beside this one define the protocols; ``eval/runs`` calls :meth:`Protocol.parts` before it
evaluates, and the command ``splits`` stores the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.protocols.split_sets import join_splits
from eval.seams.mode import WHOLE_PART
from retrieval.config import Config
from retrieval.errors import InputError, UnknownOptionError, suggest
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.results.schema import TaskName
    from eval.seams.samples import Pool

ALL = "all"
"""Value of the option ``aspect`` that evaluates every aspect by itself and reports the mean of their metrics."""


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
"""Options of the modes ``reid`` and ``verification`` that a protocol of task ``ranking`` fixes.

The protocol prescribes the values in :attr:`Protocol.settings`, and for other options the mode's defaults.
"""


class NoProtocolOptions(Config):
    """Options of a protocol that has none."""


@dataclass(frozen=True, slots=True)
class Request:
    """The input of a protocol.

    Attributes:
        aspect: aspect to evaluate, or :data:`ALL`; None for the protocol's default. :meth:`Protocol.parts` calls
            :attr:`Protocol.split` once per aspect, with that aspect here.
        draws: number of draws; None for the protocol's default.
        seed: seed of the draws, >= 0.
        split_set: split set to take the roles from, or None.
        options: values of the protocol's options, an object of the type :attr:`Protocol.options`.
    """

    aspect: str | None = None
    draws: int | None = None
    seed: int = 0
    split_set: SplitSet | None = None
    options: Config = field(default_factory=NoProtocolOptions)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to evaluate.

    Attributes:
        name: name of the protocol.
        split: makes the split set of one part, from the pool of its samples, the request and a name for messages.
        aspect: aspect to evaluate if the request has none; None for all samples together, in one part.
        aspects: aspects that :data:`ALL` stands for; empty for all aspects of the samples.
        columns: columns of the samples that the protocol reads, where they exist.
        settings: options of the mode that the protocol sets. A result with another value of one of these, or of
            :data:`FIXED_OPTIONS`, is of the protocol "custom".
        is_random: whether the draws depend on the seed, which is then part of the split set's name.
        joint: whether ``split`` gets the samples of all aspects, not only those of the part's aspect; all ``aspects``
            must then have samples.
        options: type of the protocol's options.
        task: ``classification`` if the roles are train, val and test; ``ranking`` (which verification also uses) if
            they are query and gallery.
        mirrored: function of the protocol's options that returns the aspect whose samples are compared by the vectors
            of their mirror images (a left hand with right hands), or None.
        admit: selects the samples that the protocol admits, to train on or to test.
    """

    name: str
    split: Callable[[Pool, Request, str], SplitSet]
    aspect: str | None = None
    aspects: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_random: bool = True
    joint: bool = False
    options: type[Config] = NoProtocolOptions
    task: TaskName = "ranking"
    mirrored: Callable[[Config], str | None] = lambda _: None
    admit: Callable[[Pool], Pool] = lambda pool: pool

    def parts(self, pool: Pool, request: Request) -> dict[str, SplitSet]:
        """Make the split set of every part.

        Args:
            pool: samples that may get a role.
            request: aspect, draws, seed, split set and options.

        Returns:
            Name of each part to its split set. With :data:`ALL` the parts are the aspects; otherwise the only part is
            :data:`~eval.seams.mode.WHOLE_PART`.

        Raises:
            InputError: an aspect has no samples, no draw can be made, or aspects have different numbers of draws.
        """
        aspect = request.aspect or self.aspect
        if aspect is None:
            return {WHOLE_PART: self._split(pool, request, WHOLE_PART)}
        available = pool.values("aspect")
        names = (list(self.aspects) or available) if aspect == ALL else [aspect]
        self.require_aspects([*names, *(self.aspects if self.joint else ())], available)
        parts = {}
        for name in names:
            part_pool = pool if self.joint else pool.take(pool.among("aspect", name))
            parts[name] = self._split(part_pool, replace(request, aspect=name), name)
        if len({len(np.unique(splits.draw)) for splits in parts.values()}) > 1:
            raise InputError(
                "The aspects have different numbers of draws, so their metrics have no mean; evaluate one `aspect`."
            )
        return parts if aspect == ALL else {WHOLE_PART: parts[aspect]}

    def require_aspects(self, names: list[str], available: list[str]) -> None:
        """Check that every aspect has samples.

        Args:
            names: aspects that the protocol needs.
            available: aspects of the samples.

        Raises:
            UnknownOptionError: an aspect that the user named is not available.
            InputError: ``names`` is empty, or the samples lack an aspect of the protocol.
        """
        missing = [name for name in dict.fromkeys(names) if name not in available]
        if missing or not names:
            aspects = f"there are: {', '.join(available)}" if available else "none of the samples has an aspect"
            lack = f"no samples of aspect '{', '.join(missing)}'" if missing else "no aspects"
            near = suggest(missing[0], available) if missing and available else ""
            is_wrong = bool(missing and available) and missing[0] not in self.aspects  # the protocol does not name it
            raise (UnknownOptionError if is_wrong else InputError)(
                f"Protocol {self.name} finds {lack}; {aspects}.{near}"
            )

    def _split(self, pool: Pool, request: Request, part: str) -> SplitSet:
        """Make the split set of a part, and name it PROTOCOL/PART/seedSEED@HASH or, from a split set, NAME@HASH."""
        splits = self.split(pool, request, f"{self.name} ({part})" if part else self.name)
        if request.split_set is not None:
            stem = request.split_set.name.partition("@")[0]
        else:
            seed = f"seed{request.seed}" if self.is_random else ""
            stem = "/".join(filter(None, (self.name, part, seed)))
        return SplitSet(f"{stem}@{splits.sha256[:8]}", splits.draw, splits.sample, splits.role)


def whole_split(parts: Mapping[str, SplitSet]) -> SplitSet:
    """Join the split sets of all parts of an evaluation into one."""
    sets = list(parts.values())
    return sets[0] if len(sets) == 1 else join_splits(sets)
