"""Reads the option ``oversample``: which train samples an epoch has repeatedly, and how often."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from retrieval.errors import InputError, unknown
from retrieval.names import shown_name
from training.data.training_data import RepeatedRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from retrieval.types import Int64

    Columns = Mapping[str, NDArray[np.object_]]


def repeated_rows(
    spec: Mapping[str, float], train: Int64, target: Int64, classes: Sequence[str], columns: Columns
) -> tuple[RepeatedRows, ...]:
    """Resolve ``{class: n, "column=value": share}`` to rows and the number of their repeats in every epoch.

    Classes are raised to n samples first. Then the values of a column get their shares of the epoch, all values of one
    column together; a value that has more already stays as it is. A later column lowers the shares of an earlier one.

    Args:
        spec: the option.
        train: rows of the train samples.
        target: (n,) index of each sample's class.
        classes: names of the classes.
        columns: columns of the samples by name, (n,) each; ``age`` may stand for ``meta_age``.

    Raises:
        UnknownNameError: there is no such class, column or value among the train samples.
        InputError: a number cannot be used.
    """
    weights = np.ones(len(train))
    repeats: list[RepeatedRows] = []
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for key, number in spec.items():
        if key in classes:
            repeats.append(_of_class(key, number, train, target[train] == list(classes).index(key), weights))
        else:
            name, equals, value = key.partition("=")
            if not equals and {key, f"meta_{key}"} & set(columns):
                raise InputError(
                    f"`data.oversample`: {shown_name(key)} is a column, not a class; name a value of it and its share, "
                    f"such as `data.oversample.{key}=VALUE=0.3`."
                )
            if not equals:
                raise unknown("class to oversample", key, [classes[code] for code in np.unique(target[train])])
            shares[_column(name, columns)][value] = number
    for name, values in shares.items():
        repeats += _of_column(name, values, train, columns[name][train], weights)
    return tuple(repeat for repeat in repeats if repeat.extra)


def _of_class(
    name: str, number: float, train: Int64, rows: NDArray[np.bool_], weights: NDArray[np.float64]
) -> RepeatedRows:
    """Raise a class to a number of samples per epoch; ``weights`` (m,) become the expected numbers of each sample."""
    size = int(rows.sum())
    if not size:
        raise InputError(f"`data.oversample`: class {shown_name(name)} has no train sample to draw repeatedly.")
    if number != int(number) or number < size:
        raise InputError(
            f"`data.oversample`: {shown_name(name)}: {number:g} cannot be used; the class has {size:,} train samples, "
            "so give a whole number from there on (`data.limit_per_class` takes fewer of all)."
        )
    weights[rows] += (number - size) / size
    return RepeatedRows(train[rows], int(number) - size)


def _column(name: str, columns: Columns) -> str:
    column = name if name in columns else f"meta_{name}"
    if column not in columns:
        raise unknown("column to oversample by", name, [stored.removeprefix("meta_") for stored in columns])
    return column


def _of_column(
    name: str, shares: Mapping[str, float], train: Int64, cells: NDArray[np.object_], weights: NDArray[np.float64]
) -> list[RepeatedRows]:
    """Give values of a column their shares of the epoch."""
    texts = np.array(["" if cell is None else str(cell) for cell in cells])
    masks = {value: texts == value for value in shares}
    for value, mask in masks.items():
        if not mask.any():
            raise unknown(f"value of column {name} among the train samples", value, sorted({*texts.tolist()} - {""}))
    if sum(shares.values()) >= 1:
        raise InputError(
            f"`data.oversample`: the shares of {name} add up to {sum(shares.values()):g} of an epoch; give less than 1."
        )
    raised, total = dict(shares), 0.0
    while True:  # a value with more than its share stays as it is, and is one of the others
        others = weights.sum() - sum(weights[masks[value]].sum() for value in raised)
        total = others / (1 - sum(raised.values()))
        enough = [value for value, share in raised.items() if weights[masks[value]].sum() >= share * total]
        if not enough:
            break
        for value in enough:
            del raised[value]
    repeats = []
    for value, share in raised.items():
        mask = masks[value]
        extra = int(np.ceil(share * total - weights[mask].sum() - 1e-9))
        repeats.append(RepeatedRows(train[mask], extra))
        weights[mask] += extra / mask.sum()
    return repeats


def repeat_notes(spec: Mapping[str, float], train: Int64, repeats: Sequence[RepeatedRows]) -> tuple[str, ...]:
    """Say how many samples an epoch has; nothing where nothing is oversampled."""
    if not spec:
        return ()
    extra = sum(repeat.extra for repeat in repeats)
    return (f"Oversampling: an epoch has {len(train) + extra:,} samples, {extra:,} of them repeated.",)
