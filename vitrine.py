"""Vitrine from Python: ``import vitrine``. Names are loaded when they are used.

>>> store = vitrine.open_store("hands.vitrine")  # doctest: +SKIP
>>> result = vitrine.evaluate(store, "reid", protocol="clipfh-11k", aspect="all")  # doctest: +SKIP
>>> similar = vitrine.search(store, id="Hands/Hand_0000005.jpg", k=5)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.api import audit, compare, evaluate, pictures, read_result, report
    from eval.results.schema import EvalResult
    from indexers.api import import_vectors, index, index_ann
    from retrieval.api import (
        drop_bank,
        drop_space,
        export_encoder,
        export_vectors,
        forget,
        info,
        promote,
        vectors,
        verify,
    )
    from retrieval.encoders.catalogue import encoders
    from retrieval.errors import VitrineError
    from retrieval.search.request import SearchRequest
    from retrieval.search.result import SearchResult
    from retrieval.search.searcher import Searcher, search
    from retrieval.store.erasing.report import EraseReport
    from retrieval.store.open import LanceStore, create_store, open_store
    from retrieval.types import Encoder, Sample, SpaceInfo
    from retrieval.types.store import EmbeddingStore, Snapshot
    from training.api import train
    from training.refresh.api import refresh
    from training.refresh.report import RefreshReport

    __version__: str

_NAMES = {
    "EmbeddingStore": ".retrieval.types.store",
    "Encoder": ".retrieval.types",
    "LanceStore": ".retrieval.store.open",
    "Sample": ".retrieval.types",
    "SearchRequest": ".retrieval.search.request",
    "SearchResult": ".retrieval.search.result",
    "Searcher": ".retrieval.search.searcher",
    "Snapshot": ".retrieval.types.store",
    "SpaceInfo": ".retrieval.types",
    "VitrineError": ".retrieval.errors",
    "create_store": ".retrieval.store.open",
    "EvalResult": ".eval.results.schema",
    "audit": ".eval.api",
    "compare": ".eval.api",
    "evaluate": ".eval.api",
    "pictures": ".eval.api",
    "read_result": ".eval.api",
    "report": ".eval.api",
    "import_vectors": ".indexers.api",
    "EraseReport": ".retrieval.store.erasing.report",
    "drop_bank": ".retrieval.api",
    "drop_space": ".retrieval.api",
    "export_encoder": ".retrieval.api",
    "export_vectors": ".retrieval.api",
    "forget": ".retrieval.api",
    "info": ".retrieval.api",
    "promote": ".retrieval.api",
    "vectors": ".retrieval.api",
    "encoders": ".retrieval.encoders.catalogue",
    "verify": ".retrieval.api",
    "index": ".indexers.api",
    "index_ann": ".indexers.api",
    "open_store": ".retrieval.store.open",
    "search": ".retrieval.search.searcher",
    "refresh": ".training.refresh.api",
    "RefreshReport": ".training.refresh.report",
    "train": ".training.api",
}

__all__ = [  # noqa: RUF022 - as they are used: open, index, search, evaluate, then types
    "open_store", "create_store", "index", "import_vectors", "export_vectors", "info", "verify", "vectors", "encoders",
    "index_ann", "search",
    "Searcher", "evaluate", "compare", "audit", "report", "pictures", "read_result", "EvalResult",
    "train", "refresh", "export_encoder", "promote", "forget", "drop_space", "drop_bank",
    "SearchRequest", "SearchResult", "EraseReport", "RefreshReport", "EmbeddingStore", "LanceStore", "Snapshot",
    "SpaceInfo", "Sample", "Encoder", "VitrineError", "__version__",
]  # fmt: skip


def main() -> None:
    """Run the command line."""
    from cli import main as run

    run()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _NAMES:
        raise AttributeError(f"module 'vitrine' has no attribute '{name}'")
    module = _NAMES[name]
    return getattr(importlib.import_module(__package__ + module if __package__ else module.removeprefix(".")), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("vitrine")
    except PackageNotFoundError:  # a checkout that was never installed
        return "0.1.0"


def _check_siblings() -> None:
    """Say plainly when a stranger's ``eval`` or ``data`` stands in front of ours.

    Raises:
        ImportError: the rooms of this checkout are not those that Python finds.
    """
    from importlib.util import find_spec
    from pathlib import Path

    here = Path(__file__).resolve().parent
    for name in ("retrieval", "indexers", "eval", "training", "data", "cli"):
        found = find_spec(name)
        origin = found.origin if found else None
        if origin is None or Path(origin).resolve() not in (here / name / "__init__.py", here / f"{name}.py"):
            raise ImportError(
                f"Vitrine's '{name}' lies in {here}, but Python finds another one at {origin}; run from another "
                "folder, move that one out of the way, or install Vitrine without -e: then its one name is 'vitrine'."
            )


if __name__ == "__main__":  # python -m vitrine, in a checkout; where Vitrine is installed, see setup.py
    try:
        _check_siblings()
    except ImportError as error:
        raise SystemExit(f"Error: {error}") from None
    main()
elif not __package__:  # in a checkout; where Vitrine is installed, the rooms are its own sub-packages
    _check_siblings()
