"""Paints fruit bodies: shadows, visible pixels and their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data.drawing import smoothstep
from data.species_form import RING, STEM, TOP, UNDERSIDE, Form, Hits, cast
from data.species_habitat import tuft
from data.species_skin import SIDE, MushroomSkin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data.drawing import Floats


class Body(NamedTuple):
    """A fruit body in the world: ``turn`` (3, 3) rotates body axes to world axes, ``foot`` (3,) is in world units."""

    form: Form
    turn: Floats
    foot: Floats
    size: float
    lies: bool


class View(NamedTuple):
    """A camera: ``axes`` (3, 3) right, up, to the viewer; ``scale`` in pixels per unit; ``centre`` (2,) in pixels."""

    axes: Floats
    scale: float
    centre: Floats

    def place(self, points: Floats) -> Floats:
        """Columns and rows (n, 2) of world points (n, 3)."""
        flat = points @ self.axes[:2].T * np.float32(self.scale)
        return flat * np.array((1, -1), np.float32) + self.centre


class Light(NamedTuple):
    """Direction of the sun (3,), and its brightness, 0 to 1."""

    sun: Floats
    strength: float


def outline(body: Body) -> Floats:
    """Points (n, 3) of the world whose convex hull contains a body."""
    angles = np.arange(10) * 2 * np.pi / 10
    form = body.form
    wide = max(form.radius * 1.06, float(form.stem.max()))
    heights = (0.0, form.length + float(form.under.min()), form.height)
    circles = [
        np.stack([wide * np.cos(angles) + form.bend * y * y, np.full(10, y), wide * np.sin(angles)], axis=1)
        for y in heights
    ]
    points = (np.concatenate(circles) * body.size) @ body.turn.T + body.foot
    return np.asarray(points, np.float32)


def shadows(bodies: Sequence[Body], view: View, light: Light, side: int) -> Floats:
    """Light that reaches the ground (side, side), at most 1; less at the feet and in the shadows of caps."""
    mask = Image.new("L", (side // 4, side // 4))
    draw = ImageDraw.Draw(mask)
    flat = max(float(view.axes[2, 1]), 0.16)
    strength = 0.25 + 0.3 * light.strength
    for body in bodies:
        middle = body.foot + body.turn[:, 1] * np.float32(body.size * body.form.length)
        fallen = middle - light.sun * (middle[1] / max(light.sun[1], np.float32(0.35)))
        wide = body.form.radius * body.size
        spots = [(body.foot * (1, 0, 1), 0.55 * wide, 0.6), (fallen, wide, strength)]
        for at, radius, dark in spots:
            x, y = view.place(at[None].astype(np.float32))[0] / 4
            r = radius * view.scale / 4
            draw.ellipse((x - r, y - r * flat, x + r, y + r * flat), fill=round(255 * dark))
    soft = mask.filter(ImageFilter.GaussianBlur(side / 4 * 0.02)).resize((side, side), Image.Resampling.BILINEAR)
    return 1 - np.asarray(soft, np.float32) / np.float32(255)


def paint(
    scene: Floats,
    stems: NDArray[np.int8],
    number: int,
    body: Body,
    skin: MushroomSkin,
    view: View,
    light: Light,
) -> None:
    """Ray-cast a body into ``scene``, and write its ``number`` to the pixels of ``stems`` that show its stem."""
    side = len(scene)
    corners = view.place(outline(body))
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 1, 0, side)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2, 0, side)
    if left >= right or top >= bottom:
        return
    to_body = body.turn / np.float32(body.size)
    middle = body.foot + body.turn[:, 1] * np.float32(body.size * body.form.height / 2)
    flat = (np.array((left, top), np.float32) - view.centre) * np.array((1, -1), np.float32) / np.float32(view.scale)
    depth = middle @ view.axes[2] + np.float32(body.size * body.form.around)
    corner = (np.append(flat, depth) @ view.axes - body.foot) @ to_body
    down, across = (axis @ to_body / np.float32(view.scale) for axis in (-view.axes[1], view.axes[0]))
    shape = (int(bottom - top), int(right - left))
    hits = cast(body.form, corner.astype(np.float32), (down, across), shape, -view.axes[2] @ body.turn)
    row, column = top + hits.ray // shape[1], left + hits.ray % shape[1]
    scene[row, column] = _shade(body, skin, hits, light, view.axes[2])
    stems[row, column] = np.where(hits.part == STEM, number, -1)


def settle(
    picture: Image.Image, stem: NDArray[np.bool_], body: Body, view: View, habitat: str, rng: np.random.Generator
) -> None:
    """Cover the foot of a body with what grows on the ground, if the foot is visible."""
    column, row = np.clip(np.round(view.place(body.foot[None])[0]), 2, len(stem) - 1).astype(int)
    if not body.lies and stem[row - 2, column]:
        tuft(picture, habitat, (float(column), float(row)), 2 * float(body.form.stem[0]) * body.size * view.scale, rng)


def _shade(body: Body, skin: MushroomSkin, hits: Hits, light: Light, viewer: Floats) -> Floats:
    """Colours (n, 3) of hits: albedo of the skin, lit by sun and sky, with a highlight."""
    normals = hits.normals @ body.turn.T
    albedo = _albedo(body.form, skin, hits.points, hits.part)
    sunny = np.float32(0.30 + 0.38 * light.strength)
    facing = np.clip((normals @ light.sun + np.float32(0.22)) / np.float32(1.22), 0, 1)
    sky = np.float32(0.46) + np.float32(0.18) * normals[:, 1]
    half = (light.sun + viewer) / np.linalg.norm(light.sun + viewer)
    gleam = np.clip(normals @ half, 0, 1) ** 28 * np.float32(255 * skin.gloss * sunny)
    open_sky = _open_sky(body, hits.points, hits.part)
    lit = albedo * ((sky + facing * sunny * open_sky) * open_sky)[:, None]
    lit += np.where(hits.part == TOP, gleam, np.float32(0.2) * gleam)[:, None]
    return np.asarray(lit, np.float32)


def _open_sky(body: Body, points: Floats, part: NDArray[np.intp]) -> Floats:
    """Share of the sky that a point sees past the cap above it and the ground, at most 1."""
    form = body.form
    if body.lies:
        return np.where(part == UNDERSIDE, np.float32(0.95), np.float32(1))
    below_cap = form.length - points[:, 1]
    shaded = np.float32(0.62) + np.float32(0.38) * smoothstep(0.0, 0.75 * form.radius, below_cap)
    ground = np.float32(0.65) + np.float32(0.35) * smoothstep(0.0, 0.16, points[:, 1])
    hidden = np.where(part == STEM, shaded * ground, np.float32(1))
    return np.where(part == UNDERSIDE, np.float32(0.72), hidden)


def _albedo(form: Form, skin: MushroomSkin, points: Floats, part: NDArray[np.intp]) -> Floats:
    """Colours (n, 3) of points, looked up in the textures of the skin."""
    x, y, z = points.T
    x = (x - np.float32(form.bend) * y * y) * np.float32(form.stretch)
    r = np.maximum(np.hypot(x, z), np.float32(1e-5))
    rho = np.minimum(r / np.float32(form.radius), 1)
    along = np.where(part == TOP, form.arc[(rho * (len(form.arc) - 1)).astype(np.intp)], rho)
    column, row = (_pixel(along * side / r) for side in (x, z))
    colours = np.where((part == TOP)[:, None], skin.cap[row, column], skin.underside[row, column])
    stalk = part == STEM
    colours[stalk] = skin.stem[_pixel(1 - 2 * y[stalk] / np.float32(form.length)), _pixel((x / r)[stalk])]
    colours[part == RING] = skin.ring
    return colours


def _pixel(place: Floats) -> NDArray[np.intp]:
    """Pixel of a coordinate of -1..1 in a texture."""
    index = np.clip((place + 1) * np.float32((SIDE - 1) / 2) + np.float32(0.5), 0, SIDE - 1).astype(np.intp)
    return np.asarray(index, np.intp)
