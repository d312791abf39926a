"""Vectors of two spaces never meet in one comparison."""

from __future__ import annotations

import pytest

from retrieval.errors import SpaceMismatchError
from retrieval.types import SpaceInfo, require_same_space
from tests.support.sample_stores import spec


def test_vectors_of_another_space_are_refused() -> None:
    made = spec("model")
    space = SpaceInfo(made.fingerprint, "model@1234", made, 16, ("base",), "2026-01-01T00:00:00Z")
    require_same_space(space, made.fingerprint, "The query vector")
    with pytest.raises(SpaceMismatchError, match=r"The query vector belongs to space ffffffffffff and .* model@1234"):
        require_same_space(space, "f" * 32, "The query vector")
