from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import cli
from eval.commands.shared import say_warnings
from retrieval.errors import InputError
from tests.support.command_line import call_cli
from tests.support.sample_stores import rows, store_with, unit

NAMES = [f"{at:02d}" for at in range(24)]


IDENTITY = [f"p{at % 6}" for at in range(24)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "s.vitrine"
    store_with(folder, NAMES, unit(24), identity=IDENTITY, camera=[f"c{at % 5}" for at in range(24)])
    return folder


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def test_a_table_with_intervals(store: Path) -> None:
    done = run("eval", "--mode", "reid", "--store", store, "-o", "draws=3")
    assert done.exit_code == 0, done.output
    for word in ("Rank-1", "mAP", "mINP", "monte-carlo", "±", "camera_rule=market1501", "over 3 draws"):
        assert word in done.stdout


def test_json_is_the_result_file_and_the_same_twice(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    first = run("eval", "--mode", "reid", "--store", store, "--json", "--out", file)
    assert first.stdout == file.read_text()
    second = run("eval", "--mode", "reid", "--store", store, "--json")
    lines = [[line for line in out.splitlines() if '"created"' not in line] for out in (first.stdout, second.stdout)]
    assert lines[0] == lines[1]
    assert len(lines[0]) == len(first.stdout.splitlines()) - 1


def test_where_restricts(store: Path) -> None:
    done = run("eval", "--mode", "reid", "--store", store, "--json", "--where", "identity in ('p0', 'p1')")
    result = json.loads(done.stdout)
    assert result["n"]["identities"] == 2
    assert result["config"]["where"] == "identity in ('p0', 'p1')"


def test_all_definitions_stand_side_by_side(store: Path) -> None:
    done = run("eval", "--mode", "reid", "--store", store, "--all-definitions", "-o", "draws=2", "-o", "slice=camera")
    assert done.exit_code == 0, done.output
    for word in ("pessimistic", "mAP@10 / hits", "mAP scikit-learn", "Ties, pessimistic to optimistic", "small"):
        assert word in done.stdout
    plain = json.loads(run("eval", "--mode", "reid", "--store", store, "--json").stdout)
    full = json.loads(run("eval", "--mode", "reid", "--store", store, "--json", "--all-definitions").stdout)
    assert "definitions" not in plain
    assert full["metrics"] == plain["metrics"]
    step = {"metric": "mean_ap", "ap_method": "step", "ties": "stable", "denominator": "valid"}
    (found,) = [each["value"] for each in full["definitions"] if {**each, **step} == each]
    assert found == pytest.approx(plain["metrics"]["mean_ap"]["value"])


def test_warnings_go_to_standard_error(store: Path) -> None:
    done = run("eval", "--mode", "reid", "--store", store, "--json", "--where", "identity = 'p0'")
    assert done.exit_code == 0, done.output
    assert "Warning: All queries are of one identity" in done.stderr
    assert json.loads(done.stdout)["metrics"]["rank_1"]["ci95"] is None


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--mode", "ried"), "no mode 'ried'. Did you mean 'reid'?"),
        (("--mode", "reid", "--protocol", "fixd"), "no protocol 'fixd'. Did you mean 'fixed'?"),
        (("--mode", "reid", "--seed", "-1"), "-1"),
        ((), "Give --mode, or --from with a result file (and --store, where the store is not ./store)."),
        (("--mode", "zeroshot", "--prompts"), "requires an argument"),
        (("--mode", "fusion", "--arm", "--json"), "requires an argument"),
    ],
)
def test_wrong_usage(store: Path, args: tuple[str, ...], message: str) -> None:
    done = run("eval", "--store", store, *args)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(("command", "wanted"), [("eval", "--mode"), ("compare", "--spaces A B")])
def test_a_command_alone_says_what_it_needs(command: str, wanted: str) -> None:
    done = call_cli(command, check=2)
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert said.startswith("Error: Give ")
    assert wanted in said
    assert "--store" in said


@pytest.mark.parametrize("option", ["ap_method=stepp", "apmethod=step", "ap_method", "ranks=0"])
def test_options_that_cannot_be(store: Path, option: str) -> None:
    with pytest.raises(InputError, match=r"^(-o|options)"):
        CliRunner().invoke(cli, ["eval", "--mode", "reid", "--store", str(store), "-o", option], catch_exceptions=False)


def test_errors_are_one_line(store: Path) -> None:
    done = call_cli("eval", "--mode", "reid", "--store", store, "--where", "identiy = 'p0'", check=2)
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("Error: 'identiy = 'p0'' is not a condition over samples")


def test_a_store_that_was_indexed_only_in_part_is_said(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "s", NAMES, unit(24), identity=IDENTITY)
    with store.writer() as writer:
        writer.append_samples(rows(["new"], identity="p0"))
        writer.commit("more")
    done = call_cli("eval", "--mode", "reid", "--store", tmp_path / "s", check=1)
    assert "1 of 25 samples have no vector" in done.stderr


def test_slices_of_verification_and_shares_of_unknown_people_that_leave_none(store: Path) -> None:
    ask = ("eval", "--mode", "verification", "--store", store, "-o", "draws=2", "-o", "bootstrap=20")
    done = run(*ask, "-o", "slice=camera")
    assert done.exit_code == 0, done.output
    for word in ("pairs whose query has the value", "c0", "c4", "identities", "small"):
        assert word in done.stdout
    file = json.loads(run(*ask, "-o", "slice=camera", "--json").stdout)
    plain = json.loads(run(*ask, "--json").stdout)
    assert sum(part["n"]["query"] for part in file["slices"].values()) == pytest.approx(file["n"]["query"])
    assert {key: file[key] for key in ("metrics", "draws", "n", "curves")} == {
        key: plain[key] for key in ("metrics", "draws", "n", "curves")
    }
    assert "slices" not in plain
    for unknown in ("0.01", "0.999"):
        refused = CliRunner().invoke(cli, [*map(str, ask), "-o", f"unknown={unknown}"])
        assert isinstance(refused.exception, InputError)
        assert "of the 6 identities" in str(refused.exception)


def test_what_was_written_is_said(store: Path, tmp_path: Path) -> None:
    ask = ("eval", "--mode", "reid", "--store", store, "-o", "draws=2", "-o", "bootstrap=0")
    done = run(*ask, "--out", tmp_path / "r.json", "--per-query", tmp_path / "new" / "q.csv")
    for words in (f"Result file: {tmp_path / 'r.json'}\n", f"queries: {tmp_path / 'new' / 'q.csv'}\n"):
        assert words in done.stderr
    short = done.stderr.split("Kept in the store: 'results show ")[1][:8]
    assert json.loads(run("results", "show", short, "--store", store).stdout)["mode"] == "reid"
    again = run("eval", "--from", tmp_path / "r.json", "--store", store, "--per-query", tmp_path / "again.csv")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "new" / "q.csv").read_bytes()


def test_rankings_per_query_are_of_reid_with_one_space(store: Path, tmp_path: Path) -> None:
    per_query = ("--per-query", tmp_path / "q.csv")
    refused = run("eval", "--mode", "verification", "--store", store, *per_query)
    assert (refused.exit_code, "of mode reid" in refused.stderr) == (2, True)
    refused = run("eval", "--mode", "reid", "--space", "all", "--store", store, *per_query)
    assert (refused.exit_code, "--per-query does not go with --space all" in refused.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_each_warning_is_said_once_with_the_results_that_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    say_warnings({"a": ["9 samples take no part.", "1 group has samples in both train (or val) and test."],
                  "b": ["9 samples take no part."]})  # fmt: skip
    assert capsys.readouterr().err.splitlines() == [
        "Warning (a): 1 group has samples in both train (or val) and test.",
        "Warning (a, b): 9 samples take no part.",
    ]
    say_warnings(["one", "one"])
    assert capsys.readouterr().err == "Warning: one\n"
