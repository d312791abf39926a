"""Types of arrays, and the digest that names are made of."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32: TypeAlias = NDArray[np.float32]


Int64: TypeAlias = NDArray[np.int64]


UInt8: TypeAlias = NDArray[np.uint8]


def digest(*parts: str, size: int = 10) -> str:
    """Hash text parts into ``2 * size`` hex digits (BLAKE2b); parts are length-prefixed, so they never run together."""
    state = hashlib.blake2b(digest_size=size)
    for part in parts:
        raw = part.encode()
        state.update(len(raw).to_bytes(8, "little") + raw)
    return state.hexdigest()
