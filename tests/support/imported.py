"""Imports what most commands need, for a process from which others are forked; no thread pool runs yet."""

from __future__ import annotations

import importlib

from retrieval.encoders.torchvision_ops import repair_torchvision

repair_torchvision()
for _name in (
    "lance",
    "lancedb",
    "indexers.commands",
    "indexers.jobs",
    "indexers.sources.folder",
    "retrieval.encoders.torchvision_encoder",
    "retrieval.search.searcher",
    "retrieval.store.lance",
    "torchvision.models",
    "torchvision.transforms.v2",
):
    importlib.import_module(_name)
