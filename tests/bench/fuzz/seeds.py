"""Small files of every kind as tools write them, from which fuzz runs start."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.caption_images import recipe

ROWS = 12
DIMENSION = 8


def image_seeds() -> dict[str, bytes]:
    """Images of about 1 KB in the formats that Pillow writes, by suffix."""
    from PIL import Image, features

    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)).resize((40, 30), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray((np.asarray(smooth.convert("L")).astype(np.uint16)) << 4)
    ways: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "jpg": (smooth, "JPEG", {"exif": exif}),
        "progressive.jpg": (smooth, "JPEG", {"progressive": True}),
        "cmyk.jpg": (smooth.convert("CMYK"), "JPEG", {}),
        "png": (smooth, "PNG", {}),
        "alpha.png": (smooth.convert("RGBA"), "PNG", {}),
        "palette.png": (smooth.convert("P"), "PNG", {}),
        "deep.png": (deep, "PNG", {}),
        "webp": (smooth, "WEBP", {}),
        "gif": (smooth, "GIF", {}),
        "tif": (smooth, "TIFF", {}),
        "lzw.tif": (smooth, "TIFF", {"compression": "tiff_lzw"}),
        "jpeg.tif": (smooth, "TIFF", {"compression": "jpeg"}),
        "bmp": (smooth, "BMP", {}),
        "ppm": (smooth, "PPM", {}),
    }
    if features.check("jpg_2000"):
        ways["jp2"] = (smooth, "JPEG2000", {})
    if features.check("avif"):
        ways["avif"] = (smooth, "AVIF", {})
    seeds = {}
    for suffix, (image, kind, options) in ways.items():
        data = io.BytesIO()
        image.save(data, kind, **options)
        seeds[suffix] = data.getvalue()
    return seeds


def write_pictures(folder: Path, n: int = ROWS, size: int = 24) -> None:
    """Write images ``0.png``, ``1.png``, ..."""
    from PIL import Image

    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(n):
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(folder / f"{at}.png")


def table_rows(n: int = ROWS) -> list[dict[str, Any]]:
    """Rows of a table beside the images of :func:`write_pictures`."""
    return [
        {
            "filepath": f"images/{at}.png",
            "label": ("Amanita muscaria", "Boletus edulis", 'the "false" one', "Ölberg, groß")[at % 4],
            "identity": f"{at % 5:03d}",
            "camera": at % 2,
            "split": ("train", "val", "test")[at % 3],
            "captured_at": f"2024-05-{at + 1:02d}T14:00:00",
            "weight": at / 7,
            "note": "" if at % 3 else f"line one\nline {at}",
        }
        for at in range(n)
    ]


def table_seeds() -> dict[str, bytes]:
    """Tables of images in every format, by suffix."""
    rows = table_rows()
    seeds = {
        "csv": _delimited(rows, ","),
        "tsv": _delimited(rows, "\t"),
        "txt": _delimited(rows, "\t"),
        "jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
        "plain.csv": _delimited([{"filepath": row["filepath"], "label": row["label"]} for row in rows], ","),
        "parquet": _parquet(rows),
    }
    seeds["bom.csv"] = b"\xef\xbb\xbf" + seeds["csv"].replace(b"\r\n", b"\n")
    return seeds


def vector_seeds() -> dict[str, bytes]:
    """Files of vectors in every format, by suffix."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((ROWS, DIMENSION)).astype(np.float32)
    labels = [("a", "b", "ü")[at % 3] for at in range(ROWS)]
    names = [f"images/{at}.png" for at in range(ROWS)]
    rows = [
        {"filepath": name, "label": label, **{f"v{i}": float(x) for i, x in enumerate(vector)}}
        for name, label, vector in zip(names, labels, vectors, strict=True)
    ]
    half = ROWS // 2
    return {
        "roles.npz": npz(
            query=vectors[:half], gallery=vectors[half:], query_identity=labels[:half], gallery_identity=labels[half:]
        ),
        "named.npz": npz(vectors=vectors, label=labels, filepath=names),
        "half.npz": npz(vectors=vectors.astype(np.float16), label=labels),
        "csv": _delimited(rows, ","),
        "tsv": _delimited(rows, "\t"),
        "parquet": _parquet(
            [{"filepath": n, "label": c, "vector": v.tolist()} for n, c, v in zip(names, labels, vectors, strict=True)]
        ),
        "npy": npy(vectors),
    }


def vector_table(n: int = 60) -> bytes:
    """Vectors of samples with identities, labels, cameras and splits, from which evaluations can be made."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "filepath": f"{at}.png", "identity": f"p{at % 6}", "label": "abc"[at % 3], "camera": at // 6 % 2,
            "split": ("train", "test", "query", "gallery", "test")[at // 12],
            **{f"v{i}": float(x) for i, x in enumerate(rng.standard_normal(DIMENSION) + at % 6)},
        }
        for at in range(n)
    ]  # fmt: skip
    return _delimited(rows, ",")


def weight_seeds(folder: Path) -> dict[str, bytes]:
    """Weights of timm's ``test_vit`` in every format, by suffix."""
    import torch
    from safetensors.torch import save as save_tensors

    from retrieval.encoders.torchvision_ops import repair_torchvision

    repair_torchvision()
    import timm

    torch.manual_seed(0)
    model = timm.create_model(MODEL.partition("/")[2]).eval()
    tensors = model.state_dict()
    zipped, legacy, script = (folder / name for name in ("zip.pth", "legacy.pth", "script.pt"))
    torch.save({"state_dict": tensors, "epoch": 3}, zipped)
    torch.save(tensors, legacy, _use_new_zipfile_serialization=False)
    with torch.no_grad():
        torch.jit.trace(model, torch.zeros(1, 3, 160, 160)).save(str(script))  # type: ignore[no-untyped-call]
    return {
        "safetensors": save_tensors(tensors), "zip.pth": zipped.read_bytes(), "legacy.pth": legacy.read_bytes(),
        "script.pt": script.read_bytes(),
    }  # fmt: skip


MODEL = "timm/test_vit"


def recipe_seeds(world: str) -> dict[str, bytes]:
    """Recipes of a training run of a second over a folder with captions."""
    import yaml

    shared = recipe(Path(world), epochs=1, warm_up=0.1, seed=0)
    loop = shared.pop("loop")
    content = {**shared, "augmentation": {}, "loop": loop}
    return {
        "yaml": yaml.safe_dump(content, sort_keys=False).encode(),
        "json.yaml": json.dumps(content, indent=1).encode(),
    }


def _delimited(rows: list[dict[str, Any]], delimiter: str) -> bytes:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    data = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), data)
    return data.getvalue()


def npz(**arrays: Any) -> bytes:
    """Return an ``.npz`` file."""
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()


def npy(array: Any) -> bytes:
    """Return an ``.npy`` file."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=True)
    return data.getvalue()
