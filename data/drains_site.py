"""Draws sites (colours, and how often their objects are damaged) and the objects that a photograph of a site shows.

Objects, counts and places follow the nine classes of the inspection data set: about five objects per image, rock toe
damaged seven times as common as a clean toe drain, toe drains low (y .66-.79), slope drains in the middle (.44-.52).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

CLASSES = {
    ("toe drain", "normal"): "Toe drain",
    ("toe drain", "blocked"): "Toe drain- Blocked",
    ("toe drain", "damaged"): "Toe drain- Damaged",
    ("rock toe", "normal"): "rock toe",
    ("rock toe", "damaged"): "rock toe damaged",
    ("slope drain", "normal"): "slope drain",
    ("slope drain", "blocked"): "slope drain blocked",
    ("slope drain", "damaged"): "slope drain damaged",
    ("vegetation", "normal"): "vegetation",
}
"""Object and condition to the name of the class, in the order of ``data.yaml``."""

# From 290 images with 1,465 instances: number of objects of a kind per image, and frequency of each condition.
_NUMBERS = {
    "rock toe": (0.0, 0.42, 0.37, 0.21),
    "slope drain": (0.0, 0.45, 0.37, 0.18),
    "toe drain": (0.29, 0.71),
    "vegetation": (0.46, 0.33, 0.14, 0.07),
}
_CONDITIONS = {
    "toe drain": {"normal": 52, "blocked": 78, "damaged": 76},
    "rock toe": {"normal": 153, "damaged": 366},
    "slope drain": {"normal": 257, "blocked": 97, "damaged": 148},
    "vegetation": {"normal": 238},
}
_AGREEMENT = 5.0  # Dirichlet concentration: the larger, the closer a site's conditions are to those of all sites

GROUNDS = {"green grass": (104, 122, 58), "dry grass": (138, 122, 78), "bare earth": (142, 118, 96)}
_ROAD = ((176, 164, 148), (150, 148, 146), (186, 158, 122))

# Streams of random numbers, so that more draws in one do not change another.
_SITE, _SCENE = 30, 31


@dataclass(frozen=True, eq=False)
class Site:
    """What photographs of a site share: colours (3,), and probabilities of the conditions of each kind of object."""

    index: int
    seed: int
    ground: str
    soil: Points
    road: Points
    concrete: Points
    stone: Points
    leaf: Points
    ladder: bool
    states: dict[str, dict[str, float]]


class SiteObject(NamedTuple):
    """An object: ``outline`` (n, 2) in fractions of the image side, x right and y down, within 0..1.

    ``spine`` (2, 2) runs along its middle from end to end; ``width`` is across it.
    """

    kind: str
    condition: str
    outline: Points
    spine: Points
    width: float

    @property
    def number(self) -> int:
        """Index of the class in ``CLASSES``."""
        return list(CLASSES).index((self.kind, self.condition))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Centre x and y, width and height of the bounding box."""
        (left, top), (right, bottom) = self.outline.min(axis=0), self.outline.max(axis=0)
        return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


@lru_cache(maxsize=256)
def make_site(index: int, seed: int = 0) -> Site:
    """Draw a site.

    Args:
        index: number of the site, from 0.
        seed: seed of all random numbers, 0 or more.

    Raises:
        ValueError: a number is negative.
    """
    if min(index, seed) < 0:
        raise ValueError("Sites and seeds are numbered from 0.")
    rng = np.random.default_rng([seed, _SITE, index])
    ground = str(rng.choice(list(GROUNDS)))
    level = rng.uniform(150, 215)
    return Site(
        index=index,
        seed=seed,
        ground=ground,
        soil=np.asarray(GROUNDS[ground]) * rng.normal(1, 0.07) + rng.normal(0, 7, 3),
        road=np.asarray(_ROAD[int(rng.integers(len(_ROAD)))]) * rng.normal(1, 0.06),
        concrete=np.full(3, level) + rng.normal(0, 4, 3),
        stone=np.array((168.0, 160.0, 148.0)) * rng.uniform(0.8, 1.15) + rng.normal(0, 5, 3),
        leaf=np.array((62.0, 92.0, 40.0)) * rng.uniform(0.75, 1.25) + rng.normal(0, 7, 3),
        ladder=bool(rng.random() < 0.35),
        states={kind: _states(counts, rng) for kind, counts in _CONDITIONS.items()},
    )


def site_objects(site: Site, number: int) -> list[SiteObject]:
    """List the objects of photograph ``number`` of a site, farthest first; later ones may cover earlier ones."""
    rng = np.random.default_rng([site.seed, _SCENE, site.index, number])
    count = {kind: int(rng.choice(len(odds), p=odds)) for kind, odds in _NUMBERS.items()}
    foot = float(rng.uniform(0.585, 0.64))
    across = _spread(count["slope drain"], rng)
    objects = [_rock(span, foot, site, rng) for span in _spans(across, count["rock toe"], rng)]
    objects += [_toe(site, rng) for _ in range(count["toe drain"])]
    objects += [_slope(x, foot, site, rng) for x in across]
    return objects + [_bush(foot, rng) for _ in range(count["vegetation"])]


def _states(counts: dict[str, int], rng: np.random.Generator) -> dict[str, float]:
    share = np.array(list(counts.values())) / sum(counts.values())
    drawn = rng.dirichlet(share * _AGREEMENT) if len(share) > 1 else share
    return dict(zip(counts, drawn.tolist(), strict=True))


def _condition(kind: str, site: Site, rng: np.random.Generator) -> str:
    states = site.states[kind]
    return str(rng.choice(list(states), p=list(states.values())))


def _spread(count: int, rng: np.random.Generator) -> Points:
    """Draw ``count`` positions from left to right, one in each of as many equal parts of the image."""
    places: Points = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / max(count, 1)
    return 0.06 + 0.88 * places


def _spans(across: Points, count: int, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Choose ``count`` stretches between the slope drains for rock toes."""
    edges = [0.0, *across.tolist(), 1.0]
    spans = list(pairwise(edges))
    while len(spans) < count:
        low, high = max(spans, key=lambda span: span[1] - span[0])
        spans.remove((low, high))
        spans += [(low, (low + high) / 2), ((low + high) / 2, high)]
    wide = sorted(spans, key=lambda span: span[0] - span[1])[:count]
    return [(low + rng.uniform(0.02, 0.035), high - rng.uniform(0.02, 0.035)) for low, high in sorted(wide)]


def _rock(span: tuple[float, float], foot: float, site: Site, rng: np.random.Generator) -> SiteObject:
    """A band of stones at the foot of the slope, with a ragged outline."""
    low, high = span
    height, tilt = rng.uniform(0.075, 0.105), rng.normal(0, 0.008)
    middle = foot + height / 2 - 0.02
    x = np.linspace(low, high, 6)
    lean = tilt * (x - (low + high) / 2)
    top = np.stack([x, middle - height / 2 + lean + rng.normal(0, 0.006, 6)], axis=1)
    bottom = np.stack([x, middle + height / 2 + lean + rng.normal(0, 0.006, 6)], axis=1)
    spine = np.array([(low, middle), (high, middle)])
    outline = np.clip(np.concatenate([top, bottom[::-1]]), 0, 1)
    return SiteObject("rock toe", _condition("rock toe", site, rng), outline, spine, float(height))


def _toe(site: Site, rng: np.random.Generator) -> SiteObject:
    """A channel along the foot of the slope, through most of the image."""
    middle, drop, width = rng.uniform(0.715, 0.775), rng.normal(0, 0.012), rng.uniform(0.038, 0.062)
    low, high = (0.0, 1.0) if rng.random() < 0.6 else (rng.uniform(0, 0.12), rng.uniform(0.8, 1))
    spine = np.array([(low, middle - drop), (high, middle + drop)])
    return SiteObject("toe drain", _condition("toe drain", site, rng), _strip(spine, width), spine, float(width))


def _slope(x: float, foot: float, site: Site, rng: np.random.Generator) -> SiteObject:
    """A channel down the slope."""
    bottom, middle = foot + rng.uniform(0.03, 0.06), rng.uniform(0.45, 0.51)
    lean, width = rng.normal(0, 0.025), rng.uniform(0.032, 0.05)
    spine = np.array([(x + lean, 2 * middle - bottom), (x - lean, bottom)])
    return SiteObject("slope drain", _condition("slope drain", site, rng), _strip(spine, width), spine, float(width))


def _bush(foot: float, rng: np.random.Generator) -> SiteObject:
    """A bush on the slope, or below it."""
    radius = rng.uniform(0.045, 0.1)
    x, y = rng.uniform(radius, 1 - radius), rng.uniform(0.3, foot + 0.12)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    reach = radius * rng.uniform(0.85, 1.1, 12)
    outline = np.stack([x + reach * np.cos(angle), y + 0.85 * reach * np.sin(angle)], axis=1)
    spine = np.array([(x - radius, y), (x + radius, y)])
    return SiteObject("vegetation", "normal", np.clip(outline, 0, 1), spine, float(1.7 * radius))


def _strip(spine: Points, width: float) -> Points:
    """Four corners around a line."""
    along = (spine[1] - spine[0]) / np.linalg.norm(spine[1] - spine[0])
    side = np.array([-along[1], along[0]]) * width / 2
    corners = np.array([spine[0] - side, spine[1] - side, spine[1] + side, spine[0] + side])
    return np.asarray(np.clip(corners, 0, 1))
