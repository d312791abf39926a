"""The seam of protocols: which samples are queries and which the gallery, in every draw of every part."""

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
"""``--aspect all``: a result per aspect, and their mean."""


SETTLED = (
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
"""Options that every protocol of re-identification fixes: to its ``settings``, else to the mode's defaults."""


class NoOptions(Config):
    """Options of a protocol that has none."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks of a protocol.

    ``draws`` None is the protocol's own number; ``given`` is a split set to follow; ``options`` are those of
    :attr:`Protocol.options`. A joint protocol finds the part it is to make in ``aspect``.
    """

    aspect: str | None = None
    draws: int | None = None
    seed: int = 0
    given: SplitSet | None = None
    options: Config = field(default_factory=NoOptions)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to evaluate.

    ``split`` makes the split set of one part from the pool restricted to it. ``aspect`` is the default of
    ``--aspect``; ``aspects`` must all be there for ``all`` (empty: those that are there). ``columns`` are read from
    the samples where they exist. ``settings`` are options of the mode that the protocol sets; overriding one of
    them, or of :data:`SETTLED`, makes the result "custom".
    ``draws_lots``: whether the seed makes the draws, and so belongs to the split set's name.
    ``task`` is ``classification`` where the roles are train, val and test of classes; protocols of queries and
    galleries serve rankings and verifications.
    ``joint``: a part needs the samples of all ``aspects``, whichever it is. ``options`` are the protocol's own;
    ``mirrored`` says of which aspect the mirrored view is to be compared.
    """

    name: str
    split: Callable[[Pool, Request, str], SplitSet]
    aspect: str | None = None
    aspects: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    draws_lots: bool = True
    joint: bool = False
    options: type[Config] = NoOptions
    task: TaskName = "ranking"
    mirrored: Callable[[Config], str | None] = lambda _: None

    def parts(self, pool: Pool, request: Request) -> dict[str, SplitSet]:
        """Make the split set of every part.

        Raises:
            InputError: an aspect is not there, or no draw can be made.
        """
        aspect = request.aspect or self.aspect
        if aspect is None:
            return {WHOLE_PART: self._named(pool, request, WHOLE_PART)}
        have = pool.values("aspect")
        names = (list(self.aspects) or have) if aspect == ALL else [aspect]
        self.require_aspects([*names, *(self.aspects if self.joint else ())], have)
        parts = {}
        for name in names:
            own = pool if self.joint else pool.take(pool.among("aspect", name))
            parts[name] = self._named(own, replace(request, aspect=name), name)
        if len({len(np.unique(made.draw)) for made in parts.values()}) > 1:
            raise InputError("The aspects have different numbers of draws, so no mean of them can be made; name one.")
        return parts if aspect == ALL else {WHOLE_PART: parts[aspect]}

    def require_aspects(self, names: list[str], have: list[str]) -> None:
        """Check that there are samples of every aspect.

        Raises:
            InputError: naming those that are missing.
        """
        missing = [name for name in dict.fromkeys(names) if name not in have]
        if missing or not names:
            there = f"there are: {', '.join(have)}" if have else "none of the samples has an aspect"
            wanted = f"no samples of aspect '{', '.join(missing)}'" if missing else "no aspects"
            near = suggest(missing[0], have) if missing and have else ""
            raise InputError(f"Protocol {self.name} finds {wanted}; {there}.{near}")

    def _named(self, pool: Pool, request: Request, part: str) -> SplitSet:
        made = self.split(pool, request, f"{self.name} ({part})" if part else self.name)
        if request.given is not None:
            stem = request.given.name.partition("@")[0]
        else:
            seed = f"seed{request.seed}" if self.draws_lots else ""
            stem = "/".join(filter(None, (self.name, part, seed)))
        return SplitSet(f"{stem}@{made.sha256[:8]}", made.draw, made.sample, made.role)


def whole_split(parts: Mapping[str, SplitSet]) -> SplitSet:
    """The split set of an evaluation: the rows of all its parts."""
    sets = list(parts.values())
    return sets[0] if len(sets) == 1 else join_splits(sets)
