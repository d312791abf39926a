"""The result of an evaluation and the schema of its file (``schema_version`` 2).

A mode returns an :class:`Evaluation`; the runner adds the request and the provenance and makes it an
:class:`EvalResult`, which is written to a file, shown and compared. :mod:`eval.seams.mode` explains draws, parts and
spaces. Terms of classification: an arm is one space with one scorer (and a bank, the vectors of the classes, where the
scorer has one); a fusion combines several arms to a whole; shots are the few train samples per class of a few-shot
evaluation.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import field_validator

from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.frames import to_frame
from retrieval.notebook import ShowsTables

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from retrieval.fitted_table import FittedTable

SCHEMA_VERSION = 2

TaskName = Literal["classification", "ranking", "verification"]
"""Predict the class of a sample; rank a gallery for a query; decide whether two samples show the same identity."""

OPTIONAL = {
    "cmc", "parts", "slices", "definitions", "curves", "thresholds", "split_sha256", "sd_seeds", "names", "origin",
    "sweep", "chosen", "per_class", "confusion", "arms", "retrieval", "metrics", "calibration", "gains",
    "contrasts", "targets",
}  # fmt: skip
"""Keys of a result file that are left out where they are None, in a result and in the classes that it maps names to.

The points of a sweep have all their keys.
"""

Curves: TypeAlias = dict[str, dict[str, tuple[float, ...]]]


class Metric(Config):
    """A metric (a fraction, except NLL and Brier) with its uncertainty.

    ``value`` is the mean over draws (and parts). ``ci95`` is the 95 % bootstrap interval, None where there are too
    few units to resample. ``sd_draws`` is the standard deviation over draws (ddof 1), None for a single draw: it says
    how much the draw matters, not how precise the value is. ``sd_seeds`` is the standard deviation over the seeds that
    chose the shots, averaged over draws; None where there is one seed.
    """

    value: float
    ci95: tuple[float, float] | None = None
    sd_draws: float | None = None
    sd_seeds: float | None = None


class Universe(Config):
    """The classes or identities of an evaluation: their number ``n`` and the SHA-256 of their sorted JSON list.

    For a classification, ``names`` are the classes in the order of their codes and ``origin`` says where they come
    from: ``all``, ``split`` or ``file:NAME``.
    """

    n: int
    sha256: str
    names: tuple[str, ...] | None = None
    origin: str | None = None


class Part(Config):
    """One part of an evaluation (an aspect), with the fields of the whole for the part alone."""

    metrics: dict[str, Metric]
    draws: tuple[dict[str, float], ...]
    n: dict[str, int | float]
    cmc: tuple[float, ...] | None = None
    split_sha256: str | None = None


class Slice(Config):
    """Metrics of the queries that share a value of a column; ``small`` marks slices of too few queries to rely on."""

    metrics: dict[str, Metric]
    n: dict[str, int | float]
    small: bool


class Definition(Config):
    """A metric of a ranking under one definition; ``ap_k`` and ``ap_denominator`` are set for AP at k only."""

    metric: str
    ap_method: str | None = None
    ap_k: int | None = None
    ap_denominator: str | None = None
    ties: str = "stable"
    denominator: str = "valid"
    value: float = 0.0


Setting: TypeAlias = dict[str, str | int | float | None]


class SweepPoint(Config):
    """One setting and its metrics, means over draws, on the samples of ``role`` (``val`` or ``test``).

    ``arm`` names the arm that the setting belongs to, None the whole (a fusion). ``chosen`` is the share of draws in
    which the setting was chosen. ``ci95_of`` and ``sd_seeds_of`` give intervals and standard deviations over seeds by
    metric, where several settings are evaluated on test (few-shot).
    """

    settings: Setting
    role: str
    metrics: dict[str, float]
    chosen: float = 0.0
    arm: str | None = None
    ci95_of: dict[str, tuple[float, float]] | None = None
    sd_seeds_of: dict[str, float] | None = None


class Choice(Config):
    """The settings used, one per draw, the ``criterion`` that chose them and the role it was measured ``on``.

    Both are None where there was nothing to choose.
    """

    settings: tuple[Setting, ...]
    criterion: str | None = None
    on: str | None = None


class ClassMetrics(Config):
    """Metrics of one class, from counts summed over draws; a fraction whose denominator is 0 is 0."""

    precision: float
    recall: float
    f1: float
    jaccard: float
    support: int
    predicted: int


class ConfusedPair(Config):
    """How often samples of class ``label`` were answered ``predicted``, summed over draws."""

    label: str
    predicted: str
    count: int


class CalibrationResult(Config):
    """A temperature fitted on val, and NLL and ECE on val before and after; means over draws."""

    temperature: float
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float


class Gain(Config):
    """A metric of the whole minus that of an arm: the paired difference, as ``compare`` computes it.

    The interval and the p-value are None where there are too few units to resample.
    """

    value: float
    ci95: tuple[float, float] | None = None
    p_value: float | None = None


class ArmResult(Config):
    """An arm of a classification, evaluated by itself, and the gains of the whole over it."""

    space: str = ""
    space_fingerprint: str = ""
    scorer: str = ""
    bank: str | None = None
    bank_sha256: str | None = None
    metrics: dict[str, Metric] | None = None
    chosen: Choice | None = None
    calibration: CalibrationResult | None = None
    gains: dict[str, Gain] | None = None


class Contrast(Config):
    """The paired difference of two arms, ``first`` minus ``second``, on the samples of a slice."""

    first: str
    second: str
    slice: str
    n: int
    gains: dict[str, Gain]


class Target(Config):
    """An accuracy that a slice is to reach. ``reached`` is None where the slice has no samples."""

    slice: str
    target: float
    value: float | None = None
    ci95: tuple[float, float] | None = None
    reached: bool | None = None


class Evaluation(Config):
    """What a mode returns: the sections of a result that do not depend on where the samples came from.

    ``metrics`` are means over ``parts`` where there are parts; ``draws`` are the metrics of each draw; ``n`` counts
    the samples, queries, pairs or identities that they are computed on; ``config`` holds the options of the mode as
    resolved; ``warnings`` are sentences for the user; ``curves`` map the name of a curve to an axis to points, such as
    ``{"roc": {"fpr": ..., "tpr": ...}}``; ``thresholds`` are scores chosen on held-out identities, by part.
    ``slices`` are metrics by value of a column; ``definitions`` are metrics of the same ranking under every definition.
    A classification has every setting (``sweep``) and the ``chosen`` ones, its ``arms``, metrics ``per_class``, the
    ``confusion`` of classes (most frequent pair first, right answers left out), and metrics of prompts as queries for
    images (``retrieval``). An evaluation of conditions has ``contrasts`` of its arms and ``targets``.
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
    contrasts: tuple[Contrast, ...] | None = None
    targets: tuple[Target, ...] | None = None


class Provenance(Config):
    """Where the numbers of a result come from; ``vitrine`` is the version of the package."""

    space: str
    space_fingerprint: str
    store_version: int
    split_set: str
    split_sha256: str
    seed: int
    vitrine: str


class EvalResult(ShowsTables, Config):
    """The result of an evaluation. The same evaluation gives the same file twice, except for ``created``.

    ``protocol`` is "custom" where options depart from those that a protocol fixes; ``departs_from`` names that
    protocol. ``request`` is the evaluation's :class:`eval.runs.request.EvalRequest` as a dictionary, names resolved.
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
    contrasts: tuple[Contrast, ...] | None = None
    targets: tuple[Target, ...] | None = None
    warnings: tuple[str, ...] = ()
    config: dict[str, Any]
    provenance: Provenance
    created: str

    @field_validator("curves")
    @classmethod
    def _of_equal_lengths(cls, curves: Curves | None) -> Curves | None:
        """Require as many points on every axis of a curve; a histogram has one more edge than counts."""
        for name, axes in (curves or {}).items():
            lengths = {len(points) - (axis == "edges") for axis, points in axes.items()}
            if len(lengths) > 1:
                raise ValueError(f"the axes of curve '{name}' differ in length; evaluate again")
        return curves

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

    def _tables(self) -> Iterable[FittedTable]:
        tables: Iterable[FittedTable] = _view("tables").result_tables(self)
        return tables

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of the file; sections that do not apply are left out."""
        return without_absent(self.model_dump(mode="json"), OPTIONAL)

    def to_json(self) -> str:
        """The text of the result file; floats have all digits."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def read(cls, values: Mapping[str, Any], where: str) -> EvalResult:
        """Make a result from the values of :meth:`to_dict`; error messages name it by ``where``.

        Raises:
            InputError: the values are not a result, or one of another schema version.
        """
        version = values.get("schema_version")
        if isinstance(version, int) and version != SCHEMA_VERSION:
            way = "update Vitrine" if version > SCHEMA_VERSION else "evaluate again"
            raise InputError(
                f"{where}: result of schema version {version}, this Vitrine reads version {SCHEMA_VERSION}; {way}."
            )
        return cls.read_saved(values, where)


def _view(name: str) -> Any:
    """Import a module of ``eval.views``; those modules import this one, so they are imported when a result is shown."""
    return importlib.import_module(f"..views.{name}", __package__)


def without_absent(values: dict[str, Any], optional: set[str]) -> dict[str, Any]:
    """Drop the keys of ``optional`` that are None, also in dictionaries of dictionaries, but not in lists."""
    kept = {key: value for key, value in values.items() if not (key in optional and value is None)}
    return {key: without_absent(v, optional) if isinstance(v, dict) else v for key, v in kept.items()}
