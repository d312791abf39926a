"""The common style of all figures: size, colours, title, axes, file.

Figures are made as objects, without pyplot, so that matplotlib's global state is not used.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from eval.views.wording import count_words, protocol_words
from retrieval.files import check_picture, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.results.schema import EvalResult

DPI = 150
INK, SOFT, RULE = "#1d2329", "#5b646d", "#d5dadf"
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#8a9299"
SKY, ROSE = "#56b4e9", "#cc79a7"
"""Okabe and Ito's colours (2008), which most colour-blind people can tell apart; GREY is for secondary data."""

SHADE = "#005b8f"
"""Colour of the cells of a grid, mixed with the page; it is the same on light and dark pages."""

TITLE, TEXT, SMALL = 12.0, 9.5, 8.5
"""Font sizes in points."""

_COUNTS = {"query": "queries", "gallery": "gallery samples", "identities": "identities", "genuine": "genuine pairs"}
_COUNTS |= {"impostor": "impostor pairs"}


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure; width and height are in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def head(figure: Figure, title: str, *notes: str, titled: bool = False) -> None:
    """Write the title and, below it, notes wrapped to the width of the figure; axes get the room below.

    ``titled`` leaves room for titles of axes.
    """
    width, height = figure.get_size_inches()
    wide = int(width * 14.5)
    lines = [
        line.replace("\N{NO-BREAK SPACE}", " ") for note in notes for line in textwrap.wrap(_keep_percent(note), wide)
    ]
    left = 0.13 / width
    figure.text(left, 1 - 0.13 / height, title, size=TITLE, weight="bold", color=INK, va="top", parse_math=False)
    figure.text(
        left, 1 - 0.4 / height, "\n".join(lines), size=SMALL, color=SOFT, va="top", linespacing=1.35, parse_math=False
    )
    top = 1 - (0.6 + 0.165 * len(lines) + (0.2 if titled else 0)) / height
    figure.subplots_adjust(top=top, bottom=0.5 / height, left=0.68 / width, right=1 - 0.2 / width)


def _keep_percent(note: str) -> str:
    """Keep a number and its percent sign on one line."""
    return note.replace(" %", "\N{NO-BREAK SPACE}%")


def style_axes(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Label axes, draw a light grid behind the data, and remove the upper and right side of the frame."""
    axes.set_xlabel(x, size=TEXT, color=INK, parse_math=False)
    axes.set_ylabel(y, size=TEXT, color=INK, parse_math=False)
    if title:
        axes.set_title(title, size=TEXT, color=INK, loc="left", parse_math=False)
    axes.tick_params(labelsize=SMALL, colors=SOFT, length=3)
    axes.grid(visible=True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)


def provenance(result: EvalResult, n: Mapping[str, int | float] | None = None) -> str:
    """Write where the numbers of a figure come from: protocol, aspect and condition, space, counts, draws, seed.

    ``n`` replaces the counts of the result, where the figure is of a part.
    """
    counts = [
        f"{count_words(value)} {_COUNTS[key]}".replace(" ", "\N{NO-BREAK SPACE}")
        for key, value in (n or result.n).items()
        if key in _COUNTS
    ]
    source = result.provenance
    draws = f"{len(result.draws)} draws" if len(result.draws) > 1 else "one draw"
    draws, seed = (words.replace(" ", "\N{NO-BREAK SPACE}") for words in (draws, f"seed {source.seed}"))
    parts = [protocol_words(result), f"space {source.space}", ", ".join(counts), draws, seed]
    selection = [result.config.get(name) for name in ("aspect", "where")]
    parts[1:1] = [str(value) for value in selection if value not in {None, "all"}]
    return " · ".join(filter(None, parts))


def plain(text: str) -> str:
    """Escape ``$``, for texts of which matplotlib cannot be told not to read it as mathematics."""
    return text.replace("$", r"\$")


METADATA = {
    ".png": ("Software",),
    ".svg": ("Date", "Creator", "Format", "Type"),
    ".pdf": ("CreationDate", "Creator", "Producer"),
}
"""Suffixes of the files of figures, and what matplotlib would say in them of the program and the time."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure as its file's suffix says, atomically.

    There is no metadata in it, so that the same figure gives the same bytes. Words in an SVG and a PDF are text.

    Raises:
        InputError: the suffix is not one of :data:`METADATA`, or it cannot be written there.
    """
    from matplotlib import rc_context

    suffix, data = check_picture(path, tuple(METADATA)), io.BytesIO()
    with (
        rc_context({"svg.fonttype": "none", "svg.hashsalt": path.stem, "pdf.fonttype": 42}),
        warnings.catch_warnings(),
    ):  # a letter that the font lacks becomes a box; nothing to be done about it here
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        metadata = dict.fromkeys(METADATA[suffix])
        figure.savefig(data, format=suffix.removeprefix("."), dpi=DPI, metadata=metadata)
    write_atomically(path, data.getvalue(), "choose another folder")
