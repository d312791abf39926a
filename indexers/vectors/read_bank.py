"""Read banks: texts or class vectors, and their classes, from ``.npz`` files."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast, get_args

import numpy as np
from pydantic import Field

from indexers.vectors.arrays import NpzArrays
from indexers.vectors.named_arrays import check_length
from retrieval.config import Config
from retrieval.errors import InputError
from retrieval.export.columns import PROVENANCE, VECTORS
from retrieval.types import BankKind

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from retrieval.types import Float32, Int64


class BankOptions(Config):
    """Arrays of an ``.npz`` file that form a bank; one that export-vectors wrote needs no names."""

    vectors: str | None = Field(default=None, description="Array of vectors (m, d).")
    classes: str | None = Field(
        default=None,
        description="Array of class names: one per vector or, with class_index, the list that it counts into.",
    )
    class_index: str | None = Field(
        default=None, description="Array of whole numbers from 0 into classes, one per vector."
    )
    texts: str | None = Field(
        default=None,
        description="Array of texts, one per vector. Without it, an array texts or captions where there is one.",
    )


class ImportedBank(NamedTuple):
    """A bank read from a file.

    ``vectors`` (m, d) float32 are unique and not normalised; ``texts`` are their m texts, if there are any. Edge i says
    that vector ``edge_vector[i]`` belongs to class ``edge_class[i]``. ``kind``, ``bias`` (m,) and ``temperature`` are
    those of an exported bank, None for other files.
    """

    vectors: Float32
    edge_vector: Int64
    edge_class: NDArray[np.str_]
    texts: tuple[str, ...] | None
    kind: BankKind | None = None
    bias: Float32 | None = None
    temperature: float | None = None


def read_bank(path: Path, options: BankOptions) -> ImportedBank:
    """Read text or class vectors and their classes; equal vectors with equal texts are merged.

    Raises:
        MissingFileError: the file does not exist.
        UnknownNameError: a given array is not in the file.
        InputError: the file is not an ``.npz``, lengths differ, or an index is out of range.
    """
    if path.suffix.lower() != ".npz":
        raise InputError(f"A bank is read from an .npz file, not from {path}.")
    arrays = NpzArrays(path)
    exported = PROVENANCE in arrays.names
    vectors = arrays.vectors(_named(arrays, options.vectors, VECTORS, "vectors"))
    classes = _classes(arrays, options, len(vectors))
    texts = _texts(arrays, options, len(vectors))
    bias = arrays.lengths("bias", len(vectors)) if exported and "bias" in arrays.names else None
    positions: dict[tuple[bytes, str | None, float | None], int] = {}
    edges: dict[tuple[int, str], None] = {}
    first: list[int] = []
    for at, name in enumerate(classes):
        key = (vectors[at].tobytes(), texts[at] if texts else None, None if bias is None else float(bias[at]))
        if key not in positions:
            positions[key] = len(first)
            first.append(at)
        edges[positions[key], name] = None
    rows, names = zip(*edges, strict=True)
    unique_texts = None if texts is None else tuple(texts[at] for at in first)
    bank = ImportedBank(vectors[first], np.array(rows, dtype=np.int64), np.array(names, dtype=np.str_), unique_texts)
    if not exported:
        return bank
    return bank._replace(
        kind=_kind(arrays),
        bias=None if bias is None else bias[first],
        temperature=float(arrays.read("temperature").item()) if "temperature" in arrays.names else None,
    )


def _named(arrays: NpzArrays, given: str | None, exported: str, option: str) -> str:
    """Return the array that the user named, or that of this name in an exported bank.

    Raises:
        InputError: nobody says which array it is.
    """
    if given is not None:
        return given
    if PROVENANCE in arrays.names and exported in arrays.names:
        return exported
    raise InputError(
        f"Say which array of {arrays.path} holds the {option} of the bank (`{option}`); it has: "
        f"{', '.join(arrays.names)}."
    )


def _kind(arrays: NpzArrays) -> BankKind | None:
    """Return the kind of an exported bank.

    Raises:
        InputError: there is no such kind.
    """
    if "kind" not in arrays.names:
        return None
    said = str(arrays.read("kind"))
    for kind in get_args(BankKind):
        if said == kind:
            return cast("BankKind", kind)
    raise InputError(f"Array 'kind' of {arrays.path} is '{said}', and not one of {', '.join(get_args(BankKind))}.")


def _classes(arrays: NpzArrays, options: BankOptions, count: int) -> list[str]:
    """Return the class of each vector."""
    chosen = _named(arrays, options.classes, "classes", "classes")
    names = arrays.column(chosen, "label")
    empty = next((at for at, name in enumerate(names) if name is None), None)
    if empty is not None:
        raise InputError(f"Class {empty} (counted from 0) in array '{chosen}' of {arrays.path} has no name.")
    if options.class_index is None:
        check_length(len(names), count, f"array '{chosen}' of {arrays.path}")
        return names
    index = arrays.read(options.class_index)
    what = f"Array '{options.class_index}' of {arrays.path}"
    if index.ndim != 1 or index.dtype.kind not in "iu":
        raise InputError(f"{what} must hold one whole number per vector.")
    check_length(len(index), count, what)
    outside = (index < 0) | (index >= len(names))
    if outside.any():
        at = int(np.argmax(outside))
        raise InputError(f"Row {at} of {what} is {index[at]}, but '{chosen}' holds {len(names)} classes.")
    return [names[at] for at in index]


def _texts(arrays: NpzArrays, options: BankOptions, count: int) -> list[str] | None:
    name = options.texts
    if name is None:
        name = next((usual for usual in ("texts", "captions") if usual in arrays.names), None)
    if name is None:
        return None
    texts = [str(cell) for cell in arrays.cells(name)]
    check_length(len(texts), count, f"array '{name}' of {arrays.path}")
    return texts
