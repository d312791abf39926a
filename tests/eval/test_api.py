"""Evaluations from Python: options as keywords, results and files alike, one sentence for what cannot be."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from eval import api
from retrieval.errors import InputError, MissingFileError, UnknownNameError

if TYPE_CHECKING:
    from tests.support.identity_stores import RankedStore

DRAWN: dict[str, Any] = {"protocol": "monte-carlo", "aspect": "dorsal left", "draws": 2, "bootstrap": 50}


def test_options_are_keywords_or_a_mapping(world: RankedStore) -> None:
    store, _ = world
    plain = api.evaluate(store, "reid", ap_method="trapezoid", **DRAWN)
    mapped = api.evaluate(store, "reid", options={"ap_method": "trapezoid"}, **DRAWN)
    assert plain.metrics == mapped.metrics
    assert plain.config["ap_method"] == "trapezoid"


def test_the_signature_shows_the_fields_of_the_request() -> None:
    names = list(inspect.signature(api.evaluate).parameters)
    assert names[:3] == ["store", "mode", "out"]
    assert {"protocol", "options", "arms", "prompts"} <= set(names)
    assert "protocol: Name of the protocol" in str(api.evaluate.__doc__)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"protcol": "hd"}, r"No option 'protcol'\. Did you mean 'protocol'"),
        ({"ap_metod": "step"}, r"No option 'ap_metod'\. Did you mean 'ap_method'"),
    ],
)
def test_an_unknown_option_has_a_suggestion(world: RankedStore, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        api.evaluate(world[0], "reid", **options)


def test_a_result_is_written_and_read(world: RankedStore, tmp_path: Path) -> None:
    result = api.evaluate(world[0], "reid", out=tmp_path / "reid.json", **DRAWN)
    assert api.read_result(str(tmp_path / "reid.json")) == result
    with pytest.raises(MissingFileError, match=r"There is no result file .*none\.json"):
        api.read_result(tmp_path / "none.json")


def test_results_files_and_spaces_are_compared(world: RankedStore, tmp_path: Path) -> None:
    store, _ = world
    one = api.evaluate(store, "reid", out=tmp_path / "one.json", **DRAWN)
    other = api.evaluate(store, "reid", rerank="alpha-qe", **DRAWN)
    found = api.compare(store, tmp_path / "one.json", other)
    assert found.values["rank_1"][0] == one.metrics["rank_1"].value
    table = found.to_table()
    assert table.column("metric").to_pylist() == list(found.values)
    assert table.column("difference").to_pylist()[0] == found.differences["rank_1"].metric.value
    assert "rank" in repr(found).lower()
    assert str(found) == repr(found)
    assert "<table>" in found._repr_html_()
    same = api.compare(store, one.provenance.space, one.provenance.space, **DRAWN)
    assert all(a == b for a, b in same.values.values())
    with pytest.raises(InputError, match="leave out seed"):
        api.compare(store, one, other, seed=1)
    with pytest.raises(InputError, match="give two of a kind"):
        api.compare(store, one, "model")


def test_an_audit_shows_its_findings(world: RankedStore) -> None:
    found = api.audit(world[0], protocol="monte-carlo")
    assert found.samples > 0
    assert repr(found)
    assert "<" in found._repr_html_()


def test_a_report_takes_results_and_files(world: RankedStore, tmp_path: Path) -> None:
    result = api.evaluate(world[0], "reid", out=tmp_path / "reid.json", **DRAWN)
    written = api.report([result, tmp_path / "reid.json"], tmp_path / "report", store=world[0])
    assert written.html.is_file()
    assert (tmp_path / "report" / "results" / "1-reid.json").is_file()
    assert "(paired query by query, p = 1.0000)" in written.summary[0]
