"""Closed tables of modes and protocols: a name, and where the object lives. Adding one is one file and one line."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from retrieval.errors import unknown

if TYPE_CHECKING:
    from eval.mode import Mode
    from eval.protocols import Protocol

MODES = {
    "reid": "eval.modes.reid:MODE",
}

PROTOCOLS = {
    "clipfh-11k": "eval.protocols:CLIPFH_11K",
    "monte-carlo": "eval.protocols:MONTE_CARLO",
    "fixed": "eval.protocols:FIXED",
}


def load_mode(name: str) -> Mode[Any]:
    """Import a mode by name.

    Raises:
        UnknownNameError: there is no such mode.
    """
    return cast("Mode[Any]", _load("mode", MODES, name))


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
