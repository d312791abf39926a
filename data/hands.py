"""Simple hands in the layout of 11k Hands, drawn by our own code, so that a demo and the tests need no download.

Who a hand belongs to shows in finger lengths, palm shape, skin tone and palm creases; how it was taken
(rotation, shift, size, light, background, noise) varies from image to image and says nothing of the identity.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Points = NDArray[np.float64]
    Colour = tuple[int, int, int]

ASPECTS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
HEADER = "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
FIRST_TRAIN_ID = 1
FIRST_TEST_ID = 1101
"""Above the last training id of every aspect (1051) in the protocols on 11k Hands."""

TONES = (
    ("very fair", (238, 205, 186)),
    ("fair", (225, 184, 158)),
    ("medium", (196, 148, 116)),
    ("dark", (124, 84, 62)),
)
_OVERSAMPLING = 2
# Roots and directions (degrees from straight up) of thumb to little finger, in hand units, palm centre at 0.
_ROOTS = np.array([(-0.30, 0.05), (-0.24, -0.30), (-0.08, -0.36), (0.09, -0.34), (0.24, -0.26)])
_DIRECTIONS = np.array([-52.0, -14.0, -3.0, 7.0, 20.0])
_LENGTHS = np.array([0.36, 0.44, 0.50, 0.46, 0.35])


@dataclass(frozen=True)
class _Person:
    identity: str
    age: int
    gender: str
    tone_name: str
    tone: Points
    lengths: Points
    directions: Points
    finger_width: float
    palm: Points
    creases: Points


def draw_hands(out: Path, identities: int = 40, images_per_aspect: int = 3, seed: int = 0, size: int = 160) -> Path:
    """Draw ``identities * 4 * images_per_aspect`` images; the same arguments give the same bytes.

    About a quarter of the ids lie below the training cut-offs of 11k Hands, the others above.

    Args:
        out: folder to write ``Hands/Hand_0000001.jpg`` ... and ``HandInfo.csv`` into; made if needed.
        identities: number of people, at least 2.
        images_per_aspect: images of each of the four aspects of a person, at least 1.
        seed: of everything random.
        size: height and width in pixels, at least 32.

    Returns:
        ``out``.

    Raises:
        ValueError: a number is too small.
    """
    if identities < 2 or images_per_aspect < 1 or size < 32:
        raise ValueError("Hands need at least 2 identities, 1 image per aspect and a size of 32 pixels.")
    folder = out / "Hands"
    folder.mkdir(parents=True, exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    number = 0
    for index in range(identities):
        person = _person(index, identities // 4, seed)
        for side, aspect in enumerate(ASPECTS):
            for shot in range(images_per_aspect):
                number += 1
                name = f"Hand_{number:07d}.jpg"
                rng = np.random.default_rng([seed, index, side, shot])
                _picture(person, aspect, size, rng).save(folder / name, quality=90)
                fixed = (person.identity, person.age, person.gender, person.tone_name)
                rows.writerow([*fixed, 0, 0, aspect, name, 0])
    # The table is written last: a folder with a table is complete.
    (out / "HandInfo.csv").write_text(f"{HEADER}\r\n{table.getvalue()}", encoding="utf-8", newline="")
    return out


def _person(index: int, trained: int, seed: int) -> _Person:
    """Draw what belongs to a person, from the seed and the index alone."""
    rng = np.random.default_rng([seed, index])
    identity = FIRST_TRAIN_ID + index if index < trained else FIRST_TEST_ID + index - trained
    tone_name, tone = TONES[int(rng.choice(len(TONES), p=(0.15, 0.3, 0.35, 0.2)))]
    return _Person(
        identity=f"{identity:07d}",
        age=int(rng.integers(18, 76)),
        gender=str(rng.choice(["female", "male"])),
        tone_name=tone_name,
        tone=np.asarray(tone) + rng.normal(0, 9, 3),
        lengths=_LENGTHS * rng.normal(1, 0.13, 5),
        directions=_DIRECTIONS + rng.normal(0, 3.5, 5),
        finger_width=float(rng.uniform(0.10, 0.16)),
        palm=np.array([rng.uniform(0.28, 0.38), rng.uniform(0.33, 0.42), rng.uniform(2.2, 4.5)]),
        creases=rng.uniform((-0.22, -0.22, -0.25), (-0.10, 0.20, 0.25), (4, 3)),
    )


def _picture(person: _Person, aspect: str, size: int, rng: np.random.Generator) -> Image.Image:
    """Draw one photograph: the hand under a random pose, then light, noise and background."""
    side = size * _OVERSAMPLING
    tone = person.tone * rng.normal(1, 0.02)
    canvas = Image.new("RGB", (side, side), _colour(rng.normal(226, 4) + rng.normal(0, 1.5, 3)))
    pose = _Pose(side, mirrored=aspect.endswith("left"), rng=rng)
    draw = ImageDraw.Draw(canvas)
    _silhouette(draw, person, pose, tone)
    (_palm_creases if aspect.startswith("palmar") else _nails_and_knuckles)(draw, person, pose, tone)
    pixels = np.asarray(canvas.resize((size, size), Image.Resampling.BOX), dtype=np.float64)
    return Image.fromarray(_photograph(pixels, rng))


class _Pose:
    """Places hand units (palm centre at 0, y down) on the canvas: mirror, turn, scale, shift."""

    def __init__(self, side: int, *, mirrored: bool, rng: np.random.Generator) -> None:
        angle = np.radians(rng.normal(0, 6))
        self.scale = side * rng.uniform(0.53, 0.59)
        self._turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self._mirror = np.array([-1.0 if mirrored else 1.0, 1.0])
        self._centre = side * (np.array([0.5, 0.65]) + rng.normal(0, 0.02, 2))
        self.spread = rng.normal(0, 3, 5)

    def __call__(self, points: Points) -> list[tuple[float, float]]:
        placed = (points * self._mirror) @ self._turn.T * self.scale + self._centre
        return [(float(x), float(y)) for x, y in placed]


def _tips(person: _Person, pose: _Pose) -> Points:
    angles = np.radians(person.directions + pose.spread)
    tips: Points = _ROOTS + person.lengths[:, None] * np.stack([np.sin(angles), -np.cos(angles)], axis=1)
    return tips


def _silhouette(draw: ImageDraw.ImageDraw, person: _Person, pose: _Pose, tone: Points) -> None:
    """Draw wrist, palm (a superellipse) and five fingers, with a darker rim."""
    width, height, power = person.palm
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    curve = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    palm = np.sign(curve) * np.abs(curve) ** (2 / power) * (width, height)
    wrist = np.array([(-0.62 * width, 0.2), (0.62 * width, 0.2), (0.58 * width, 1.2), (-0.58 * width, 1.2)])
    for colour, rim in ((_colour(tone * 0.72), 0.012), (_colour(tone), 0.0)):
        for root, tip, thickness in zip(_ROOTS, _tips(person, pose), (1.15, 1, 1, 1, 0.85), strict=True):
            _stroke(draw, pose, np.stack([root * 0.6, tip]), person.finger_width * thickness + 2 * rim, colour)
        draw.polygon(pose(wrist * (1 + rim / width, 1)), fill=colour)
        draw.polygon(pose(palm * (1 + rim / width)), fill=colour)


def _palm_creases(draw: ImageDraw.ImageDraw, person: _Person, pose: _Pose, tone: Points) -> None:
    """Draw four curved lines across the palm, and one across each finger."""
    along = np.linspace(0, 1, 12)
    for start, height, bend in person.creases:
        line = np.stack([start + along * 0.36, height + bend * along * (1 - along) * 1.6 - 0.06 * along], axis=1)
        _stroke(draw, pose, line, 0.013, _colour(tone * 0.7))
    for root, tip in zip(_ROOTS[1:], _tips(person, pose)[1:], strict=True):
        across = np.array([(-0.35, 0.0), (0.35, 0.0)]) * person.finger_width
        _stroke(draw, pose, root + 0.55 * (tip - root) + across, 0.01, _colour(tone * 0.78))


def _nails_and_knuckles(draw: ImageDraw.ImageDraw, person: _Person, pose: _Pose, tone: Points) -> None:
    """Draw a pale nail at each tip and a shade at each knuckle, where the creases of the person begin."""
    for root, tip in zip(_ROOTS, _tips(person, pose), strict=True):
        nail = np.stack([tip - 0.04 * (tip - root), tip + 0.04 * (tip - root)])
        _stroke(draw, pose, nail, person.finger_width * 0.5, _colour(tone * 0.6 + (104, 88, 86)))
    for crease, root in zip(person.creases, _ROOTS[1:], strict=True):
        centre = root * 0.8 + (0, 0.1 * crease[1])
        _stroke(
            draw, pose, centre + np.array([(-0.035, 0), (0.035, 0)]), 0.02 + 0.1 * abs(crease[2]), _colour(tone * 0.86)
        )


def _stroke(draw: ImageDraw.ImageDraw, pose: _Pose, points: Points, width: float, colour: Colour) -> None:
    """Draw a line with round ends and joints; ``width`` in hand units."""
    placed, radius = pose(points), width * pose.scale / 2
    draw.line(placed, fill=colour, width=max(1, round(2 * radius)))
    for x, y in placed:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _photograph(pixels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Apply a light from one side, its colour, and sensor noise to (height, width, 3)."""
    height, width, _ = pixels.shape
    direction = rng.normal(0, 0.04, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = rng.normal(1, 0.025) + direction[0] * x + direction[1] * y
    lit = pixels * light[..., None] * rng.normal(1, 0.01, 3) + rng.normal(0, 5, pixels.shape)
    image: NDArray[np.uint8] = np.clip(lit, 0, 255).round().astype(np.uint8)
    return image


def _colour(rgb: Points) -> Colour:
    red, green, blue = np.clip(rgb, 0, 255).round().astype(int).tolist()
    return red, green, blue
