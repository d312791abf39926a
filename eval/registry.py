"""Closed tables of modes, scorers and protocols: a name, and where the object lives. One more is one line more."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from retrieval.errors import unknown

if TYPE_CHECKING:
    from eval.protocols.base import Protocol
    from eval.seams.mode import Mode
    from eval.seams.scorer import Scorer

MODES = {
    "reid": "eval.modes.reid:MODE",
    "verification": "eval.modes.verification:MODE",
    "zeroshot": "eval.modes.zeroshot:MODE",
    "prototype": "eval.modes.prototype:MODE",
    "knn": "eval.modes.knn:MODE",
    "fewshot": "eval.modes.fewshot:MODE",
    "fusion": "eval.modes.fusion:MODE",
}

SCORERS = {
    "prompts": "eval.scorers.prompts:SCORER",
    "prototype": "eval.scorers.prototypes:SCORER",
    "knn": "eval.scorers.knn:SCORER",
    "classifier": "eval.scorers.classifier:SCORER",
    "tip": "eval.scorers.tip:SCORER",
    "linear": "eval.scorers.linear:SCORER",
}

PROTOCOLS = {
    "clipfh-11k": "eval.protocols.hands:CLIPFH_11K",
    "mbanet-11k": "eval.protocols.hands:MBANET_11K",
    "hd": "eval.protocols.hands:HD",
    "market1501": "eval.protocols.persons:MARKET1501",
    "cuhk03": "eval.protocols.persons:CUHK03",
    "monte-carlo": "eval.protocols.general:MONTE_CARLO",
    "leave-one-out": "eval.protocols.general:LEAVE_ONE_OUT",
    "cross-aspect": "eval.protocols.general:CROSS_ASPECT",
    "split": "eval.protocols.cross_validation:SPLIT",
    "holdout": "eval.protocols.cross_validation:HOLDOUT",
    "k-fold": "eval.protocols.cross_validation:K_FOLD",
    "fixed": "eval.protocols.general:FIXED",
}


def load_mode(name: str) -> Mode[Any]:
    """Import a mode by name.

    Raises:
        UnknownNameError: there is no such mode.
    """
    return cast("Mode[Any]", _load("mode", MODES, name))


def load_scorer(name: str) -> Scorer:
    """Import a scorer by name.

    Raises:
        UnknownNameError: there is no such scorer.
    """
    return cast("Scorer", _load("scorer", SCORERS, name))


def load_protocol(name: str) -> Protocol:
    """Import a protocol by name.

    Raises:
        UnknownNameError: there is no such protocol.
    """
    return cast("Protocol", _load("protocol", PROTOCOLS, name))


def _load(kind: str, table: Mapping[str, str], name: str) -> object:
    if name not in table:
        raise unknown(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
