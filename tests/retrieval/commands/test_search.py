"""The search command: its options are those of a request, and say the same."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from retrieval.commands.search import search_command
from retrieval.search.request import SearchRequest

RENAMED = {"sample_id": "id"}
ELSEWHERE = {"store", "sheet", "as_json"}
FROM_PYTHON = {"vector", "vector_space"}


def test_options_are_the_fields_of_a_request_and_say_the_same() -> None:
    options = {RENAMED.get(str(param.name), str(param.name)): param for param in search_command.params}
    assert set(options) - ELSEWHERE == set(SearchRequest.model_fields) - FROM_PYTHON
    for name, field in SearchRequest.model_fields.items():
        option = options.get(name)
        if not isinstance(option, click.Option):  # IMAGE is an argument
            continue
        assert (option.help or field.description) == field.description
        assert option.default in (None, field.default) or not isinstance(option.default, str | int)


@pytest.mark.parametrize("args", [[], ["--id", "a", "--label", "b"], ["x.jpg", "--text", "y"]])
def test_the_command_names_its_options_where_a_query_is_missing(args: list[str]) -> None:
    done = CliRunner().invoke(search_command, [*args, "--store", "nowhere"])
    assert done.exit_code == 2
    assert "an IMAGE, or one of --id, --identity, --label, --text" in done.output
