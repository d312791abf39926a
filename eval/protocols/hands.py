"""Protocols of hand re-identification: two for 11k Hands, and one for HD (PolyU Hand Dorsal)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from eval.protocols.base import ALL, Protocol, Request
from eval.protocols.general import DRAWS
from eval.protocols.split_sets import draw_single_gallery, join_splits
from retrieval.errors import InputError, UnknownOptionError
from retrieval.types import SplitSet

if TYPE_CHECKING:
    from eval.seams.samples import Pool

HAND_ASPECTS = ("dorsal left", "dorsal right", "palmar left", "palmar right")


def _bare_hands(pool: Pool) -> Pool:
    """Select the samples without accessories; all, if no column says so."""
    return pool.take(pool.among("meta_accessories", 0, "0")) if "meta_accessories" in pool.columns else pool


def _test_hands(pool: Pool, where: str) -> Pool:
    """Select the test samples with an identity and without accessories.

    Raises:
        InputError: there are none.
    """
    pool = _bare_hands(pool)
    test = pool.take(pool.among("split", "test") & pool.known("identity"))
    if not len(test):
        raise InputError(
            f"Protocol {where} finds no test hands (split 'test', an identity, accessories 0); index 11k Hands with "
            "the source hands11k, or use `protocol=monte-carlo`."
        )
    return test


def _clipfh(pool: Pool, request: Request, where: str) -> SplitSet:
    test = _test_hands(pool, where)
    return draw_single_gallery(test.ids, test.columns["identity"], request.draws or DRAWS, request.seed)


def _mbanet(pool: Pool, request: Request, where: str) -> SplitSet:
    """Queries of one aspect against the joint gallery of the four aspects, each drawn as by ``clipfh-11k``."""
    aspects = {name: _clipfh(pool.take(pool.among("aspect", name)), request, where) for name in HAND_ASPECTS}
    if request.aspect not in aspects:
        raise UnknownOptionError(f"Protocol {where} has the aspects {', '.join(HAND_ASPECTS)}, not '{request.aspect}'.")
    galleries = [_with_role(splits, "gallery") for splits in aspects.values()]
    return join_splits([_with_role(aspects[request.aspect], "query"), *galleries])


def _with_role(splits: SplitSet, role: str) -> SplitSet:
    """The rows of a split set with this role."""
    rows = splits.role == role
    return SplitSet(splits.name, splits.draw[rows], splits.sample[rows], splits.role[rows])


def _hd(pool: Pool, request: Request, where: str) -> SplitSet:
    """One random gallery sample per test identity; all samples of the split ``gallery`` are in every gallery."""
    pool = pool.take(pool.known("identity"))
    test, distractors = pool.take(pool.among("split", "test")), pool.take(pool.among("split", "gallery"))
    shared = sorted({*test.values("identity")} & {*distractors.values("identity")})
    if not len(test) or not len(distractors) or shared:
        fault = f"'{shared[0]}' is both" if shared else f"there are {len(test)} and {len(distractors)} samples"
        raise InputError(
            f"Protocol {where} needs test identities and others that are only in the gallery (splits 'test' and "
            f"'gallery'), and {fault}; index HD with the source pattern and its preset hd."
        )
    drawn = draw_single_gallery(test.ids, test.columns["identity"], request.draws or DRAWS, request.seed)
    draws = np.unique(drawn.draw)
    return SplitSet(
        where,
        np.concatenate([drawn.draw, np.repeat(draws, len(distractors))]),
        np.concatenate([drawn.sample, np.tile(distractors.ids, len(draws))]),
        np.concatenate([drawn.role, np.full(len(draws) * len(distractors), "gallery")]),
    )


CLIPFH_11K = Protocol(
    name="clipfh-11k",
    split=_clipfh,
    aspect=ALL,
    aspects=HAND_ASPECTS,
    columns=("meta_accessories",),
    settings={"ap_method": "step", "camera_rule": "none", "views": ("base",), "draws": DRAWS},
    admit=_bare_hands,
)
"""11k Hands as in work based on CLIP-ReID: a gallery per aspect, step AP, no flip, ten draws."""

MBANET_11K = Protocol(
    name="mbanet-11k",
    split=_mbanet,
    aspect=ALL,
    aspects=HAND_ASPECTS,
    columns=("meta_accessories",),
    settings={
        "ap_method": "trapezoid",
        "denominator": "all",
        "camera_rule": "none",
        "views": ("base", "hflip"),
        "identity_columns": ("identity", "aspect"),
        "draws": DRAWS,
    },
    joint=True,
    admit=_bare_hands,
)
"""11k Hands as MBA-Net (Baisa et al., ICPR 2022) evaluates it.

One gallery of all four aspects, in which other aspects of the query's identity are distractors; trapezoid AP; the
features of an image and its mirror image are summed; all queries count.
"""

HD = Protocol(
    name="hd",
    split=_hd,
    settings={"ap_method": "trapezoid", "camera_rule": "none", "views": ("base", "hflip"), "draws": DRAWS},
)
"""HD (PolyU Hand Dorsal) as MBA-Net evaluates it.

Every gallery has one random sample per test identity, and all samples of the identities 502-712, which are never
queries.
"""
