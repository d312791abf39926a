"""Figures as SVG: the same bytes twice, every text as it is, small, and readable on a dark page."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from eval.report.figures.classes import confusion_figure
from eval.report.figures.comparison import gains_figure
from eval.report.figures.panels import COLOURS
from eval.report.figures.reliability import reliability_figure
from eval.report.figures.style import GREY, INK, ORANGE, ROSE, SHADE, head, new_figure
from eval.report.figures.vector import DARK, DARK_PAPER, PAPER, dark_rules, svg_file, svg_of
from tests.support.drawn_results import fusion

SPACE = "{http://www.w3.org/2000/svg}"


def luminance(colour: str) -> float:
    """Relative luminance of a colour (Web Content Accessibility Guidelines 2.1)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_same_figure_gives_the_same_text_and_other_names_other_ids() -> None:
    first, second, other = (svg_of(gains_figure(fusion()), name) for name in ("a", "a", "b"))
    assert first == second
    ids = [set(re.findall(r' id="([^"]*)"', text)) for text in (first, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert ids[0] == set(re.findall(r'(?:href="#|url\(#)([^")]+)', first))


def test_text_stays_as_it_is() -> None:
    words = 'style="fill: #1d2329" 0.123456789 <b id="x"> & d="M 1.23456"'
    figure = new_figure(6, 3)
    head(figure, words)
    root = ET.fromstring(svg_file(svg_of(figure, "a"), "an &amp; alt"))  # noqa: S314 - our own
    assert [text.text for text in root.iter(f"{SPACE}text")] == [words]
    assert [title.text for title in root.iter(f"{SPACE}title")] == ["an & alt"]


def test_invisible_characters_are_written_as_their_escapes() -> None:
    figure = new_figure(6, 3)
    head(figure, "red\x1b[31m \u202egpj.exe")
    root = ET.fromstring(svg_file(svg_of(figure, "a"), "x"))  # noqa: S314 - our own
    assert [text.text for text in root.iter(f"{SPACE}text")] == ["red\\x1b[31m \\u202egpj.exe"]


def test_all_colours_can_be_read_on_a_light_and_on_a_dark_page() -> None:
    used: set[str] = set()
    for make in (gains_figure, confusion_figure, reliability_figure):
        used |= set(re.findall(r"(?:fill|stroke):(#\w+)", svg_of(make(fusion()), "a")))
    assert used <= {*DARK, PAPER, GREY, ORANGE, ROSE, SHADE}
    for colour in {*COLOURS, *DARK} - {"#d5dadf"}:  # the grid behind the data is faint on purpose
        assert contrast(DARK.get(colour, colour), DARK_PAPER) > 3.9, colour
    assert contrast(INK, PAPER) > 7
    assert contrast(DARK[INK], DARK_PAPER) > 7
    rules = dark_rules("svg.figure")
    assert all(f'svg.figure [style*="fill:{light}"]{{fill:{dark}!important}}' in rules for light, dark in DARK.items())


def test_a_figure_is_small_and_has_no_raster_image() -> None:
    svg = svg_of(confusion_figure(fusion()), "a")
    assert "<image" not in svg
    assert len(svg) < 50_000
    assert 'fill:#ffffff"/>' not in svg.partition("<g>")[0]
