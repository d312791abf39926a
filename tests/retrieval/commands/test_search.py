"""The search command: its options are those of a request, and say the same."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from retrieval.commands.search import search_command
from retrieval.search.request import SearchRequest
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import write_images
from tests.support.sample_stores import key, spec, store_with, unit

if TYPE_CHECKING:
    from pathlib import Path

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


def test_an_image_file_of_the_store_is_left_out_of_its_own_answer(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 4)
    call_cli("index", tmp_path / "images", "--store", tmp_path / "s", *SMALL_ENCODER)
    copy = tmp_path / "elsewhere.jpg"
    shutil.copy(min((tmp_path / "images").rglob("*.jpg")), copy)
    command = ("search", copy, "--store", tmp_path / "s", "--json")
    left_out, shown = call_cli(*command), call_cli(*command, "--include-self")
    hits, all_hits = (json.loads(done.stdout)["hits"] for done in (left_out, shown))
    assert (len(hits), len(all_hits)) == (3, 4)
    assert all_hits[0]["score"] == pytest.approx(1, abs=1e-5)
    assert [hit["id"] for hit in hits] == [hit["id"] for hit in all_hits[1:]]
    assert f"{copy} is in the store ({all_hits[0]['uri']}) and left out" in left_out.stderr
    assert "--include-self shows it" in left_out.stderr
    assert "in the store" not in shown.stderr
    copy.write_bytes(copy.read_bytes() + b"another file")
    assert len(json.loads(call_cli(*command).stdout)["hits"]) == 4


def test_the_space_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, space = store_with(tmp_path / "s", ["a", "b"], unit(2))
    with store.writer() as writer:
        writer.append_vectors(writer.register_space(spec("other"), 16, ("base",)), [key("a")], {"base": unit(1)})
        writer.commit("another space")
    command = ("search", "--id", "a", "--store", tmp_path / "s")
    assert "spaces" in call_cli(*command, check=None).stderr
    monkeypatch.setenv("VITRINE_SPACE", space.name)
    assert call_json(*command)["space"] == space.name
    monkeypatch.setenv("VITRINE_SPACE", "nothing")
    assert "No space 'nothing'" in call_cli(*command, check=2).stderr
    assert call_json(*command, "--space", space.name)["space"] == space.name
