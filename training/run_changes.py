"""What the last comparison of a run's space with its parent said: ``refresh.json`` in the folder of the run.

Pages about runs are made of it. It has metrics, intervals and counts, and no names of samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retrieval.errors import InputError
from retrieval.files import write_atomically
from retrieval.text_files import read_json

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = "refresh.json"


def keep_changes(
    out: Path, parent: str, space: str | None, comparisons: Sequence[Mapping[str, Any]], neighbours: Mapping[str, Any]
) -> None:
    """Write what was compared; the comparison before is replaced.

    Args:
        out: folder of the run.
        parent: name of the old space.
        space: name of the new one, or None.
        comparisons: values of JSON, as :meth:`eval.statistics.paired_comparison.Comparison.to_dict` gives them.
        neighbours: ``samples``, ``of``, ``k``, ``overlap`` and ``trained``, or nothing.

    Raises:
        InputError: it cannot be written.
    """
    values = {"parent": parent, "space": space, "comparisons": list(comparisons), "neighbours": dict(neighbours)}
    write_atomically(out / CHANGES, json.dumps(values) + "\n")


def read_changes(out: Path) -> dict[str, Any]:
    """Read what was compared; empty if nothing was.

    Raises:
        InputError: the file is damaged.
    """
    path = out / CHANGES
    if not path.is_file():
        return {}
    values = read_json(path, "the comparison of a refresh")
    compared = values.get("comparisons") if isinstance(values, dict) else None
    if not isinstance(compared, list) or not all(map(_is_comparison, compared)):
        raise InputError(f"{path} is not the comparison of a refresh; refresh the store with the run again.")
    return dict(values)


def _is_comparison(one: object) -> bool:
    return (
        isinstance(one, dict)
        and all(isinstance(one.get(name), str) for name in ("task", "a", "b", "split_set", "split_sha256"))
        and _are_numbers(one.get("n"))
        and isinstance(one.get("metrics"), dict)
        and all(_is_metric(metric) for metric in one["metrics"].values())
    )


def _is_metric(one: object) -> bool:
    if not isinstance(one, dict) or not _are_numbers({name: one.get(name) for name in ("a", "b", "difference")}):
        return False
    ends = one.get("ci95")
    return ends is None or (isinstance(ends, list) and len(ends) == 2 and _are_numbers(dict(enumerate(ends))))


def _are_numbers(values: object) -> bool:
    return isinstance(values, dict) and all(isinstance(value, int | float) for value in values.values())
