"""The request of a search: the query, the searched samples, and how hits are ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from retrieval.config import Config
from retrieval.image_formats import MAX_PIXELS

KINDS = ("id", "identity", "label", "image", "text", "vector")
"""Fields of a request that are queries."""

GroupBy = Literal["identity", "label"]
Combine = Literal["centroid", "max"]


def _rows(value: Any) -> Any:
    """Convert one vector (d,) or several (q, d) to a list of lists."""
    if value is None:
        return None
    try:
        vectors = np.atleast_2d(np.asarray(value, np.float32))
    except (TypeError, ValueError):
        raise ValueError("a vector is a list or an array of numbers") from None
    if vectors.ndim != 2 or not vectors.size:
        raise ValueError(f"a vector has the shape (d,), several have (q, d), and not {np.shape(value)}")
    return vectors.tolist()


Vectors = Annotated[tuple[tuple[float, ...], ...], BeforeValidator(_rows)]


class SearchRequest(Config):
    """A search: exactly one of ``id``, ``identity``, ``label``, ``image``, ``text`` and ``vector``, and options."""

    id: str | None = Field(
        None, description="Search with a stored sample: its id or its path; the beginning or end is enough."
    )
    identity: str | None = Field(None, description="Search with all samples of an identity.")
    label: str | None = Field(None, description="Search with all samples of a label.")
    image: Path | None = Field(None, description="Search with an image file.")
    text: str | None = Field(None, description="Search with words (spaces with a text tower).")
    vector: Vectors | None = Field(
        None, description="Search with a vector (d,), or with each of several (q, d); their lengths do not matter."
    )
    vector_space: str | None = Field(
        None, description="Fingerprint of the space that the vector belongs to; a search in another is refused."
    )
    max_pixels: int = Field(MAX_PIXELS, ge=1, description="Largest number of pixels of IMAGE.")
    k: int = Field(10, ge=1, description="How many to show.")
    group_by: GroupBy | None = Field(None, description="Rank these instead of samples.")
    combine: Combine = Field(
        "centroid",
        description="Several query samples: search with their centroid, or with each and keep the best score.",
    )
    include_self: bool = Field(default=False, description="Also show the query's own samples.")
    where: str | None = Field(None, description="Only samples that meet this condition over their columns.")
    space: str | None = Field(
        None, description="Space: its name or the beginning of it. Without it, the default: the promoted or only one."
    )
    view: str = Field("base", description="View of the space to search in.")
    approx: bool = Field(
        default=False,
        description="Search with the index of index-ann; exactly where there is none, or vectors changed since.",
    )
    device: str = Field("auto", description="Device of the encoder, for images and texts.")

    @model_validator(mode="after")
    def _one_query(self) -> Self:
        names = [name for name in KINDS if getattr(self, name) is not None]
        if len(names) != 1:
            raise ValueError(f"search for one thing: one of {', '.join(KINDS)}")
        if isinstance(value := getattr(self, names[0]), str) and not value.strip():
            raise ValueError(f"the {names[0]} to search for is empty")
        if self.vector_space is not None and self.vector is None:
            raise ValueError("vector_space needs a vector")
        return self

    @property
    def kind(self) -> str:
        """Name of the field that is the query."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    def describe(self) -> dict[str, Any]:
        """Return kind and value of the query for a result; the value of a vector is None."""
        value = getattr(self, self.kind)
        return {"kind": self.kind, "value": None if self.kind == "vector" else str(value)}
