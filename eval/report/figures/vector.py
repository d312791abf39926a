"""Write figures as SVG: small, without a background, in colours that follow light and dark pages.

Text stays text, so that it can be searched, copied and read aloud. Matplotlib writes each coordinate with six places,
each element with an id and each text with its list of fonts; what a reader cannot see of this is left out.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING

from eval.report.figures.style import BLUE, GREEN, INK, RED, RULE, SKY, SOFT
from retrieval.escapes import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAPER, DARK_PAPER = "#ffffff", "#14181c"
DARK = {
    INK: "#e6e9ec", SOFT: "#a3adb6", RULE: "#39424a", BLUE: "#3d9be0", SKY: "#a8daf9", GREEN: "#2cc295", RED: "#ff8a3d",
}  # fmt: skip
"""Colours of figures that are too dark on a dark page, and what replaces them there."""

_ALL = f"fill:{INK};font-family:'DejaVu Sans',Verdana,sans-serif;stroke-linejoin:round"
_TAG = re.compile(r"<[^>]*>")
_WORDS = re.compile(r' (?:id="(?P<id>[^"]*)"|transform="rotate\(-0 [^)]*\)"|xmlns:xlink="[^"]*")')
_NUMBER = re.compile(r"(?<![\w#.])-?\d+\.\d{2,}(?![\w.])")
_FONTS = re.compile(r"font-family: [^;\"]*;? ?")
_UNSEEN = re.compile(r'<path d="[^"]*" style="fill:none"/>|<g></g>|<defs><style.*?</style></defs>', re.DOTALL)
_ONLY_CHILD = re.compile(r"<g>(<[^<>]*/>|<text[^<>]*>[^<>]*</text>)</g>")


def dark_rules(within: str) -> str:
    """CSS that replaces the colours of figures on a dark page; ``within`` is the selector of the figures.

    Colours stand in ``style`` attributes, which programs without style sheets read too; so the rules look there.
    """
    rules = [
        f'{within} [style*="{part}:{light}"]{{{part}:{dark}!important}}'
        for light, dark in DARK.items()
        for part in ("fill", "stroke")
    ]
    return "\n".join([*rules, f'{within} [style*="stroke:{PAPER}"]{{stroke:{DARK_PAPER}!important}}'])


def svg_of(figure: Figure, name: str) -> str:
    """Write a figure as an SVG element; the same figure and name give the same text.

    Args:
        figure: the figure; its background and that of its axes are no longer drawn.
        name: makes ids within the element differ from those of other elements of a page.
    """
    from matplotlib import rc_context

    for background in (figure.patch, *(axes.patch for axes in figure.axes)):
        background.set_visible(False)
    data = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(data, format="svg", metadata=nothing)
    return _without_unseen(printable(data.getvalue()))


def svg_file(svg: str, alt: str) -> str:
    """Make an SVG file of an element of :func:`svg_of`, with its colours on dark pages.

    Args:
        svg: the element.
        alt: text for readers who cannot see it, escaped for XML.
    """
    head, rest = svg.split(">", 1)
    style = f"<style>@media (prefers-color-scheme:dark){{{dark_rules('svg')}}}</style>"
    return f'{head} role="img"><title>{alt}</title>{style}{rest}\n'


def _without_unseen(text: str) -> str:
    """Leave out of an SVG of matplotlib what is not seen; only tags are changed, never the text between them."""
    used = frozenset(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    text = _TAG.sub(lambda match: _short_tag(match[0], used), text[text.index("<svg") :])
    text = re.sub(r">\s+<", "><", text.strip())
    before = ""
    while before != text:
        before, text = text, _ONLY_CHILD.sub(r"\1", _UNSEEN.sub("", text))
    start = text.index(">") + 1
    return f'{text[:start]}<g style="{_ALL}">{text[start:].removesuffix("</svg>")}</g></svg>'


def _short_tag(tag: str, used: frozenset[str]) -> str:
    """Shorten a tag: no id that is not in ``used``, no turn by 0 degrees, no fonts, one place of coordinates."""
    tag = _WORDS.sub(lambda match: match[0] if match["id"] in used else "", tag).replace("xlink:href", "href")
    tag = _NUMBER.sub(lambda match: f"{float(match[0]):.1f}".rstrip("0").rstrip("."), tag)
    tag = _FONTS.sub("", tag).replace(": ", ":").replace("; ", ";")
    return " ".join(tag.split())
