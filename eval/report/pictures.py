"""All pictures that can be made of a result, as PNG files in a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from eval.report.cmc import cmc_figure
from eval.report.curves import curve_figures
from eval.report.hardest import hardest_figure
from eval.report.ranked_lists import choose_queries, ranked_figure, ranked_lists
from eval.report.replay import replay as rank_again
from eval.report.style import save
from retrieval.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure

    from eval.report.replay import Replay
    from eval.result import EvalResult
    from retrieval.store.open import LanceStore


def write_pictures(store: LanceStore, result: EvalResult, folder: Path, each: int = 2) -> list[Path]:
    """Write the pictures of a result: the same result and store give the same bytes.

    A re-identification result gives ``cmc.png``, ``hardest.png`` and a sheet ``ranked.png`` (``ranked-PART.png`` for
    each part); a result with curves gives ``roc.png``, ``det.png``, ``scores.png``, ``open-set.png``, as it has them.

    Args:
        store: where the result was made; rankings are made again from it, and no image is opened.
        result: the result.
        folder: made if it is not there; files of these names are replaced.
        each: how many hardest, median and random queries a sheet shows.

    Returns:
        The files, in order of name.

    Raises:
        InputError: there is nothing to draw, the store does not give the result any more, or a file cannot be written.
    """
    written = []
    for name, figure in _figures(store, result, each):
        save(figure, folder / f"{name}.png")
        written.append(folder / f"{name}.png")
    if not written:
        raise InputError(f"A result of mode {result.mode} has nothing that a picture can be made of.")
    return sorted(written)


def _figures(store: LanceStore, result: EvalResult, each: int) -> Iterator[tuple[str, Figure]]:
    yield from curve_figures(result).items()
    if result.cmc is not None:
        replay = rank_again(store, result)
        yield "cmc", cmc_figure(result, replay)
        yield "hardest", hardest_figure(result, replay)
        for part in replay.rankings:
            suffix = f"-{_slug(part)}" if part else ""
            yield f"ranked{suffix}", _sheet(store, result, replay, part, each)


def _sheet(store: LanceStore, result: EvalResult, replay: Replay, part: str, each: int) -> Figure:
    """The ranked-list sheet of a part's first draw."""
    ranking = replay.rankings[part][0]
    chosen = choose_queries(ranking, result.provenance.seed, each)
    lists = ranked_lists(ranking, chosen)
    rows = {row for one in lists for row in (one.query, *(tile.row for tile in one.tiles))}
    keys = replay.samples.columns["key"]
    with store.snapshot() as snapshot:
        thumbnails = snapshot.thumbnails([str(keys[row]) for row in sorted(rows)])
    return ranked_figure(result, replay, part, lists, thumbnails)


def _slug(name: str) -> str:
    return re.sub(r"[^\w]+", "-", name.lower()).strip("-")
