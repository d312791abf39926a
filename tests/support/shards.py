"""Tar files and Parquet files of images."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def encoded_image(seed: int, name: str = "PNG", side: int = 8) -> bytes:
    """Return an image of random pixels as the bytes of a file; the format is told by them, whatever the name says."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, name)
    return out.getvalue()


def write_tar(path: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    """Write members in their order, also of one name, without packing them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


CLASSES = ("wren", "robin")


def write_parquet(
    path: Path,
    images: Sequence[bytes | None],
    *,
    classes: Sequence[str] | None = CLASSES,
    column: str = "image",
    group: int = 100,
    **columns: list[Any],
) -> Path:
    """Write images as Hugging Face ``datasets`` does: structs, a class number, and names of classes in the metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [None if data is None else {"bytes": data, "path": f"{at}.jpg"} for at, data in enumerate(images)]
    labels = columns.pop("label", [at % 2 for at in range(len(images))])
    table = pa.table({column: pa.array(cells, kind), "label": pa.array(labels, pa.int64()), **columns})
    if classes is not None:
        label = {"names": list(classes), "_type": "ClassLabel"}
        info = {"info": {"features": {column: {"_type": "Image"}, "label": label}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    parquet.write_table(table, path, row_group_size=group)
    return path
