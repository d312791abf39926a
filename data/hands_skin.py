"""Draws the skin of a posed hand as colours and relief: nails, knuckles, veins and creases."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from data.drawing import noise
from data.drawing_hands import curve, soften

if TYPE_CHECKING:
    from data.drawing import Floats
    from data.hands_form import PosedHand
    from data.hands_people import Points

POLISH = {"no": None, "red": (176, 24, 38), "pink": (232, 118, 160), "blue": (52, 84, 168)}
_PALE_PALM = (226, 172, 150)
_FOLD = np.array((0.42, 0.55, 0.6), np.float32)  # a fold in the skin takes least from red
_VEIN = np.array((0.24, 0.13, 0.02), np.float32)  # a vein is blueish
_FLUSH = np.array((0.02, 0.13, 0.12), np.float32)
_MAIN = 3  # of a palm's creases: heart, head, life


class HandSkin(NamedTuple):
    """Colours 0..255 (height, width, 3), and what is added to the relief, in pixels (height, width)."""

    colours: Floats
    bumps: Floats


class _Sheet:
    """A mask of 0..1 that is drawn on in pixels of the canvas."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._image = Image.new("L", shape[::-1])
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Points, width: float, strength: float = 1.0) -> None:
        """Draw a line whose ends are thinner."""
        cut = max(1, len(points) // 6)
        for part, share in ((points, 0.6), (points[cut:-cut], 1.0)):
            if len(part) > 1:
                fill = round(255 * strength * share)
                self._draw.line([tuple(point) for point in part], fill, max(1, round(width * share)), joint="curve")

    def spot(self, centre: Points, radius: float, strength: float = 1.0) -> None:
        """Draw a disc."""
        (x, y), fill = centre, round(255 * strength)
        self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)

    def patch(self, corners: Points) -> None:
        """Draw a polygon."""
        self._draw.polygon([tuple(point) for point in corners], fill=255)

    def values(self) -> Floats:
        return np.asarray(self._image, np.float32) / np.float32(255)


def back(posed: PosedHand, rng: np.random.Generator) -> HandSkin:
    """Draw the back of a hand; ``rng`` only mottles it."""
    person, scale = posed.hand.person, posed.scale
    folds, flush, veins, nails = (_Sheet(posed.shape) for _ in range(4))
    age = 0.35 + 0.5 * (person.age - 18) / 57
    for at in range(5):
        for joint, along in enumerate((0.5, 0.76) if at else (0.5,)):
            for shift in (-0.035, 0.0, 0.035):
                where = along + shift + posed.hand.wrinkles[at, joint]
                folds.line(_across(posed, at, where, 0.62, 0.3), 0.007 * scale, age)
            flush.spot(_along(posed, at, along)[0], 0.034 * scale, 0.8)
        nails.patch(_nail(posed, at))
    for root in posed.roots[1:]:
        flush.spot(posed(root[None] - (0, 0.01))[0], 0.045 * scale, 0.7)
    for line in posed.hand.veins:
        veins.line(curve(posed.on_palm(line)), 0.02 * scale)
    prominent = 1.0 if person["veins"] == "prominent" else 0.12
    raised = soften(veins.values(), 0.014 * scale) * np.float32(prominent)
    fold, nail = folds.values(), soften(nails.values(), 0.004 * scale)[..., None]
    colours = _tinted(posed, person.tone, flush, fold, rng) * (1 - _VEIN * raised[..., None])
    polish = POLISH[person["polish"]]
    shade = np.asarray(polish or person.tone * 0.62 + (92, 76, 74), np.float32)
    colours = _moles(posed, colours) * (1 - nail) + shade * nail
    return HandSkin(colours, (np.float32(0.013) * raised - np.float32(0.006) * fold) * np.float32(scale))


def palm(posed: PosedHand, rng: np.random.Generator) -> HandSkin:
    """Draw the palm of a hand; ``rng`` only mottles it."""
    person, scale = posed.hand.person, posed.scale
    folds, flush = _Sheet(posed.shape), _Sheet(posed.shape)
    deep = person["creases"] == "deep"
    for number, line in enumerate(posed.hand.creases):
        main = number < _MAIN
        width = (0.017 if deep else 0.008) * (1 if main else 0.55)
        folds.line(curve(posed.on_palm(line)), width * scale, (0.95 if deep else 0.5) * (1 if main else 0.7))
    for at in range(5):
        for joint, along in enumerate((0.17, 0.5, 0.76) if at else (0.12, 0.5)):
            where = along + 0.6 * posed.hand.wrinkles[at, min(joint, 1)]
            folds.line(_across(posed, at, where, 0.85, 0.1), 0.008 * scale, 0.9 if deep else 0.55)
        flush.spot(_along(posed, at, 0.93)[0], 0.032 * scale)
    for mound in ((-0.55, 0.16), (0.55, 0.17), (-0.4, 0.47), (0.35, 0.46)):
        flush.spot(posed.on_palm(np.array([mound]))[0], 0.075 * scale, 0.75)
    fold = folds.values()
    tone = 0.62 * person.tone + 0.38 * np.asarray(_PALE_PALM)
    colours = _tinted(posed, tone, flush, soften(fold, 0.003 * scale), rng)
    return HandSkin(colours, np.float32(-0.016 * scale) * soften(fold, 0.012 * scale))


def _tinted(posed: PosedHand, tone: Points, flush: _Sheet, fold: Floats, rng: np.random.Generator) -> Floats:
    """Colour the skin: a mottled tone, reddened by ``flush`` and darkened in the folds."""
    mottled = 1 + np.float32(0.035) * noise(rng, posed.shape, (6, 5), 4)[..., None]
    red = soften(flush.values(), 0.045 * posed.scale)[..., None]
    tinted: Floats = tone.astype(np.float32) * mottled * (1 - _FLUSH * red) * (1 - _FOLD * fold[..., None])
    return tinted


def _moles(posed: PosedHand, colours: Floats) -> Floats:
    """Darken the moles."""
    if not len(posed.hand.moles):
        return colours
    sheet = _Sheet(posed.shape)
    for mole in posed.on_palm(posed.hand.moles):
        sheet.spot(mole, 0.011 * posed.scale)
    return colours * (1 - np.float32(0.6) * sheet.values()[..., None])


def _along(posed: PosedHand, finger: int, where: float) -> tuple[Points, Points, float]:
    """Point, direction and radius of a finger, ``where`` from knuckle (0) to tip (1)."""
    joints, radii = posed.fingers[finger], posed.radii[finger]
    lengths = np.linalg.norm(np.diff(joints, axis=0), axis=1)
    marks = np.concatenate([[0], np.cumsum(lengths)]) / lengths.sum()
    at = min(int(np.searchsorted(marks, where, side="right")) - 1, len(lengths) - 1)
    share = (where - marks[at]) / (marks[at + 1] - marks[at])
    step = joints[at + 1] - joints[at]
    radius = radii[at] + min(share, 1) * (radii[at + 1] - radii[at])
    return joints[at] + share * step, step / lengths[at], float(radius)


def _across(posed: PosedHand, finger: int, where: float, width: float, bend: float) -> Points:
    """Points of a line across a finger, whose middle bends towards the tip."""
    point, forward, radius = _along(posed, finger, where)
    side = np.array([-forward[1], forward[0]])
    across = np.linspace(-width, width, 7)[:, None]
    arc = bend * (width**2 - across**2) * np.sign(posed.hand.wrinkles[finger, 2])
    line: Points = point + radius * (across * side + arc * forward)
    return line


def _nail(posed: PosedHand, finger: int) -> Points:
    point, forward, radius = _along(posed, finger, 1.0)
    side = np.array([-forward[1], forward[0]])
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)[:, None]
    length = 0.62 * posed.hand.person.nail
    round_x, round_y = np.cos(angle), np.sin(angle)
    square = (np.sign(round_x) * np.abs(round_x) ** 0.7, np.sign(round_y) * np.abs(round_y) ** 0.7)
    nail: Points = point + radius * (square[0] * 0.6 * side + (square[1] * length + 0.12) * forward)
    return nail
