"""The form of a posed hand: where its joints are, and the relief of the skin above the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from data.drawing_hands import curve, soften

if TYPE_CHECKING:
    from data.drawing import Floats
    from data.hands_people import HandShape, Points

_FINGERS = np.array([-40.0, -11.0, -3.0, 5.0, 15.0])
_JOINTS = np.array([0.0, 0.5, 0.76, 0.925])  # of a finger: knuckle to tip, less the tip's roundness
_THICK = np.array([0.05, 0.047, 0.042, 0.034])
_THUMB_JOINTS = np.array([0.0, 0.5, 0.88])
_THUMB_THICK = np.array([0.064, 0.052, 0.039])
_ROUNDNESS = 0.075  # how far from its edge a palm is round, in hand lengths


@dataclass(frozen=True)
class Pose:
    """How a hand lies: ``fan`` scales the angles between fingers, ``thumb`` that of the thumb.

    ``sway`` (5,) and ``bend`` (5,) are degrees, ``curl`` (5,) is how much of each finger's length is seen. ``turn``
    (radians), ``tilt`` (2, 2), ``scale`` (picture sides a hand length) and ``shift`` (picture sides) place it.
    """

    fan: float
    thumb: float
    sway: Points
    bend: Points
    curl: Points
    turn: float
    tilt: Points
    scale: float
    shift: Points

    @classmethod
    def random(cls, rng: np.random.Generator) -> Pose:
        """Draw a pose."""
        axis = rng.uniform(0, np.pi)
        along = np.array([np.cos(axis), np.sin(axis)])
        return cls(
            fan=float(rng.uniform(0.1, 1.7)),
            thumb=float(rng.uniform(0.45, 1.35)),
            sway=rng.normal(0, 2.5, 5),
            bend=rng.normal(0, 5, 5),
            curl=rng.uniform(0.9, 1, 5),
            turn=float(rng.normal(0, 0.3)),
            tilt=np.eye(2) - rng.uniform(0, 0.16) * np.outer(along, along),
            scale=float(rng.uniform(0.6, 0.86)),
            shift=rng.normal(0, 0.055, 2),
        )

    @classmethod
    def clean(cls) -> Pose:
        """Lie flat in the middle, fingers apart."""
        still = np.zeros(5)
        return cls(1.0, 1.0, still, still, np.ones(5), 0.0, np.eye(2), 0.74, np.zeros(2))

    def nearly(self, rng: np.random.Generator) -> Pose:
        """Draw the pose of the next photograph of a burst."""
        return Pose(
            fan=self.fan * rng.normal(1, 0.03),
            thumb=self.thumb * rng.normal(1, 0.02),
            sway=self.sway + rng.normal(0, 0.5, 5),
            bend=self.bend + rng.normal(0, 0.5, 5),
            curl=self.curl,
            turn=self.turn + rng.normal(0, 0.03),
            tilt=self.tilt,
            scale=self.scale * rng.normal(1, 0.01),
            shift=self.shift + rng.normal(0, 0.008, 2),
        )


class PosedHand:
    """A hand in a pose on a canvas of ``side`` pixels; points are (n, 2) x and y of pixels, y down.

    All of it lies in the ``window`` of the canvas, (height, width) = ``shape``; pixels count from the window's corner.
    """

    def __init__(self, hand: HandShape, pose: Pose, side: int, *, mirrored: bool) -> None:
        self.hand, self.scale = hand, pose.scale * side
        turn = np.array([[np.cos(pose.turn), -np.sin(pose.turn)], [np.sin(pose.turn), np.cos(pose.turn)]])
        self._matrix = pose.tilt @ turn @ np.diag([-1.0 if mirrored else 1.0, -1.0]) * self.scale
        self._centre = side * (np.array([0.5, 0.52]) + pose.shift) - self._matrix @ np.array([-0.03, 0.5])
        self.thick = hand.person.thickness * np.sqrt(hand.person.palm / 0.215)
        self.roots = np.array([(-0.84, 0.25), (-0.70, 0.535), (-0.23, 0.555), (0.25, 0.535), (0.70, 0.475)])
        self.roots *= (hand.person.palm, 1.0)
        self.fingers = [self(chain) for chain in self._chains(pose)]
        self.radii = [self.scale * self.thick * (_THICK if at else _THUMB_THICK) for at in range(5)]
        everything = np.concatenate([self.palm(), *self.fingers])
        margin = 0.11 * self.scale + 3
        low = np.clip(np.floor(everything.min(axis=0) - margin).astype(int), 0, side - 8)
        high = np.clip(np.ceil(everything.max(axis=0) + margin).astype(int), low + 8, side)
        self.window = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
        self.shape = (int(high[1] - low[1]), int(high[0] - low[0]))
        self._centre = self._centre - low
        self.fingers = [finger - low for finger in self.fingers]

    def __call__(self, points: Points) -> Points:
        """Transform points from hand lengths (origin: middle of the wrist) to pixels."""
        posed: Points = points @ self._matrix.T + self._centre
        return posed

    def on_palm(self, points: Points) -> Points:
        """Transform points whose x is in palm half-widths to pixels."""
        return self(points * (self.hand.person.palm, 1.0))

    def palm(self) -> Points:
        """Outline of palm and forearm, a closed curve."""
        half, radius = self.hand.person.palm, 0.05 * self.thick
        wrist = 0.62 * half + 0.02
        first, last = self.roots[1], self.roots[4]
        hand = [
            (-wrist, 0.0),
            (-0.86 * half, 0.16),
            (-0.95 * half, 0.36),
            (first[0] - radius, first[1] - 0.02),
            (self.roots[2][0], self.roots[2][1] + 0.02),
            (self.roots[3][0], self.roots[3][1] + 0.02),
            (last[0] + radius, last[1] - 0.01),
            (half + 0.012, 0.29),
            (wrist + 0.03, 0.1),
            (wrist, -0.03),
        ]
        arm = [(wrist * 1.04, -0.3), (wrist * 1.2, -1.1), (-wrist * 1.2, -1.1), (-wrist * 1.04, -0.3)]
        return self(curve(np.array([*hand, *arm]), closed=True))

    def _chains(self, pose: Pose) -> list[Points]:
        """Joints of each finger, thumb first, in hand lengths."""
        angles = _FINGERS * pose.fan + (self.hand.fan - _FINGERS) + pose.sway
        angles[0] = self.hand.fan[0] * pose.thumb + pose.sway[0] - 4
        chains = []
        for at, (root, length) in enumerate(zip(self.roots, self.hand.lengths * pose.curl, strict=True)):
            joints = _JOINTS if at else _THUMB_JOINTS
            bends = np.radians(angles[at] + pose.bend[at] * np.arange(len(joints) - 1) * (1 if at else -1))
            steps = np.diff(joints)[:, None] * length * np.stack([np.sin(bends), np.cos(bends)], axis=1)
            chains.append(np.concatenate([root[None], root + np.cumsum(steps, axis=0)]))
        return chains


def relief(posed: PosedHand) -> tuple[Floats, Floats]:
    """Height of hand and arm in pixels, and their mask (0 or 1), both of the shape of the window."""
    scale = posed.scale
    sheet = Image.new("L", posed.shape[::-1])
    draw = ImageDraw.Draw(sheet)
    draw.polygon([tuple(point) for point in posed.palm()], fill=255)
    draw.polygon([tuple(point) for point in _web(posed)], fill=255)
    flat = np.asarray(sheet, np.float32) / np.float32(255)
    inside = np.clip(2 * soften(flat, _ROUNDNESS * scale) - 1, 0, 1)
    height: Floats = np.float32(0.9 * _ROUNDNESS * scale) * np.sqrt(1 - np.square(1 - inside))
    ball = posed(np.array([(-0.45 * posed.hand.person.palm, 0.13)]))[0]
    _capsule(height, ball, posed.fingers[0][0], 0.085 * scale * posed.thick, posed.radii[0][0])
    for joints, radii in zip(posed.fingers, posed.radii, strict=True):
        for at in range(len(joints) - 1):
            _capsule(height, joints[at], joints[at + 1], radii[at], radii[at + 1])
    here = ((height > 0) | (flat > 0)).astype(np.float32)
    return soften(height, 0.008 * scale), here


def _web(posed: PosedHand) -> Points:
    """The skin between thumb and index finger."""
    half = posed.hand.person.palm
    corners = np.array([(-0.78 * half, 0.44), (-0.96 * half, 0.33), posed.roots[0], (-0.3 * half, 0.1), (0.0, 0.4)])
    return posed(corners)


def _capsule(height: Floats, start: Points, end: Points, first: float, last: float) -> None:
    """Raise ``height`` to a capsule from ``start`` (radius ``first``) to ``end`` (radius ``last``)."""
    reach = max(first, last) + 1
    low = np.clip(np.floor(np.minimum(start, end) - reach).astype(int), 0, None)
    high = np.ceil(np.maximum(start, end) + reach).astype(int)
    part = height[low[1] : high[1], low[0] : high[0]]
    if not part.size:
        return
    y = np.arange(low[1], low[1] + part.shape[0], dtype=np.float32)[:, None] - np.float32(start[1])
    x = np.arange(low[0], low[0] + part.shape[1], dtype=np.float32)[None, :] - np.float32(start[0])
    run, rise = (end - start).astype(np.float32)
    along = np.clip((x * run + y * rise) / max(run * run + rise * rise, np.float32(1e-6)), 0, 1)
    radius = np.float32(first) + along * np.float32(last - first)
    squared = radius**2 - np.square(x - along * run) - np.square(y - along * rise)
    np.maximum(part, np.sqrt(np.maximum(squared, 0)), out=part)
