"""The skin of one specimen: colours of its cap, its underside and its stem, as pictures to wrap around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from data.drawing import noise, smoothstep

if TYPE_CHECKING:
    from data.drawing import Floats
    from data.species_world import Species

SIDE = 160
"""Height and width of the textures; cap and underside are a disc that touches all four edges."""

CAP_COLOURS = {
    "red": (186, 34, 26),
    "orange": (222, 112, 24),
    "yellow": (228, 192, 44),
    "green": (96, 138, 52),
    "blue": (66, 98, 152),
    "purple": (112, 62, 128),
    "pink": (216, 142, 156),
    "brown": (118, 74, 40),
    "white": (232, 228, 214),
    "grey": (128, 128, 130),
}
_PALE = frozenset(("white", "yellow", "pink"))  # caps on which marks are dark, or red
_GILLS = {"white gills": (232, 224, 204), "dark gills": (72, 50, 44), "yellow pores": (214, 178, 62)}
_STEM = (222, 208, 178)


@dataclass(frozen=True)
class MushroomSkin:
    """Colours 0..255: textures (SIDE, SIDE, 3) of cap, underside and stem (foot last), one colour (3,) of the ring."""

    cap: Floats
    underside: Floats
    stem: Floats
    ring: Floats
    gloss: float

    @classmethod
    def grow(cls, species: Species, rng: np.random.Generator) -> MushroomSkin:
        """Draw the skin of a specimen: colours and pattern of the species, with a random shade and blemishes."""
        base = np.asarray(CAP_COLOURS[species["cap_colour"]]) * rng.normal(1, 0.07) + rng.normal(0, 7, 3)
        pale = species["cap_colour"] in _PALE
        blemishes = noise(rng, (SIDE, SIDE), (5, 5), octaves=5)[..., None]
        cap = _PATTERNS[species["pattern"]](base.astype(np.float32), rng, pale=pale)
        centre = 1 - np.float32(rng.uniform(-0.04, 0.14)) * (1 - smoothstep(0.0, 0.55, _disc()[0]))[..., None]
        stem = np.asarray(_STEM) * rng.normal(1, 0.05) + rng.normal(0, 5, 3)
        return cls(
            cap=cap * centre * (1 + np.float32(0.075) * blemishes),
            underside=_underside(species["gills"], rng) * (1 + np.float32(0.03) * blemishes),
            stem=_fibres(stem.astype(np.float32), rng),
            ring=(stem * 1.04).astype(np.float32),
            gloss=float(rng.uniform(0.05, 0.4)),
        )


@lru_cache(maxsize=1)
def _disc() -> tuple[Floats, Floats]:
    """Distance from the middle (1 at the edge) and angle of every pixel of a texture."""
    across = np.linspace(-1, 1, SIDE, dtype=np.float32)
    x, y = across[None, :], across[:, None]
    return np.hypot(x, y), np.arctan2(y, x)


def _smooth(base: Floats, _rng: np.random.Generator, *, pale: bool) -> Floats:  # noqa: ARG001 - one signature for all
    return np.broadcast_to(base, (SIDE, SIDE, 3))


def _spotted(base: Floats, rng: np.random.Generator, *, pale: bool) -> Floats:
    """Round warts on a spiral (golden angle) with random displacements."""
    mark = np.asarray((168, 58, 40) if pale else (240, 234, 218), np.float32)
    count = int(rng.integers(12, 17))
    at = np.arange(count) + rng.uniform(0.2, 0.8)
    distance, angle = np.sqrt(at / count) * 0.96, at * 2.399963 + rng.normal(0, 0.18, count) + rng.uniform(0, 6.28)
    sheet, draw = _sheet()
    for r, phi, size in zip(distance, angle, rng.uniform(0.10, 0.15, count), strict=True):
        x, y, radius = r * np.cos(phi), r * np.sin(phi), size * (1.1 - 0.35 * r)
        draw.ellipse(_box(x, y, radius, radius * rng.uniform(0.75, 1.25)), fill=255)
    return _over(base, mark, sheet, 0.95)


def _scaly(base: Floats, rng: np.random.Generator, *, pale: bool) -> Floats:
    """Dark flakes in staggered rows, wider than long."""
    mark = np.asarray((92, 62, 40), np.float32) if pale else base * np.float32(0.36)
    sheet, draw = _sheet()
    rows = int(rng.integers(5, 7))
    for row in range(rows):
        r = (row + 0.75) / rows
        tiles = max(3, round(2 * np.pi * r * rows / 1.5))
        half = 0.66 * np.pi / tiles
        for phi in (np.arange(tiles) + 0.5 * (row % 2) + rng.normal(0, 0.12, tiles)) * 2 * np.pi / tiles:
            edge = 0.42 / rows * rng.uniform(0.8, 1.25)
            corners = ((r, phi - half), (r + 0.4 * edge, phi), (r, phi + half), (r - edge, phi))
            draw.polygon([_point(radius * np.cos(a), radius * np.sin(a)) for radius, a in corners], fill=255)
    return _over(base, mark, sheet, 0.9)


def _striped(base: Floats, rng: np.random.Generator, *, pale: bool) -> Floats:
    """Dark radial lines."""
    r, phi = _disc()
    lines = int(rng.integers(14, 19))
    wave = np.sin(phi * lines + rng.uniform(0, 6.28) + np.float32(0.5) * noise(rng, (SIDE, SIDE), (4, 4), 1))
    strength = smoothstep(0.0, 0.55, wave) * smoothstep(0.22, 0.5, r)
    return base * (1 - np.float32(0.55 if pale else 0.62) * strength[..., None])


def _zoned(base: Floats, rng: np.random.Generator, *, pale: bool) -> Floats:
    """Concentric light and dark bands."""
    r, _ = _disc()
    bands = rng.uniform(2.9, 3.6)
    wave = np.sin(
        2 * np.pi * bands * r + rng.uniform(-0.5, 0.5) + np.float32(0.35) * noise(rng, (SIDE, SIDE), (4, 4), 2)
    )
    strength = smoothstep(-0.35, 0.35, wave)[..., None]
    lighter = base + (255 - base) * np.float32(0.12 if pale else 0.35)
    return lighter * (1 - strength) + base * np.float32(0.58) * strength


_PATTERNS = {"smooth": _smooth, "spotted": _spotted, "scaly": _scaly, "striped": _striped, "zoned": _zoned}


def _underside(gills: str, rng: np.random.Generator) -> Floats:
    """Texture of the underside: radial gills, or dotted pores."""
    base = (np.asarray(_GILLS[gills]) * rng.normal(1, 0.05) + rng.normal(0, 5, 3)).astype(np.float32)
    if gills == "yellow pores":
        pores = smoothstep(0.2, 0.9, noise(rng, (SIDE, SIDE), (42, 42), 1))
        return base * (1 - np.float32(0.45) * pores[..., None])
    _, phi = _disc()
    wave = np.sin(phi * int(rng.integers(30, 40)) + np.float32(0.3) * noise(rng, (SIDE, SIDE), (5, 5), 1))
    return base * (np.float32(0.82) + np.float32(0.22) * wave[..., None])


def _fibres(base: Floats, rng: np.random.Generator) -> Floats:
    """Texture of the stem: streaks along it, darker at the foot."""
    streaks = noise(rng, (SIDE, SIDE), (3, 28), 3)[..., None]
    height = np.linspace(1, 0, SIDE, dtype=np.float32)[:, None, None]
    shade = np.float32(0.82) + np.float32(0.2) * height**0.5
    stem: Floats = base * (1 + np.float32(0.07) * streaks) * shade
    return stem


def _sheet() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    sheet = Image.new("L", (SIDE * 2, SIDE * 2))
    return sheet, ImageDraw.Draw(sheet)


def _over(base: Floats, mark: Floats, sheet: Image.Image, strength: float) -> Floats:
    """Blend a mark over a base where the sheet is white."""
    amount = np.asarray(sheet.reduce(2), np.float32)[..., None] * np.float32(strength / 255)
    return base * (1 - amount) + mark * amount


def _point(x: float, y: float) -> tuple[float, float]:
    return (x + 1) * SIDE, (y + 1) * SIDE


def _box(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    return *_point(x - width, y - height), *_point(x + width, y + height)
