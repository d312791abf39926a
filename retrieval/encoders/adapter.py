"""Linear adapters: a matrix that maps the vectors of a parent encoder to those of a space of its own.

The vector of an image is *parent encoder, matrix, L2*. Texts are not mapped: their vectors are those of the parent's
text tower, for which the matrix was trained. The folder of an adapter has a card (:mod:`retrieval.encoders.artefact`)
of the family ``adapter``, the matrix in its weights, and ``parent.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoders.artefact import FOLDER, open_folder
from retrieval.errors import InputError, WeightsError
from retrieval.text_files import read_json
from retrieval.types import Embeddings, EncoderSpec, Float32

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.encoders.artefact import Artefact

FAMILY_NAME, PARENT, MATRIX = "adapter", "parent.json", "matrix"
"""Name of the family, of the file about the parent, and of the tensor in the weights."""

BLOCK = 256
"""Rows of every matrix product: products of one shape give a row the same bits in any place and company."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A linear adapter.

    Attributes:
        parent: the encoder whose vectors it maps.
        view: the view of these vectors, such as ``base``.
        matrix: (d, d of the view) float32; with one column more, for a bias, as :func:`mapped_vectors` takes it.
    """

    parent: EncoderSpec
    view: str
    matrix: Float32


def adapted_vectors(vectors: Float32, matrix: Float32) -> Embeddings:
    """Map vectors by a matrix and L2-normalise them.

    The products are computed in float64 in blocks, so that memory does not grow with n beyond the result.

    Args:
        vectors: (n, e) unit vectors of the parent.
        matrix: (d, e).

    Returns:
        Vectors (n, d) of length 1, and their lengths (n,) after the product. The lengths of the parent's vectors are no
        part of them, as the matrix was trained on unit vectors.

    Raises:
        WeightsError: the shapes do not fit, or a vector is mapped to zero or to numbers that are not finite.
    """
    if vectors.ndim != 2 or matrix.ndim != 2 or vectors.shape[1] != matrix.shape[1]:
        raise WeightsError(
            f"The matrix of the adapter has the shape {matrix.shape} and cannot map vectors of shape {vectors.shape}; "
            "it belongs to another space."
        )
    n, turned = len(vectors), np.ascontiguousarray(matrix.T, np.float64)
    mapped, lengths = np.empty((n, len(matrix)), np.float32), np.empty(n, np.float32)
    block = np.zeros((BLOCK, vectors.shape[1]))
    for start in range(0, n, BLOCK):
        rows = vectors[start : start + BLOCK]
        block[: len(rows)] = rows
        with np.errstate(invalid="ignore"):
            product = (block @ turned)[: len(rows)]
        length = np.sqrt(np.einsum("ij,ij->i", product, product))
        wrong = ~(np.isfinite(length) & (length > 0))
        if wrong.any():
            raise WeightsError(
                f"The matrix of the adapter maps vector {start + int(np.argmax(wrong))} to zero or to numbers that are "
                "not finite; train again with a lower learning rate."
            )
        mapped[start : start + BLOCK] = product / length[:, None]
        lengths[start : start + BLOCK] = length
    return Embeddings(mapped, lengths)


def with_length(embeddings: Embeddings) -> Float32:
    """Append to unit vectors (n, e) the inverse of their lengths: (n, e + 1).

    A matrix (d, e + 1) maps them to W f + b / |x|, which has the direction of W x + b for the vector x = |x| f.
    """
    vectors, norms = embeddings
    return np.concatenate([vectors, (1 / norms.astype(np.float64)).astype(np.float32)[:, None]], axis=1)


def mapped_vectors(embeddings: Embeddings, matrix: Float32) -> Embeddings:
    """Map unit vectors (n, e), with their lengths where the matrix has a column for them, as of a bias.

    Raises:
        WeightsError: as :func:`adapted_vectors`.
    """
    wide = matrix.ndim == 2 and matrix.shape[1] == embeddings.vectors.shape[1] + 1
    return adapted_vectors(with_length(embeddings) if wide else embeddings.vectors, matrix)


def parent_json(parent: EncoderSpec, view: str) -> bytes:
    """Return the content of ``parent.json``: the parent's spec and fingerprint, and the view that is mapped."""
    values = {"fingerprint": parent.fingerprint, "view": view, "spec": json.loads(parent.to_json())}
    return (json.dumps(values, indent=1) + "\n").encode()


def read_adapter(folder: Path) -> Adapter:
    """Read the adapter in a folder, or in the folder of the training run that left it.

    Raises:
        MissingFileError: the folder or a part does not exist.
        WeightsError: a part was changed, or the matrix cannot be used.
        InputError: the folder holds another encoder, or its description is damaged.
    """
    artefact = open_folder(folder)
    parent, view = read_parent(artefact)
    return Adapter(parent, view, _read_matrix(artefact))


def adapter_spec(folder: Path) -> EncoderSpec:
    """Return the spec of an adapter: preprocessing, precision, batch size and licence are the parent's.

    Raises:
        MissingFileError, WeightsError, InputError: as :func:`read_adapter`.
    """
    artefact = open_folder(folder)
    parent, _ = read_parent(artefact)
    return EncoderSpec(
        family=FAMILY_NAME,
        model=_card_model(artefact),
        weights=f"{FOLDER}{artefact.path}",
        weights_digest=artefact.digest,
        preprocess=parent.preprocess,
        precision=parent.precision,
        batch_size=parent.batch_size,
        crop=parent.crop,
        licence=parent.licence,
    )


def read_parent(artefact: Artefact) -> tuple[EncoderSpec, str]:
    """Read the spec of an adapter's parent, and the view that is mapped.

    Raises:
        InputError: the artefact is no adapter, or ``parent.json`` is damaged.
    """
    path = artefact.part(PARENT)
    if path is None or artefact.card is None or artefact.card.family != FAMILY_NAME:
        raise InputError(f"{artefact.path} holds no adapter: its card names no family {FAMILY_NAME} with {PARENT}.")
    values: Any = read_json(path, "the parent of an adapter")
    try:
        parent, view = EncoderSpec.from_json(json.dumps(values["spec"])), values["view"]
        sound = isinstance(view, str) and parent.fingerprint == values["fingerprint"]
    except (AttributeError, KeyError, TypeError):
        sound = False
    if not sound:
        raise InputError(f"{path} does not describe the parent of an adapter; train again, or copy the folder again.")
    return parent, view


def _card_model(artefact: Artefact) -> str:
    return artefact.card.model if artefact.card is not None else ""


def _read_matrix(artefact: Artefact) -> Float32:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        matrix = np.asarray(load_file(artefact.weights)[MATRIX], np.float32)
    except (KeyError, SafetensorError):
        raise WeightsError(f"{artefact.weights} holds no tensor '{MATRIX}'; train the adapter again.") from None
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise WeightsError(f"{artefact.weights}: '{MATRIX}' is no matrix of finite numbers; train the adapter again.")
    return matrix
