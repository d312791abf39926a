from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.encoders.artefact import open_folder
from retrieval.errors import InputError, MissingFileError, WeightsError
from retrieval.types import Preprocess
from training.export import (
    BANKS,
    TrainedBank,
    TrainingRecord,
    read_banks,
    read_record,
    write_bank,
    write_encoder,
    write_record,
)

PIXELS = Preprocess(32, (32, 32), (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
RECORD = TrainingRecord("classifier", {"epochs": 2}, None, "label", ("a", "b"), 2, {"top_1": 0.5})


def test_an_encoder_has_weights_record_and_card(tmp_path: Path) -> None:
    weights = {"layer.weight": torch.arange(6.0).view(2, 3)}
    folder = write_encoder(
        tmp_path,
        RECORD,
        family="timm",
        model="resnet10t",
        preprocess=PIXELS,
        weights=weights,
        files={"words.txt": b"x"},
    )
    artefact = open_folder(tmp_path)
    assert artefact.path == folder
    assert artefact.card is not None
    assert sorted(artefact.card.parts) == ["training.json", "weights.safetensors", "words.txt"]
    assert artefact.preprocess == PIXELS
    assert read_record(tmp_path) == read_record(folder)
    assert read_record(tmp_path)["metrics"] == {"top_1": 0.5}


def test_the_record_of_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"training\.json"):
        read_record(tmp_path)
    write_record(tmp_path, RECORD)
    (tmp_path / "training.json").write_text('{"job": 1}')
    with pytest.raises(InputError, match="no record of a training run"):
        read_record(tmp_path)


def _bank(name: str, **others: object) -> TrainedBank:
    arrays = {"vectors": np.eye(2, 3, dtype=np.float32), "edge_vector": np.array([0, 1])}
    return TrainedBank(name, "classifier", "new", edge_class=np.array(["a", "b"]), **arrays, **others)  # type: ignore[arg-type]


def test_banks_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_bank(tmp_path, _bank("second", temperature=0.5, texts=("one", "two")))
    write_bank(tmp_path, _bank("first", bias=np.array([1, 2], np.float32)))
    first, second = read_banks(tmp_path)
    assert (first.name, second.name) == ("first", "second")
    assert first.bias is not None
    assert first.bias.tolist() == [1, 2]
    assert (second.bias, second.temperature, second.texts) == (None, 0.5, ("one", "two"))
    assert second.vectors.dtype == np.float32
    assert second.edge_class.tolist() == ["a", "b"]
    assert read_banks(tmp_path / "elsewhere") == ()


def test_a_damaged_bank_is_told(tmp_path: Path) -> None:
    write_bank(tmp_path, _bank("first"))
    (tmp_path / BANKS / "first.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="missing or damaged"):
        read_banks(tmp_path)
    write_bank(tmp_path, _bank("first"))
    (tmp_path / BANKS / "first.json").write_text("{}")
    with pytest.raises(InputError, match="no description of a bank"):
        read_banks(tmp_path)
