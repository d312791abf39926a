"""Slices of an evaluation: names for the values of a column, with numbers cut into bands, and the queries of each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from eval.statistics.query_summary import DrawTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FEW_QUERIES = 30
FEW_IDENTITIES = 10
"""A slice with fewer queries (mean over draws) or identities than these is marked as small."""

MOST_BANDS = 7
"""Largest number of bands that numbers are cut into."""

UNKNOWN = "unknown"


def slice_names(values: NDArray[np.object_]) -> NDArray[np.object_]:
    """Name the slice of every row.

    A text or a truth value is its own name; None and numbers that are not finite are ``unknown``. If there are more
    than :data:`MOST_BANDS` different numbers, they are cut into bands whose width is 1, 2, 2.5 or 5 times a power of
    ten and whose starts are multiples of the width. The width is the smallest that gives at most :data:`MOST_BANDS`
    bands. Whole numbers get names like ``20-29``, others like ``[0.2, 0.4)``. Fewer numbers are their own names.

    Args:
        values: (n,) of a column; None is unknown.

    Returns:
        (n,) names.
    """
    clean = [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]
    distinct = {value for value in clean if value is not None}
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in distinct)
    if numeric and len(distinct) > MOST_BANDS:
        whole = all(float(value).is_integer() for value in distinct)
        width = _band_width(min(distinct), max(distinct), whole=whole)
        named = {value: _band(value, width, whole=whole) for value in distinct}
    else:
        named = {value: f"{value:g}" if isinstance(value, float) else str(value) for value in distinct}
    return np.array([UNKNOWN if value is None else named[value] for value in clean], dtype=np.object_)


def _band_width(low: float, high: float, *, whole: bool) -> float:
    """The narrowest round width with which at most MOST_BANDS bands cover everything from low to high."""
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
    """Number of whole widths in a value, rounding errors aside: .3 has three of .1."""
    ratio = value / width
    nearest = round(ratio)
    return nearest if math.isclose(ratio, nearest, rel_tol=1e-9, abs_tol=1e-9) else math.floor(ratio)


def slice_draws(
    draws: Sequence[Sequence[DrawTable]], names: Sequence[Sequence[NDArray[np.object_]]], name: str
) -> list[DrawTable]:
    """Select the queries of one slice, draw by draw, all parts together; draws without such a query are left out.

    Args:
        draws: per part its draws.
        names: per part and draw (queries,) names of slices.
        name: of the slice.
    """
    selected = []
    for tables, names_of_parts in zip(zip(*draws, strict=True), zip(*names, strict=True), strict=True):
        masks = [part == name for part in names_of_parts]
        values = np.concatenate([table.values[mask] for table, mask in zip(tables, masks, strict=True)])
        units = np.concatenate([table.units[mask] for table, mask in zip(tables, masks, strict=True)])
        if len(values):
            selected.append(DrawTable(values, units))
    return selected


def is_small(queries: float, identities: int) -> bool:
    """Whether a slice has fewer queries or identities than its metrics need to be reliable."""
    return queries < FEW_QUERIES or identities < FEW_IDENTITIES
