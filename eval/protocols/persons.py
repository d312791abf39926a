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


def draw_other_camera(pool: Pool, draws: int, seed: int) -> SplitSet:
    """Draw one gallery sample per identity; the identity's samples from other cameras are queries.

    Only identities with samples from two cameras take part. The identity's other samples from the camera of the gallery
    sample have no role in that draw. Draw t makes one index per identity with PCG64(SeedSequence([seed, t])):
    identities in sorted order, each index into the identity's sample ids in sorted order.

    Args:
        pool: samples, all with identity and camera.
        draws: number of draws.
        seed: seed of the draws, >= 0.

    Raises:
        InputError: no identity has samples from two cameras.
    """
    identity, camera = (pool.columns[name].astype(np.str_) for name in ("identity", "camera"))
    identities = [np.flatnonzero(identity == name) for name in np.unique(identity)]
    members = [rows for rows in identities if len(np.unique(camera[rows])) > 1]
    if not members:
        raise InputError(
            f"None of the {len(identities)} identities was seen by two cameras, so there is no query; check the "
            "cameras, or use `protocol=monte-carlo` `camera_rule=none`."
        )
    sizes = [len(rows) for rows in members]
    table: list[tuple[int, str, str]] = []
    for draw in range(draws):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, draw])))
        for rows, choice in zip(members, rng.integers(0, sizes).tolist(), strict=True):
            table.append((draw, str(pool.ids[rows[choice]]), "gallery"))
            table += [(draw, str(pool.ids[row]), "query") for row in rows[camera[rows] != camera[rows[choice]]]]
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

Queries are from the other camera. The results of seeded draws (ten here) are averaged.
"""
