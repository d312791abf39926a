"""Protocols of person re-identification: Market-1501 and CUHK03."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.protocols.base import Protocol, Request
from eval.protocols.general import DRAWS, fixed_roles, held_out_people
from retrieval.errors import InputError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.seams.samples import Pool


def draw_other_camera(pool: Pool, draws: int, seed: int) -> SplitSet:
    """Per draw and identity one random gallery image; its images from other cameras are queries.

    Only identities that two cameras saw take part. Draw number t uses PCG64(SeedSequence([seed, t])) and asks it once
    for one index per identity, identities in sorted order, each into the identity's sample ids in sorted order; the
    gallery image's camera-mates have no role in that draw.

    Args:
        pool: samples, all with identity and camera.
        draws: how many.
        seed: >= 0.

    Raises:
        InputError: no identity was seen by two cameras.
    """
    identity, camera = (pool.columns[name].astype(np.str_) for name in ("identity", "camera"))
    rows = {name: np.flatnonzero(identity == name) for name in np.unique(identity)}
    members = [at for at in rows.values() if len(np.unique(camera[at])) > 1]
    if not members:
        raise InputError(
            f"None of the {len(rows)} identities was seen by two cameras, so there is no query; check the cameras, or "
            "use `protocol=monte-carlo` `camera_rule=none`."
        )
    sizes = [len(at) for at in members]
    found: list[tuple[int, str, str]] = []
    for draw in range(draws):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, draw])))
        for at, chosen in zip(members, rng.integers(0, sizes).tolist(), strict=True):
            found.append((draw, str(pool.ids[at[chosen]]), "gallery"))
            found += [(draw, str(pool.ids[row]), "query") for row in at[camera[at] != camera[at[chosen]]]]
    numbers, samples, roles = zip(*found, strict=True)
    return SplitSet("", np.array(numbers, np.int64), np.array(samples, np.str_), np.array(roles, np.str_))


def _cuhk03(pool: Pool, request: Request, where: str) -> SplitSet:
    pool = held_out_people(pool, where)
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
    draws_lots=False,
)
"""Market-1501 (Zheng et al., ICCV 2015): gallery images of the query's identity and camera are junk, and so is
identity -1 (bad boxes); 0000 (background) stays as distractors. AP is ``step``, as re-ID libraries compute it; the data
set's own first evaluation code used ``trapezoid``."""

CUHK03 = Protocol(
    name="cuhk03",
    split=_cuhk03,
    settings={"ap_method": "step", "camera_rule": "market1501", "views": ("base",), "draws": DRAWS},
)
"""Single-gallery-shot as CUHK03 was first evaluated (Li et al., CVPR 2014): one random gallery image per identity,
queries from the other camera, repeated over seeded draws (ten here) and averaged."""
