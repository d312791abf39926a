"""Write the pictures of one result as PNG files (``eval --pictures``)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from eval.report.figures.cmc import cmc_figure
from eval.report.figures.curves import curve_figures
from eval.report.figures.hardest import hardest_figure
from eval.report.figures.ranked_lists import choose_queries, ranked_figure, ranked_lists
from eval.report.figures.style import save
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from eval.results.schema import EvalResult
    from eval.runs.replay_ranking import Replay
    from retrieval.types import Thumbnails


def write_pictures(
    result: EvalResult, folder: Path, replay: Replay | None, thumbnails: Thumbnails, per_rule: int = 2
) -> list[Path]:
    """Write all pictures that a result allows; the same result and rankings give the same bytes.

    A re-identification result gives ``cmc.png``, ``hardest.png`` and a sheet ``ranked.png`` (``ranked-PART.png`` for
    each part); a result with curves gives ``roc.png``, ``det.png``, ``scores.png`` and ``open-set.png`` for those that
    it has.

    Args:
        result: the result.
        folder: created if needed; files of these names are replaced.
        replay: the rankings of a re-identification result (:func:`eval.runs.replay_ranking.replay`), else None.
        thumbnails: reads stored thumbnails by the key of their sample.
        per_rule: how many hardest, median and random queries a sheet shows.

    Returns:
        The paths of the files, sorted.

    Raises:
        InputError: the result has nothing to draw, or a file cannot be written.
    """
    written = []
    for name, figure in _figures(result, replay, thumbnails, per_rule):
        save(figure, folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    if not written:
        raise InputError(f"A result of mode {result.mode} has nothing that a picture can be made of.")
    return sorted(written)


def _figures(
    result: EvalResult, replay: Replay | None, thumbnails: Thumbnails, per_rule: int
) -> Iterator[tuple[str, Figure]]:
    yield from curve_figures(result).items()
    if replay is not None:
        yield "cmc", cmc_figure(result, replay)
        yield "hardest", hardest_figure(result, replay)
        for part in replay.rankings:
            suffix = f"-{_slug(part)}" if part else ""
            yield f"ranked{suffix}", _sheet(result, replay, thumbnails, part, per_rule)


def _sheet(result: EvalResult, replay: Replay, thumbnails: Thumbnails, part: str, per_rule: int) -> Figure:
    """Draw the ranked lists of a part's first draw."""
    ranking = replay.rankings[part][0]
    chosen = choose_queries(ranking, result.provenance.seed, per_rule)
    lists = ranked_lists(ranking, chosen)
    rows = {row for one in lists for row in (one.query, *(tile.row for tile in one.tiles))}
    keys = replay.samples.columns["key"]
    return ranked_figure(result, replay, part, lists, thumbnails([str(keys[row]) for row in sorted(rows)]))


def _slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-")
