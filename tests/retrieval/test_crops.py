"""What encoders see of a box, under every policy."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrieval.crops import POLICIES, CropPolicy, cut_box, parse_policy
from retrieval.errors import InputError, UnknownNameError, UnknownOptionError
from retrieval.outlines import join_parts
from retrieval.types import Box

BOX = Box(0.25, 0.25, 0.5, 0.5)


def noise(width: int = 80, height: int = 40) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 200, (height, width, 3), np.uint8))


def pixels(
    text: str, box: Box | None = BOX, polygon: tuple[tuple[float, float], ...] | None = None
) -> list[np.ndarray]:
    return [np.asarray(one.convert("RGB")) for one in parse_policy(text).pictures(noise(), box, polygon)]


@pytest.mark.parametrize("text", POLICIES)
def test_a_whole_image_is_seen_whole(text: str) -> None:
    seen = pixels(text, None)
    assert len(seen) == 1 + len(parse_policy(text).views)
    assert all((one == np.asarray(noise())).all() for one in seen)


@pytest.mark.parametrize("text", POLICIES)
def test_a_box_outside_the_image_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="outside the image"):
        pixels(text, Box(1.5, 0.5, 0.1, 0.1))


def test_the_box_and_its_surroundings() -> None:
    whole = np.asarray(noise())
    assert (pixels("box")[0] == whole[10:30, 20:60]).all()
    assert (pixels("box+context(0.25)")[0] == whole[5:35, 10:70]).all()
    assert (pixels("box+context(2)")[0] == whole).all()
    crop, full = pixels("full+crop")
    assert (crop == whole[10:30, 20:60]).all()
    assert (full == whole).all()


def test_a_drawn_box_changes_a_line_only() -> None:
    whole = np.asarray(noise())
    for text in ("full+box", "circle"):
        changed = (pixels(text)[0] != whole).any(-1)
        assert (pixels(text)[0][changed] == (255, 0, 0)).all()
        assert 0.01 < changed.mean() < 0.2
    edges = (pixels("full+box")[0] == (255, 0, 0)).all(-1)
    rows, columns = np.nonzero(edges)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 29, 20, 59)


def test_outside_is_blurred_and_inside_is_not() -> None:
    whole = np.asarray(noise()).astype(int)
    seen = pixels("blur-outside(0.05)")[0].astype(int)
    assert (seen[10:30, 20:60] == whole[10:30, 20:60]).all()
    outside = np.ones(whole.shape[:2], bool)
    outside[10:30, 20:60] = False
    assert np.diff(seen[:9], axis=1).std() < 0.3 * np.diff(whole[:9], axis=1).std()
    assert (seen != whole).any(-1)[outside].mean() > 0.9


def test_a_polygon_is_what_is_inside() -> None:
    triangle = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75))
    whole = np.asarray(noise())
    seen = pixels("blur-outside", polygon=triangle)[0]
    assert (seen[12, 25] == whole[12, 25]).all()
    same = (seen == whole).all(-1)
    assert not same[25:29, 50:59].any()


def test_between_the_parts_of_an_outline_all_is_blurred() -> None:
    left, right = ((0.25, 0.25), (0.4, 0.25), (0.4, 0.75), (0.25, 0.75)), ((0.6, 0.25), (0.75, 0.25), (0.75, 0.75))
    whole = np.asarray(noise())
    same = (pixels("blur-outside", polygon=join_parts([left, right]))[0] == whole).all(-1)
    assert same[10:29, 20:32].all()
    assert same[11, 50:59].all()
    assert not same[10:29, 34:47].any()
    assert not same[27:29, 49:56].any()


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("whole", CropPolicy("box")),
        ("box", CropPolicy("box")),
        ("Box+Context", CropPolicy("box+context", 0.3)),
        ("box+context(1)", CropPolicy("box+context", 1.0)),
        ("full+box drawn", CropPolicy("full+box")),
        ("blur-outside( 0.1 )", CropPolicy("blur-outside", 0.1)),
    ],
)
def test_policies_are_read(text: str, policy: CropPolicy) -> None:
    assert parse_policy(text) == policy
    assert parse_policy(policy.text) == policy


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("circel", "'circel'.*Did you mean 'circle'"),
        ("", "crop policy"),
        ("box(3)", "box has no number"),
        ("box+context(x)", "write a number above 0"),
        ("box+context(-1)", "write a number above 0"),
        ("blur-outside(nan)", "write a number above 0"),
    ],
)
def test_what_is_no_policy_is_refused(text: str, reason: str) -> None:
    with pytest.raises((UnknownNameError, UnknownOptionError), match=reason):
        parse_policy(text)


def test_a_box_of_no_width_is_a_pixel() -> None:
    assert cut_box(noise(), Box(0.5, 0.5, 0, 0)).size == (1, 1)
