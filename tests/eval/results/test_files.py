"""Result files, there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.api import evaluate
from eval.results.files import read_result, write_result
from retrieval.errors import InputError
from tests.support.identity_stores import memory_store, people

ROWS = people(12, 4)


def test_result_files_there_and_back(tmp_path: Path) -> None:
    result = evaluate(memory_store(people(6, 3, ("left", "right"))), "reid", aspect="all")
    file = tmp_path / "deep" / "result.json"
    write_result(result, file)
    assert read_result(file) == result
    assert file.read_text() == result.to_json()
    assert [path.name for path in file.parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "is not a result file in JSON"),
        ("[]", "holds no JSON object"),
        ('{"schema_version": 3}', "schema version 3, this Vitrine reads version 2; update Vitrine"),
        ('{"schema_version": 1}', "schema version 1, this Vitrine reads version 2; evaluate again"),
        ('{"schema_version": 2}', "option 'task' is needed"),
    ],
)
def test_files_that_are_no_results(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "result.json"
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_result(file)
    assert "result.json" in str(error.value)


def test_curves_whose_axes_differ_in_length_are_refused(tmp_path: Path) -> None:
    values = evaluate(memory_store(people(6, 3)), "verification").to_dict()
    axes = next(iter(values["curves"].values()))
    axes[next(iter(axes))] = [*next(iter(axes.values())), 0.5]
    (tmp_path / "result.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="differ in length; evaluate again"):
        read_result(tmp_path / "result.json")


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = evaluate(memory_store(ROWS), "reid")
    for place in (tmp_path, tmp_path / "file" / "below.json"):
        with pytest.raises(InputError, match="cannot be written"):
            write_result(result, place)
    with pytest.raises(FileNotFoundError, match="no result file"):
        read_result(tmp_path / "none.json")
