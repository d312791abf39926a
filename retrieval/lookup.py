"""Imports an object by its name in a closed table of modes, scorers, protocols, encoder families, sources or jobs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from retrieval.errors import unknown


def load_entry(kind: str, table: Mapping[str, str], name: str, package: str | None) -> Any:
    """Import the object that a table names.

    Args:
        kind: what the names are of, for the message.
        table: name -> ``".module:ATTRIBUTE"``.
        name: name of the object.
        package: package that the modules are relative to, the ``__package__`` of the module with the table.

    Raises:
        UnknownNameError: the table has no such name.
    """
    if name not in table:
        raise unknown(kind, name, table)
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module, package), attribute)
