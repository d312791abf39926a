"""Job ``detector`` on coloured squares: it finds them, resumes to the same bits, and both ONNX forms say the same."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from retrieval.detectors.letterbox import letterbox
from retrieval.detectors.registry import open_detector
from retrieval.detectors.suppression import overlaps
from retrieval.errors import InputError, MissingDependencyError, MissingFileError, UnknownNameError
from tests.support.coloured_squares import COLOURS, SIDE, draw_squares, squares_recipe
from tests.support.command_line import call_cli
from tests.support.interruptions import stop_after
from training.config import validate_recipe
from training.jobs.detector import JOB
from training.jobs.detector_data import read_detector_data
from training.jobs.detector_forms import as_anchors
from training.jobs.detector_network import DetectorNetwork
from training.jobs.detector_recipe import DetectorRecipe
from training.jobs.detector_score import detected
from training.loop import TrainingResult
from training.run_settings import RunSettings


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_squares(tmp_path_factory.mktemp("squares") / "data")


@pytest.fixture(scope="module")
def trained(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    _train(squares_recipe(squares, epochs=14), out)
    return out


def _recipe(values: dict[str, Any]) -> DetectorRecipe:
    return validate_recipe(DetectorRecipe, values, "recipe")


def _train(values: dict[str, Any], out: Path) -> TrainingResult:
    return JOB.run(_recipe(values), None, out, RunSettings("cpu", quiet=True))


def _held_out(squares: Path) -> list[Path]:
    return sorted((squares / "val" / "images").iterdir())


def _drawn(path: Path) -> list[tuple[str, list[float]]]:
    """Names and edges in fractions of the squares of an image, from its label file."""
    lines = (path.parents[1] / "labels" / f"{path.stem}.txt").read_text().splitlines()
    rows = [list(map(float, line.split())) for line in lines]
    return [(list(COLOURS)[int(k)], [x - w / 2, y - h / 2, x + w / 2, y + h / 2]) for k, x, y, w, h in rows]


def test_held_out_squares_are_found_by_the_exported_file(squares: Path, trained: Path) -> None:
    detector = open_detector(trained / "detector" / "squares.onnx", overlap=0.6)
    assert set(detector.labels) == set(COLOURS)
    hits = total = 0
    for path in _held_out(squares):
        found = detector.detect(Image.open(path), path)
        for name, edges in _drawn(path):
            boxes = [one.box for one in found if one.label == name]
            table = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes], np.float32).reshape(-1, 4)
            hits += bool((overlaps(np.array([edges], np.float32), table) >= 0.5).any())
            total += 1
    assert hits / total > 0.85
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert max(line["map50"] for line in history) > 0.85
    assert {f"ap50 {name}" for name in COLOURS} <= history[-1].keys()


def test_both_forms_answer_as_the_network_does(squares: Path, trained: Path) -> None:
    files = [trained / "detector" / f"squares{suffix}.onnx" for suffix in ("", "-end-to-end")]
    anchors, ends = (open_detector(file, least=0.05, overlap=0.6) for file in files)
    network = DetectorNetwork(2, SIDE, _recipe(squares_recipe(squares, epochs=1)).model)
    network.load_state_dict(load_file(trained / "best.safetensors"))
    for path in _held_out(squares):
        image = Image.open(path)
        with torch.inference_mode():
            output = as_anchors(network.eval()(torch.from_numpy(letterbox(image, (SIDE, SIDE)).pixels)))[0].numpy()
        expected = detected(output, 0.6, 0.05).confidence
        first, second = anchors.detect(image, path), ends.detect(image, path)
        assert [one.label for one in first] == [one.label for one in second]
        np.testing.assert_allclose([one.box for one in first], [one.box for one in second], atol=1e-5)
        np.testing.assert_allclose([one.confidence for one in first], [one.confidence for one in second], atol=1e-5)
        confident = [one.confidence for one in first if one.confidence > 0.06]
        np.testing.assert_allclose(confident, expected[: len(confident)], atol=0.01)  # weights are in half precision


def test_the_files_say_what_exports_of_yolo_say(trained: Path) -> None:
    for suffix, shape, end_to_end in (("", [1, 6, 84], "False"), ("-end-to-end", [1, 300, 6], "True")):
        model = onnx.load(trained / "detector" / f"squares{suffix}.onnx")
        said = {one.key: one.value for one in model.metadata_props}
        assert said["names"] == "{0: 'blue square', 1: 'red square'}"
        assert (said["task"], said["imgsz"], said["stride"], said["end2end"]) == (
            "detect",
            "[64, 64]",
            "32",
            end_to_end,
        )
        assert [one.dim_value for one in model.graph.output[0].type.tensor_type.shape.dim] == shape
        large = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
        assert {tensor.data_type for tensor in large} == {onnx.TensorProto.FLOAT16}


def test_a_run_that_stopped_equals_one_that_did_not(squares: Path, tmp_path: Path, monkeypatch: Any) -> None:
    plan = squares_recipe(squares, epochs=2)
    _train(plan, tmp_path / "whole")
    for batches in (1, 4):
        with monkeypatch.context() as patch:
            stop_after(patch, batches)
            assert _train(plan, tmp_path / "parts").interrupted
    _train(plan, tmp_path / "parts")
    whole, parts = (load_file(tmp_path / name / "best.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    graphs = [(tmp_path / name / "detector" / "squares.onnx").read_bytes() for name in ("whole", "parts")]
    assert graphs[0] == graphs[1]


def _with_empty_images(folder: Path) -> Path:
    """A data set of which images lack a label file, have an empty one, and one that cannot be read."""
    draw_squares(folder, train=12, val=3)
    labels = folder / "train" / "labels"
    for number in (0, 1):
        (labels / f"{number:03d}.txt").unlink()
    (labels / "002.txt").write_text("")
    (labels / "003.txt").write_text("0 .5 .5 0 .1\n9 .5 .5 .1 .1\n")
    return folder


def test_images_without_labels_are_read_as_empty(tmp_path: Path) -> None:
    data = read_detector_data(_recipe(squares_recipe(_with_empty_images(tmp_path / "data"), epochs=1)))
    assert [len(image.objects) for image in data.train[:4]] == [0, 0, 0, 0]
    assert any("2 labels could not be used (first train/labels/003.txt line 1" in note for note in data.notes)


def test_the_command_trains_in_pieces_on_empty_images_too_and_reads_no_store(tmp_path: Path) -> None:
    config = tmp_path / "recipe.yaml"
    config.write_text(json.dumps(squares_recipe(_with_empty_images(tmp_path / "data"), epochs=1)))
    call_cli("train", "detector", "--config", config, "--out", tmp_path / "run", "loop.pieces=3", "--quiet")
    assert (tmp_path / "run" / "detector" / "README.md").read_text().startswith("# squares\n")
    (line,) = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert np.isfinite(json.loads(line)["loss"])


def test_types_are_objects_and_not_conditions(tmp_path: Path) -> None:
    folder = draw_squares(tmp_path / "data", train=6, val=3, names="['drain', 'drain blocked']")
    data = read_detector_data(_recipe(squares_recipe(folder, epochs=1)))
    assert data.classes == ("drain",)
    assert {kind for image in data.train for _, kind in image.objects} == {"drain"}


def test_only_the_named_classes_are_objects(squares: Path) -> None:
    data = read_detector_data(_recipe(squares_recipe(squares, epochs=1, classes=["red square"])))
    assert {kind for image in data.train for _, kind in image.objects} == {"red square"}
    assert data.notes[-1] == "Not learnt, as `classes` does not name them: blue square."


def _without_labels(folder: Path, split: str) -> Path:
    for file in (folder / split / "labels").iterdir():
        file.unlink()
    return folder


def test_what_cannot_be_trained_on_is_told_in_a_sentence(tmp_path: Path) -> None:
    for split in ("train", "val"):
        folder = _without_labels(draw_squares(tmp_path / split, train=3, val=3), split)
        with pytest.raises(InputError, match=f"the 3 images of the split {split} have no objects; check"):
            read_detector_data(_recipe(squares_recipe(folder, epochs=1)))
    folder = draw_squares(tmp_path / "data", train=3, val=3)
    with pytest.raises(UnknownNameError, match=r"type of object 'red sqare'.*Did you mean 'red square'"):
        read_detector_data(_recipe(squares_recipe(folder, epochs=1, classes=["red sqare"])))
    with pytest.raises(MissingFileError, match="no file or folder"):
        read_detector_data(_recipe(squares_recipe(tmp_path / "gone", epochs=1)))
    with pytest.raises(InputError, match=r"data\.yaml"):
        read_detector_data(_recipe(squares_recipe(folder / "train", epochs=1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 100}, "size"),
        ({"sources": {"a": None}}, "at least one folder"),
        ({"augmentation": {"scale": [1.2, 0.8]}}, "low to high"),
        ({"model": {"widths": [1, 2, 3, 4, 5]}}, "widths"),
        ({"name": "../x"}, "name"),
        ({"classess": ["a"]}, "Did you mean 'classes'"),
    ],
)
def test_a_wrong_recipe_is_told(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _recipe(squares_recipe(tmp_path, epochs=1) | change)


def test_without_the_package_onnx_nothing_is_trained(squares: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"pip install onnx onnxruntime .*vitrine\[export\]"):
        _train(squares_recipe(squares, epochs=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()
