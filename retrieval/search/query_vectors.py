"""The query vectors of a request: of stored samples, given by the user, or encoded from an image or a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.errors import InputError, SpaceMismatchError, UnknownNameError, first_names, unknown
from retrieval.search.gallery import ROW
from retrieval.types import Encoder, Float32, SpaceInfo, TextEncoder, require_same_space

if TYPE_CHECKING:
    from retrieval.search.request import SearchRequest
    from retrieval.search.space_view import SpaceView


class Encoders:
    """Encoders of spaces, loaded when they are first needed and kept."""

    def __init__(self) -> None:
        self._loaded: dict[tuple[str, str], Encoder] = {}

    def encode(self, request: SearchRequest, space: SpaceInfo, warnings: list[str]) -> Float32:
        """Encode the image or text of a request to a vector (1, d) float32 of length 1.

        Args:
            request: the request.
            space: the space, whose encoder encodes.
            warnings: receives what of the image or the text is not used.

        Raises:
            InputError: the space has no encoder, or its encoder has no text tower.
            MissingFileError, WeightsError, NetworkError: the image or the encoder's weights cannot be read.
        """
        if space.spec.preprocess is None:
            raise InputError(f"Space {space.name} was imported and has no encoder; search it by id, identity or label.")
        if request.image is not None:
            from retrieval.images import file_pixels

            read, remarks = file_pixels(request.image, space.spec.preprocess, request.max_pixels)
            warnings += (f"{request.image}: {remark}." for remark in remarks)
            batch = read[None]
            return self._encoder(space, request.device).encode_images(batch).vectors
        encoder = self._encoder(space, request.device)
        if not isinstance(encoder, TextEncoder):
            raise InputError(f"Space {space.name} has no text tower; a text needs a space of an open_clip model.")
        from retrieval.encoders.text_tokens import cut_texts

        cut = cut_texts([str(request.text)], space.spec)
        for n in cut.tokens.values():
            warnings.append(f"The text has {n} tokens, and the text tower reads {cut.context}: its end is not read.")
        return encoder.encode_texts([str(request.text)]).vectors

    def _encoder(self, space: SpaceInfo, device: str) -> Encoder:
        from retrieval.encoders.registry import load

        key = (space.fingerprint, device)
        if key not in self._loaded:
            self._loaded[key] = load(space.spec, device)
        return self._loaded[key]


def query_samples(view: SpaceView, request: SearchRequest) -> list[dict[str, Any]]:
    """Return the stored samples of a query: one for an id, all of an identity or label, those of an image's content.

    Raises:
        InputError: an id may mean several samples, or the image cannot be read.
        UnknownNameError: the id, identity or label does not exist.
    """
    kind = request.kind
    if request.image is not None:
        from retrieval.images import file_content

        return view.of_content(file_content(request.image))
    if kind == "id":
        return [_one_sample(view, str(request.id))]
    if kind not in {"identity", "label"}:
        return []
    value = str(getattr(request, kind))
    rows = view.matching(**{kind: value})
    if not rows:
        raise unknown(kind, value, view.values(kind))
    return rows


def _one_sample(view: SpaceView, name: str) -> dict[str, Any]:
    """Find a sample by its id, its path, the unique beginning of its id, or the unique end of its path."""
    for column in ("id", "uri", "id_prefix", "ending"):
        rows = view.ending(name) if column == "ending" else view.matching(**{column: name})
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise InputError(f"'{name}' may mean {len(rows)} samples; write one of: {_ways_to_write(rows)}.")
    raise UnknownNameError(f"No sample with id or path '{name}' in the store; a search with an image finds ids.")


def _ways_to_write(rows: Sequence[Mapping[str, Any]]) -> str:
    """List the options that mean one of some samples each: their paths, or their ids where paths are equal."""
    column = "uri" if len({row["uri"] for row in rows}) == len(rows) else "id"
    return first_names((f"`id={row[column]}`" for row in rows), 4)


def stored_vectors(
    data: Float32, samples: Sequence[Mapping[str, Any]], request: SearchRequest, space: SpaceInfo
) -> Float32:
    """Return the query vectors of stored samples: all of them (q, d), or their centroid (1, d).

    Args:
        data: (n, d) float32, the vectors of the space.
        samples: the samples, with the rows of their vectors in ``ROW``.
        request: the request; its ``combine`` chooses between vectors and centroid.
        space: the space, for messages.

    Raises:
        InputError: none of the samples has a vector, or their centroid is zero.
    """
    rows = np.array([sample[ROW] for sample in samples], np.int64)
    rows = rows[rows >= 0]
    if not len(rows):
        value = request.describe()["value"]
        raise InputError(f"{value} has no vector in space {space.name}; choose another space.")
    if request.combine == "max" or len(rows) == 1:
        return np.asarray(data[np.unique(rows)], np.float32)
    centre = np.asarray(data[rows], np.float32).astype(np.float64).mean(axis=0, keepdims=True)
    length = float(np.linalg.norm(centre))
    if length < 1e-9:
        raise InputError("The samples of the query cancel out to a centroid of zero; search with each (combine=max).")
    return np.asarray(centre / length, np.float32)


def given_vectors(request: SearchRequest, space: SpaceInfo) -> Float32:
    """Return the vectors given in a request (q, d), L2-normalised.

    Raises:
        SpaceMismatchError: the vectors belong to another space, or have another dimension.
        InputError: a vector is zero or not finite.
    """
    if request.vector_space is not None:
        require_same_space(space, request.vector_space, "The query vector")
    vectors = np.asarray(request.vector, np.float32)
    if vectors.shape[1] != space.dimension:
        raise SpaceMismatchError(
            f"The query vector has {vectors.shape[1]} numbers and cannot be compared with vectors of space "
            f"{space.name}, which have {space.dimension}."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise InputError("The query vector is zero, or holds numbers that are not finite.")
    return np.asarray(vectors / lengths, np.float32)
