"""Protocols of person re-identification: Market-1501 and CUHK03."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.protocols.base import Protocol, Request
from eval.protocols.general import DRAWS, fixed_roles, identity_samples
from retrieval.errors import InputError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.seams.samples import Pool
    from retrieval.types import Int64


def draw_other_camera(pool: Pool, draws: int, seed: int) -> SplitSet:
    """Draw one gallery sample per identity; the identity's queries are samples from other cameras.

    If the pool has samples of the splits query and gallery, they are the queries, and the gallery is drawn from the
    gallery samples. Otherwise only identities with samples from two cameras take part, and any sample may be drawn. The
    identity's queries from the camera of the gallery sample have no role in that draw. Draw t makes one index per
    identity with PCG64(SeedSequence([seed, t])): identities in sorted order, each index into the identity's samples in
    the order of the data.

    Args:
        pool: samples, all with identity and camera.
        draws: number of draws.
        seed: seed of the draws, >= 0.

    Raises:
        InputError: no identity has a query from another camera than that of a gallery sample.
    """
    identity, camera = (pool.columns[name].astype(np.str_) for name in ("identity", "camera"))
    may_query, may_gallery = (pool.among("split", role) for role in ("query", "gallery"))
    given = bool(may_query.any() and may_gallery.any())
    if not given:
        may_query = may_gallery = np.ones(len(pool), np.bool_)
    members: list[tuple[Int64, Int64]] = []
    paired = False
    names = np.unique(identity)
    for name in names:
        rows = np.flatnonzero(identity == name)
        queries, gallery = rows[may_query[rows]], rows[may_gallery[rows]]
        across = bool((camera[queries][:, None] != camera[gallery][None, :]).any())
        paired |= across
        if len(gallery) and (across or given):
            members.append((queries, gallery))
    if not paired:
        what = "has a query and a gallery sample from two cameras" if given else "was seen by two cameras"
        raise InputError(
            f"None of the {len(names)} identities {what}, so there is no query; check the cameras, or use "
            "`protocol=monte-carlo` `camera_rule=none`."
        )
    sizes = [len(gallery) for _, gallery in members]
    table: list[tuple[int, str, str]] = []
    for draw in range(draws):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, draw])))
        for (queries, gallery), choice in zip(members, rng.integers(0, sizes).tolist(), strict=True):
            drawn = gallery[choice]
            table.append((draw, str(pool.ids[drawn]), "gallery"))
            table += [(draw, str(pool.ids[row]), "query") for row in queries[camera[queries] != camera[drawn]]]
    numbers, samples, roles = zip(*table, strict=True)
    return SplitSet("", np.array(numbers, np.int64), np.array(samples, np.str_), np.array(roles, np.str_))


def _cuhk03(pool: Pool, request: Request, where: str) -> SplitSet:
    pool = identity_samples(pool, where)
    unknown = int((~pool.known("camera")).sum())
    if unknown:
        raise InputError(
            f"Protocol {where} needs every camera, and {unknown} of {len(pool)} samples have none; index again with "
            "cameras, or use `protocol=monte-carlo`."
        )
    return draw_other_camera(pool, request.draws or DRAWS, request.seed)


MARKET1501 = Protocol(
    name="market1501",
    split=fixed_roles,
    settings={
        "ap_method": "step",
        "camera_rule": "market1501",
        "denominator": "valid",
        "views": ("base",),
        "junk_identities": ("-1",),
        "distractor_identities": ("0000",),
    },
    is_random=False,
)
"""Market-1501 (Zheng et al., ICCV 2015).

Gallery samples of the query's identity and camera are junk, and so are those of identity -1 (bad boxes); those of
identity 0000 (background) are distractors. AP is ``step``, as re-ID libraries compute it; the data set's first
evaluation code used ``trapezoid``.
"""

CUHK03 = Protocol(
    name="cuhk03",
    split=_cuhk03,
    settings={"ap_method": "step", "camera_rule": "market1501", "views": ("base",), "draws": DRAWS},
)
"""CUHK03 with a single gallery sample per identity, as it was first evaluated (Li et al., CVPR 2014).

Queries are from the other camera; a data set's own query and gallery samples stay what they are. The results of seeded
draws (ten here) are averaged.
"""
