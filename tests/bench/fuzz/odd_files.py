"""Hostile and odd files that no random damage finds: bombs, headers that lie, depth, huge numbers, odd names."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from tests.bench.fuzz.seeds import npy, npz

CONTROL = "evil\x1b[31m\u202e\u200b\r=cmd|'/C calc'!A0[red]<b>|"
"""A name with an escape sequence, a bidi override, a formula, markup of three languages and a line break."""

MIB, GIB = 1 << 20, 1 << 30

Content: TypeAlias = bytes | Callable[[], bytes]
"""The bytes of a file, or what makes them, where that takes long."""


def npy_header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """Return the header of an ``.npy`` file with any claim."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def zipped(members: Mapping[str, bytes], size: int = 0) -> bytes:
    """Return a zip of members; each is followed by ``size`` zero bytes, which compress to nearly nothing."""
    data, directory = io.BytesIO(), b""
    for name, content in members.items():
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        start = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH)
        # A part between two full flushes is independent of what stands before it, so it can be repeated.
        zeros = packer.compress(b"\0" * MIB) + packer.flush(zlib.Z_FULL_FLUSH) if size else b""
        packed = start + zeros * (size // MIB) + packer.flush()
        checksum = 0 if size else zlib.crc32(content)
        sizes = (8, 0, 0, checksum, len(packed), len(content) + size // MIB * MIB, len(name), 0)
        directory += b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, *sizes, 0, 0, 0, 0, data.tell())
        directory += name.encode()
        data.write(b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, *sizes) + name.encode() + packed)
    end = (0, 0, len(members), len(members), len(directory), data.tell(), 0)
    data.write(directory + b"PK\5\6" + struct.pack("<HHHHIIH", *end))
    return data.getvalue()


def odd_images() -> dict[str, Content]:
    """Images that claim 10^10 pixels, a compressed chunk that swells, PostScript under the name of a PNG."""
    return {
        "claims.png": _png(100_000, 100_000, b""),
        "swells.png": _png(30, 30, b"", (b"zTXt", b"x\0\0" + zlib.compress(b"\0" * (200 << 20), 9))),
        "icc.png": _png(30, 30, b"", (b"iCCP", b"x\0\0" + zlib.compress(b"\0" * (200 << 20), 9))),
        "claims.bmp": b"BM" + struct.pack("<IHHIIiiHH24x", 60, 0, 0, 54, 40, 60_000, 60_000, 1, 24),
        "claims.ppm": b"P6 99999 99999 255\n" + b"\0" * 100,
        "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n",
        "empty.jpg": b"",
        "text.jpg": b"not found\n",
        "page.png": b"<!DOCTYPE html><html><body>404</body></html>",
        "svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    }


def _png(width: int, height: int, pixels: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(pixels or b"\0" * (height * (1 + 3 * width) if width < 1000 else 100))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b""))
    )


def odd_tables() -> dict[str, Content]:
    """Tables with a cell of 50 MB, 20,000 columns, bombs, hostile names, and other formats under their suffix."""
    wide = ",".join(["filepath", "label", *(f"c{at}" for at in range(20_000))])
    cells = ",".join(["images/0.png", "a", *["1"] * 20_000])
    named = json.dumps({"filepath": "images/0.png", "label": CONTROL})
    return {
        "cell.csv": b'filepath,label\nimages/0.png,"' + b"x" * (50 << 20) + b'"\n',
        "quote.csv": b'filepath,label\nimages/0.png,"a\n' + b"images/1.png,b\n" * 200_000,
        "wide.csv": f"{wide}\n{cells}\n".encode(),
        "utf16.csv": "filepath,label\nimages/0.png,a\n".encode("utf-16"),
        "latin.csv": "filepath,label\nimages/0.png,Ölberg\n".encode("latin-1"),
        "nul.csv": b"filepath,label\nimages/0.png,a\0b\n",
        "names.csv": f'filepath,label\nimages/0.png,"{CONTROL}"\nimages/1.png,b\n'.encode(),
        "paths.csv": f'filepath,label\n"{CONTROL}.png",a\nimages/1.png,b\n'.encode(),
        "semicolon.csv": b"filepath;label\nimages/0.png;a\n",
        "header.csv": b"filepath,label\n",
        "zip.csv": zipped({"a": b"filepath,label\n"}),
        "deep.jsonl": b'{"filepath":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
        "digits.jsonl": b'{"filepath": "images/0.png", "label": ' + b"9" * 10_000_000 + b"}\n",
        "twice.jsonl": b'{"filepath": "images/0.png", "label": "a", "label": "b"}\n',
        "nan.jsonl": b'{"filepath": "images/0.png", "label": NaN}\n',
        "names.jsonl": f"{named}\n".encode(),
        "half.jsonl": b'{"filepath": "images/0.png", "label": "\\ud800"}\n',
        "line.jsonl": b'{"filepath": "images/0.png", "label": "' + b"x" * (50 << 20) + b'"}\n',
        "swells.parquet": _swollen_parquet,
        "nested.parquet": _nested_parquet,
    }


def _swollen_parquet(rows: int = 20_000_000) -> bytes:
    """Return 20,000,000 rows of one text of 60 letters: a dictionary and its run length, in some KB."""
    import pyarrow as pa
    from pyarrow import parquet

    data = io.BytesIO()
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows // 20, np.int32)), pa.array(["images/0.png" * 5]))
    with parquet.ParquetWriter(data, pa.schema({"filepath": text.type}), compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(pa.table({"filepath": text}))
    return data.getvalue()


def _nested_parquet(depth: int = 200) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    kind, value = pa.int64(), 1
    nested: Any = value
    for _ in range(depth):
        kind, nested = pa.list_(kind), [nested]
    data = io.BytesIO()
    parquet.write_table(pa.table({"filepath": ["images/0.png"], "deep": pa.array([nested], kind)}), data)
    return data.getvalue()


def odd_vectors() -> dict[str, Content]:
    """Archives that swell to 4 GiB, headers that claim 10^12 numbers, objects, other shapes and other formats."""
    trillion = npy_header((10**6, 10**6))
    labels = npy(np.array(["a", "b"]))
    rows = np.eye(2, 8, dtype=np.float32)
    return {
        "bomb.npz": zipped({"vectors.npy": npy_header((GIB // 4, 3))}, 3 * GIB),
        "labels.npz": zipped({"vectors.npy": npy(rows), "label.npy": npy_header((GIB // 4,), "<U1")}, GIB),
        "claims.npz": zipped({"vectors.npy": trillion + b"\0" * 64, "label.npy": labels}),
        "claims.npy": trillion + b"\0" * 64,
        "negative.npy": npy_header((-1, 8)) + b"\0" * 64,
        "header.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{" * 1000,
        "nested.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 200_000) + b"(" * 200_000,
        "objects.npz": npz(vectors=np.array([{"a": 1}, None], dtype=object)),
        "objects.npy": npy(np.array([{"a": 1}, None], dtype=object)),
        "pickle.npy": pickle.dumps({"features": [1.0, 2.0]}),
        "record.npz": npz(vectors=np.zeros(4, [("x", "f4"), ("y", "U9")])),
        "zeros.npz": npz(vectors=np.zeros((4, 8), np.float32)),
        "names.npz": npz(vectors=rows, label=np.array([CONTROL, "b"]), filepath=np.array([CONTROL, "x"])),
        "many.npz": zipped({f"a{at}.npy": b"" for at in range(20_000)}),
        "wide.csv": (",".join(f"v{at}" for at in range(20_000)) + "\n" + ",".join(["1"] * 20_000) + "\n").encode(),
        "long.csv": b"v0,v1\n1," + b"9" * 10_000_000 + b"\n",
        "swells.parquet": _swollen_lists,
        "mat.npy": b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + b" " * 90,
        "hdf5.npz": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    }


def _swollen_lists(rows: int = 200_000, width: int = 1024) -> bytes:
    """Return 200,000,000 zeros as lists: 800 MB of vectors in some KB."""
    import pyarrow as pa
    from pyarrow import parquet

    data = io.BytesIO()
    part = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(rows // 20 * width, np.float32)), width)
    with parquet.ParquetWriter(data, pa.schema({"vector": part.type}), compression="zstd") as writer:
        for _ in range(20):
            writer.write_table(pa.table({"vector": part}))
    return data.getvalue()


def odd_weights() -> dict[str, Content]:
    """Weights whose header claims more than the file holds, that swell, or that would run code when unpickled."""
    claim = json.dumps({"w": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}).encode()
    call = b"cos\nsystem\n(S'true'\ntR."
    return {
        "claims.safetensors": struct.pack("<Q", len(claim)) + claim,
        "header.safetensors": struct.pack("<Q", 2**62) + b"{}",
        "deep.safetensors": struct.pack("<Q", 200_000) + b"[" * 200_000,
        "empty.safetensors": struct.pack("<Q", 2) + b"{}",
        "call.pth": call,
        "call.zip.pth": zipped({"archive/data.pkl": call, "archive/version": b"3\n"}),
        "bomb.pth": zipped({"archive/data.pkl": b"\x80\x02", "archive/version": b"3\n", "archive/data/0": b""}, GIB),
        "memo.pth": b"\x80\x02" + b"]" + b"2a" * 40 + b".",
        "deep.pth": b"\x80\x02" + b"(" * 1_000_000 + b".",
        "long.pth": b"\x80\x02X" + struct.pack("<I", 2**31 - 1) + b"x",
        "script.pt": zipped({"a/constants.pkl": b"\x80\x02).", "a/data.pkl": call, "a/version": b"3\n"}),
        "empty.pth": b"",
        "text.pth": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }


def odd_recipes(recipe: bytes) -> dict[str, Content]:
    """Recipes with aliases that multiply, depth, code, numbers of 10^6 digits and models that no machine holds."""
    laughs = b"a0: &a0 [x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (at, at, b",".join([b"*a%d" % (at - 1)] * 10)) for at in range(1, 30)
    )
    return {
        "laughs.yaml": laughs + b"sources: *a29\nname: *a29\n",
        "itself.yaml": b"sources: &a [*a]\nname: x\n",
        "merge.yaml": b"x0: &x0 {k0: 1}\n" + b"".join(
            b"x%d: &x%d {<<: [%s]}\n" % (at, at, b",".join([b"*x%d" % (at - 1)] * 20)) for at in range(1, 8)
        ) + recipe,
        "deep.yaml": b"name: " + b"[" * 100_000,
        "maps.yaml": b"{a: " * 100_000,
        "digits.yaml": b"batch: " + b"9" * 1_000_000 + b"\n",
        "code.yaml": b"name: !!python/object/apply:os.system ['true']\n",
        "long.yaml": b"name: " + b"x" * (30 << 20) + b"\n",
        "width.yaml": recipe.replace(b"width: 32", b"width: 3200000"),
        "layers.yaml": recipe.replace(b"layers: 1", b"layers: 1000000"),
        "dim.yaml": recipe.replace(b"embed_dim: 16", b"embed_dim: 1600000000"),
        "patch.yaml": recipe.replace(b"patch_size: 8", b"patch_size: 0"),
        "timm.yaml": recipe.replace(b"patch_size: 8", b"timm_model_name: resnet50"),
        "epochs.yaml": recipe.replace(b"epochs: 1", b"epochs: 1e99"),
        "two.yaml": recipe + b"---\n" + recipe,
        "empty.yaml": b"",
        "scalar.yaml": b"5\n",
    }  # fmt: skip


def odd_results(result: bytes) -> dict[str, Content]:
    """Results with hostile names, depth, numbers of 10^7 digits and keys given twice."""
    return {
        "deep.json": b"[" * 100_000,
        "maps.json": b'{"a":' * 100_000,
        "digits.json": b'{"schema_version": ' + b"9" * 10_000_000 + b"}",
        "twice.json": b'{"mode": "knn",' + result.lstrip()[1:],
        "nan.json": result.replace(b'"value": 0', b'"value": NaN', 1),
        "huge.json": result.replace(b'"value": 0', b'"value": 1e308', 1),
        "names.json": result.replace(b'"reid"', json.dumps(CONTROL).encode()),
        "long.json": b'"' + b"x" * (60 << 20) + b'"',
        "empty.json": b"",
        "list.json": b"[]",
        "null.json": b"null",
    }
