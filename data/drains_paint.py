"""Paints a slope and its objects: concrete channels, bands of stones, bushes, and their damage."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from data.drawing import OVERSAMPLING, as_image, colour, noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.drains_site import Points, Site, SiteObject
    from data.drawing import Floats

    Shade = Points | tuple[float, float, float]

_DIRT = np.array((96.0, 76.0, 56.0))
_SHADE = (44.0, 40.0, 36.0)


class Painter:
    """Draws the objects of a site on an image of ``side`` pixels; positions and sizes are fractions of the side."""

    def __init__(self, site: Site, picture: Image.Image, rng: np.random.Generator) -> None:
        self.site, self.side, self.rng = site, picture.width, rng
        self._draw = ImageDraw.Draw(picture)

    def paint(self, item: SiteObject) -> None:
        """Draw one object."""
        painters: dict[str, Callable[[SiteObject], None]] = {
            "toe drain": self._channel,
            "slope drain": self._channel,
            "rock toe": self._rocks,
            "vegetation": self._bush,
        }
        painters[item.kind](item)

    def tufts(self, count: int) -> None:
        """Scatter ``count`` tufts of grass, which are not labelled as vegetation."""
        for x, y, size in self.rng.uniform((0, 0.2, 0.4), (1, 0.95, 1), (count, 3)).tolist():
            shade = self.site.leaf * self.rng.uniform(0.7, 1.35)
            for lean in self.rng.normal(0, 0.006, 2).tolist():
                self._line([(x, y), (x + lean, y - 0.014 * size)], 0.003, shade)

    def _channel(self, item: SiteObject) -> None:
        """Draw two walls and the bed between them, in segments; then silt, or cracks and broken walls."""
        along = item.spine[1] - item.spine[0]
        length = float(np.linalg.norm(along))
        place = _Strip(item.spine, item.width)
        self._area(place.quad(0, 1, -0.62, 0.72), self.site.soil * 0.55)
        joints = max(3, round(length / (0.75 * item.width)))
        edges = np.linspace(0, 1, joints + 1)
        broken = self._broken(joints) if item.condition == "damaged" else frozenset()
        for at, (start, end) in enumerate(pairwise(edges)):
            self._segment(place, start, end, broken=at in broken)
        if item.condition == "blocked":
            self._silt(place, length / item.width)
        elif item.condition == "damaged":
            self._cracks(place, edges, broken)

    def _segment(self, place: _Strip, start: float, end: float, *, broken: bool) -> None:
        tone, gap = self.site.concrete * self.rng.normal(1, 0.035), 0.12 * (end - start)
        if broken:
            self._area(place.quad(start, end, -0.5, 0.5), self.site.soil * 0.72)
            for _ in range(3):  # debris
                middle, across = self.rng.uniform(start, end), self.rng.uniform(-0.8, 0.8)
                piece = place.quad(middle - 0.3 * gap, middle + 2.2 * gap, across, across + self.rng.uniform(0.2, 0.5))
                self._area(piece + self.rng.normal(0, 0.003, piece.shape), tone * self.rng.uniform(0.75, 1))
            return
        bed = 0.8 if self.site.ladder else 0.5
        self._area(place.quad(start, end, -0.5, 0.5), tone)
        self._area(place.quad(start, end, -0.27, 0.3), tone * bed * 0.75)
        self._area(place.quad(start, end - gap, -0.2, 0.3), tone * bed)
        self._line(place.points([(start, -0.5), (start, 0.5)]), 0.002, tone * 0.62)

    def _broken(self, joints: int) -> frozenset[int]:
        """Choose the missing segments: two stretches, about a third of all."""
        gone: set[int] = set()
        for _ in range(2):
            first = int(self.rng.integers(joints))
            gone |= set(range(first, min(first + max(1, round(0.17 * joints)), joints)))
        return frozenset(gone)

    def _cracks(self, place: _Strip, edges: Points, broken: frozenset[int]) -> None:
        for at, (start, end) in enumerate(pairwise(edges)):
            if at in broken or self.rng.random() < 0.45:
                continue
            across = np.linspace(-0.5, 0.5, 5) + self.rng.normal(0, 0.05, 5)
            lengths = start + (end - start) * (self.rng.random() + np.cumsum(self.rng.normal(0, 0.25, 5)))
            self._line(place.points(list(zip(lengths, across, strict=True))), 0.0042, _SHADE)

    def _silt(self, place: _Strip, slender: float) -> None:
        """Fill stretches of the bed with dirt and weeds."""
        for middle, reach in zip(self.rng.uniform(0.1, 0.9, 3), self.rng.uniform(0.12, 0.22, 3), strict=True):
            for _ in range(round(34 * reach * slender**0.5)):
                along, across = self.rng.normal(middle, reach / 2), self.rng.normal(0, 0.2)
                (x, y), size = place.points([(float(np.clip(along, 0.01, 0.99)), across)])[0], place.width
                shade = _DIRT if self.rng.random() < 0.6 else self.site.leaf
                self._blob(x, y, size * self.rng.uniform(0.12, 0.3), shade * self.rng.uniform(0.7, 1.25))

    def _rocks(self, item: SiteObject) -> None:
        """Draw stones in rows; a damaged band has bare patches with weeds, and stones that rolled down."""
        self._area(item.outline, self.site.soil * 0.6)
        (low, _), (high, _) = item.spine
        top, bottom = item.outline[:, 1].min(), item.outline[:, 1].max()
        size = 0.0125
        rows = max(3, round((bottom - top) / (1.25 * size)))
        holes = self._holes(low, high, top, bottom) if item.condition == "damaged" else np.zeros((0, 3))
        for y in np.linspace(top + size / 2, bottom - size / 2, rows):
            for x in np.arange(low + size / 2, high - size / 2, 1.5 * size):
                at_x, at_y = x + self.rng.normal(0, 0.22 * size), y + self.rng.normal(0, 0.2 * size)
                if not (np.hypot(at_x - holes[:, 0], 1.4 * (at_y - holes[:, 1])) < holes[:, 2]).any():
                    self._stone(at_x, at_y, size * self.rng.uniform(0.6, 0.95))
        for x, y, radius in holes:
            self._weeds(x, y, radius)
            for _ in range(3):
                self._stone(x + self.rng.normal(0, radius), bottom + self.rng.uniform(-0.01, 0.03), 0.6 * size)

    def _holes(self, low: float, high: float, top: float, bottom: float) -> Points:
        """Positions and radii (n, 3) of bare patches, about seven per image width."""
        count = max(2, round(7 * (high - low)))
        return self.rng.uniform((low, top, 0.022), (high, bottom, 0.045), (count, 3))

    def _weeds(self, x: float, y: float, radius: float) -> None:
        self._blob(x, y, radius * 0.8, self.site.soil * self.rng.uniform(0.8, 0.95))
        for _ in range(10):
            at_x, at_y = self.rng.normal((x, y), 0.4 * radius)
            shade = self.site.leaf * self.rng.uniform(0.8, 1.3)
            self._line([(at_x, at_y), (at_x + self.rng.normal(0, 0.006), at_y - 0.014)], 0.0035, shade)

    def _stone(self, x: float, y: float, size: float) -> None:
        """Draw a stone with its shadow below and light from above."""
        tone = self.site.stone * self.rng.normal(1, 0.13)
        width, height = size * self.rng.uniform(0.55, 0.85), size * self.rng.uniform(0.4, 0.6)
        self._ellipse(x, y + 0.25 * size, width, height, _SHADE)
        self._ellipse(x, y, width, height, tone * 0.82)
        self._ellipse(x - 0.1 * size, y - 0.14 * size, width * 0.65, height * 0.6, tone * 1.08)

    def _bush(self, item: SiteObject) -> None:
        """Draw leaves, from dark ones below to light ones above."""
        middle = item.outline.mean(axis=0)
        radius = float(item.spine[1, 0] - item.spine[0, 0]) / 2
        self._area(item.outline + radius * np.array((0.1, 0.16)), self.site.soil * 0.4)
        for layer, shade in enumerate((0.55, 0.75, 0.95, 1.2)):
            for _ in range(26):
                reach, angle = np.sqrt(self.rng.random()) * (0.86 - 0.12 * layer), self.rng.uniform(0, 2 * np.pi)
                x = middle[0] + radius * reach * np.cos(angle)
                y = middle[1] + radius * (0.85 * reach * np.sin(angle) - 0.07 * layer)
                tone = self.site.leaf * shade * self.rng.normal(1, 0.1)
                self._blob(x, y, radius * self.rng.uniform(0.1, 0.2) * (1.1 - 0.12 * layer), tone)

    def _area(self, corners: Points, shade: Points) -> None:
        self._draw.polygon([(x, y) for x, y in (corners * self.side).tolist()], fill=colour(shade))

    def _line(self, points: list[tuple[float, float]] | Points, width: float, shade: Shade) -> None:
        placed = [(x * self.side, y * self.side) for x, y in points]
        self._draw.line(placed, fill=colour(shade), width=max(1, round(width * self.side)))

    def _blob(self, x: float, y: float, radius: float, shade: Shade) -> None:
        self._ellipse(x, y, radius, radius * self.rng.uniform(0.6, 0.95), shade)

    def _ellipse(self, x: float, y: float, width: float, height: float, shade: Shade) -> None:
        side = self.side
        box = ((x - width) * side, (y - height) * side, (x + width) * side, (y + height) * side)
        self._draw.ellipse(box, fill=colour(shade))


class _Strip:
    """Coordinates of a channel: along it (0 to 1) and across it (-0.5 to 0.5)."""

    def __init__(self, spine: Points, width: float) -> None:
        self._start, self._along, self.width = spine[0], spine[1] - spine[0], width
        length = float(np.linalg.norm(self._along))
        self._side = np.array([-self._along[1], self._along[0]]) / length * width

    def points(self, places: list[tuple[float, float]]) -> Points:
        along, across = np.array(places).T[..., None]
        placed: Points = self._start + along * self._along + across * self._side
        return placed

    def quad(self, start: float, end: float, low: float, high: float) -> Points:
        return self.points([(start, low), (end, low), (end, high), (start, high)])


def slope(site: Site, size: int, foot: float, rng: np.random.Generator) -> Image.Image:
    """Paint the empty slope between two roads, an image of ``size * OVERSAMPLING`` pixels per side."""
    shape = (size, size)
    y = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    rough = noise(rng, shape, (9, 9), 2) + np.float32(0.8) * noise(rng, shape, (70, 70), 2)
    upper = rng.uniform(0.1, 0.17) + 0.012 * noise(rng, (1, size), (2, 4), 2)
    lower = max(foot, 0.6) + rng.uniform(0.24, 0.3) + 0.012 * noise(rng, (1, size), (2, 4), 2)
    road = np.clip(np.maximum(upper - y, y - lower) * 60 + np.float32(0.4) * rough, 0, 1)[..., None]
    soil = site.soil.astype(np.float32) * (1 + np.float32(0.11) * rough[..., None])
    patches = np.clip(noise(rng, shape, (5, 7), 2) - 0.5, 0, 1)[..., None]
    soil += patches * (site.leaf.astype(np.float32) * np.float32(1.1) - soil) * np.float32(0.7)
    ruts = noise(rng, shape, (30, 2), 1)[..., None]
    way = site.road.astype(np.float32) * (1 + np.float32(0.045) * ruts)
    scene: Floats = soil * (1 - road) + way * road
    return as_image(scene).resize((size * OVERSAMPLING,) * 2, Image.Resampling.BILINEAR)
