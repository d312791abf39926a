"""Closed tables of modes, scorers and protocols: a name, and where the object lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from retrieval.lookup import load_entry

if TYPE_CHECKING:
    from eval.protocols.base import Protocol
    from eval.seams.mode import AnyMode
    from eval.seams.scorer import Scorer

MODES = {
    "reid": ".modes.reid:MODE",
    "verification": ".modes.verification:MODE",
    "zeroshot": ".modes.zeroshot:MODE",
    "prototype": ".modes.prototype:MODE",
    "knn": ".modes.knn:MODE",
    "fewshot": ".modes.fewshot:MODE",
    "fusion": ".modes.fusion:MODE",
    "conditional": ".modes.conditional:MODE",
}

SCORERS = {
    "prompts": ".scorers.prompts:SCORER",
    "prototype": ".scorers.prototypes:SCORER",
    "knn": ".scorers.knn:SCORER",
    "classifier": ".scorers.classifier:SCORER",
    "tip": ".scorers.tip:SCORER",
    "linear": ".scorers.linear:SCORER",
    "gda": ".scorers.gda:SCORER",
    "lp++": ".scorers.lp_plus:SCORER",
    "clap": ".scorers.clap:SCORER",
    "plain": ".scorers.situated:PLAIN",
    "spatial": ".scorers.situated:SPATIAL",
    "neighbours": ".scorers.situated:NEIGHBOURS",
}

PROTOCOLS = {
    "clipfh-11k": ".protocols.hands:CLIPFH_11K",
    "mbanet-11k": ".protocols.hands:MBANET_11K",
    "hd": ".protocols.hands:HD",
    "market1501": ".protocols.persons:MARKET1501",
    "cuhk03": ".protocols.persons:CUHK03",
    "monte-carlo": ".protocols.general:MONTE_CARLO",
    "leave-one-out": ".protocols.general:LEAVE_ONE_OUT",
    "cross-aspect": ".protocols.general:CROSS_ASPECT",
    "split": ".protocols.cross_validation:SPLIT",
    "holdout": ".protocols.cross_validation:HOLDOUT",
    "k-fold": ".protocols.cross_validation:K_FOLD",
    "fixed": ".protocols.general:FIXED",
}


def load_mode(name: str) -> AnyMode:
    """Import a mode by name.

    Raises:
        UnknownNameError: there is no such mode.
    """
    return cast("AnyMode", load_entry("mode", MODES, name, __package__))


def load_scorer(name: str) -> Scorer:
    """Import a scorer by name.

    Raises:
        UnknownNameError: there is no such scorer.
    """
    return cast("Scorer", load_entry("scorer", SCORERS, name, __package__))


def load_protocol(name: str) -> Protocol:
    """Import a protocol by name.

    Raises:
        UnknownNameError: there is no such protocol.
    """
    return cast("Protocol", load_entry("protocol", PROTOCOLS, name, __package__))
