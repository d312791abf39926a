"""The arms that a request of a classification names, and what its prompts and banks belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from eval.registry import SCORERS, load_scorer
from eval.runs.arms import ArmRequest, parse_arm, with_distinct_names
from eval.seams.classification import ClassConfig, ClassMode
from retrieval.errors import InputError

if TYPE_CHECKING:
    from eval.runs.request import EvalRequest


LAYER = "classifier"
"""The scorer whose bank is not of texts."""


def requested_arms(mode: ClassMode[Any], config: ClassConfig, request: EvalRequest) -> tuple[ArmRequest, ...]:
    """The arms of the request, or those of the mode, which share the space of the request."""
    scorers = mode.arm_scorers(config)
    if scorers and request.arms:
        raise InputError(f"Mode {request.mode} takes `space`, not `arms`: its scorer is {' and '.join(scorers)}.")
    if not scorers and len(request.arms) < 2:
        raise InputError(
            f"Mode {request.mode} needs two `arms`, SPACE:SCORER or SPACE:SCORER:BANK each; the store's info lists "
            "spaces."
        )
    if mode.learns:
        require_learning(scorers)
    arms = [parse_arm(text) for text in request.arms] or [ArmRequest(name, request.space, name) for name in scorers]
    takers = [arm for arm in arms if takes_prompts(arm)] if request.arms else bank_takers(arms)
    return with_distinct_names([arm._replace(banks=config.bank or ()) if arm in takers else arm for arm in arms])


def require_learning(scorers: Sequence[str]) -> None:
    """Refuse scorers that learn nothing from train samples.

    Raises:
        UnknownNameError: there is no such scorer.
        InputError: naming those that learn.
    """
    for name in scorers:
        if not load_scorer(name).learns:
            learning = ", ".join(scorer for scorer in SCORERS if load_scorer(scorer).learns)
            raise InputError(f"`method={name}` cannot be used: it learns nothing from shots; take {learning}.")


def takes_prompts(arm: ArmRequest) -> bool:
    """Whether the scorer of an arm takes texts, and the arm names no bank."""
    return load_scorer(arm.scorer).takes_texts and not arm.banks


def bank_takers(arms: Sequence[ArmRequest]) -> list[ArmRequest]:
    """The arms of a mode that the option ``bank`` is for: those that take texts, or where none does a classifier."""
    texts = [arm for arm in arms if takes_prompts(arm)]
    return texts or [arm for arm in arms if arm.scorer == LAYER and not arm.banks]


def require_used(arms: Sequence[ArmRequest], prompts: Sequence[object], config: ClassConfig) -> None:
    """Check that an arm uses the given prompts or banks.

    Raises:
        InputError: no arm uses them, or both are given.
    """
    takers = ", ".join(name for name in SCORERS if load_scorer(name).takes_texts)
    if prompts and config.bank:
        raise InputError("Give `prompts` or `bank`, not both; a file whose texts are stored is not embedded again.")
    if prompts and not any(takes_prompts(arm) for arm in arms):
        raise InputError(f"Nothing here takes `prompts`; these scorers do, where no bank is named: {takers}.")
    if config.bank and not any(arm.banks == config.bank for arm in arms):
        raise InputError(
            f"Nothing here takes `bank`; these scorers do, where no other bank is named: {takers}, {LAYER}."
        )
