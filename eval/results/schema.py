"""The result of an evaluation, and the file it is kept in (``schema_version`` 2)."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.frames import to_frame
from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from rich.console import RenderableType

SCHEMA_VERSION = 2

TaskName = Literal["classification", "ranking", "verification"]
"""Which class is it; who is it, a query against a gallery; do two samples show the same identity."""

OPTIONAL = {
    "cmc", "parts", "slices", "definitions", "curves", "thresholds", "split_sha256", "sd_seeds", "names", "origin",
    "sweep", "chosen", "per_class", "confusion", "arms", "retrieval", "metrics", "calibration", "gains", "ci95_of",
    "sd_seeds_of",
}  # fmt: skip
"""Sections of a result file that are left out where they do not apply."""

Curves: TypeAlias = dict[str, dict[str, tuple[float, ...]]]


class Metric(Config):
    """A fraction with its uncertainty.

    ``value`` is the mean over draws (and parts). ``ci95`` is the 95 % bootstrap interval, None where there are too
    few units for one. ``sd_draws`` is the standard deviation over draws (ddof 1), None for a single draw: it says
    how much the draw matters, not how sure the number is. ``sd_seeds`` is the same over the seeds that chose the shots
    of a draw, averaged over draws.
    """

    value: float
    ci95: tuple[float, float] | None = None
    sd_draws: float | None = None
    sd_seeds: float | None = None


class Universe(Config):
    """The classes or identities an evaluation was over: how many, and the SHA-256 of their sorted JSON list.

    Classification also says the ``names``, in the order of their numbers, and their ``origin``: all, split or a file.
    """

    n: int
    sha256: str
    names: tuple[str, ...] | None = None
    origin: str | None = None


class Part(Config):
    """One part of an evaluation (an aspect): the figures of the whole, for the part alone."""

    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]
    n: dict[str, int | float]
    cmc: tuple[float, ...] | None = None
    split_sha256: str | None = None


class Slice(Config):
    """Figures of the queries that share a value of a column; ``small``: too few of them to be read like the whole."""

    metrics: dict[str, Metric]
    n: dict[str, int | float]
    small: bool


class Definition(Config):
    """A metric of one ranking under one definition; ``ap_k`` and ``ap_denominator`` belong to AP at k alone."""

    metric: str
    ap_method: str | None = None
    ap_k: int | None = None
    ap_denominator: str | None = None
    ties: str = "stable"
    denominator: str = "valid"
    value: float = 0.0


Setting: TypeAlias = dict[str, str | int | float | None]


class SweepPoint(Config):
    """One candidate setting and its figures, means over draws, on the samples of ``role`` (``val`` or ``test``).

    ``arm`` names the arm that the setting belongs to; None is the whole (a fusion). ``chosen`` is the share of draws
    in which it was chosen. ``ci95_of`` and ``sd_seeds_of`` are intervals and deviations over seeds of the metrics,
    where settings stand side by side on test (few-shot).
    """

    settings: Setting
    role: str
    metrics: dict[str, float]
    chosen: float = 0.0
    arm: str | None = None
    ci95_of: dict[str, tuple[float, float]] | None = None
    sd_seeds_of: dict[str, float] | None = None


class Choice(Config):
    """What was chosen: the setting of every draw, by which ``criterion`` and ``on`` which role (None: no choice)."""

    settings: tuple[Setting, ...]
    criterion: str | None = None
    on: str | None = None


class ClassMetrics(Config):
    """Figures of one class: counts summed over draws, fractions of these counts (0 where there is nothing to count)."""

    precision: float
    recall: float
    f1: float
    jaccard: float
    support: int
    predicted: int


class ConfusedPair(Config):
    """How often samples of ``label`` were taken for ``predicted``, summed over draws."""

    label: str
    predicted: str
    count: int


class CalibrationResult(Config):
    """A temperature fitted on val, the mean over draws, and what it does there."""

    temperature: float
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float


class Gain(Config):
    """What the whole gains over an arm: a paired difference with its interval and p-value, as ``compare`` has them."""

    value: float
    ci95: tuple[float, float] | None = None
    p_value: float | None = None


class ArmResult(Config):
    """An arm of a classification by itself, and what the whole gains over it."""

    space: str = ""
    space_fingerprint: str = ""
    scorer: str = ""
    bank: str | None = None
    bank_sha256: str | None = None
    metrics: dict[str, Metric] | None = None
    chosen: Choice | None = None
    calibration: CalibrationResult | None = None
    gains: dict[str, Gain] | None = None


class Evaluation(Config):
    """What a mode makes of arrays, before it is known where they came from.

    ``metrics`` are means over ``parts`` where there are parts; ``draws`` are the metrics of each draw; ``n`` counts
    what they are over; ``config`` holds the mode's options as resolved; ``warnings`` are sentences for people;
    ``curves`` are for pictures: name of a curve -> axis -> points, such as ``{"roc": {"fpr": ..., "tpr": ...}}``;
    ``thresholds`` are scores that were chosen on held-out identities, by part. ``slices`` are figures by value of a
    column; ``definitions`` are the same ranking under every definition. Classification has its own sections: every
    candidate setting (``sweep``) and the ``chosen`` ones, the ``arms``, figures ``per_class``, the ``confusion`` of
    classes (most frequent first, right answers left out), and prompts as queries for images (``retrieval``).
    """

    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]
    n: dict[str, int | float]
    label_universe: Universe
    cmc: tuple[float, ...] | None = None
    parts: dict[str, Part] | None = None
    slices: dict[str, Slice] | None = None
    definitions: tuple[Definition, ...] | None = None
    config: dict[str, Any]
    warnings: tuple[str, ...] = ()
    curves: Curves | None = None
    thresholds: dict[str, float] | None = None
    sweep: tuple[SweepPoint, ...] | None = None
    chosen: Choice | None = None
    arms: dict[str, ArmResult] | None = None
    per_class: dict[str, ClassMetrics] | None = None
    confusion: tuple[ConfusedPair, ...] | None = None
    retrieval: dict[str, float] | None = None


class Provenance(Config):
    """Where a number comes from."""

    space: str
    space_fingerprint: str
    store_version: int
    split_set: str
    split_sha256: str
    seed: int
    vitrine: str


class EvalResult(ShowsTables, Config):
    """A result file. The same evaluation twice gives the same bytes, ``created`` aside.

    ``protocol`` is "custom" where options depart from those that a protocol fixes; ``departs_from`` names that
    protocol. ``request`` is what was asked (:class:`eval.runs.request.EvalRequest`), with names resolved.
    """

    schema_version: int = SCHEMA_VERSION
    task: TaskName
    mode: str
    protocol: str
    departs_from: str | None = None
    request: dict[str, Any]
    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]
    n: dict[str, int | float]
    label_universe: Universe
    cmc: tuple[float, ...] | None = None
    parts: dict[str, Part] | None = None
    slices: dict[str, Slice] | None = None
    definitions: tuple[Definition, ...] | None = None
    curves: Curves | None = None
    thresholds: dict[str, float] | None = None
    sweep: tuple[SweepPoint, ...] | None = None
    chosen: Choice | None = None
    arms: dict[str, ArmResult] | None = None
    per_class: dict[str, ClassMetrics] | None = None
    confusion: tuple[ConfusedPair, ...] | None = None
    retrieval: dict[str, float] | None = None
    warnings: tuple[str, ...] = ()
    config: dict[str, Any]
    provenance: Provenance
    created: str

    def to_table(self, section: str = "metrics") -> pa.Table:
        """A section as an Arrow table: ``metrics``, ``draws``, ``per_class``, ``confusion``, ...

        Raises:
            UnknownNameError: there is no such section.
            InputError: this result does not have it.
        """
        table: pa.Table = _view("result_frames").result_table(self, section)
        return table

    def to_frame(self, section: str = "metrics") -> pd.DataFrame:
        """A section as a pandas data frame; see :meth:`to_table`.

        Raises:
            MissingDependencyError: pandas is not installed.
            UnknownNameError: there is no such section.
            InputError: this result does not have it.
        """
        return to_frame(self.to_table(section))

    def _tables(self) -> Iterable[RenderableType]:
        tables: Iterable[RenderableType] = _view("tables").result_tables(self)
        return tables

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the file; sections that do not apply are left out."""
        return without_absent(self.model_dump(mode="json"), OPTIONAL)

    def to_json(self) -> str:
        """Serialise as the file has it; floats in full."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> EvalResult:
        """Validate what :meth:`to_dict` made; ``where`` names the file.

        Raises:
            InputError: it is not a result, or one of another version.
        """
        version = values.get("schema_version")
        if isinstance(version, int) and version != SCHEMA_VERSION:
            way = "update Vitrine" if version > SCHEMA_VERSION else "evaluate again"
            raise InputError(
                f"{where}: result of schema version {version}, this Vitrine reads version {SCHEMA_VERSION}; {way}."
            )
        return super().read(values, where)


def _view(name: str) -> Any:
    """A module of ``eval.views``, which stands above results and is imported when a result is shown."""
    return importlib.import_module(f"..views.{name}", __package__)


def without_absent(values: dict[str, Any], optional: set[str]) -> dict[str, Any]:
    """Drop the keys of ``optional`` that are None, also in nested dictionaries."""
    kept = {key: value for key, value in values.items() if not (key in optional and value is None)}
    return {key: without_absent(v, optional) if isinstance(v, dict) else v for key, v in kept.items()}
