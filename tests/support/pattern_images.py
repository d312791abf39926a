"""Folders of small images, and what the source ``pattern`` reads from their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from indexers.sources.registry import open_source
from retrieval.types import Sample


def images(root: Path, *uris: str) -> Path:
    for uri in uris:
        (root / uri).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / uri)
    return root


def read(root: Path, **options: Any) -> dict[str, Sample]:
    return {sample.uri: sample for sample in open_source(root, "pattern", options=options)}


def shown(sample: Sample) -> tuple[str | None, str | None, str | None]:
    return sample.identity, sample.camera, sample.split
