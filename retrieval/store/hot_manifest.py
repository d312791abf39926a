"""The manifest of a cache of vectors: which fragments its two files hold, and the checksums of their blocks."""

from __future__ import annotations

import hashlib
import json
import os
import random
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

LAYOUT = 2
"""Version of the files. A cache of another layout is made again."""

KEY_BYTES = 48
"""Bytes of a stored key: 32 hex digits of the content, ``#`` and 12 of the crop, padded."""

BLOCK = 1 << 22
"""Bytes of a block, which has a checksum of its own."""

CHECKED_BYTES = 1 << 32
"""Most bytes of vectors that opening a cache reads to check them. Of a larger cache, blocks are drawn."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A cached fragment, which is a chunk of the file of keys and of the file of vectors.

    ``mark`` identifies the fragment and changes if rows of it are deleted; ``keys`` and ``data`` are the CRC-32 of the
    blocks of its two chunks. ``norms`` is the number of lengths that the table has for it, which are not cached, and
    their CRC-32.
    """

    mark: str
    rows: int
    keys: tuple[int, ...]
    data: tuple[int, ...]
    norms: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The fragments in the two files of a generation, in order, and the space and view that they belong to."""

    space: str
    view: str
    generation: str
    dimension: int
    fragments: tuple[Fragment, ...]

    @property
    def rows(self) -> int:
        """Number of vectors."""
        return sum(fragment.rows for fragment in self.fragments)

    @property
    def keys_file(self) -> str:
        """Name of the file of keys."""
        return f"keys-{self.generation}.bin"

    @property
    def data_file(self) -> str:
        """Name of the file of vectors."""
        return f"data-{self.generation}.f32"


def load_manifest(folder: Path) -> Manifest | None:
    """Read the manifest of a cache; None if there is none of this layout.

    Raises:
        ValueError: it is damaged, or a file is missing or shorter than it says.
    """
    try:
        text = (folder / "manifest.json").read_bytes()
    except FileNotFoundError:
        return None
    try:
        raw = json.loads(text)
        if raw.get("layout") != LAYOUT:
            return None
        body = raw["body"]
        if raw["sha256"] != _sha256(body):
            raise ValueError("manifest.json is not as it was written")
        fragments = tuple(
            Fragment(part["mark"], part["rows"], *(tuple(part[name]) for name in ("keys", "data", "norms")))
            for part in body["fragments"]
        )
        manifest = Manifest(body["space"], body["view"], body["generation"], body["dimension"], fragments)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError("manifest.json is not as it was written") from None
    for name, width in ((manifest.keys_file, KEY_BYTES), (manifest.data_file, manifest.dimension * 4)):
        path = folder / name
        if not path.is_file() or path.stat().st_size < manifest.rows * width:
            raise ValueError(f"{name} is missing or too short")
    return manifest


def save_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a cache."""
    body = asdict(manifest)
    young = folder / f"manifest-{uuid4().hex[:8]}.young"
    young.write_text(json.dumps({"layout": LAYOUT, "body": body, "sha256": _sha256(body)}), encoding="utf-8")
    young.replace(folder / "manifest.json")


def _sha256(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def checksums(chunk: bytes | memoryview) -> tuple[int, ...]:
    """Return the CRC-32 of the blocks of a chunk."""
    view = memoryview(chunk)
    return tuple(zlib.crc32(view[start : start + BLOCK]) for start in range(0, len(view), BLOCK))


def damaged_chunks(folder: Path, manifest: Manifest, most: int | None = CHECKED_BYTES) -> list[str]:
    """Compare the files of a cache with their checksums; return the names of files that differ.

    Args:
        folder: folder of the cache.
        manifest: its manifest.
        most: bytes to read of each file at most, in blocks drawn at random; None reads all.
    """
    damaged = []
    for name, width, column in (
        (manifest.keys_file, KEY_BYTES, "keys"),
        (manifest.data_file, manifest.dimension * 4, "data"),
    ):
        blocks = list(_blocks(manifest, width, column))
        if most is not None and len(blocks) > most // BLOCK:
            blocks = random.sample(blocks, most // BLOCK)  # another draw at each opening
        with (folder / name).open("rb") as handle, ThreadPoolExecutor(os.cpu_count()) as pool:
            descriptor = handle.fileno()

            def sound(block: tuple[int, int, int], descriptor: int = descriptor) -> bool:
                start, size, checksum = block
                return zlib.crc32(os.pread(descriptor, size, start)) == checksum

            if not all(pool.map(sound, blocks)):
                damaged.append(name)
    return damaged


def _blocks(manifest: Manifest, width: int, column: str) -> Iterator[tuple[int, int, int]]:
    """Yield start, size and checksum of the blocks of a file with rows of ``width`` bytes."""
    start = 0
    for fragment in manifest.fragments:
        stop = start + fragment.rows * width
        for at, checksum in enumerate(getattr(fragment, column)):
            first = start + at * BLOCK
            yield first, min(BLOCK, stop - first), checksum
        start = stop
