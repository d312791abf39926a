"""What ``eval --options`` and ``index --options`` list."""

from __future__ import annotations

import pytest

from eval.registry import SCORERS
from eval.views.option_sections import evaluation_sections
from retrieval.errors import InputError, UnknownNameError
from tests.support.command_line import call_cli, call_json


def test_a_mode_of_one_scorer_takes_its_options_as_they_are() -> None:
    mode, scorer = evaluation_sections("zeroshot", None)
    assert (mode.title, scorer.title) == ("Mode zeroshot: -o KEY=VALUE", "Scorer prompts: -o KEY=VALUE")
    assert {"labels_from", "text_to_image"} <= {row.name for row in mode.options}
    assert "pool" in {row.name for row in scorer.options}


def test_scorers_of_a_fewshot_are_those_of_its_methods() -> None:
    titles = [
        section.title for section in evaluation_sections("fewshot", None, options={"method": "tip,knn", "tip.beta": 1})
    ]
    assert titles[1:] == ["Scorer tip: -o tip.KEY=VALUE", "Scorer knn: -o knn.KEY=VALUE"]


def test_scorers_of_a_fusion_are_those_of_its_arms_or_all() -> None:
    assert len(evaluation_sections("fusion", None)) == 1 + len(SCORERS)
    titles = [section.title for section in evaluation_sections("fusion", None, ["linear"])]
    assert titles[1:] == ["Scorer linear: -o ARM.KEY=VALUE"]


def test_defaults_of_a_mode_are_those_under_the_protocol() -> None:
    (mode,) = evaluation_sections("reid", "market1501")
    rows = {row.name: row.default for row in mode.options}
    assert (rows["junk_identities"], rows["camera_rule"], rows["ranks"]) == ("-1", "market1501", "1,5,10")


def test_a_protocol_has_options_of_its_own() -> None:
    (protocol,) = evaluation_sections(None, "cross-aspect")
    assert [row.name for row in protocol.options] == ["query_aspect", "gallery_aspect", "mirror"]


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="zeroshot"):
        evaluation_sections("zeroshoot", None)
    with pytest.raises(InputError, match="learns nothing from shots"):
        evaluation_sections("fewshot", None, options={"method": "prompts"})


def test_the_command_lists_them() -> None:
    shown = call_cli("eval", "--mode", "fusion", "--arm", "a=x:tip", "--protocol", "holdout", "--options").stdout
    for words in ("Mode fusion under protocol holdout", "shrinkage", "Scorer tip", "cache_scale", "test_share"):
        assert words in shown
    assert "Scorer knn" not in shown
    (found,) = call_json("eval", "--protocol", "k-fold", "--options")
    assert found["options"][0]["name"] == "folds"
    assert "--mode or --protocol" in call_cli("eval", "--options", check=2).stderr


def test_sources_list_theirs() -> None:
    (found,) = call_json("index", "--source", "prepared", "--options")
    assert (found["title"], found["options"][0]["name"]) == ("Source prepared: -s KEY=VALUE", "pattern")
    titles = [section["title"] for section in call_json("index", "--options")]
    assert "Source hands11k: -s KEY=VALUE" in titles
    assert "Source folder: -s KEY=VALUE" in titles
