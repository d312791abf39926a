"""What an export of an encoder wrote, and its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from retrieval.export.encoder_request import GraphPrecision
from retrieval.export.retention import Retention
from retrieval.fitted_table import FittedTable
from retrieval.notebook import ShowsTables
from retrieval.types import PREPROJ, Precision


@dataclass(frozen=True, repr=False)
class EncoderExportReport(ShowsTables):
    """Result of an export.

    Attributes:
        out: the ONNX file.
        preprocess: the file beside it with its preprocessing.
        space: name of the space.
        precision: numbers of the file.
        space_precision: numbers in which the stored vectors were computed.
        dimension: dimension of its vectors.
        bytes: size of the file.
        weights_bytes: size of the weights that images need, in fp32.
        crop: what the encoder of the space sees of a box.
        views: views of the space.
        retention: the comparison with the stored vectors of the view base; None if it was not asked for.
    """

    out: str
    preprocess: str
    space: str
    precision: GraphPrecision
    space_precision: Precision
    dimension: int
    bytes: int
    weights_bytes: int
    crop: str
    views: tuple[str, ...]
    retention: Retention | None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        names = (
            "out", "preprocess", "space", "precision", "space_precision", "dimension", "bytes", "weights_bytes", "crop",
            "views",
        )  # fmt: skip
        kept = None if self.retention is None else self.retention.to_dict()
        return {**{name: getattr(self, name) for name in names}, "retention": kept}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about images that could not be compared, about boxes, and about views."""
        notes = []
        if self.crop != "whole":
            notes.append(f"Space {self.space} sees boxes by the policy {self.crop}: index with `crop={self.crop}`.")
        if "hflip" in self.views:
            notes.append(f"Space {self.space} has mirror images, too: index with `views=base,hflip`.")
        if PREPROJ in self.views:
            notes.append(
                f"The file gives the vectors of the view base; the view {PREPROJ} of space {self.space}, which "
                "adapters are trained on, is not in it."
            )
        kept = self.retention
        if kept is not None:
            reasons = {
                "gone": kept.gone, "changed since they were indexed": kept.changed, "unreadable": kept.unreadable,
            }  # fmt: skip
            left = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
            if left:
                notes.append(f"Images that were not compared: {left}.")
            if not kept.images:
                notes.append("No image could be compared: what the file keeps of the stored vectors is not known.")
        return tuple(notes)

    def _tables(self) -> Iterator[FittedTable]:
        yield encoder_export_table(self)


def encoder_export_table(report: EncoderExportReport) -> FittedTable:
    """Return a row for each thing that was measured."""
    table = FittedTable()
    table.add_column("")
    table.add_column(report.precision, "number")
    table.add_column("of", "prose")
    size = f"{report.weights_bytes / 1e6:,.1f} MB of weights in fp32"
    table.add_row("size", f"{report.bytes / 1e6:,.1f} MB", size)
    if report.retention is not None and report.retention.images:
        for cells in _retention_rows(report.retention, report.space_precision):
            table.add_row(*cells)
    return table


def _retention_rows(kept: Retention, precision: Precision) -> Iterator[tuple[str, str, str]]:
    vectors = f"{kept.images:,} images, to their stored vectors, which are of {precision}"
    yield "mean cosine", f"{kept.mean_cosine:.6f}", vectors
    yield "least cosine", f"{kept.least_cosine:.6f}", vectors
    if kept.same_neighbour is not None:
        share = f"{100 * kept.same_neighbour / kept.images:.1f} %"
        yield "same nearest image", share, f"{kept.images:,} images, by stored and by new vectors"
    if kept.same_prototype is not None:
        share = f"{100 * kept.same_prototype / kept.images:.1f} %"
        yield (
            "same nearest label",
            share,
            f"{kept.images:,} images, among mean stored vectors of {kept.labels:,} labels",
        )
    if kept.speed is not None:
        rate = f"{kept.torch_images_per_second:,.1f} by torch in {precision}; {kept.speed:.2f} times that"
        yield "images/s on one core", f"{kept.images_per_second:,.1f}", rate
