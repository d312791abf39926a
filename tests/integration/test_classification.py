"""Classification through the real command line: index once, then every mode without images and without weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cli import cli
from tests.support.command_line import call_cli, call_json
from tests.support.images import write_images

MODES = ("zeroshot", "prototype", "knn", "fewshot", "fusion")
DRAWN = ("--protocol", "holdout", "-o", "val_share=0.3", "-o", "bootstrap=50")
ARMS = ("--arm", "resnet18:prompts:said", "resnet18:classifier")
NAMES = tuple(f"class{code}" for code in range(3))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, weights with a classifier of three classes, and a store of both, with stored texts."""
    import torch

    from retrieval.encoders.torchvision_ops import repair_torchvision

    repair_torchvision()
    from torchvision.models import resnet18

    folder = tmp_path_factory.mktemp("species")
    write_images(folder / "images", 45)
    torch.manual_seed(0)
    torch.save(resnet18(num_classes=3).state_dict(), folder / "weights.pth")
    (folder / "names.txt").write_text("\n".join(NAMES))
    encoder = ("--encoder", "torchvision/resnet18", "--weights", folder / "weights.pth")
    pixels = ("--preprocess", "resize=32,crop=32", "--class-names", folder / "names.txt")
    call_cli("index", folder / "images", "--store", folder / "s", *encoder, *pixels, "--views", "base,hflip")
    texts = np.random.default_rng(0).standard_normal((6, 512)).astype(np.float32)
    texts_said = [f"a photo of {name}, {way}" for way in ("large", "small") for name in NAMES]
    np.savez(folder / "said.npz", vectors=texts, classes=np.array(NAMES * 2), texts=np.array(texts_said))
    bank = ("--as", "bank", "--vectors", "vectors", "--classes", "classes", "--texts", "texts")
    call_cli("import-vectors", folder / "said.npz", *bank, "--space", "resnet18", "--store", folder / "s")
    return folder


def run(world: Path, *args: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, args), "--store", str(world / "s")])


def said(done: Result) -> str:
    """What a person reads of a failure: usage, or the error that ``cli.main`` prints as one line."""
    return str(done.exception) if done.exit_code == 1 else done.stderr.replace("\n", " ")


def evaluated(world: Path, *args: str | Path) -> dict[str, Any]:
    done = run(world, "eval", *args, *DRAWN, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    del found["created"]
    return found


def asked(mode: str) -> tuple[str, ...]:
    several = ("-o", "pool=softmax,max", "-o", "bank=said") if mode == "zeroshot" else ()
    return ("--mode", mode, *(ARMS if mode == "fusion" else ()), *several)


def test_without_images_and_without_weights_the_same_bytes(world: Path) -> None:
    fusion: tuple[str | Path, ...] = ("eval", *asked("fusion"), *DRAWN, "--calibrate", "--store", world / "s")
    before = call_json(*fusion)
    others = [evaluated(world, *asked(mode)) for mode in MODES]
    gone = [(world / name, world / f"moved-{name}") for name in ("images", "weights.pth")]
    for here, away in gone:
        here.rename(away)
    try:
        after = call_json(*fusion)
        assert [evaluated(world, *asked(mode)) for mode in MODES] == others
    finally:
        for here, away in gone:
            away.rename(here)
    del before["created"], after["created"]
    assert json.dumps(before) == json.dumps(after)
    assert before["provenance"]["space"].startswith("resnet18")
    assert set(before["arms"]) == {"prompts", "classifier"}
    assert before["arms"]["classifier"]["bank"].startswith("classifier")
    assert before["n"]["test"] == sum(each["support"] for each in before["per_class"].values())


@pytest.mark.parametrize("mode", MODES)
def test_a_result_file_is_evaluated_again(world: Path, tmp_path: Path, mode: str) -> None:
    file = tmp_path / "r.json"
    first = evaluated(world, *asked(mode), "--out", file)
    done = run(world, "eval", "--from", file, "--json")
    assert done.exit_code == 0, done.stderr
    assert f"The store gives the numbers of {file}" in done.stderr
    again = json.loads(done.stdout)
    for key in ("metrics", "draws", "n", "per_class", "confusion", "label_universe", "curves"):
        assert again[key] == first[key]


def test_assets_lie_beside_a_result(world: Path, tmp_path: Path) -> None:
    first = evaluated(world, "--mode", "prototype", "--out", tmp_path / "r.json")
    lines = (tmp_path / "r.assets" / "predictions.csv").read_text().splitlines()
    assert len(lines) == 1 + first["n"]["test"]
    columns = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    right = sum(row["label"] == row["predicted"] for row in columns)
    assert right / len(columns) == pytest.approx(first["metrics"]["top_1"]["value"])
    wrong = json.loads((tmp_path / "r.assets" / "wrong.json").read_text())
    assert len(wrong) == min(24, len(columns) - right)
    assert all((tmp_path / "r.assets" / each["thumbnail"]).is_file() for each in wrong)
    assert all(len(each["neighbours"]) == 4 for each in wrong)
    assert [each["probability"] for each in wrong] == sorted((each["probability"] for each in wrong), reverse=True)


def test_tables_for_people(world: Path) -> None:
    for mode in MODES:
        done = run(world, "eval", *asked(mode), *DRAWN)
        assert done.exit_code == 0, done.stderr
        assert f"{mode} · holdout · space resnet18" in done.stdout.replace("\n", " ")


def test_comparing_files_and_spaces(world: Path, tmp_path: Path) -> None:
    for mode in ("zeroshot", "fusion"):
        evaluated(world, *asked(mode), "--out", tmp_path / f"{mode}.json")
    found = run(world, "compare", tmp_path / "zeroshot.json", tmp_path / "fusion.json", "--json")
    assert found.exit_code == 0, found.stderr
    told = json.loads(found.stdout)
    assert told["a"].startswith("zeroshot: prompts resnet18")
    same = run(world, "compare", "--spaces", "resnet18", "resnet18", "--mode", "prototype", "--protocol", "holdout")
    assert same.exit_code == 0, same.stderr
    assert "B - A" in same.stdout
    evaluated(world, *asked("zeroshot"), "--seed", "1", "--out", tmp_path / "other.json")
    refused = run(world, "compare", tmp_path / "zeroshot.json", tmp_path / "other.json")
    assert refused.exit_code == 1
    assert "different test samples" in said(refused)


def test_a_grid_of_prompt_sets_is_a_folder_of_results(world: Path, tmp_path: Path) -> None:
    for name, way in (("a", "large"), ("b", "small"), ("more/a", "small")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        texts = {each: [f"a photo of {each}, {way}"] for each in NAMES}
        (tmp_path / f"{name}.json").write_text(json.dumps(texts))
    files = [tmp_path / f"{name}.json" for name in ("a", "b", "more/a")]
    done = run(
        world, "eval", "--mode", "zeroshot", "--space", "all", "--prompts", *files, *DRAWN, "--out", tmp_path / "g"
    )
    assert done.exit_code == 0, done.stderr
    written = sorted((tmp_path / "g").glob("*.json"))
    assert len(written) == 3
    banks = [next(iter(json.loads(path.read_text())["arms"].values())) for path in written]
    assert sorted(bank["bank"] for bank in banks) == ["a", "a", "b"]
    assert len({bank["bank_sha256"] for bank in banks}) == 2
    assert all(path.name.startswith("zeroshot_resnet18") for path in written)
    refused = run(world, "eval", "--mode", "zeroshot", "--space", "all", "--out", tmp_path / "g.json")
    assert refused.exit_code == 2


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("--mode", "zeroshot", "-o", "pol=max"), 1, "Did you mean 'pool'"),
        (("--mode", "zeroshot", "--prompts"), 2, "requires an argument"),
        (("--mode", "zeroshot", "--prompts", "--json"), 2, "requires an argument"),
        (("--mode", "knn", "-o", "bank=said"), 1, "prompts, tip"),
        (("--mode", "zeroshot", "-o", "pool=max,softmax", "-o", "bank=said"), 1, "val_from=train:0.1"),
        (("--mode", "fusion", "--arm", "resnet18:prompts"), 1, "needs two --arm"),
        (("--mode", "zeroshot", "--space", "all", "--pictures", "x"), 2, "--pictures"),
        (("--mode", "zeroshot", "--aspect", "all"), 1, "name one aspect"),
        (("--mode", "reid", "--prompts", "x.json"), 1, "neither arms nor prompts"),
        (("--from", "x.json", "--calibrate"), 2, "--calibrate does not go with --from"),
        (("--mode", "prototype", "--where", "label = 'wolf'"), 1, "wolf"),
    ],
)
def test_what_cannot_be_done_is_one_line(world: Path, args: tuple[str, ...], code: int, says: str) -> None:
    done = run(world, "eval", *args)
    assert done.exit_code == code, done.output
    assert says in said(done)
    assert done.stdout == ""


def test_prompts_may_follow_an_equals_sign(world: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.json").write_text(json.dumps({each: [f"a photo of {each}, large"] for each in NAMES}))
    both = evaluated(world, "--mode", "zeroshot", f"--prompts={tmp_path / 'a.json'}", tmp_path / "b.json")
    assert [point["settings"]["bank"] for point in both["sweep"]] == ["a", "b"]
