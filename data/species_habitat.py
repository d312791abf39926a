"""Paints habitats: ground, background and foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageDraw, ImageFilter

from data.drawing import OVERSAMPLING, as_image, colour, enlarge, noise, smoothstep

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL import Image

    from data.drawing import Floats

    Ground = Callable[[int, float, np.random.Generator], Image.Image]

_BEHIND = {
    "leaf litter": (70, 58, 42),
    "grass": (84, 110, 56),
    "moss": (46, 64, 34),
    "wood": (58, 62, 44),
    "sand": (150, 164, 172),
}
_LEAVES = np.array([(120, 78, 40), (150, 104, 54), (96, 62, 36), (172, 130, 72), (134, 66, 34), (84, 70, 48)])
_MOSS = np.array([(50, 80, 28), (92, 112, 42)], np.float32)
_GRASS = np.array((96, 128, 50), np.float32)
_BLADES = {"grass": (_GRASS, 1.5, 9), "moss": (_MOSS[1], 0.5, 11)}  # at a stem: colour, height, how many


def backdrop(habitat: str, size: int, horizon: float, squash: float, rng: np.random.Generator) -> Floats:
    """Paint ground and background, at ``OVERSAMPLING`` times ``size``.

    Args:
        habitat: a value of the attribute.
        size: height and width of the photograph in pixels.
        horizon: end of the ground, as a fraction of the height from the top; without a background if 0 or less.
        squash: foreshortening of the ground, 0 to 1.
        rng: random generator.
    """
    ground = _GROUNDS[habitat](size, squash, rng).filter(ImageFilter.GaussianBlur(size / 320 * rng.uniform(0.5, 1.3)))
    scene = np.asarray(ground, np.float32) * (1 + np.float32(0.10) * noise(rng, (size, size), (3, 3), 2))[..., None]
    scene *= np.asarray(rng.normal(1, 0.08) + rng.normal(0, 0.03, 3), np.float32)
    if horizon > 0:
        down = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
        behind = _far(habitat, size, rng)
        ahead = smoothstep(horizon - 0.10, horizon + 0.10, down)
        scene = behind * (1 - ahead) + scene * ahead
    return enlarge(scene, OVERSAMPLING)


def foreground(scene: Image.Image, habitat: str, amount: float, rng: np.random.Generator) -> None:
    """Draw blades and leaves over the lower part of a scene; ``amount`` is relative to the usual number."""
    draw = ImageDraw.Draw(scene)
    side = scene.width
    blades = rng.poisson(amount * (5 if habitat == "grass" else 0.8))
    for x, height, sway in zip(
        rng.uniform(0, side, blades), rng.uniform(0.15, 0.6, blades), rng.normal(0, 0.16, blades), strict=True
    ):
        green = (_GRASS * rng.uniform(0.55, 1.25) + rng.normal(0, 12, 3)).astype(np.float32)
        _blade(draw, (float(x), 1.02 * side), height * side, sway * side, side * rng.uniform(0.008, 0.02), green)
    for _ in range(rng.poisson(amount * (0.9 if habitat == "leaf litter" else 0.15))):
        at = (float(rng.uniform(0, side)), side * float(rng.uniform(0.82, 1.0)))
        _leaf(draw, at, side * rng.uniform(0.06, 0.12), 0.6, rng)


def tuft(scene: Image.Image, habitat: str, foot: tuple[float, float], width: float, rng: np.random.Generator) -> None:
    """Cover the foot of a stem of ``width`` pixels with blades or leaves."""
    draw = ImageDraw.Draw(scene)
    x, y = foot
    if habitat == "leaf litter":
        _leaf(draw, (x + float(rng.uniform(-0.7, 0.7)) * width, y + 0.15 * width), 0.55 * width, 0.5, rng)
    if habitat not in _BLADES:
        return
    tone, reach, count = _BLADES[habitat]
    for aside, height, shade in zip(
        rng.uniform(-0.8, 0.8, count), rng.uniform(0.4, 1, count) * reach, rng.uniform(0.5, 1.2, count), strict=True
    ):
        sway = float(rng.normal(0, 0.3)) * width
        _blade(draw, (x + aside * width, y + 0.12 * width), height * width, sway, 0.14 * width, tone * shade)


def _far(habitat: str, size: int, rng: np.random.Generator) -> Floats:
    """Paint a blurred background: patches of the habitat's colour and a few discs of light."""
    base = np.asarray(_BEHIND[habitat]) * rng.uniform(0.6, 1.3) + rng.normal(0, 8, 3)
    patches = noise(rng, (size, size), (4, 3), 2)[..., None]
    picture = as_image(base.astype(np.float32) * (1 + np.float32(0.28) * patches))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.poisson(3)):
        x, y, radius = rng.uniform(0, size), rng.uniform(0, size * 0.6), size * rng.uniform(0.02, 0.07)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour(base * rng.uniform(1.2, 1.9)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(size / 55)), np.float32)


def _litter(size: int, squash: float, rng: np.random.Generator) -> Image.Image:
    soil = np.array([74, 56, 38]) * (1 + 0.22 * noise(rng, (size, size), (20, 14), 3)[..., None])
    ground = as_image(soil)
    draw = ImageDraw.Draw(ground)
    for y in np.sort(rng.uniform(-0.05, 1.05, 130)):
        _leaf(draw, (size * float(rng.uniform(-0.05, 1.05)), size * float(y)), size * (0.035 + 0.05 * y), squash, rng)
    return ground


def _lawn(size: int, _squash: float, rng: np.random.Generator) -> Image.Image:
    ground = as_image(np.array([62, 84, 34]) * (1 + 0.25 * noise(rng, (size, size), (24, 30), 2)[..., None]))
    draw = ImageDraw.Draw(ground)
    shades = rng.uniform(0.55, 1.35, 260)
    hues = _GRASS + np.float32(10) * rng.standard_normal((260, 3), dtype=np.float32)
    at = np.stack([rng.uniform(0, size, 260), np.sort(rng.uniform(-0.02, 1.15, 260)) * size], axis=1)
    for (x, y), shade, hue, sway in zip(at, shades, hues, rng.normal(0, 0.05, 260), strict=True):
        height = size * (0.08 + 0.12 * y / size) * (0.6 + 0.6 * shade)
        _blade(draw, (float(x), float(y)), height, sway * size, size * 0.009, hue * shade * (0.7 + 0.3 * y / size))
    return ground


def _moss(size: int, squash: float, rng: np.random.Generator) -> Image.Image:
    cushions = noise(rng, (size, size), (5 / squash**0.5, 5), 2)
    fronds = noise(rng, (size, size), (size / 2.2, size / 2.4), 1)
    light = np.clip(1 + np.float32(0.15) * cushions + np.float32(0.17) * fronds, 0.3, 2)[..., None]
    yellow = np.clip(np.float32(0.45) + np.float32(0.22) * cushions, 0, 1)[..., None]
    ground = as_image((_MOSS[0] * (1 - yellow) + _MOSS[1] * yellow) * light)
    draw = ImageDraw.Draw(ground)
    at = rng.uniform(0, size, (160, 2))
    for (x, y), shade, radius in zip(
        at, rng.uniform(0.7, 1.5, 160), rng.uniform(0.006, 0.014, 160) * size, strict=True
    ):
        tip = colour(_MOSS[1] * shade)
        draw.line((x - radius, y - radius, x + radius, y + radius), fill=tip)
        draw.line((x - radius, y + radius, x + radius, y - radius), fill=tip)
    return ground


def _log(size: int, squash: float, rng: np.random.Generator) -> Image.Image:
    grain = noise(rng, (size, size), (size / 5, 4), 2)
    bark = smoothstep(0.1, 0.8, noise(rng, (size, size), (5 / squash, 4), 3))[..., None]
    wood = np.array([150, 116, 80]) * (1 + 0.22 * grain[..., None])
    crust = np.array([78, 62, 50]) * (1 + 0.35 * noise(rng, (size, size), (30, 18), 2)[..., None])
    ground = as_image(wood * (1 - bark) + crust * bark)
    draw = ImageDraw.Draw(ground)
    for y in rng.uniform(0, size, 12):
        x, length = rng.uniform(-0.2, 0.9) * size, rng.uniform(0.15, 0.6) * size
        waves = [(x + length * step / 6, y + rng.normal(0, size / 160)) for step in range(7)]
        draw.line(waves, fill=colour(np.array([46, 34, 24]) * rng.uniform(0.7, 1.2)), width=max(1, size // 100))
    return ground


def _dune(size: int, squash: float, rng: np.random.Generator) -> Image.Image:
    ripples = noise(rng, (size, size), (9 / squash, 3), 2)
    grains = rng.standard_normal((size, size), dtype=np.float32)
    light = 1 + 0.06 * ripples + 0.07 * grains + 0.05 * noise(rng, (size, size), (4, 4), 2)
    ground = as_image(np.array([206, 184, 144]) * light[..., None])
    draw = ImageDraw.Draw(ground)
    for _ in range(rng.poisson(14)):
        x, y, radius = rng.uniform(0, size), rng.uniform(0, size), size * rng.uniform(0.006, 0.022)
        grey = np.array([142, 130, 116]) * rng.uniform(0.6, 1.3)
        tall = radius * (0.4 + 0.5 * squash)
        draw.ellipse((x - radius, y - tall, x + radius, y + tall + 1), fill=colour(grey * 0.6))
        draw.ellipse((x - radius, y - tall, x + radius, y + tall), fill=colour(grey))
    return ground


_GROUNDS: dict[str, Ground] = {"leaf litter": _litter, "grass": _lawn, "moss": _moss, "wood": _log, "sand": _dune}


def _leaf(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], length: float, squash: float, rng: np.random.Generator
) -> None:
    """Draw a pointed leaf with a shadow and a midrib."""
    angle, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.5)
    along = np.linspace(-1, 1, 6)
    half = width * (1 - along**2)
    outline = np.concatenate([np.stack([along, half], 1), np.stack([along[::-1], -half[::-1]], 1)]) * length
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    placed = outline @ turn * (1, 0.35 + 0.65 * squash) + at
    tone = _LEAVES[int(rng.integers(len(_LEAVES)))] * rng.uniform(0.6, 1.25)
    draw.polygon(np.add(placed, (0, length * 0.16)).ravel().tolist(), fill=colour(tone * 0.35))
    draw.polygon(placed.ravel().tolist(), fill=colour(tone))
    draw.line([tuple(placed[0]), tuple(placed[5])], fill=colour(tone * 0.7))


def _blade(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, sway: float, width: float, tone: Floats
) -> None:
    """Draw a blade of grass that bends to one side, darker on one half."""
    x, y = foot
    bend, tip = (x + 0.3 * sway, y - 0.6 * height), (x + sway, y - height)
    draw.polygon(
        [(x - width / 2, y), bend, tip, (bend[0] + width * 0.7, bend[1]), (x + width / 2, y)], fill=colour(tone)
    )
    draw.line([(x, y), bend], fill=colour(tone * 0.75))
