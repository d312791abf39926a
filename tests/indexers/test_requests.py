"""Requests of the write side: what they make of what people write, and what they refuse."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from indexers import api
from indexers.commands import import_command, index_command
from indexers.requests import ImportRequest, IndexRequest
from retrieval.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import click


def test_an_index_request_takes_paths_lists_and_mappings() -> None:
    request = IndexRequest.read(
        {
            "path": "images",
            "encoder": Path("runs/encoder"),
            "preprocess": {"resize": 320, "mean": [0.5, 0.4, 0.3]},
            "views": ["hflip"],
        },
        "index",
    )
    assert (request.path, request.encoder) == (Path("images"), "runs/encoder")
    assert request.preprocess == ("resize=320", "mean=0.5/0.4/0.3")
    assert request.views == ("base", "hflip")
    assert IndexRequest.read({"path": "x", "preprocess": Path("p.yaml")}, "").preprocess == ("p.yaml",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thumbnail": False}, "index: there is no option 'thumbnail'. Did you mean 'thumbnails'"),
        ({"workers": 0}, "index: workers=0 cannot be used"),
        ({"precision": "fp8"}, "precision='fp8' cannot be used"),
        ({"wait": -1}, "wait=-1 cannot be used"),
    ],
)
def test_an_index_request_refuses_in_one_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        IndexRequest.read({"path": "images", **options}, "index")
    assert str(raised.value).startswith(message) or message in str(raised.value)
    assert "--" not in str(raised.value)


def test_a_view_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="No view 'hflp'"):
        IndexRequest.read({"path": "images", "views": "base,hflp"}, "index")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "bank", "vectors": "v", "classes": "c", "label": "l"}, "`label` is for vectors of samples"),
        ({"kind": "bank", "vectors": "v", "classes": "c", "attach": "s"}, "`attach` is for vectors of samples"),
        ({"kind": "bank", "vectors": "v", "classes": "c", "prune": True}, "`prune` is for vectors of samples"),
        ({"texts": "t"}, "`texts` is for a bank"),
        ({"attach": "s", "label": "l"}, "`label` does not go with `attach`"),
        ({"attach": "s", "prune": True}, "`prune` drops samples"),
    ],
)
def test_an_import_request_refuses_options_that_it_would_ignore(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImportRequest.read({"path": "f.npz", **options}, "import_vectors")


@pytest.mark.parametrize(("command", "request_type"), [(index_command, IndexRequest), (import_command, ImportRequest)])
def test_the_command_line_has_every_option_of_the_request(
    command: click.Command, request_type: type[IndexRequest | ImportRequest]
) -> None:
    params = {param.name for param in command.params} - {"store", "as_json", "list_options"}
    assert params | {"quiet"} == {*request_type.model_fields, "quiet"}


def test_python_shows_the_options() -> None:
    assert list(inspect.signature(api.index).parameters)[:3] == ["path", "store", "source"]
    assert inspect.signature(api.index).parameters["thumbnails"].default is True
    assert "thumbnails: Whether to store small pictures" in str(api.index.__doc__)
    assert "Options:" in str(api.import_vectors.__doc__)


@pytest.mark.parametrize(("command", "request_type"), [(index_command, IndexRequest), (import_command, ImportRequest)])
def test_the_command_line_has_the_defaults_of_the_request(
    command: click.Command, request_type: type[IndexRequest | ImportRequest]
) -> None:
    given = {param.name: param.default for param in command.params if isinstance(param.default, str | float | bool)}
    values = {name: value for name, value in given.items() if name in request_type.model_fields}
    assert {"wait"} <= values.keys()
    assert request_type.read({"path": "x", **values}, "") == request_type.read({"path": "x"}, "")
