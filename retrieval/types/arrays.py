"""Types of arrays, and the hash function of ids and fingerprints."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32: TypeAlias = NDArray[np.float32]


Int64: TypeAlias = NDArray[np.int64]


UInt8: TypeAlias = NDArray[np.uint8]


def digest(*parts: str, size: int = 10) -> str:
    """Hash text parts to ``2 * size`` hex digits (BLAKE2b).

    Parts are prefixed by their length, so that ``("ab", "c")`` and ``("a", "bc")`` have different hashes.
    """
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode()
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.hexdigest()
