"""Draws a photograph of a specimen: arrangement of its fruit bodies, viewpoint and light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.drawing import OVERSAMPLING, Camera, as_image
from data.species_form import Form
from data.species_habitat import backdrop, foreground
from data.species_paint import Body, Light, View, outline, paint, settle, shadows
from data.species_skin import MushroomSkin
from data.species_world import ATTRIBUTES

if TYPE_CHECKING:
    from data.drawing import Floats, Pixels
    from data.species_world import Species

LIGHTS = ("low light", "moderate light", "bright daylight")


class FruitBody(NamedTuple):
    """A fruit body: position on the ground (x, z), size, lean (radians), direction of the lean, turn and bend."""

    x: float
    z: float
    size: float
    lean: float
    towards: float
    turn: float
    bend: float


@dataclass(frozen=True)
class Specimen:
    """What photographs of a specimen share: shape, skin, and fruit bodies."""

    form: Form
    skin: MushroomSkin
    fruit_bodies: tuple[FruitBody, ...]

    @classmethod
    def grow(cls, species: Species, rng: np.random.Generator) -> Specimen:
        """Draw a specimen of a species."""
        return cls(Form.grow(species, rng), MushroomSkin.grow(species, rng), _fruit_bodies(species["growth"], rng))

    def tidied(self, species: Species) -> Specimen:
        """The same specimen in the standard arrangement of its growth, with fruit bodies of size 1."""
        fruit_bodies = _fruit_bodies(species["growth"], np.random.default_rng(1))
        return replace(self, fruit_bodies=tuple(one._replace(size=1.0) for one in fruit_bodies))


@dataclass(frozen=True)
class Shot:
    """Conditions of a photograph: ``pitch`` (radians) is downwards; ``light`` is 0 (dim) to 1 (bright)."""

    habitat: str
    pitch: float
    around: float
    roll: float
    zoom: float
    shift: tuple[float, float]
    sun: tuple[float, float]
    light: float
    picked: int
    clutter: float

    @classmethod
    def random(cls, species: Species, rng: np.random.Generator) -> Shot:
        """Draw random conditions; one photograph in eight shows the species outside its habitat."""
        elsewhere = rng.random() < 0.125
        strange = str(rng.choice(ATTRIBUTES["habitat"]))
        return cls(
            habitat=strange if elsewhere else species["habitat"],
            pitch=float(np.radians(rng.uniform(-10, 46))),
            around=float(rng.uniform(0, 2 * np.pi)),
            roll=float(np.radians(rng.normal(0, 6))),
            zoom=float(rng.uniform(0.58, 1.02)),
            shift=(float(rng.normal(0, 0.4)), float(rng.normal(0, 0.4))),
            sun=(float(rng.uniform(-1.9, 1.9)), float(np.radians(rng.uniform(28, 78)))),
            light=float(rng.random()),
            picked=int(rng.choice((-1, 0, 1), p=(0.2, 0.6, 0.2))),
            clutter=float(rng.gamma(1.0, 1.0)),
        )

    @classmethod
    def clean(cls, species: Species) -> Shot:
        """The standard view and light, with one fruit body picked and laid beside."""
        return cls(species["habitat"], float(np.radians(27)), 1.35, 0.0, 1.0, (0.0, 0.0), (-0.6, 0.9), 0.7, 1, 0.0)

    @property
    def light_name(self) -> str:
        """One of ``LIGHTS``."""
        return LIGHTS[min(int(self.light * len(LIGHTS)), len(LIGHTS) - 1)]


def photograph(specimen: Specimen, shot: Shot, camera: Camera, size: int, rng: np.random.Generator) -> Pixels:
    """Draw a photograph, (size, size, 3)."""
    side = size * OVERSAMPLING
    bodies = _bodies(specimen, shot)
    view = _frame(bodies, shot, side)
    feet = view.place(np.stack([body.foot * (1, 0, 1) for body in bodies]).astype(np.float32))
    horizon = (float(feet[:, 1].mean()) / side) - 0.12 - 1.2 * max(np.sin(shot.pitch), 0.0)
    squash = float(np.clip(np.sin(shot.pitch), 0.2, 1))
    scene = backdrop(shot.habitat, size, horizon, squash, rng)
    light = Light(_direction(shot.sun), shot.light)
    scene *= shadows(bodies, view, light, side)[..., None]
    bodies.sort(key=lambda body: float(body.foot @ view.axes[2]))
    stems = np.full((side, side), -1, np.int8)
    for number, body in enumerate(bodies):
        paint(scene, stems, number, body, specimen.skin, view, light)
    picture = as_image(scene)
    for number, body in enumerate(bodies):
        settle(picture, stems == number, body, view, shot.habitat, rng)
    foreground(picture, shot.habitat, shot.clutter, rng)
    return camera.take(np.asarray(picture, np.float32), rng)


def _fruit_bodies(growth: str, rng: np.random.Generator) -> tuple[FruitBody, ...]:
    """Arrange the fruit bodies of a specimen according to its growth."""
    if growth == "solitary":
        return (FruitBody(0, 0, 1, abs(rng.normal(0, 0.1)), rng.uniform(0, 6.28), rng.uniform(0, 6.28), 0),)
    clustered = growth == "clustered"
    count = int(rng.integers(3, 5))
    angles = (np.arange(count) + rng.uniform(-0.25, 0.25, count)) * 2 * np.pi / count + rng.uniform(0, 6.28)
    spread = rng.uniform(0.20, 0.34, count) if clustered else rng.uniform(0.58, 0.8, count)
    return tuple(
        FruitBody(
            x=float(distance * np.cos(angle)),
            z=float(distance * np.sin(angle)),
            size=float(rng.uniform(0.65, 1.0)),
            lean=float(rng.uniform(0.22, 0.45) if clustered else abs(rng.normal(0, 0.1))),
            towards=float(angle if clustered else rng.uniform(0, 6.28)),
            turn=float(rng.uniform(0, 6.28)),
            bend=float(rng.normal(0, 0.06)),
        )
        for angle, distance in zip(angles, spread, strict=True)
    )


def _bodies(specimen: Specimen, shot: Shot) -> list[Body]:
    """Turn the group by ``shot.around``, and add the picked fruit body, if any."""
    bodies = []
    for one in specimen.fruit_bodies:
        angle = one.towards + shot.around
        axis = (np.sin(one.lean) * np.cos(angle), np.cos(one.lean), np.sin(one.lean) * np.sin(angle))
        x, z = np.cos(shot.around), np.sin(shot.around)
        foot = np.array((one.x * x - one.z * z, 0, one.x * z + one.z * x), np.float32)
        form = replace(specimen.form, bend=specimen.form.bend + one.bend)
        bodies.append(Body(form, _upright_to(axis, one.turn), foot, one.size, lies=False))
    if shot.picked:
        # The foot points to the viewer, so that the underside is visible.
        reach = max(float(body.foot[0] * shot.picked) for body in bodies) + 0.5
        foot = np.array((shot.picked * (reach + 0.25), 0.22, 0.75), np.float32)
        turn = _upright_to((-0.35 * shot.picked, 0.28 - np.sin(shot.pitch), -0.9), 0.7)
        bodies.append(Body(specimen.form, turn, foot, 0.92, lies=True))
    return bodies


def _upright_to(axis: tuple[float, float, float], turn: float) -> Floats:
    """Rotation matrix (3, 3) whose y axis is ``axis``, after a turn about that axis."""
    y = np.asarray(axis) / np.linalg.norm(axis)
    x = np.cross(y, (np.sin(turn), 0.01, np.cos(turn)))
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=1).astype(np.float32)


def _direction(sun: tuple[float, float]) -> Floats:
    azimuth, elevation = sun
    level = np.cos(elevation)
    return np.array((np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level), np.float32)


def _frame(bodies: list[Body], shot: Shot, side: int) -> View:
    """Aim the camera; all bodies are in view if ``zoom`` is at most 1 and ``shift`` is small."""
    pitch, roll = np.float32(shot.pitch), np.float32(shot.roll)
    right, up = np.array((1.0, 0, 0)), np.array((0, np.cos(pitch), -np.sin(pitch)))
    towards = np.array((0, np.sin(pitch), np.cos(pitch)))
    turned = np.cos(roll) * right + np.sin(roll) * up, np.cos(roll) * up - np.sin(roll) * right
    axes = np.stack([*turned, towards]).astype(np.float32)
    flat = np.concatenate([outline(body) for body in bodies]) @ axes[:2].T
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = float(shot.zoom * side * 0.94 / max(high - low))
    room = np.maximum(side - (high - low) * scale, 0) / 2
    middle = np.array((0.5, 0.54)) * side + np.clip(shot.shift, -1, 1) * room
    centre = middle - (low + high) / 2 * scale * (1, -1)
    return View(axes, scale, centre.astype(np.float32))
