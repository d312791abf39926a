"""Names for the outputs of a classifier: while its images are embedded, and on a space that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from indexers import api, jobs
from indexers.pipeline.report import IndexReport
from retrieval.encoders.torchvision_ops import repair_torchvision
from retrieval.errors import InputError, MissingFileError
from retrieval.store.open import is_store, open_store
from retrieval.types import Bank
from tests.support.command_line import call_cli, call_json
from tests.support.images import write_images

NAMES = tuple("abcde")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of five classes."""
    repair_torchvision()
    import torchvision

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.ckpt"
    state = torchvision.models.resnet18(num_classes=len(NAMES)).state_dict()
    torch.save({"state_dict": {f"net.{key}": value for key, value in state.items()}}, path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_images(tmp_path / "images", 6)
    return tmp_path / "images"


def table(path: Path, names: tuple[str, ...] = NAMES) -> Path:
    path.write_text("".join(f"{index}\t{name}\t\n" for index, name in enumerate(names)))
    return path


def run(images: Path, weights: Path | None, **options: Any) -> IndexReport:
    asked: dict[str, Any] = {"encoder": "torchvision/resnet18", "preprocess": ("resize=32,crop=32",)}
    asked |= {"random_init": 0} if weights is None else {"weights": str(weights)}
    return api.index(images, images.parent / "s", quiet=True, **asked, **options)


def banks(images: Path) -> dict[str, Bank]:
    return {bank.name: bank for bank in open_store(images.parent / "s").banks()}


def check_named(images: Path, name: str = "classifier:labels", names: tuple[str, ...] = NAMES) -> None:
    """The named bank is the numbered one but for its names."""
    numbered, named = banks(images)["classifier"], banks(images)[name]
    assert numbered.edge_class.tolist() == [str(number) for number in range(len(names))]
    assert tuple(named.edge_class.tolist()) == names
    assert np.array_equal(named.vectors, numbered.vectors)
    assert np.array_equal(named.edge_vector, numbered.edge_vector)
    assert named.bias is not None
    assert np.array_equal(named.bias, np.asarray(numbered.bias))


def test_names_are_given_while_indexing(images: Path, weights: Path) -> None:
    done = run(images, weights, class_names=table(images.parent / "labels.tsv"))
    assert done.embedded == 6
    assert "The 5 outputs of the classifier have their names: bank classifier:labels." in done.notes
    check_named(images)


def test_a_space_that_is_there_gets_names_without_its_encoder(
    images: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(images, weights)
    assert list(banks(images)) == ["classifier"]

    def refuse(*_: Any) -> Any:
        raise AssertionError("the encoder was loaded")

    monkeypatch.setattr(jobs, "_load", refuse)
    for _ in range(2):
        done = run(images, weights, class_names=table(images.parent / "labels.tsv"))
        assert (done.embedded, done.unchanged) == (0, 6)
        assert done.store_version == before.store_version
        check_named(images)
        assert len(banks(images)) == 2
    other = tuple("vwxyz")
    done = run(images, weights, class_names=table(images.parent / "other.tsv", other))
    check_named(images, "classifier:other", other)
    check_named(images)
    assert "2 named classifiers now: classifier:other" in done.notes[1]
    assert len(open_store(images.parent / "s").banks()) == 3


@pytest.mark.parametrize("count", [4, 6])
def test_another_number_of_names_is_refused_before_anything_is_embedded(
    images: Path, weights: Path, count: int
) -> None:
    short = table(images.parent / "short.tsv", tuple("abcdef"[:count]))
    with pytest.raises(InputError, match=rf"short\.tsv has {count} names, but the classifier has 5 outputs"):
        run(images, weights, class_names=short)
    with open_store(images.parent / "s").snapshot() as snapshot:
        assert snapshot.spaces == ()
        assert snapshot.count("samples") == 0
    run(images, weights)
    with pytest.raises(InputError, match=f"{count} names, but the classifier has 5 outputs"):
        run(images, weights, class_names=short)
    assert list(banks(images)) == ["classifier"]


def test_without_a_classifier_there_is_nothing_to_name(images: Path) -> None:
    names = table(images.parent / "labels.tsv")
    with pytest.raises(InputError, match=r"torchvision/resnet18 have no classifier layer .* leave out `class_names`"):
        run(images, None, class_names=names)
    run(images, None)
    with pytest.raises(InputError, match=r"Space resnet18.* has no classifier layer"):
        run(images, None, class_names=names)


def test_a_file_that_is_gone_makes_no_store(images: Path, weights: Path) -> None:
    with pytest.raises(MissingFileError, match="gone"):
        run(images, weights, class_names=images.parent / "gone.tsv")
    assert not is_store(images.parent / "s")


def test_on_the_command_line(images: Path, weights: Path) -> None:
    encoder = ("--encoder", f"torchvision/resnet18:{weights}", "--preprocess", "resize=32,crop=32,mean=.43,.41,.34")
    asked = ("index", images, "--store", images.parent / "s", *encoder)
    report = call_json(*asked, "--class-names", table(images.parent / "labels.tsv"))
    assert report["embedded"] == 6
    check_named(images)
    failed = call_cli(*asked, "--class-names", table(images.parent / "short.tsv", ("a", "b")), check=1)
    assert failed.stderr.count("\n") == 3  # the first lines say what is loaded, and what the encoder is
    assert "short.tsv has 2 names, but the classifier has 5 outputs" in failed.stderr
    with open_store(images.parent / "s").snapshot() as snapshot:
        pixels = snapshot.space().spec.preprocess
    assert pixels is not None
    assert (pixels.crop, pixels.mean) == ((32, 32), (0.43, 0.41, 0.34))
