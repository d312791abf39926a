"""What to do about damaged tables of a store; ``verify`` and errors of reading say it."""

from __future__ import annotations

COPY = "restore it from a copy of the store"

NEW_STORE = f"{COPY}, or index into a new store"

CACHE = "delete the folder 'cache' in the store; the next command makes it again"

_AGAIN = {
    "samples": "'index' (or 'import-vectors') the same sources again",
    "failures": "'index' the same sources again",
    "thumbnails": "do without these pictures",
    "splits": "evaluate by the same protocol again",
    "results": "evaluate again",
    "banks": "evaluate with the same prompts again; a classifier needs a copy or a new store",
}


def is_replaceable(table: str) -> bool:
    """Return whether damaged rows of a table can be taken out and made again."""
    return table.startswith("vectors_") or table in _AGAIN


def remedy(table: str) -> str:
    """Return what to do about a damaged file or row of a table, as the end of a sentence."""
    if not is_replaceable(table):
        return NEW_STORE
    again = _AGAIN["samples" if table.startswith("vectors_") else table]
    return f"{COPY}, or let 'verify --repair' take out what is damaged, then {again}"
