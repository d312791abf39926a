"""The main path through the command line: index once, search, re-identify, without the images.

What is asked again without the images is asked in processes of their own, which have seen none of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vitrine
from data.hands import draw_hands
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json, run_cli
from tests.support.images import write_images
from tests.support.ranking_problems import golden
from tests.support.shared_data import SHARED, needs_shared


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Drawn hands and a store of them."""
    folder = tmp_path_factory.mktemp("hands")
    draw_hands(folder / "hands", identities=16, images_per_aspect=3, seed=1, size=64)
    call_cli("index", folder / "hands", "--store", folder / "s", *SMALL_ENCODER, "--views", "base,hflip")
    return folder / "hands", folder / "s"


def evaluated(store: Path, *options: str) -> dict[str, Any]:
    result: dict[str, Any] = call_json("eval", "--mode", "reid", "--store", store, *options)
    del result["created"]
    return result


def test_without_the_images_and_without_the_cache_the_same_bytes(hands: tuple[Path, Path]) -> None:
    images, store = hands
    protocol = ("--protocol", "clipfh-11k", "--aspect", "all")
    first = evaluated(store, *protocol)
    search = ["search", "--id", "Hands/Hand_0000001.jpg", "--store", str(store)]
    grouped = ["search", "--identity", "0001104", "--group-by", "identity", "--store", str(store), "--json"]
    found, by_identity = call_cli(*search, "--json").stdout, call_cli(*grouped).stdout
    away = images.rename(images.with_name("moved-away"))
    try:
        again = json.loads(run_cli("eval", "--mode", "reid", "--store", store, *protocol, "--json").stdout)
        assert again.pop("created")
        assert json.dumps(again) == json.dumps(first)
        assert run_cli(*search, "--json").stdout == found
        assert run_cli(*grouped).stdout == by_identity
        done = call_cli(*search, "--sheet", store.parent / "sheet.png")
        assert "Hands/" in done.stdout
        assert (store.parent / "sheet.png").read_bytes().startswith(b"\x89PNG")
    finally:
        away.rename(images)
    assert set(first["parts"]) == {"dorsal left", "dorsal right", "palmar left", "palmar right"}
    assert first["provenance"]["space"].startswith("shufflenet-v2-x0-5-random0@")


def test_stored_draws_are_exported_and_read_back_to_the_same_numbers(hands: tuple[Path, Path]) -> None:
    _, store = hands
    drawn = evaluated(store, "--protocol", "clipfh-11k", "--aspect", "dorsal right")
    name = drawn["provenance"]["split_set"]
    call_cli("splits", "export", name, "--out", store.parent / "draws.csv", "--store", store)
    for wanted in (name, str(store.parent / "draws.csv")):
        again = evaluated(store, "--split-set", wanted)
        assert again["provenance"]["split_sha256"] == drawn["provenance"]["split_sha256"]
        assert (again["metrics"], again["draws"]) == (drawn["metrics"], drawn["draws"])


def test_views_are_combined_and_options_are_recorded(hands: tuple[Path, Path]) -> None:
    _, store = hands
    plain = evaluated(store, "--protocol", "clipfh-11k")
    both = evaluated(store, "--protocol", "clipfh-11k", "-o", "views=base,hflip")
    assert both["metrics"] != plain["metrics"]
    assert both["config"]["views"] == ["base", "hflip"]


def test_the_same_from_python_in_three_lines(hands: tuple[Path, Path]) -> None:
    _, path = hands
    store = vitrine.open_store(path)
    result = vitrine.evaluate(store, "reid", protocol="clipfh-11k", aspect="dorsal right")
    similar = vitrine.search(store, identity="0001104")
    want = evaluated(path, "--protocol", "clipfh-11k", "--aspect", "dorsal right")
    assert result.to_dict()["metrics"] == want["metrics"]
    assert len(similar.hits) == 10


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--mode", "ried"], "Did you mean 'reid'"),
        (["--mode", "reid", "--protocol", "clipfh"], "Did you mean 'clipfh-11k'"),
        (["--mode", "reid", "--aspect", "dorsal"], "dorsal left"),
        (["--mode", "reid", "-o", "ap_metod=step"], "Did you mean 'ap_method'"),
        (["--mode", "reid", "-o", "ap_method=steps"], "ap_method"),
        (["--mode", "reid", "--where", "identity = 'nobody'"], "nobody"),
        (["--mode", "reid", "--where", "identty = 'x'"], "identity"),
        (["--mode", "reid", "--split-set", "missing.csv"], "missing.csv"),
        (["--mode", "reid", "-o", "camera_rule=market1501"], "camera_rule=none"),
        (["--mode", "reid", "-o", "views=base,vflip"], "vflip"),
    ],
)
def test_wrong_evaluations_are_one_line(hands: tuple[Path, Path], args: list[str], says: str) -> None:
    done = call_cli("eval", *args, "--store", hands[1], check=None)
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_missing_aspect_is_an_error(tmp_path: Path, hands: tuple[Path, Path]) -> None:
    draw_hands(tmp_path / "hands", identities=4, images_per_aspect=2, size=48)
    table = tmp_path / "hands" / "HandInfo.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if "palmar left" not in line))
    call_cli("index", tmp_path / "hands", "--store", tmp_path / "s", *SMALL_ENCODER)
    done = call_cli("eval", "--mode", "reid", "--protocol", "clipfh-11k", "--store", tmp_path / "s", check=1)
    assert "palmar left" in done.stderr


def test_the_golden_problem_through_the_command_line(tmp_path: Path) -> None:
    problem = golden()
    is_query = np.arange(240) < 40
    arrays: dict[str, Any] = {}
    for role, rows in (("query", is_query), ("gallery", ~is_query)):
        arrays[role] = problem.vectors[rows]
        arrays[f"{role}_identity"] = np.array(problem.identity)[rows]
        arrays[f"{role}_camera"] = np.array(problem.camera)[rows]
    np.savez(tmp_path / "golden.npz", **arrays)
    call_cli("import-vectors", tmp_path / "golden.npz", "--store", tmp_path / "s")
    for options, want in (
        ((), {"mean_ap": 0.366015, "rank_1": 0.5, "rank_5": 0.9, "rank_10": 0.925}),
        (("-o", "camera_rule=none"), {"mean_ap": 0.413747, "rank_1": 0.6, "rank_5": 0.9, "rank_10": 0.95}),
        (("-o", "camera_rule=none", "-o", "ap_method=trapezoid"), {"mean_ap": 0.393369}),
    ):
        metrics = evaluated(tmp_path / "s", *options)["metrics"]
        assert {name: metrics[name]["value"] for name in want} == pytest.approx(want, abs=1e-6)


@needs_shared
def test_the_sketch_oracle(tmp_path: Path) -> None:
    call_cli("import-vectors", SHARED / "vectors" / "sketch_reid_50x100.npz", "--store", tmp_path / "s")
    trapezoid = evaluated(tmp_path / "s", "-o", "ap_method=trapezoid", "-o", "camera_rule=none")["metrics"]
    step = evaluated(tmp_path / "s", "-o", "camera_rule=none")["metrics"]
    want = {"rank_1": 0.14, "rank_5": 0.36, "rank_10": 0.48, "mean_ap": 0.178000}
    assert {name: trapezoid[name]["value"] for name in want} == pytest.approx(want, abs=1e-6)
    assert step["mean_ap"]["value"] == pytest.approx(0.217137, abs=1e-6)


@needs_shared
def test_real_clip_vectors_and_a_bank_of_texts(tmp_path: Path) -> None:
    file = SHARED / "vectors" / "clip_vitb32_flickr8k_100x5.npz"
    store = ("--store", str(tmp_path / "s"))
    call_cli("import-vectors", file, "--vectors", "image", "--label", "image_ids", "--space-name", "flickr", *store)
    classes = ("--class-index", "text_image_index", "--classes", "image_ids")
    bank = ("--as", "bank", "--vectors", "text", "--bank-name", "captions", "--space", "flickr")
    done = call_cli("import-vectors", file, *bank, *classes, *store)
    assert "500 vectors for 100 classes" in done.stdout
    (found,) = vitrine.open_store(tmp_path / "s").banks()
    with vitrine.open_store(tmp_path / "s").snapshot() as snapshot:
        images = snapshot.vectors(snapshot.space("flickr"))
        rows = snapshot.samples(["key", "label"])
    labels = dict(zip(rows["key"].to_pylist(), rows["label"].to_pylist(), strict=True))
    best = np.argmax(found.vectors @ images.data.T, axis=1)
    named = [labels[images.keys[at].decode()] for at in best[found.edge_vector]]
    assert np.mean(np.array(named) == found.edge_class) == pytest.approx(0.832)


@needs_shared
def test_real_hands_have_the_split_that_is_reported(tmp_path: Path) -> None:
    done = call_cli("index", SHARED / "hands", "--source", "hands11k", "--store", tmp_path / "s", *SMALL_ENCODER)
    assert "1,487 embedded" in done.stdout
    assert "rows without an image" in done.stdout
    parts = evaluated(tmp_path / "s", "--protocol", "clipfh-11k", "--aspect", "all")["parts"]
    right = parts["dorsal right"]["n"]
    assert (right["query"], right["gallery"]) == (126, 59)
    assert all(len(part["draws"]) == 10 for part in parts.values())


def test_vit_b_32_with_random_weights_end_to_end(tmp_path: Path) -> None:
    write_images(tmp_path / "images", 9, size=64)
    store = ("--store", str(tmp_path / "s"))
    run_cli("index", tmp_path / "images", "--encoder", "open_clip/ViT-B-32", "--random-init", "0", *store)
    found = call_json("search", "--text", "a photo of a hand", "-k", "3", *store)
    assert len(found["hits"]) == 3
    image = tmp_path / "images" / "class0" / "00000.jpg"
    hits = call_json("search", image, "-k", "2", "--include-self", *store)["hits"]
    assert hits[0]["uri"] == "class0/00000.jpg"
    assert hits[0]["score"] == pytest.approx(1.0, abs=1e-6)
    assert hits[0]["score"] > hits[1]["score"]
    assert found["space"].startswith("vit-b-32-random0@")
