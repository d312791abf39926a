"""Protocols: which samples are queries and which the gallery, in every draw of every part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from eval.mode import WHOLE_PART
from eval.splits import draw_single_gallery, join_splits
from retrieval.errors import InputError, suggest
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.pool import Pool

ALL = "all"
"""``--aspect all``: a result per aspect, and their mean."""

HAND_ASPECTS = ("dorsal left", "dorsal right", "palmar left", "palmar right")
DRAWS = 10


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks of a protocol: ``draws`` None for its own number, ``given`` a split set to follow."""

    aspect: str | None = None
    draws: int | None = None
    seed: int = 0
    given: SplitSet | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way to evaluate.

    ``split`` makes the split set of one part from the pool restricted to it. ``aspect`` is the default of
    ``--aspect``; ``aspects`` must all be there for ``all`` (empty: those that are there). ``columns`` are read from
    the samples where they exist. ``settings`` are options of the mode that the protocol fixes; overriding one makes
    the result "custom". ``draws_lots``: whether the seed makes the draws, and so belongs to the split set's name.
    """

    name: str
    split: Callable[[Pool, Request, str], SplitSet]
    aspect: str | None = None
    aspects: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    draws_lots: bool = True

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
        missing = [name for name in names if name not in have]
        if missing or not names:
            there = f"there are: {', '.join(have)}" if have else "none of the samples has an aspect"
            wanted = f"no samples of aspect '{', '.join(missing)}'" if missing else "no aspects"
            near = suggest(missing[0], have) if missing and have else ""
            raise InputError(f"Protocol {self.name} finds {wanted}; {there}.{near}")
        parts = {name: self._named(pool.take(pool.among("aspect", name)), request, name) for name in names}
        if len({len(np.unique(made.draw)) for made in parts.values()}) > 1:
            raise InputError("The aspects have different numbers of draws, so no mean of them can be made; name one.")
        return parts if aspect == ALL else {WHOLE_PART: parts[aspect]}

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


def _clipfh(pool: Pool, request: Request, where: str) -> SplitSet:
    """Test hands without accessories; per draw one gallery image per identity, the rest are queries."""
    if "meta_accessories" in pool.columns:
        pool = pool.take(pool.among("meta_accessories", 0, "0"))
    test = pool.take(pool.among("split", "test") & pool.known("identity"))
    if not len(test):
        raise InputError(
            f"Protocol {where} finds no test hands (split 'test', an identity, accessories 0); index 11k Hands with "
            "--source hands11k, or use --protocol monte-carlo."
        )
    return draw_single_gallery(test.ids, test.columns["identity"], request.draws or DRAWS, request.seed)


def _monte_carlo(pool: Pool, request: Request, where: str) -> SplitSet:
    """Any samples with an identity; those held out (split test, query, gallery) where there are such."""
    pool = pool.take(pool.known("identity"))
    held_out = pool.among("split", "test", "query", "gallery")
    if held_out.any():
        pool = pool.take(held_out)
    if not len(pool):
        raise InputError(
            f"Protocol {where} finds no samples with an identity; index with a source that gives identities, or widen "
            "--where."
        )
    return draw_single_gallery(pool.ids, pool.columns["identity"], request.draws or DRAWS, request.seed)


def _fixed(pool: Pool, request: Request, where: str) -> SplitSet:
    """Roles as they are given: by a split set, or by the samples' own column ``split`` (one draw)."""
    if request.given is None:
        rows = pool.among("split", "query", "gallery")
        roles = pool.columns["split"][rows].astype(np.str_)
        made = SplitSet(where, np.zeros(len(roles), np.int64), pool.ids[rows], roles)
    else:
        rows = np.isin(request.given.sample, pool.ids) & np.isin(request.given.role, ["query", "gallery"])
        made = SplitSet(where, request.given.draw[rows], request.given.sample[rows], request.given.role[rows])
    missing = [role for role in ("query", "gallery") if role not in made.role]
    if missing:
        raise InputError(
            f"Protocol {where} finds no {' and no '.join(missing)} samples; give them as split 'query' and 'gallery', "
            "name a --split-set, or use --protocol monte-carlo."
        )
    there = len(np.unique(made.draw))
    if request.draws not in {None, there}:
        raise InputError(f"-o draws={request.draws} cannot be used: the split set has {there}; leave the option out.")
    return made


CLIPFH_11K = Protocol(
    name="clipfh-11k",
    split=_clipfh,
    aspect=ALL,
    aspects=HAND_ASPECTS,
    columns=("meta_accessories",),
    settings={"ap_method": "step", "camera_rule": "none", "views": ("base",), "draws": DRAWS},
)
"""11k Hands as CLIP-ReID-based work evaluates it: gallery of the same aspect, step AP, no flip, ten draws."""

MONTE_CARLO = Protocol(name="monte-carlo", split=_monte_carlo)
"""One random gallery image per identity and draw, the rest are queries."""

FIXED = Protocol(name="fixed", split=_fixed, draws_lots=False)
"""Queries and gallery as the data set, or a split set, gives them."""
