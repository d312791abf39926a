"""Protocols for any data set: draws, roles as given, every sample against all others, one aspect against another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from eval.protocols.base import Protocol, Request
from eval.protocols.split_sets import draw_single_gallery
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.seams.samples import Pool

DRAWS = 10
HELD_OUT = ("test", "query", "gallery")


def held_out_people(pool: Pool, where: str) -> Pool:
    """Samples with an identity; those held out (split test, query, gallery) where there are such.

    Raises:
        InputError: none has an identity.
    """
    pool = pool.take(pool.known("identity"))
    held_out = pool.among("split", *HELD_OUT)
    if held_out.any():
        pool = pool.take(held_out)
    if not len(pool):
        raise InputError(
            f"Protocol {where} finds no samples with an identity; index with a source that gives identities, or widen "
            "`where`."
        )
    return pool


def _monte_carlo(pool: Pool, request: Request, where: str) -> SplitSet:
    pool = held_out_people(pool, where)
    return draw_single_gallery(pool.ids, pool.columns["identity"], request.draws or DRAWS, request.seed)


def fixed_roles(pool: Pool, request: Request, where: str) -> SplitSet:
    """Roles as they are given: by a split set, or by the samples' own column ``split`` (one draw).

    Raises:
        InputError: there is no query or no gallery, or another number of draws is asked for.
    """
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
            "name a `split_set`, or use `protocol=monte-carlo`."
        )
    require_draws(request, len(np.unique(made.draw)))
    return made


def require_draws(request: Request, there: int) -> None:
    """Check that as many draws are asked for as there are."""
    if request.draws not in {None, there}:
        raise InputError(f"`draws={request.draws}` cannot be used: the split set has {there}; leave the option out.")


def _leave_one_out(pool: Pool, request: Request, where: str) -> SplitSet:
    pool = held_out_people(pool, where)
    require_draws(request, 1)
    roles = np.repeat(["query", "gallery"], len(pool))
    return SplitSet(where, np.zeros(len(roles), np.int64), np.tile(pool.ids, 2), roles)


class CrossAspectOptions(Config):
    """Options of ``cross-aspect``."""

    query_aspect: str | None = Field(default=None, description="Aspect of the queries; needed.")
    gallery_aspect: str | None = Field(default=None, description="Aspect of the gallery; needed.")
    mirror: bool = Field(
        default=False, description="Whether to compare the mirrored view of the queries (left against right hands)."
    )


def _two_aspects(options: CrossAspectOptions, have: list[str], where: str) -> tuple[str, str]:
    """The aspects asked for.

    Raises:
        InputError: one is missing; the message gives an example of the aspects that there are.
    """
    asked, known = options.query_aspect, options.gallery_aspect
    if asked is not None and known is not None:
        return asked, known
    missing = "query_aspect" if asked is None else "gallery_aspect"
    query = asked or next((name for name in have if name != known), "...")
    gallery = known or next((name for name in have if name != query), "...")
    raise InputError(
        f"Protocol {where}: option '{missing}' is needed, as in `query_aspect={query}` `gallery_aspect={gallery}`."
    )


def _cross_aspect(pool: Pool, request: Request, where: str) -> SplitSet:
    options = request.options
    assert isinstance(options, CrossAspectOptions)  # noqa: S101 - the runner reads Protocol.options
    asked, known = _two_aspects(options, pool.values("aspect"), where)
    if request.aspect is not None or asked == known:
        way_out = "give `query_aspect` and `gallery_aspect`, two different ones, and no `aspect`"
        raise InputError(f"Protocol {where} compares one aspect with another: {way_out}.")
    CROSS_ASPECT.require_aspects([asked, known], pool.values("aspect"))
    pool = held_out_people(pool, where)
    queries, gallery = (pool.take(pool.among("aspect", name)) for name in (asked, known))
    if not len(queries) or not len(gallery):
        raise InputError(
            f"Protocol {where} finds {len(queries)} held-out images of aspect '{asked}' and {len(gallery)} of "
            f"'{known}'; it needs both."
        )
    drawn = draw_single_gallery(gallery.ids, gallery.columns["identity"], request.draws or DRAWS, request.seed)
    kept = drawn.role == "gallery"
    draws = np.unique(drawn.draw)
    return SplitSet(
        where,
        np.concatenate([drawn.draw[kept], np.repeat(draws, len(queries))]),
        np.concatenate([drawn.sample[kept], np.tile(queries.ids, len(draws))]),
        np.concatenate([drawn.role[kept], np.full(len(draws) * len(queries), "query")]),
    )


def _mirrored(options: Config) -> str | None:
    return options.query_aspect if isinstance(options, CrossAspectOptions) and options.mirror else None


MONTE_CARLO = Protocol(name="monte-carlo", split=_monte_carlo, settings={"draws": DRAWS})
"""One random gallery image per identity and draw, the rest are queries."""

FIXED = Protocol(name="fixed", split=fixed_roles, draws_lots=False)
"""Queries and gallery as the data set, or a split set, gives them."""

LEAVE_ONE_OUT = Protocol(
    name="leave-one-out",
    split=_leave_one_out,
    settings={"group_rule": "exclude"},
    draws_lots=False,
)
"""Every (held-out) sample is a query against all others, its own group (burst, specimen) left out."""

CROSS_ASPECT = Protocol(
    name="cross-aspect",
    split=_cross_aspect,
    settings={"camera_rule": "none", "draws": DRAWS},
    options=CrossAspectOptions,
    mirrored=_mirrored,
)
"""Images of one aspect against one random image per identity of another, ten draws: dorsal against palmar, or left
against right, whose hands are each other's mirror images (``mirror=true``)."""
