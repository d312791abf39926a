"""Encoders by the names that people type, from ``index`` to ``info``, with small models in the hub's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import hub_cache
from tests.support import tiny_open_clip as tiny
from tests.support.command_line import SMALL_ENCODER, call_cli, call_json
from tests.support.images import write_images


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three images, and a cache of the hub with MegaDescriptor and BioCLIP, without a network."""
    write_images(tmp_path / "photos", 3)
    cache = tmp_path / "hub"
    hub_cache.offline(cache, monkeypatch)
    mega = hub_cache.repository(cache, "BVRA/MegaDescriptor-L-384", {})
    hub_cache.timm_files(mega, input_size=[3, 32, 32], crop_pct=1.0)
    tiny.register(tmp_path)
    hub_cache.open_clip_files(hub_cache.repository(cache, "imageomics/bioclip", {}))
    return tmp_path / "photos"


def test_what_a_name_was_resolved_to_is_said_and_kept(photos: Path) -> None:
    store = ("--store", photos.parent / "s")
    done = call_cli("index", photos, *store, "--encoder", "megadescriptor")
    assert (
        "'megadescriptor' is timm/test_vit:hf-hub:BVRA/MegaDescriptor-L-384, licence cc-by-nc-4.0; images of 32 x 32 "
        "pixels (shorter side to 32, bicubic), mean 0.5/0.5/0.5, std "
    ) in done.stderr
    report = call_json("index", photos, *store, "--encoder", "timm/hf-hub:BVRA/MegaDescriptor-L-384")
    assert report["unchanged"] == 3  # another spelling of the same encoder
    assert report["encoder"]["name"] == "timm/test_vit:hf-hub:BVRA/MegaDescriptor-L-384"
    (space,) = call_json("info", *store)["spaces"]
    assert (space["licence"], space["preprocess"]["crop"]) == ("cc-by-nc-4.0", [32, 32])
    assert space["weights"] == "hf-hub:BVRA/MegaDescriptor-L-384"


def test_an_encoder_of_a_repository_answers_texts(photos: Path) -> None:
    store = ("--store", photos.parent / "s")
    done = call_cli("index", photos, *store, "--encoder", "hf-hub:imageomics/bioclip")
    assert "Encoder open_clip/hf-hub:imageomics/bioclip, licence mit;" in done.stderr
    assert "a fly" in call_cli("search", "--text", "a fly", *store).stdout


def test_a_name_of_several_encoders_is_one_line(photos: Path) -> None:
    done = call_cli("index", photos, "--store", photos.parent / "s", "--encoder", "resnet18", check=2)
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("Loading ")]
    assert line.endswith("say which: --encoder timm/resnet18:a1_in1k or --encoder torchvision/resnet18:DEFAULT.")
    assert not (photos.parent / "s").exists()


def test_random_weights_are_said(photos: Path) -> None:
    done = call_cli("index", photos, "--store", photos.parent / "s", *SMALL_ENCODER)
    assert "Encoder torchvision/shufflenet_v2_x0_5 with random weights (seed 0); images of 32 x 32" in done.stderr


def test_encoders_lists_names_and_needs_no_network() -> None:
    short = call_cli("encoders")
    assert "megadescriptor" in short.stdout
    assert "'vitrine encoders WORD'" in short.stderr
    rows = {row["name"]: row for row in call_json("encoders", "bioclip")}
    assert rows["bioclip-2"]["full_name"] == "open_clip/hf-hub:imageomics/bioclip-2"
    found = call_cli("encoders", "ViT-B-32-256")
    assert "open_clip/ViT-B-32-256:datacomp_s34b_b86k" in found.stdout
    unknown = call_cli("encoders", "xyzzy", check=2)
    assert "No name of an encoder contains 'xyzzy'" in unknown.stderr
