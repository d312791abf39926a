"""Requests of a search: one query each, no key that does not exist, nothing that cannot be written as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from retrieval.errors import InputError
from retrieval.search.request import SearchRequest


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "search for one thing: one of id, identity, label, image, text, vector."),
        ({"id": "a1", "label": "a"}, "search for one thing"),
        ({"text": " "}, "the text to search for is empty."),
        ({"id": "a1", "k": 0}, "k=0 cannot be used: input should be greater than or equal to 1."),
        ({"idd": "a1"}, "there is no option 'idd'. Did you mean 'id'?"),
        ({"id": "a1", "group_by": "camera"}, "group_by='camera' cannot be used"),
        ({"id": "a1", "vector_space": "1a"}, "vector_space needs a vector."),
        ({"vector": "words"}, "a vector is a list or an array of numbers."),
        ({"vector": np.zeros((1, 2, 3))}, "and not (1, 2, 3)."),
        ({"vector": []}, "and not (0,)."),
    ],
)
def test_what_is_no_request(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as raised:
        SearchRequest.read(fields, "search")
    assert str(raised.value).startswith("search: ")
    assert says in str(raised.value)
    assert "--" not in str(raised.value)


def test_it_is_frozen() -> None:
    with pytest.raises(ValidationError):
        SearchRequest(id="a1").k = 3  # type: ignore[misc]


def test_a_vector_keeps_its_numbers() -> None:
    vector = np.random.default_rng(0).standard_normal(7).astype(np.float32)
    request = SearchRequest.read({"vector": vector}, "search")
    np.testing.assert_array_equal(np.asarray(request.vector, np.float32), vector[None])
    assert SearchRequest.model_validate_json(request.model_dump_json()) == request
    assert request.describe() == {"kind": "vector", "value": None}
    assert len(SearchRequest.read({"vector": [[1, 2], [3, 4]]}, "search").vector or ()) == 2


def test_describe_gives_kind_and_value() -> None:
    assert SearchRequest(image=Path("x/y.jpg")).describe() == {"kind": "image", "value": "x/y.jpg"}
    assert SearchRequest(label="a").describe() == {"kind": "label", "value": "a"}


def test_every_field_says_what_it_is() -> None:
    assert all((field.description or "").endswith(".") for field in SearchRequest.model_fields.values())
