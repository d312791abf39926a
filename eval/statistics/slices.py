"""Slices of an evaluation: the values of a column by name, numbers cut into bands, figures per value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from eval.statistics.query_figures import DrawTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEW_QUERIES = 30
FEW_IDENTITIES = 10
"""A slice with fewer queries (mean over draws) or identities than these is small: read it with care."""

MOST_BANDS = 7
UNKNOWN = "unknown"


def slice_names(values: NDArray[np.object_]) -> NDArray[np.object_]:
    """Name the slice of every row.

    Texts and truth values name themselves; None and what is not finite is ``unknown``. Numbers of more than
    :data:`MOST_BANDS` different values are cut into bands that are 1, 2, 2.5 or 5 times a power of ten wide and start
    at multiples of their width, as narrow as gives at most :data:`MOST_BANDS`: whole numbers as ``20-29``, others as
    ``[0.2, 0.4)``. Fewer numbers name themselves.

    Args:
        values: (n,) of a column; None where unknown.

    Returns:
        (n,) names.
    """
    clean = [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
    known = {value for value in clean if value is not None}
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)
    if numeric and len(known) > MOST_BANDS:
        whole = all(float(value).is_integer() for value in known)
        width = _band_width(min(known), max(known), whole=whole)
        named = {value: _band(value, width, whole=whole) for value in known}
    else:
        named = {value: f"{value:g}" if isinstance(value, float) else str(value) for value in known}
    return np.array([UNKNOWN if value is None else named[value] for value in clean], dtype=np.object_)


def _band_width(low: float, high: float, *, whole: bool) -> float:
    """The narrowest round width with which at most MOST_BANDS bands hold everything from low to high."""
    span = high / MOST_BANDS - low / MOST_BANDS
    exponent = min(max(math.floor(math.log10(max(span, 1e-300))), -300), 305)
    widths = [step * 10.0**power for power in range(exponent, exponent + 3) for step in (1, 2, 2.5, 5)]
    widths += [1e308] if exponent == 305 else []  # nearly the whole range of floats
    return next(
        width
        for width in widths
        if (not whole or width.is_integer()) and _multiple(high, width) - _multiple(low, width) < MOST_BANDS
    )


def _band(value: float, width: float, *, whole: bool) -> str:
    start = _multiple(value, width) * width
    if whole:
        return f"{start:.0f}{'-' if start >= 0 else ' to '}{start + width - 1:.0f}"
    return f"[{start:.10g}, {start + width:.10g})"


def _multiple(value: float, width: float) -> int:
    """How many whole widths a value holds; .3 holds three of .1, whatever floats say."""
    ratio = value / width
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest, rel_tol=1e-9, abs_tol=1e-9) else math.floor(ratio)


def slice_draws(
    draws: Sequence[Sequence[DrawTable]], names: Sequence[Sequence[NDArray[np.object_]]], name: str
) -> list[DrawTable]:
    """The queries of one slice, draw by draw, parts put together; draws without such a query are left out.

    Args:
        draws: per part its draws.
        names: as ``draws``, (queries,) names of slices.
        name: the slice.
    """
    found = []
    for tables, called in zip(zip(*draws, strict=True), zip(*names, strict=True), strict=True):
        masks = [part == name for part in called]
        values = np.concatenate([table.values[mask] for table, mask in zip(tables, masks, strict=True)])
        units = np.concatenate([table.units[mask] for table, mask in zip(tables, masks, strict=True)])
        if len(values):
            found.append(DrawTable(values, units))
    return found


def is_small(queries: float, identities: int) -> bool:
    """Whether a slice has too little in it to be read like the whole."""
    return queries < FEW_QUERIES or identities < FEW_IDENTITIES
