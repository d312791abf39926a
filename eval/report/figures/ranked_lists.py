"""Figure of ranked lists: queries and the first samples of their rankings, as thumbnails."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from eval.report.figures.style import DPI, GREEN, GREY, INK, RED, RULE, SOFT, head, new_figure, provenance
from retrieval.image_formats import THUMBNAIL_FORMATS
from retrieval.types import Int64, UInt8

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eval.results.schema import EvalResult
    from eval.runs.replay_ranking import Ranking, Replay

TOP = 10
SEED_STREAM = 2
"""Spawn key of the random choice of queries; draws and bootstrap have other keys."""

Kind = Literal["right", "wrong", "distractor"]
FRAMES: Mapping[Kind, tuple[str, str, str]] = {
    "right": (GREEN, "-", "\N{CHECK MARK}"),
    "wrong": (RED, "--", "\N{BALLOT X}"),
    "distractor": (GREY, ":", "\N{EN DASH}"),
}
"""Colour, line style and sign of each kind of gallery sample, so that no kind is marked by colour alone."""

_TILE, _GAP, _QUERY_GAP, _CAPTION, _MARGIN = 118, 14, 34, 58, 20
"""In pixels: side of a thumbnail, space between two, space right of the query, height of the captions, margin."""


class QueryChoice(NamedTuple):
    """A chosen query: its index among the ranking's queries, and the rule, hardest, median or random."""

    at: int
    rule: str


class GalleryTile(NamedTuple):
    """A gallery sample of a ranked list: its row among the samples, its score, and its kind."""

    row: int
    score: float
    kind: Kind


class RankedList(NamedTuple):
    """A ranked list: row of the query, the rule that chose it, rank of its first right sample, and its tiles."""

    query: int
    rule: str
    first_rank: int
    tiles: tuple[GalleryTile, ...]


def choose_queries(ranking: Ranking, seed: int, per_rule: int = 2) -> list[QueryChoice]:
    """Choose ``per_rule`` queries by each of three fixed rules.

    Queries with a right sample in the gallery are sorted by the rank of their first right sample, equal ranks by
    sample id. ``hardest`` are the last of them, ``median`` those around the middle, both at most one per identity;
    ``random`` are drawn from the others with ``SeedSequence(seed, spawn_key=(2,))``. No query is chosen twice.
    """
    counted = np.flatnonzero(ranking.first_ranks > 0)
    order = counted[np.argsort(ranking.first_ranks[counted], kind="stable")]
    identity = ranking.query_side.identity
    middle = (len(order) - 1) / 2
    around = order[np.argsort(np.abs(np.arange(len(order)) - middle), kind="stable")]
    chosen: list[QueryChoice] = []
    for rule, candidates in (("hardest", order[::-1]), ("median", around)):
        taken = {choice.at for choice in chosen}
        chosen += [QueryChoice(at, rule) for at in _first_of_identities(candidates, identity, taken, per_rule)]
    rest = np.setdiff1d(counted, [choice.at for choice in chosen])
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(SEED_STREAM,))))
    chosen += [QueryChoice(int(at), "random") for at in rng.permutation(rest)[:per_rule]]
    return chosen


def ranked_lists(ranking: Ranking, chosen: list[QueryChoice], k: int = TOP) -> list[RankedList]:
    """The first ``k`` gallery samples of the chosen queries, ranked as for the metrics.

    A gallery sample of the query's identity is ``right``; one whose identity is unknown or that of no query of the
    draw is a ``distractor``; others are ``wrong``.
    """
    query_identities = np.unique(ranking.query_side.identity)
    lists = []
    for choice, listed in zip(chosen, ranking.best([query.at for query in chosen], k), strict=True):
        identity = int(ranking.query_side.identity[choice.at])
        kinds = [_kind(int(code), identity, query_identities) for code in ranking.gallery_side.identity[listed.places]]
        tiles = tuple(map(GalleryTile, ranking.gallery[listed.places].tolist(), listed.scores.tolist(), kinds))
        lists.append(RankedList(int(ranking.query[choice.at]), choice.rule, int(ranking.first_ranks[choice.at]), tiles))
    return lists


def ranked_figure(
    result: EvalResult, replay: Replay, part: str, lists: list[RankedList], thumbnails: Mapping[str, bytes]
) -> Figure:
    """Draw one row per query: the query, then its ranked list from left to right.

    Args:
        result: the result, for the lines below the title.
        replay: holds the samples that the rows of ``lists`` index.
        part: name of the part, for the title.
        lists: ranked lists of the part's first draw.
        thumbnails: encoded thumbnails by ``key`` of the sample; an absent or damaged one becomes a grey square.
    """
    longest = max(len(ranked.tiles) for ranked in lists)
    width = 2 * _MARGIN + (longest + 1) * _TILE + _QUERY_GAP + (longest - 1) * _GAP
    row_height = _TILE + _CAPTION
    top = 128
    height = top + len(lists) * row_height + _MARGIN
    figure = new_figure(width / DPI, height / DPI)
    section = result.parts[part] if result.parts else result
    signs = "   ".join(f"{FRAMES[kind][2]} {kind}" for kind in FRAMES)
    head(figure, f"Ranked lists{f': {part}' if part else ''}, first draw", provenance(result, section.n), signs)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.patch.set_alpha(0)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    keys, names = replay.samples.columns["key"], replay.samples.columns["identity"]
    for at, ranked in enumerate(lists):
        y = top + at * row_height
        words = (f"{names[ranked.query]}, {ranked.rule}", f"first right at {ranked.first_rank}")
        _draw_tile(axes, (_MARGIN, y), thumbnails.get(str(keys[ranked.query])), words, None)
        for place, tile in enumerate(ranked.tiles):
            x = _MARGIN + _TILE + _QUERY_GAP + place * (_TILE + _GAP)
            words = (f"{place + 1}.  {tile.score:.3f}", str(names[tile.row] or "unknown"))
            _draw_tile(axes, (x, y), thumbnails.get(str(keys[tile.row])), words, tile.kind)
    return figure


def _first_of_identities(candidates: Int64, identity: Int64, taken: set[int], count: int) -> list[int]:
    """Return the first ``count`` candidates that are not in ``taken``, at most one per identity."""
    first: dict[int, int] = {}
    for at in candidates.tolist():
        if at not in taken and len(first) < count:
            first.setdefault(int(identity[at]), at)
    return list(first.values())


def _kind(identity: int, query_identity: int, query_identities: Int64) -> Kind:
    if identity == query_identity:
        return "right"
    return "wrong" if identity >= 0 and identity in query_identities else "distractor"


def _draw_tile(
    axes: Axes, corner: tuple[float, float], image: bytes | None, words: tuple[str, str], kind: Kind | None
) -> None:
    """Draw a thumbnail with its frame and sign, and two lines of text below."""
    from matplotlib.patches import Rectangle

    x, y = corner
    pixels = _pixels(image)
    if pixels is None:
        axes.add_patch(Rectangle((x, y), _TILE, _TILE, facecolor=RULE, edgecolor="none"))
        axes.text(x + _TILE / 2, y + _TILE / 2, "no thumbnail", size=6.5, color=SOFT, ha="center", va="center")
    else:
        high, wide = pixels.shape[:2]
        left, upper = x + (_TILE - wide) // 2, y + (_TILE - high) // 2
        axes.imshow(pixels, extent=(left, left + wide, upper + high, upper), interpolation="nearest", aspect="auto")
    colour, line, sign = (INK, "-", "") if kind is None else FRAMES[kind]
    frame = Rectangle(
        (x, y), _TILE, _TILE, fill=False, edgecolor=colour, linewidth=2.2 if kind else 0.8, linestyle=line
    )
    axes.add_patch(frame)
    if sign:
        badge = {"facecolor": colour, "edgecolor": "white", "boxstyle": "circle,pad=0.22", "linewidth": 0.8}
        axes.text(
            x + _TILE - 3, y + 3, sign, size=7.5, color="white", weight="bold", ha="center", va="center", bbox=badge
        )
    axes.text(x, y + _TILE + 6, _short(words[0]), size=7, color=INK, va="top", parse_math=False)
    axes.text(x, y + _TILE + 22, _short(words[1]), size=6.5, color=SOFT, va="top", parse_math=False)


def _pixels(image: bytes | None) -> UInt8 | None:
    """Decode a thumbnail and fit it into the tile, (height, width, 3) uint8; None if it is absent or damaged."""
    from PIL import Image, ImageOps

    if image is None:
        return None
    try:
        with Image.open(io.BytesIO(image), formats=THUMBNAIL_FORMATS) as opened:
            return np.asarray(ImageOps.contain(opened.convert("RGB"), (_TILE, _TILE), Image.Resampling.LANCZOS))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:11] + "…" + text[-12:]
