"""Draws a photograph of a hand: ground, light, sleeve and shadow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from data.drawing import OVERSAMPLING, Camera, colour, enlarge, noise
from data.drawing_hands import moved, shading, soften
from data.hands_form import Pose, PosedHand, relief
from data.hands_skin import back, palm

if TYPE_CHECKING:
    from data.drawing import Floats, Pixels
    from data.hands_people import HandShape

GROUNDS = ("white paper", "a grey table", "coloured paper", "a wooden table", "striped cloth", "stone")
_EXPOSED = 0.86  # white paper in bright light is just white
_LIKELY = (0.42, 0.14, 0.16, 0.12, 0.08, 0.08)


@dataclass(frozen=True)
class Sitting:
    """What the photographs of a burst share: ``sun`` is azimuth and elevation, ``light`` runs from 0 to 1 (bright).

    ``shade`` is that of the ground, 0 (dark) to 1; ``paint`` is the colour of coloured paper, cloth and sleeve;
    ``sleeve`` is where it ends, in hand lengths above the wrist.
    """

    pose: Pose
    ground: str
    shade: float
    paint: tuple[float, float, float]
    sun: tuple[float, float]
    contrast: float
    light: float
    sleeve: float | None
    camera: Camera

    @classmethod
    def random(cls, rng: np.random.Generator, size: int) -> Sitting:
        """Draw a sitting."""
        light = float(rng.random())
        hue = np.abs((rng.random() * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
        vivid = rng.uniform(0.15, 0.8)
        paint = rng.uniform(70, 230) * (1 - vivid * (1 - np.clip(hue, 0, 1)))
        return cls(
            pose=Pose.random(rng),
            ground=str(rng.choice(GROUNDS, p=_LIKELY)),
            shade=float(rng.random()),
            paint=(float(paint[0]), float(paint[1]), float(paint[2])),
            sun=(float(rng.uniform(0, 2 * np.pi)), float(np.radians(rng.uniform(30, 75)))),
            contrast=float(rng.uniform(0.25, 0.6)),
            light=light,
            sleeve=float(rng.uniform(-0.3, -0.02)) if rng.random() < 0.35 else None,
            camera=Camera.random(rng, light, size),
        )

    @classmethod
    def clean(cls) -> Sitting:
        """The same pose, ground, light and camera for every hand."""
        return cls(Pose.clean(), GROUNDS[0], 0.5, (128.0, 128.0, 128.0), (-2.2, 0.9), 0.4, 1.0, None, Camera())

    def nearly(self, rng: np.random.Generator) -> Sitting:
        """Draw the next photograph of the burst: pose and exposure differ a little."""
        exposure = self.camera.exposure * float(rng.normal(1, 0.015))
        return replace(self, pose=self.pose.nearly(rng), camera=replace(self.camera, exposure=exposure))


def photograph(hand: HandShape, aspect: str, sitting: Sitting, size: int, rng: np.random.Generator) -> Pixels:
    """Draw a photograph, (size, size, 3); ``aspect`` is one of 11k Hands."""
    dorsal, right = aspect.startswith("dorsal"), aspect.endswith("right")
    side = size * OVERSAMPLING
    # The back of a right hand has its thumb on the left, and so has the palm of a left hand.
    posed = PosedHand(hand, sitting.pose, side, mirrored=dorsal is not right)
    scene = _ground(sitting, size, rng)
    height, here = relief(posed)
    skin = (back if dorsal else palm)(posed, rng)
    _throw(scene[posed.window], here, sitting, posed.scale)
    part = scene[posed.window]
    light, gloss = shading(height + skin.bumps, sitting.sun, sitting.contrast)
    # Between fingers less light arrives: there the hand is lower than around.
    light *= 1 - np.clip((soften(height, 0.05 * posed.scale) - height) / np.float32(0.09 * posed.scale), 0, 0.4)
    lit = skin.colours * light[..., None] + np.float32(16) * gloss[..., None]
    if sitting.sleeve is not None:
        lit = _sleeved(lit, posed, sitting, light)
    part += here[..., None] * (lit - part)
    scene *= np.float32(_EXPOSED)
    return sitting.camera.take(scene, rng)


def _throw(scene: Floats, here: Floats, sitting: Sitting, scale: float) -> None:
    """Darken the ground where the hand keeps the sun away."""
    azimuth, elevation = sitting.sun
    reach = 0.035 * scale / np.tan(elevation)
    x, y = round(-reach * np.cos(azimuth)), round(-reach * np.sin(azimuth))
    shadow = np.clip(soften(moved(here, x, y), 0.05 * scale), 0, 1)
    scene *= 1 - np.float32(0.75 * sitting.contrast) * shadow[..., None]


def _sleeved(lit: Floats, posed: PosedHand, sitting: Sitting, light: Floats) -> Floats:
    """Cover the arm below the end of a sleeve."""
    end = sitting.sleeve or 0.0
    sheet = Image.new("L", posed.shape[::-1])
    corners = posed(np.array([(-1.0, end), (1.0, end + 0.03), (1.0, -3.0), (-1.0, -3.0)]))
    ImageDraw.Draw(sheet).polygon([tuple(corner) for corner in corners], fill=255)
    covered = np.asarray(sheet, np.float32)[..., None] / 255
    cloth = np.asarray(sitting.paint, np.float32) * np.float32(0.7) * light[..., None]
    return lit + covered * (cloth - lit)


def _ground(sitting: Sitting, size: int, rng: np.random.Generator) -> Floats:
    """What the hand lies on, enlarged to the canvas."""
    shape, ground = (size, size), sitting.ground
    paint = np.asarray(sitting.paint, np.float32)
    if ground == "a wooden table":
        grain = noise(rng, shape, (18, 1.5), 3) + np.float32(0.6) * noise(rng, shape, (60, 3), 1)
        base = np.asarray((164, 118, 74), np.float32) * np.float32(0.55 + 0.6 * sitting.shade)
        values = base * (1 + np.float32(0.09) * grain[..., None])
    elif ground == "striped cloth":
        values = _stripes(paint, size, rng)
    elif ground == "stone":
        base = np.asarray((150, 146, 140), np.float32) * np.float32(0.6 + 0.65 * sitting.shade)
        values = base * (1 + np.float32(0.09) * noise(rng, shape, (14, 14), 4)[..., None])
    else:
        level = {"white paper": 222 + 24 * sitting.shade, "a grey table": 90 + 95 * sitting.shade}.get(ground)
        base = paint if level is None else np.full(3, level, np.float32)
        values = base * (1 + np.float32(0.012) * noise(rng, shape, (3, 3), 2)[..., None])
    return enlarge(values, OVERSAMPLING)


def _stripes(paint: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Cloth with stripes of two shades, at an angle."""
    picture = Image.new("RGB", (size, size), colour(paint))
    draw = ImageDraw.Draw(picture)
    period, slope = size * rng.uniform(0.05, 0.16), rng.uniform(-0.6, 0.6) * size
    other = colour(paint * np.float32(rng.uniform(0.45, 0.75)))
    for start in np.arange(-size, 2 * size, period):
        corners = [(start, 0), (start + period / 2, 0), (start + period / 2 + slope, size), (start + slope, size)]
        draw.polygon(corners, fill=other)
    weave = 1 + np.float32(0.03) * noise(rng, (size, size), (size / 2, size / 2), 1)[..., None]
    return np.asarray(picture, np.float32) * weave
