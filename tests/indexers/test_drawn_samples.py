"""Sample images are indexed with the encoder that ships; others ask for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from data.drains import DrainArguments, draw_drains
from data.folder import MARK as DRAWN_MARK
from data.hands import draw_hands
from data.species_folder import SpeciesArguments, draw_species
from indexers.api import index
from indexers.drawn_samples import MARK, drawn_table, is_drawn
from indexers.sources.registry import guess_kind
from retrieval.encoders import shipped
from retrieval.errors import InputError
from retrieval.store.open import open_store
from tests.support.caption_images import draw, recipe
from training.request import TrainRequest, train


@pytest.fixture(scope="module")
def species(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "species"
    draw_species(folder, SpeciesArguments(species=2, images=3, size=48), workers=1)
    return folder


def test_a_folder_and_its_manifests_are_known(species: Path, tmp_path: Path) -> None:
    assert MARK == DRAWN_MARK
    assert is_drawn(species)
    assert is_drawn(species / "manifest.csv")
    assert not is_drawn(tmp_path)
    assert not is_drawn(tmp_path / "nowhere" / "manifest.csv")
    (tmp_path / MARK).write_text("[1]")
    assert not is_drawn(tmp_path)


def test_a_folder_of_species_is_indexed_by_its_name_alone(tmp_path: Path) -> None:
    folder = tmp_path / "species"
    draw_species(folder, SpeciesArguments(species=10, images=3, size=48), workers=1)
    encoder: dict[str, Any] = {
        "encoder": "torchvision/shufflenet_v2_x0_5",
        "random_init": 0,
        "preprocess": "resize=32,crop=32",
    }
    report = index(folder, tmp_path / "store", quiet=True, **encoder)
    assert report.source == "manifest:species/manifest"
    assert (report.labels, sum(report.splits.values())) == (8, report.taken)
    (note,) = [note for note in report.notes if "heldout" in note]
    assert note.endswith(f"{folder / 'heldout.csv'}; index it, too, with `columns=split=support`.")
    others = index(folder / "heldout.csv", tmp_path / "store", quiet=True, columns={"split": "support"}, **encoder)
    assert others.labels == 2
    again = index(folder / "manifest.csv", tmp_path / "store", quiet=True, **encoder)
    assert again.unchanged == report.taken


def test_folders_of_drains_and_hands_need_no_more_than_their_name(tmp_path: Path) -> None:
    draw_drains(tmp_path / "drains", DrainArguments(images=4, size=64))
    table = drawn_table(tmp_path / "drains")
    assert table is not None
    assert (table.path, table.columns, table.note) == (tmp_path / "drains" / "sites.csv", {"label": None}, None)
    draw_hands(tmp_path / "hands", identities=2, images_per_aspect=1, size=32)
    assert drawn_table(tmp_path / "hands") is None
    assert guess_kind(tmp_path / "hands") == "hands11k"


def test_without_the_encoder_that_ships_the_way_out_is_said(species: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(shipped, "MODELS", tmp_path / "none")
    with pytest.raises(InputError, match=r"vitrine train.*`encoder`, for example ViT-B-32, bioclip-2"):
        index(species / "manifest.csv", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_other_images_ask_for_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Say which `encoder`"):
        index(draw(tmp_path / "shapes") / "images", tmp_path / "store", source="folder")


def test_sample_images_are_indexed_with_the_encoder_that_ships(species: Path, tmp_path: Path, monkeypatch: Any) -> None:
    plan = recipe(draw(tmp_path / "shapes", each=4), epochs=1)
    train(TrainRequest(job="clip", recipe=plan, out=tmp_path / "run", device="cpu", quiet=True))
    (tmp_path / "models").mkdir()
    (tmp_path / "run" / "encoder").rename(tmp_path / "models" / "vitrine-tiny")
    monkeypatch.setattr(shipped, "MODELS", tmp_path / "models")
    for _ in range(2):
        index(species / "manifest.csv", tmp_path / "store", device="cpu", source="manifest", quiet=True)
    with open_store(str(tmp_path / "store")).snapshot() as snapshot:
        (space,) = snapshot.spaces
    assert space.spec.model == "vitrine-tiny"
