"""What tells the results of one table apart: the options, arms and banks in which they differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eval.ranking.rescoring import DEFAULTS
from eval.views.wording import value_words

if TYPE_CHECKING:
    from eval.results.schema import ArmResult, EvalResult

ELSEWHERE = frozenset({"arms", "bank", "scorer_options", "rerank", "score_norm", "transductive"})
"""Options that are told in another way: by the names of arms and banks, and by the words of the protocol."""

NOT_OF_A_ROW = frozenset({"ranks", "tops", "cmc_length", "all_definitions", "text_to_image"})
"""Options that add numbers to a result and change none."""

NONE = "none"
"""How the value of an option that is off is written."""


def option_words(results: Sequence[EvalResult]) -> list[str]:
    """Name, for each result of a table, the options in which it differs from others: ``ap_method=step, seed=1``.

    An option is compared between the results that have it. Those of few shots always name the method and the number
    of shots of their metrics. The text is empty where nothing is to be told.
    """
    tellings = [dict(_telling(result)) for result in results]
    values: dict[str, set[str]] = {}
    for telling in tellings:
        for key, value in telling.items():
            values.setdefault(key, set()).add(value)
    banks: dict[str, set[str]] = {}
    for result, telling in zip(results, tellings, strict=True):
        banks.setdefault(result.mode, set()).add(telling.get("bank", NONE))
    return [
        ", ".join(f"{key}={value}" for key, value in telling.items() if _is_told(key, result, values, banks))
        for result, telling in zip(results, tellings, strict=True)
    ]


def _is_told(
    key: str, result: EvalResult, values: Mapping[str, set[str]], banks: Mapping[str, set[str]]
) -> bool:  # fmt: skip
    if key == "bank":  # a mode that takes none differs by its name
        return len(banks[result.mode]) > 1
    return len(values[key]) > 1 or (result.mode == "fewshot" and key in {"method", "shots"})


def _telling(result: EvalResult) -> Iterator[tuple[str, str]]:
    """Everything that may tell a result from another, in the order in which it is written."""
    config, arms = result.config, result.arms or {}
    few = dict(result.chosen.settings[0]) if result.mode == "fewshot" and result.chosen else {}
    for key in ("method", "shots"):  # of few shots all are in the result, and the metrics are of one
        value = few.get(key, config.get(key))
        if value is not None:
            yield key, _words(value)
    if result.mode == "fewshot":
        arms = {name: arm for name, arm in arms.items() if name == few.get("method", name)}
    if len(arms) > 1:
        yield "arms", " + ".join(f"{name}:{_arm_words(arm)}" for name, arm in arms.items())
    elif result.task == "classification":
        yield "bank", next((_bank_words(arm) for arm in arms.values()), NONE)
    hidden = {*ELSEWHERE, *NOT_OF_A_ROW, "method", "shots"}
    if result.task != "classification":
        hidden |= {name.rstrip("_") for options in DEFAULTS.values() for name in options}
    yield from ((key, _words(value)) for key, value in config.items() if key not in hidden)
    for name, options in (config.get("scorer_options") or {}).items():
        if name in arms:
            yield from ((f"{name}.{key}", _words(value)) for key, value in options.items())
    yield "seed", str(result.provenance.seed)


def _arm_words(arm: ArmResult) -> str:
    return arm.scorer if arm.bank is None else f"{arm.scorer}:{_bank_words(arm)}"


def _bank_words(arm: ArmResult) -> str:
    """The names of the banks, with the beginning of their hash: a name may be given to other texts."""
    return NONE if arm.bank is None else f"{arm.bank} ({(arm.bank_sha256 or '')[:8]})"


def _words(value: Any) -> str:
    """Write the value of an option; a mapping, which may be long, by the beginning of its hash."""
    if isinstance(value, Mapping):
        digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
        return f"{len(value)} values ({digest[:8]})"
    if isinstance(value, list | tuple):
        return ",".join(map(_words, value)) or NONE
    return NONE if value is None else str(value).lower() if isinstance(value, bool) else value_words(value)
