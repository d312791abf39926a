"""The shape of a specimen (a cap on a stem, both rotationally symmetric), and ray casting against it.

Lengths are in body units: the widest cap measures about 1 across. A form stands on the ground at y = 0 with its axis
along y. Photographs cast parallel rays at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.drawing import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.drawing import Floats
    from data.species_world import Species

TOP, UNDERSIDE, STEM, RING = range(4)
"""Parts that a ray can hit."""

_TABLE = 256
_RHO: Floats = np.linspace(0, 1, _TABLE, dtype=np.float32)
_BLOCK, _ROUGH_STEPS, _FINE_STEPS, _SIFT_EVERY = 4, 15, 14, 3
_NEAR = 0.003
_BESIDE = 30  # entries of a table
_SPEED = np.float32(0.92)  # below 1: bends make the distances a little too long

# Length of the stem, and its half width at base, middle and top.
_STEMS = {
    "slender": (0.78, (0.050, 0.045, 0.042)),
    "stout": (0.50, (0.135, 0.125, 0.125)),
    "bulbous": (0.66, (0.200, 0.075, 0.062)),
    "tapering": (0.62, (0.035, 0.085, 0.150)),
}


@dataclass(frozen=True)
class Form:
    """Tables of a cap over rho = r / radius in 0..1, and of a stem over its height in 0..1.

    ``arc`` is the distance from the cap's middle along its surface, 1 at the margin. ``ring`` is the height at
    which a ring sits, or None. ``bend`` moves the axis aside by ``bend * y**2``.
    """

    radius: float
    top: Floats
    under: Floats
    arc: Floats
    length: float
    stem: Floats
    ring: float | None
    bend: float
    stretch: float

    @property
    def height(self) -> float:
        """Highest point above the ground."""
        return self.length + float(self.top.max())

    @property
    def around(self) -> float:
        """Radius of a ball around the middle of the axis that contains the form."""
        return float(np.hypot(self.height / 2, self.radius)) + 0.1

    @classmethod
    def grow(cls, species: Species, rng: np.random.Generator) -> Form:
        """Draw the form of a specimen: the shape of the species in random proportions."""
        radius = rng.uniform(0.36, 0.44)
        depth = rng.uniform(0.9, 1.1)
        top, under = (np.float32(radius * depth) * table for table in _cap(species["cap_shape"], rng))
        length, widths = _STEMS[species["stem"]]
        length *= rng.uniform(0.9, 1.1)
        return cls(
            radius=float(radius),
            top=top,
            under=under,
            arc=_arc(top, radius),
            length=float(length),
            stem=_stem(species["stem"], np.asarray(widths) * rng.uniform(0.88, 1.12)),
            ring=float(length * rng.uniform(0.66, 0.76)) if species["ring"] == "present" else None,
            bend=float(rng.normal(0, 0.06)),
            stretch=float(rng.uniform(0.94, 1.06)),
        )


class Hits(NamedTuple):
    """Hits of rays: numbers of the rays (n,), points (n, 3), unit normals (n, 3) and parts (n,)."""

    ray: NDArray[np.intp]
    points: Floats
    normals: Floats
    part: NDArray[np.intp]


def cast(form: Form, corner: Floats, steps: tuple[Floats, Floats], shape: tuple[int, int], direction: Floats) -> Hits:
    """Cast a grid of parallel rays at a form: first one per block of 4 x 4, then all rays of blocks that came near.

    Args:
        form: the form.
        corner: start (3,) of the first ray, in body units, outside the form.
        steps: vectors (3,) from one row to the next, and from one column to the next.
        shape: rows and columns of the grid.
        direction: unit vector (3,) of the rays.

    Returns:
        The hits; rays are numbered row by row.
    """
    surface = _Surface(form)
    blocks = tuple(-(-side // _BLOCK) for side in shape)
    row, column = (at.ravel().astype(np.float32) for at in np.indices(blocks))
    middle = np.float32((_BLOCK - 1) / 2)
    starts = _on_grid(corner, steps, row * _BLOCK + middle, column * _BLOCK + middle)
    wide = _BLOCK * 0.75 * max(float(np.linalg.norm(step)) for step in steps)
    rough = _march(surface, starts, direction, near=1.4 * wide, steps=_ROUGH_STEPS)

    within = np.indices((_BLOCK, _BLOCK)).reshape(2, 1, -1)
    rows, columns = (
        (at[rough.ray].astype(np.intp)[:, None] * _BLOCK + inner).ravel()
        for at, inner in zip((row, column), within, strict=True)
    )
    near = np.repeat(np.maximum(rough.far - np.float32(wide), 0), _BLOCK * _BLOCK)
    starts = _on_grid(corner, steps, rows.astype(np.float32), columns.astype(np.float32))
    starts += near * direction[:, None]
    fine = _march(surface, starts, direction, near=_NEAR, steps=_FINE_STEPS)
    rows, columns = rows[fine.ray], columns[fine.ray]
    inside = (rows < shape[0]) & (columns < shape[1]) & (fine.gap < 4 * _NEAR)
    points = fine.points[:, inside]
    normals, part = surface.describe(*points)
    ray = (rows * shape[1] + columns)[inside]
    return Hits(ray, np.ascontiguousarray(points.T), normals, part)


class _RayEnds(NamedTuple):
    """Rays near the surface: numbers (n,), positions (3, n), distances travelled (n,) and gaps left (n,)."""

    ray: NDArray[np.intp]
    points: Floats
    far: Floats
    gap: Floats


def _on_grid(corner: Floats, steps: tuple[Floats, Floats], row: Floats, column: Floats) -> Floats:
    """Starting points (3, n) of rays."""
    down, across = steps
    return np.stack([corner[axis] + row * down[axis] + column * across[axis] for axis in range(3)])


def _march(surface: _Surface, starts: Floats, direction: Floats, near: float, steps: int) -> _RayEnds:
    """Advance rays by their distance to the surface until it is below ``near`` (sphere tracing)."""
    x, y, z = starts
    ray, far = np.arange(len(x)), np.zeros(len(x), np.float32)
    reach = 2.2 * surface.around
    ends: list[_RayEnds] = []
    for step in range(1, steps + 1):
        gap = surface.distance(x, y, z)
        if step % _SIFT_EVERY == 0 or step == steps:
            done = (gap < near) | (step == steps)
            ends.append(_RayEnds(ray[done], np.stack([x[done], y[done], z[done]]), far[done], gap[done]))
            going = ~done & (far < reach)
            ray, x, y, z, far, gap = ray[going], x[going], y[going], z[going], far[going], gap[going]
        gap = gap * _SPEED
        far = far + gap
        x, y, z = x + gap * direction[0], y + gap * direction[1], z + gap * direction[2]
    return _RayEnds(*(np.concatenate(values, axis=-1) for values in zip(*ends, strict=True)))


class _Surface:
    """Signed distances to a form, never overestimated by much, and its normals."""

    def __init__(self, form: Form) -> None:
        self._form = form
        scale = _TABLE - 1
        self._to_rho, self._to_height = np.float32(scale / form.radius), np.float32(scale / form.length)
        self._top_slope, self._under_slope = (
            np.gradient(table, form.radius / scale).astype(np.float32) for table in (form.top, form.under)
        )
        self._middle = (form.top + form.under) / 2 + np.float32(form.length)
        self._half = (form.top - form.under) / 2
        # Where a dome turns vertical the slope says little of the distance, hence the floor; beside a knob the
        # nearest surface is its wall, hence the steepest slope around.
        cos = np.maximum(1 / np.sqrt(1 + np.maximum(self._top_slope**2, self._under_slope**2)), np.float32(0.3))
        padded = np.pad(cos, _BESIDE, mode="edge")
        self._cos = np.lib.stride_tricks.sliding_window_view(padded, 2 * _BESIDE + 1).min(axis=1)
        self._stem_slope = np.gradient(form.stem, form.length / scale).astype(np.float32)
        self._radius, self._joint = np.float32(form.radius), np.float32(form.length + 0.6 * form.under[0] + 0.02)

    @property
    def around(self) -> float:
        """Radius of a ball that contains the form."""
        return self._form.around

    def _straight(self, x: Floats, y: Floats) -> Floats:
        """The x coordinates before bending and stretching."""
        return (x - np.float32(self._form.bend) * (y * y)) * np.float32(self._form.stretch)

    def distance(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """Signed distances (n,) of points, negative inside."""
        x = self._straight(x, y)
        r = np.sqrt(x * x + z * z)
        gap = np.minimum(self._to_cap(y, r), self._to_stem(y, r))
        return gap if self._form.ring is None else np.minimum(gap, self._to_ring(y, r))

    def _to_cap(self, y: Floats, r: Floats) -> Floats:
        at = np.minimum(r * self._to_rho, _TABLE - 1).astype(np.intp)
        sheet = (np.abs(y - self._middle.take(at)) - self._half.take(at)) * self._cos.take(at)
        gap: Floats = np.maximum(sheet, r - self._radius)
        return gap

    def _to_stem(self, y: Floats, r: Floats) -> Floats:
        at = np.minimum(np.maximum(y * self._to_height, 0), _TABLE - 1).astype(np.intp)
        aside = (r - self._form.stem.take(at)) * np.float32(0.9)
        gap: Floats = np.maximum(np.maximum(aside, y - self._joint), -y)
        return gap

    def _to_ring(self, y: Floats, r: Floats) -> Floats:
        height = self._form.ring or 0.0
        width = float(self._form.stem[int(height / self._form.length * (_TABLE - 1))])
        sheet = np.abs(y - np.float32(height) + np.float32(0.75) * (r - np.float32(width))) * np.float32(0.8)
        gap: Floats = np.maximum(sheet - np.float32(0.014), r - np.float32(width + 0.115))
        return gap

    def describe(self, x: Floats, y: Floats, z: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Unit normals (n, 3) and parts (n,) of points on the surface."""
        x = self._straight(x, y)
        r = np.sqrt(x * x + z * z)
        rho = np.minimum(r * self._to_rho, _TABLE - 1).astype(np.intp)
        height = np.clip(y * self._to_height, 0, _TABLE - 1).astype(np.intp)
        gaps = [self._to_cap(y, r), self._to_stem(y, r)]
        gaps += [self._to_ring(y, r)] if self._form.ring is not None else []
        below = y < self._middle[rho]
        part = np.asarray((TOP, STEM, RING))[np.argmin(gaps, axis=0)]
        part[(part == TOP) & below] = UNDERSIDE
        # Per part: outward and upward components of the normal.
        ones = np.ones_like(r)
        out = np.choose(part, (-self._top_slope[rho], self._under_slope[rho], ones, 0.6 * ones))
        up = np.choose(part, (ones, -ones, -self._stem_slope[height], 0.8 * ones))
        margin = (part <= UNDERSIDE) & (r > 0.995 * self._radius)
        out, up = np.where(margin, 1, out), np.where(margin, 0.3, up)
        outwards = out / np.maximum(r, np.float32(1e-4))
        normals = np.stack([x * outwards, up, z * outwards], axis=1).astype(np.float32)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return normals, part


def _cap(shape: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Heights of the upper and lower side of the cap over rho, above the top of the stem, in cap radii."""
    rho = _RHO
    lift = np.float32(rng.uniform(0.9, 1.1))
    lip = np.float32(0.05)
    hollow: Floats = np.float32(0.10) * (1 - rho)
    if shape == "convex":
        return lip + np.float32(0.74) * lift * (1 - rho**2.2), hollow
    if shape == "conical":
        return lip + np.float32(1.35) * lift * (1.03 - np.sqrt(rho * rho + np.float32(0.0009))), hollow
    if shape == "flat":
        return lip + np.float32(0.09) * lift * (1 - rho**5), np.float32(0.3) * hollow
    if shape == "funnel-shaped":
        bowl = np.float32(0.62) * lift * rho**1.6
        return bowl - np.float32(0.12) * rho**14 + np.float32(0.06), bowl - np.float32(0.20) * rho**14 - np.float32(0.1)
    if shape == "knobbed":
        knob = np.float32(0.60) * lift * np.exp(-((rho / np.float32(0.21)) ** 2))
        return lip + np.float32(0.13) * (1 - rho**2) + knob, hollow
    dome = np.sqrt(np.maximum(1 - rho * rho, 0))
    return np.float32(1.20) * lift * dome, np.float32(-0.30) * dome


def _stem(kind: str, widths: NDArray[np.float64]) -> Floats:
    """Half width of the stem over its height."""
    base, middle, top = widths
    if kind == "bulbous":
        width = middle + (base - middle) * (1 - smoothstep(0.05, 0.42, _RHO)) + (top - middle) * _RHO
        width = width * np.sqrt(np.clip(0.45 + 5.5 * _RHO, 0, 1))
    else:
        width = np.interp(_RHO, (0, 0.5, 1), (base, middle, top))
    return np.asarray(width, np.float32)


def _arc(top: Floats, radius: float) -> Floats:
    """Arc length along the cap from its middle, as a fraction of that to the margin."""
    steps = np.hypot(np.diff(top), np.float32(radius / (_TABLE - 1)))
    along = np.concatenate([np.zeros(1, np.float32), np.cumsum(steps)])
    return np.asarray(along / along[-1], np.float32)
