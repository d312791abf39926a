"""Protocols of re-identification and verification for any data set."""

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
"""Default number of draws."""

HELD_OUT = ("test", "query", "gallery")
"""Splits of samples that no encoder was trained on."""


def identity_samples(pool: Pool, where: str) -> Pool:
    """Select the samples with an identity: those of :data:`HELD_OUT` splits if there are any, else all.

    Args:
        pool: samples with columns identity and split.
        where: name of the protocol, for the message.

    Raises:
        InputError: no sample has an identity.
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
    pool = identity_samples(pool, where)
    return draw_single_gallery(pool.ids, pool.columns["identity"], request.draws or DRAWS, request.seed)


def fixed_roles(pool: Pool, request: Request, where: str) -> SplitSet:
    """Take the roles query and gallery from the request's split set, else from the column ``split`` (one draw).

    Raises:
        InputError: there is no query or no gallery, or ``request.draws`` is another number of draws.
    """
    if request.split_set is None:
        rows = pool.among("split", "query", "gallery")
        roles = pool.columns["split"][rows].astype(np.str_)
        splits = SplitSet(where, np.zeros(len(roles), np.int64), pool.ids[rows], roles)
    else:
        rows = np.isin(request.split_set.sample, pool.ids) & np.isin(request.split_set.role, ["query", "gallery"])
        splits = SplitSet(
            where, request.split_set.draw[rows], request.split_set.sample[rows], request.split_set.role[rows]
        )
    missing = [role for role in ("query", "gallery") if role not in splits.role]
    if missing:
        raise InputError(
            f"Protocol {where} finds no {' and no '.join(missing)} samples; give them as split 'query' and 'gallery', "
            "name a `split_set`, or use `protocol=monte-carlo`."
        )
    require_draws(request, len(np.unique(splits.draw)))
    return splits


def require_draws(request: Request, draws: int) -> None:
    """Check that ``request.draws``, if set, is the number of draws of the split set.

    Raises:
        InputError: it is not.
    """
    if request.draws not in {None, draws}:
        raise InputError(f"`draws={request.draws}` cannot be used: the split set has {draws}; leave the option out.")


def _leave_one_out(pool: Pool, request: Request, where: str) -> SplitSet:
    pool = identity_samples(pool, where)
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


def _two_aspects(options: CrossAspectOptions, available: list[str], where: str) -> tuple[str, str]:
    """The aspects of queries and gallery.

    Raises:
        InputError: an option is missing; the message gives an example with the available aspects.
    """
    query, gallery = options.query_aspect, options.gallery_aspect
    if query is not None and gallery is not None:
        return query, gallery
    missing = "query_aspect" if query is None else "gallery_aspect"
    query = query or next((name for name in available if name != gallery), "...")
    gallery = gallery or next((name for name in available if name != query), "...")
    raise InputError(
        f"Protocol {where}: option '{missing}' is needed, as in `query_aspect={query}` `gallery_aspect={gallery}`."
    )


def _cross_aspect(pool: Pool, request: Request, where: str) -> SplitSet:
    options = request.options
    assert isinstance(options, CrossAspectOptions)  # noqa: S101 - the caller reads Protocol.options
    query_aspect, gallery_aspect = _two_aspects(options, pool.values("aspect"), where)
    if request.aspect is not None or query_aspect == gallery_aspect:
        way_out = "give `query_aspect` and `gallery_aspect`, two different ones, and no `aspect`"
        raise InputError(f"Protocol {where} compares one aspect with another: {way_out}.")
    CROSS_ASPECT.require_aspects([query_aspect, gallery_aspect], pool.values("aspect"))
    pool = identity_samples(pool, where)
    queries, gallery = (pool.take(pool.among("aspect", name)) for name in (query_aspect, gallery_aspect))
    if not len(queries) or not len(gallery):
        raise InputError(
            f"Protocol {where} finds {len(queries)} held-out samples of aspect '{query_aspect}' and {len(gallery)} of "
            f"'{gallery_aspect}'; it needs both."
        )
    galleries = draw_single_gallery(gallery.ids, gallery.columns["identity"], request.draws or DRAWS, request.seed)
    rows = galleries.role == "gallery"
    draws = np.unique(galleries.draw)
    return SplitSet(
        where,
        np.concatenate([galleries.draw[rows], np.repeat(draws, len(queries))]),
        np.concatenate([galleries.sample[rows], np.tile(queries.ids, len(draws))]),
        np.concatenate([galleries.role[rows], np.full(len(draws) * len(queries), "query")]),
    )


def _mirrored(options: Config) -> str | None:
    """The aspect whose mirrored view is compared, or None."""
    return options.query_aspect if isinstance(options, CrossAspectOptions) and options.mirror else None


MONTE_CARLO = Protocol(name="monte-carlo", split=_monte_carlo, settings={"draws": DRAWS})
"""One random gallery sample per identity and draw; the others are queries."""

FIXED = Protocol(name="fixed", split=fixed_roles, is_random=False)
"""Queries and gallery as the data set or a split set gives them."""

LEAVE_ONE_OUT = Protocol(
    name="leave-one-out",
    split=_leave_one_out,
    settings={"group_rule": "exclude"},
    is_random=False,
)
"""Every (held-out) sample is a query against all others, except those of its group (burst, specimen)."""

CROSS_ASPECT = Protocol(
    name="cross-aspect",
    split=_cross_aspect,
    settings={"camera_rule": "none", "draws": DRAWS},
    options=CrossAspectOptions,
    mirrored=_mirrored,
)
"""Queries of one aspect against one random gallery sample per identity of another aspect, in ten draws.

For example dorsal against palmar, or left against right; left and right hands mirror each other (``mirror=true``).
"""
