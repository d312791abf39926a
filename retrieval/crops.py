"""Crop policies: what of an image an encoder sees of a sample that is a box. They are part of a space.

A sample that is a whole image is seen whole by all of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from retrieval.errors import InputError, UnknownOptionError, unknown
from retrieval.outlines import split_parts
from retrieval.types import WHOLE, Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.types import Corner

BOX, CONTEXT, DRAWN, CIRCLE, BLUR, BOTH = "box", "box+context", "full+box", "circle", "blur-outside", "full+crop"
DEFAULTS = {CONTEXT: 0.3, BLUR: 0.03}
"""Policies with a number, and the number that they have where none is given."""

FULL_VIEW = "full"
"""View of the policy ``full+crop`` that is the whole image; its other views are of the box."""

POLICIES = (BOX, f"{CONTEXT}({DEFAULTS[CONTEXT]})", DRAWN, CIRCLE, f"{BLUR}({DEFAULTS[BLUR]})", BOTH)

_TEXT = re.compile(r"([a-z+-]+?)(?:\(([^()]*)\))?")
_RED = (255, 0, 0)
_LINE = 0.01
"""Width of a drawn line as a share of the longer side of the image."""


class CropPolicy(NamedTuple):
    """A policy and its number, which is 0 where it has none.

    ``box`` is the box itself. ``box+context(c)`` moves its edges outwards by c times its width and height.
    ``full+box`` is the whole image with the box drawn on it in red, ``circle`` with an ellipse around the box
    (Shtedritski et al., ICCV 2023). ``blur-outside(s)`` is the whole image, blurred outside the polygon, or the box
    where there is none, with a standard deviation of s times its longer side (Yang et al., NeurIPS 2023).
    ``full+crop`` is two views: the box, and the whole image.
    """

    name: str
    number: float = 0.0

    @property
    def text(self) -> str:
        """The policy as :class:`~retrieval.types.EncoderSpec` has it: ``whole`` for the box itself."""
        if self.name == BOX:
            return WHOLE
        return f"{self.name}({self.number:g})" if self.name in DEFAULTS else self.name

    @property
    def views(self) -> tuple[str, ...]:
        """The views that it adds to those that are made from the first."""
        return (FULL_VIEW,) if self.name == BOTH else ()

    def pictures(
        self, image: Image.Image, box: Box | None, polygon: Sequence[Corner] | None = None
    ) -> list[Image.Image]:
        """Return what the encoder sees: one picture, and another for each of :attr:`views`.

        Args:
            image: the upright image.
            box: the sample's box; None for the whole image.
            polygon: corners of its outline, if known, as fractions; of one part, or several.

        Raises:
            InputError: the box lies outside the image.
        """
        if box is None:
            return [image] * (1 + len(self.views))
        cut_box(image, box)  # a box outside the image is refused by all policies
        if self.name == BOX:
            return [cut_box(image, box)]
        if self.name == CONTEXT:
            return [cut_box(image, _grown(box, self.number))]
        if self.name == BOTH:
            return [cut_box(image, box), image]
        if self.name == BLUR:
            return [_blurred(image, box, polygon, self.number)]
        return [_drawn(image, box, round_=self.name == CIRCLE)]


def parse_policy(text: str) -> CropPolicy:
    """Read a policy such as ``box``, ``box+context(0.5)`` or ``circle``; ``whole`` is the box.

    Raises:
        UnknownNameError: there is no such policy.
        UnknownOptionError: its number cannot be used.
    """
    match = _TEXT.fullmatch(text.strip().lower().removesuffix(" drawn").removesuffix("-drawn"))
    name, number = (match[1], match[2]) if match else (text, None)
    if name == WHOLE and number is None:
        return CropPolicy(BOX)
    names = (BOX, CONTEXT, DRAWN, CIRCLE, BLUR, BOTH)
    if name not in names:
        raise unknown("crop policy", text, POLICIES)
    if name not in DEFAULTS:
        if number is not None:
            raise UnknownOptionError(f"the crop policy {name} has no number; leave out ({number}).")
        return CropPolicy(name)
    try:
        value = DEFAULTS[name] if number is None else float(number)
    except ValueError:
        value = -1.0
    if not 0 < value <= 10:
        raise UnknownOptionError(f"crop policy '{text}': write a number above 0, such as {name}({DEFAULTS[name]}).")
    return CropPolicy(name, value)


def cut_box(image: Image.Image, box: Box) -> Image.Image:
    """Crop an upright image to a box, at least one pixel wide and high.

    Raises:
        InputError: the box lies outside the image.
    """
    return image.crop(_edges(image, box))


def _edges(image: Image.Image, box: Box) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a box in pixels."""
    left, right = round(box.x * image.width), round((box.x + box.width) * image.width)
    top, bottom = round(box.y * image.height), round((box.y + box.height) * image.height)
    left, right = max(0, left), min(image.width, max(right, left + 1))
    top, bottom = max(0, top), min(image.height, max(bottom, top + 1))
    if left >= right or top >= bottom:
        raise InputError(f"the box {tuple(box)} lies outside the image")
    return left, top, right, bottom


def _grown(box: Box, share: float) -> Box:
    """Move the edges of a box outwards; what leaves the image is cut off."""
    left, top = max(0.0, box.x - share * box.width), max(0.0, box.y - share * box.height)
    right, bottom = box.x + (1 + share) * box.width, box.y + (1 + share) * box.height
    return Box(left, top, min(1.0, right) - left, min(1.0, bottom) - top)


def _drawn(image: Image.Image, box: Box, *, round_: bool) -> Image.Image:
    drawn = image.convert("RGB")
    left, top, right, bottom = _edges(image, box)
    width = max(1, round(_LINE * max(image.size)))
    edges = (left, top, right - 1, bottom - 1)
    brush = ImageDraw.Draw(drawn)
    if round_:
        half_width, half_height = (right - left) / 2**0.5, (bottom - top) / 2**0.5  # the ellipse through the corners
        x, y = (left + right - 1) / 2, (top + bottom - 1) / 2
        brush.ellipse((x - half_width, y - half_height, x + half_width, y + half_height), outline=_RED, width=width)
    else:
        brush.rectangle(edges, outline=_RED, width=width)
    return drawn


def _blurred(image: Image.Image, box: Box, polygon: Sequence[Corner] | None, share: float) -> Image.Image:
    plain = image.convert("RGB")
    mask = Image.new("L", image.size, 0)
    left, top, right, bottom = _edges(image, box)
    brush = ImageDraw.Draw(mask)
    if polygon:
        for part in split_parts(polygon):
            brush.polygon([(x * image.width, y * image.height) for x, y in part], fill=255, outline=255)
        inside = Image.new("L", image.size, 0)
        inside.paste(255, (left, top, right, bottom))
        mask = ImageChops.multiply(mask, inside)
    else:
        brush.rectangle((left, top, right - 1, bottom - 1), fill=255)
    blurred = plain.filter(ImageFilter.GaussianBlur(share * max(image.size)))
    return Image.composite(plain, blurred, mask)
