"""Tables of an inspection on a terminal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from retrieval.fitted_table import FittedTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eval.runs.inspect import Inspection
    from eval.runs.inspection_metrics import InspectionMetrics, Share

MOST_IMAGES = 12
"""Images whose objects are listed; more are counted by type and condition only."""


def inspection_tables(inspection: Inspection) -> Iterator[FittedTable]:
    """The objects of the first images, numbers by type and condition, and the comparison with annotations."""
    if inspection.images:
        yield _objects_table(inspection)
        yield _counts_table(inspection)
    if inspection.metrics is not None:
        yield _metrics_table(inspection.metrics)


def _objects_table(inspection: Inspection) -> FittedTable:
    found_by = inspection.detector or "annotated boxes"
    table = FittedTable(f"inspect · {found_by} · space {inspection.space} · {inspection.method}")
    hidden = len(inspection.images) - MOST_IMAGES
    table.caption = "score: probability of the condition; nearest: conditions of the nearest stored objects" + (
        f"\n{hidden} more images (`json` has all of them)" if hidden > 0 else ""
    )
    for name, kind in (("image", "text"), ("object", "text"), ("found", "number"), ("condition", "text"),
                       ("score", "number"), ("nearest", "text")):  # fmt: skip
        table.add_column(name, "number" if kind == "number" else "text")
    for image in inspection.images[:MOST_IMAGES]:
        if not image.objects:
            table.add_row(image.name, "no objects", "", "", "", "")
        for at, one in enumerate(image.objects):
            nearest = ", ".join(f"{example.condition} {example.score:.2f}" for example in one.examples)
            cells = (one.object or one.detected, f"{one.confidence:.2f}", one.condition, f"{one.score:.2f}", nearest)
            table.add_row("" if at else image.name, *cells)
    return table


def _counts_table(inspection: Inspection) -> FittedTable:
    counts = Counter(
        (one.object or one.detected, one.condition) for image in inspection.images for one in image.objects
    )
    conditions = sorted({condition for _, condition in counts})
    table = FittedTable(f"{counts.total():,} objects in {len(inspection.images):,} images")
    table.add_column("object")
    for condition in conditions:
        table.add_column(condition, "number")
    for kind in sorted({kind for kind, _ in counts}):
        table.add_row(kind, *(str(counts[kind, condition] or "") for condition in conditions))
    return table


def _metrics_table(metrics: InspectionMetrics) -> FittedTable:
    table = FittedTable("Compared with the annotations, percent, [95 % over images]", has_heading=False)
    table.caption = "found: a detection of the type that overlaps by half or more"
    for name, kind in (("", "text"), ("value", "metric"), ("n", "number")):
        table.add_column(name, "metric" if kind == "metric" else "number" if kind == "number" else "text")
    rows: dict[str, Share] = {
        "annotated objects that are found": metrics.recall,
        "detections that find an object": metrics.precision,
        "condition right, of found objects": metrics.condition,
        **{f"condition right, of {name}": part for name, part in metrics.conditions.items()},
        "found and condition right": metrics.end_to_end,
        "relations of found objects right": metrics.relations,
    }
    for name, part in rows.items():
        table.add_row(name, share_words(part), str(part.n))
    if metrics.mean_ap is not None:
        listed = ", ".join(f"{kind} {100 * value:.1f}" for kind, value in metrics.ap.items())
        table.add_row(f"mAP@.5 ({listed})", f"{100 * metrics.mean_ap:.1f}", "")
    return table


def share_words(part: Share) -> str:
    """Write a share in percent with its interval."""
    if part.value is None:
        return ""
    interval = "" if part.ci95 is None else f" [{100 * part.ci95[0]:.1f}, {100 * part.ci95[1]:.1f}]"
    return f"{100 * part.value:.1f}{interval}"
