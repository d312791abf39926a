"""The names of an evaluation's samples: joins spellings of one name, and says which names look doubtful."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from eval.ranking.identities import is_one_of
from eval.seams.samples import Pool
from retrieval.names import (
    PLURALS,
    clean_name,
    counted_names,
    joined_names,
    placeholders,
    shown_name,
    spelling_matches,
    suspected_doubles,
    written_ways,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from eval.seams.classification import ClassConfig
    from eval.seams.mode import ModeConfig
    from retrieval.names import NameKind

    Names = NDArray[np.object_]

EXCLUSIONS: dict[NameKind, str] = {"label": "unlabelled", "identity": "junk_identities"}
"""Options that leave the samples of some names out."""

SHOWN = 5
"""Largest number of placeholders that a warning lists."""


class JoinedPool(NamedTuple):
    """Samples whose names have one spelling each, and per column the other spellings and what they became."""

    pool: Pool
    names: Mapping[str, Mapping[str, str]]

    def current(self, column: str, names: Iterable[str]) -> tuple[str, ...]:
        """Return names as the joined column has them."""
        joined = self.names.get(column, {})
        return tuple(dict.fromkeys(joined.get(name, name) for name in names))


def clean_columns(pool: Pool, columns: Iterable[str]) -> Pool:
    """Clean the texts of some columns (:func:`retrieval.names.clean_name`); numbers and booleans stay."""
    cleaned = {name: _mapped(pool.columns[name], {}) for name in columns if name in pool.columns}
    return Pool(pool.ids, {**pool.columns, **cleaned})


def class_columns(config: ClassConfig, *, aspect: bool) -> dict[str, NameKind]:
    """Return the columns whose names change the numbers of a classification, and what they are of.

    Args:
        config: options of the mode.
        aspect: whether samples are selected by aspect.
    """
    columns: dict[str, NameKind] = {"label": "label", "group": "group"}
    columns |= {"given": "aspect"} if config.given is not None else {}
    return columns | ({"aspect": "aspect"} if aspect else {})


def without_labels(pool: Pool, names: Collection[str]) -> Pool:
    """Take the label from samples whose label is one of ``names``."""
    labels = pool.columns["label"].copy()
    labels[np.isin(labels.astype(np.str_), list(names)) & pool.known("label")] = None
    return Pool(pool.ids, {**pool.columns, "label": labels})


def name_columns(config: ModeConfig, *, aspect: bool) -> dict[str, NameKind]:
    """Return the columns whose names change the numbers of a ranking or verification, and what they are of.

    Args:
        config: options of the mode.
        aspect: whether samples are selected by aspect.
    """
    columns: dict[str, NameKind] = {"identity": "identity"}
    columns |= {name: "aspect" for name in getattr(config, "identity_columns", ()) if name != "identity"}
    if getattr(config, "camera_rule", "none") != "none":
        columns["camera"] = "camera"
    if aspect:
        columns["aspect"] = "aspect"
    if getattr(config, "group_rule", "none") == "exclude":
        columns["group"] = "group"
    return columns


def join_spellings(pool: Pool, columns: Mapping[str, NameKind]) -> JoinedPool:
    """Give every suspected double (:func:`retrieval.names.suspected_doubles`) one name, the one with most samples.

    Groups stay as they are: they are codes, and nearly as many as samples.
    """
    spelled = [name for name, kind in columns.items() if kind != "group" and name in pool.columns]
    names = {name: joined_names(_counts(pool.columns[name])) for name in spelled}
    joined = {name: _mapped(pool.columns[name], mapping) for name, mapping in names.items()}
    return JoinedPool(Pool(pool.ids, {**pool.columns, **joined}), names)


def _mapped(values: Names, mapping: Mapping[str, str]) -> Names:
    cleaned: dict[str, str | None] = dict(mapping)
    mapped = values.copy()
    for at, value in enumerate(values):
        if isinstance(value, str):
            if value not in cleaned:
                cleaned[value] = clean_name(value)
            mapped[at] = cleaned[value]
    return mapped


def _counts(values: Names) -> Counter[str]:
    return Counter(str(value) for value in values if value is not None)


def name_warnings(
    pool: Pool,
    tested: NDArray[np.bool_],
    columns: Mapping[str, NameKind],
    *,
    joined: bool,
    excluded: Collection[str] = (),
) -> tuple[str, ...]:
    """Say which names of evaluated samples may be one name in several spellings, and which read like placeholders.

    Aspects are those of all samples, since another spelling of an aspect keeps samples from being evaluated.

    Args:
        pool: samples, with their names as they are stored.
        tested: (n,) whether they are evaluated.
        columns: columns whose names change a number, and what they are of.
        joined: whether the spellings are joined.
        excluded: identities or labels that options leave out.
    """
    warnings = []
    for column, kind in columns.items():
        if column not in pool.columns:
            continue
        values = pool.columns[column] if kind == "aspect" else pool.columns[column][tested]
        counts = _counts(values[~is_one_of(values, excluded)])
        if doubles := suspected_doubles(counts) if kind != "group" else []:
            ways = written_ways(doubles)
            if joined:
                warnings.append(f"{PLURALS[kind].capitalize()} in several spellings were joined: {ways}.")
            else:
                warnings.append(
                    f"{PLURALS[kind].capitalize()} in several spellings that may be one: {ways}. They count "
                    "as different; `join_spellings=true` joins them."
                )
        if held := placeholders(counts, kind)[:SHOWN] if kind != "aspect" else ():
            warnings.append(_placeholder_warning(kind, [name for name, _ in held], counted_names(held)))
    return tuple(warnings)


def _placeholder_warning(kind: NameKind, names: Sequence[str], listed: str) -> str:
    verb = "reads like a placeholder and counts" if len(names) == 1 else "read like placeholders and count"
    subject = kind if len(names) == 1 else PLURALS[kind]
    article = "an" if kind in {"identity", "aspect"} else "a"
    if kind in EXCLUSIONS:
        way = f"`{EXCLUSIONS[kind]}={','.join(names)}` leaves these samples out"
    elif kind == "camera":
        way = "leave such cells empty and index again, or pass `camera_rule=none`"
    else:
        way = "leave such cells empty and index again"
    end = f"as {article} {kind}" if len(names) == 1 else f"as {article} {kind} each"
    return f"{subject.capitalize()} {listed} {verb} {end}; {way}."


def join_to_universe(pool: Pool, universe: Iterable[str]) -> Pool:
    """Give labels the spelling that the label universe has for them."""
    matches = spelling_matches(_counts(pool.columns["label"]), universe)
    return Pool(pool.ids, {**pool.columns, "label": _mapped(pool.columns["label"], matches)})


def other_spelling(labels: Iterable[object], universe: Iterable[str]) -> str:
    """Return a clause on the first label that the universe spells differently; empty if there is none."""
    matches = spelling_matches({str(label) for label in labels if label is not None}, universe)
    if not matches:
        return ""
    label, name = min(matches.items())
    return f" (the universe has {shown_name(name)} for {shown_name(label)}; `join_spellings=true` joins them)"
