"""Names as people type them. The hub's cache has small stand-ins of the weights; there is no network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrieval.encoders.aliases import ALIASES, ELSEWHERE
from retrieval.encoders.artefact import weight_file
from retrieval.encoders.names import complete
from retrieval.encoders.open_clip_encoder import OpenClipEncoder, quiet_open_clip
from retrieval.encoders.registry import FAMILIES, family, load, resolve
from retrieval.encoders.request import EncoderRequest
from retrieval.encoders.spec_text import full_name
from retrieval.errors import InputError, MissingFileError, NetworkError, UnknownNameError
from retrieval.types import EncoderSpec
from tests.support import encoder_folders, hub_cache
from tests.support import tiny_open_clip as tiny

MEGADESCRIPTOR, BIOCLIP = "BVRA/MegaDescriptor-L-384", "imageomics/bioclip-2"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the hub's cache, which is empty; no network."""
    hub_cache.offline(tmp_path / "hub", monkeypatch)
    return tmp_path / "hub"


def spec_of(name: str, **options: object) -> EncoderSpec:
    return resolve(EncoderRequest(name, device="cpu", **options))  # type: ignore[arg-type]


def published(cache: Path) -> Path:
    """A cache with MegaDescriptor and BioCLIP 2, as small models."""
    hub_cache.timm_files(hub_cache.repository(cache, MEGADESCRIPTOR, {}), input_size=[3, 64, 64], crop_pct=1.0)
    tiny.register(cache)
    hub_cache.open_clip_files(hub_cache.repository(cache, BIOCLIP, {}))
    return cache


@pytest.mark.parametrize(
    "name",
    ["megadescriptor", f"timm/hf-hub:{MEGADESCRIPTOR}", f"timm/hf_hub:{MEGADESCRIPTOR}", f"hf-hub:{MEGADESCRIPTOR}",
     MEGADESCRIPTOR, f"{MEGADESCRIPTOR}@main", f"https://huggingface.co/{MEGADESCRIPTOR}",
     f"https://huggingface.co/{MEGADESCRIPTOR}/tree/main"],
)  # fmt: skip
def test_every_spelling_of_a_repository_of_timm(name: str, cache: Path) -> None:
    published(cache)
    spec = spec_of(name)
    assert (spec.family, spec.model, spec.licence) == ("timm", "test_vit", "cc-by-nc-4.0")
    assert spec.weights.removesuffix("@main") == f"hf-hub:{MEGADESCRIPTOR}"
    assert spec.preprocess is not None
    assert (spec.preprocess.crop, spec.preprocess.mean) == ((64, 64), (0.5, 0.5, 0.5))
    assert spec.fingerprint == spec_of(f"timm/hf-hub:{MEGADESCRIPTOR}").fingerprint
    assert load(spec, "cpu").dimension == 64


@pytest.mark.parametrize("name", ["bioclip-2", f"hf-hub:{BIOCLIP}", BIOCLIP, f"open_clip/hf-hub:{BIOCLIP}"])
def test_every_spelling_of_a_repository_of_open_clip(name: str, cache: Path) -> None:
    published(cache)
    spec = spec_of(name)
    assert (spec.family, spec.weights, spec.licence) == ("open_clip", f"hf-hub:{BIOCLIP}", "mit")
    encoder = load(spec, "cpu")
    assert isinstance(encoder, OpenClipEncoder)
    assert encoder.encode_texts(["a fly agaric"]).vectors.shape == (1, 16)


def stand_in(cache: Path, encoder: str, weights: str) -> str:
    """Put a small file where the weights of a tag are in the cache; returns its digest."""
    kind, _, model = encoder.partition("/")
    if kind == "timm":
        import timm

        repository = timm.get_pretrained_cfg(f"{model}.{weights}").hf_hub_id
        names = ["model.safetensors"]
    else:
        organisation, name, *file = quiet_open_clip().get_pretrained_cfg(model, weights)["hf_hub"].split("/")
        repository = f"{organisation}/{name}"
        names = [file[0]] if file and file[0] else ["open_clip_model.safetensors"]
    content = dict.fromkeys(names, f"weights of {encoder}")
    return weight_file(hub_cache.repository(cache, repository, {**content}) / names[0]).digest


TAGGED = [name for name, alias in ALIASES.items() if alias.weights]
OF_REPOSITORIES = ["openai/clip-vit-large-patch14", "google/siglip2-base-patch16-224", "facebook/dinov2-base"]


def test_every_alias_of_published_weights_resolves_to_them(cache: Path) -> None:
    for name in (*TAGGED, *OF_REPOSITORIES):
        alias = (ALIASES | ELSEWHERE)[name]
        digest = stand_in(cache, alias.encoder, alias.weights)
        spec = spec_of(name)
        assert spec.weights == f"tag:{alias.weights}"
        assert (spec.weights_digest, spec.licence) == (digest, alias.licence), name
        assert spec.preprocess is not None
        assert spec.preprocess.crop == (alias.size, alias.size)
    for name in ("clip", "dinov2"):
        assert spec_of(name) == spec_of(ALIASES[name].full_name)


def test_miewid_is_read_from_its_repository(cache: Path) -> None:
    files = {"config.json": json.dumps({"architectures": ["MiewIdNet"]}), "model.safetensors": "weights"}
    hub_cache.repository(cache, "conservationxlabs/miewid-msv3", {**files})
    spec = spec_of("miewid")
    assert (spec.family, spec.weights, spec.licence) == ("miewid", "hf-hub:conservationxlabs/miewid-msv3", None)
    for name in ("conservationxlabs/miewid-msv3", "hf-hub:conservationxlabs/miewid-msv3", full_name(spec)):
        assert spec_of(name) == spec
    assert spec.preprocess is not None
    assert spec.preprocess.crop == (ALIASES["miewid"].size,) * 2


def test_weights_may_be_given_beside_an_alias(cache: Path) -> None:
    stand_in(cache, "open_clip/ViT-B-32", "laion400m_e31")
    for spec in (spec_of("clip:laion400m_e31"), spec_of("clip", weights="laion400m_e31")):
        assert spec.weights == "tag:laion400m_e31"
    assert spec_of("clip", random_init=3).weights == "random:3"
    assert spec_of("test_vit", random_init=3) == spec_of("timm/test_vit", random_init=3)


def test_a_bare_model_of_one_family_has_the_usual_weights_of_its_library(cache: Path) -> None:
    for name, encoder, weights in (
        ("test_vit", "timm/test_vit", "r160_in1k"),
        ("resnet50.ra_in1k", "timm/resnet50", "ra_in1k"),
        ("MobileCLIP-S1", "open_clip/MobileCLIP-S1", "datacompdr"),
    ):
        digest = stand_in(cache, encoder, weights)
        spec = spec_of(name)
        assert (f"{spec.family}/{spec.model}", spec.weights) == (encoder, f"tag:{weights}")
        assert spec.weights_digest == digest
    assert complete("vit_b_16", FAMILIES, family) == ("torchvision/vit_b_16", "DEFAULT")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18", r"2 encoders.*`encoder=timm/resnet18:a1_in1k` or `encoder=torchvision/resnet18:DEFAULT`"),
        ("convnext_base", r"3 encoders.*`encoder=open_clip/convnext_base:laion400m_s13b_b51k` or .*timm.*torchvision"),
        ("resnet18:x", r"`encoder=timm/resnet18:x` or `encoder=torchvision/resnet18:x`"),
        ("mobileclip", r"'mobileclip' alone; 9 .*open_clip/MobileCLIP2-B.*'vitrine encoders mobileclip'"),
        ("resnet5O", r"Did you mean 'resnet50'\?"),
        ("bioclipp", r"Did you mean 'bioclip'\?"),
        ("xyzzy", r"No encoder 'xyzzy'\. 'vitrine encoders WORD' lists names"),
        ("", r"No encoder ''"),
        ("tim/resnet50", r"Did you mean 'timm'\? .*`encoder=hf-hub:tim/resnet50`"),
        ("hf-hub:one-part", "ORGANISATION/REPOSITORY"),
    ],
)
def test_names_of_several_or_no_encoders_say_what_to_type(name: str, message: str, cache: Path) -> None:
    assert not cache.exists()
    with pytest.raises(UnknownNameError, match=message):
        spec_of(name)


def test_a_model_with_many_published_weights_lists_them() -> None:
    with pytest.raises(
        UnknownNameError, match=r"'ViT-B-16' has \d+ published .*`encoder=open_clip/ViT-B-16:openai` or "
    ):
        spec_of("ViT-B-16")
    with pytest.raises(InputError, match=r"its tags: openai, .*For example `encoder=open_clip/ViT-B-16:openai`"):
        spec_of("open_clip/ViT-B-16")


@pytest.mark.parametrize("name", ["model.onnx", "w.safetensors", "./clips", "~/no/such/encoder", "a/b/c", "runs/w.pt"])
def test_a_path_that_does_not_exist_is_not_looked_up_on_the_hub(name: str) -> None:
    with pytest.raises(MissingFileError, match="no such file or folder"):
        spec_of(name)


def test_without_a_network_a_repository_names_the_way_out(cache: Path) -> None:
    assert not cache.exists()
    for name in ("hf-hub:org/repo", "org/repo", "bioclip"):
        with pytest.raises(NetworkError, match=r"fetch the repository .* name its folder, `encoder=FOLDER`"):
            spec_of(name)
    with pytest.raises(NetworkError, match="'org/repo' is no alias, family or path, so it is read as hf-hub:org/repo"):
        spec_of("org/repo")


def test_a_repository_of_transformers_goes_to_hf_unless_open_clip_or_timm_have_its_weights(cache: Path) -> None:
    config = json.dumps({"model_type": "clip"})
    hub_cache.repository(cache, "org/own-clip", {"config.json": config})
    hub_cache.repository(cache, "facebook/dinov2-base", {"config.json": json.dumps({"model_type": "dinov2"})})
    hub_cache.repository(cache, "org/cats", {"config.json": json.dumps({"model_type": "miewid"})})
    hub_cache.repository(cache, "org/whales", {"config.json": json.dumps({"architectures": ["MiewIdNet"]})})
    names = {
        "org/own-clip": "hf/org/own-clip",
        "hf-hub:org/own-clip@main": "hf/org/own-clip@main",
        "org/cats": "miewid/org/cats",
        "org/whales": "miewid/org/whales",
        "facebook/dinov2-base": "timm/vit_base_patch14_dinov2",
        "hf-hub:facebook/dinov2-base": "timm/vit_base_patch14_dinov2",
        "facebook/dinov2-base@main": "hf/facebook/dinov2-base@main",
    }
    assert {name: complete(name, FAMILIES, family).name for name in names} == names


def test_a_repository_of_another_library_is_refused(cache: Path) -> None:
    hub_cache.repository(cache, "org/words", {"config.json": "{}"})
    with pytest.raises(UnknownNameError, match=r"no library that Vitrine reads .*config\.json names neither"):
        spec_of("org/words")
    hub_cache.repository(cache, "org/broken", {"config.json": "{"})
    with pytest.raises(InputError, match=r"config\.json is not the configuration of a model in JSON"):
        spec_of("org/broken")


def test_folders_are_what_their_configuration_says(tmp_path: Path) -> None:
    tiny.register(tmp_path)
    hub_cache.timm_files(tmp_path / "mega", input_size=[3, 64, 64])
    hub_cache.open_clip_files(tmp_path / "bio")
    timm_spec, clip_spec = spec_of(str(tmp_path / "mega")), spec_of(str(tmp_path / "bio"))
    assert (timm_spec.family, timm_spec.model, timm_spec.licence) == ("timm", "test_vit", "cc-by-nc-4.0")
    assert timm_spec == spec_of(f"timm/{tmp_path / 'mega'}")
    assert (clip_spec.family, clip_spec.model, clip_spec.licence) == ("open_clip", "bio", "mit")
    assert clip_spec.weights == f"folder:{(tmp_path / 'bio').resolve()}"
    assert load(timm_spec, "cpu").dimension == 64
    encoder = load(clip_spec, "cpu")
    assert isinstance(encoder, OpenClipEncoder)
    assert encoder.encode_texts(["a hand"]).vectors.shape == (1, 16)
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "bio").rename(tmp_path / "elsewhere" / "bio")
    assert spec_of(str(moved)).fingerprint == clip_spec.fingerprint
    with pytest.raises(MissingFileError, match="no such folder"):
        load(clip_spec, "cpu")


def test_a_folder_of_the_hubs_cache_has_the_name_of_its_repository(cache: Path) -> None:
    published(cache)
    (folder,) = cache.glob("models--imageomics--bioclip-2/snapshots/*")
    assert spec_of(str(folder)).model == BIOCLIP


def test_folders_without_weights_and_files_in_folders_are_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "mega"
    hub_cache.timm_files(folder)
    with pytest.raises(InputError, match=f"its folder says of which model it is: `encoder={folder}`"):
        spec_of(str(folder / "model.safetensors"))
    with pytest.raises(InputError, match="folder with its own weights; leave out `weights`"):
        spec_of(str(folder), weights="a1")
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingFileError, match=r"mega has none of the files model\.safetensors, "):
        spec_of(str(folder))
    with pytest.raises(MissingFileError, match=r"is no encoder: it should hold encoder\.json .*config\.json"):
        spec_of(str(tmp_path))
    (tmp_path / "w.weights").write_bytes(b"x")
    with pytest.raises(InputError, match=r"is a file; say which model it belongs to: FAMILY/MODEL"):
        spec_of(str(tmp_path / "w.weights"))


def test_a_name_goes_before_a_folder_that_is_no_encoder_and_is_ambiguous_beside_one_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clip").mkdir()
    assert complete("clip", FAMILIES, family).name == "open_clip/ViT-B-32"
    Path("clip").rmdir()
    tiny.register(tmp_path)
    encoder_folders.two_towers(Path("clip"))
    with pytest.raises(UnknownNameError, match=r"`encoder=/.*/clip` or `encoder=open_clip/ViT-B-32`"):
        complete("clip", FAMILIES, family)
    assert spec_of(str(tmp_path / "clip")).model == "own"


def test_a_folder_with_configurations_of_two_libraries_is_of_open_clip(tmp_path: Path) -> None:
    tiny.register(tmp_path)
    hub_cache.open_clip_files(tmp_path / "both")
    (tmp_path / "both" / "config.json").write_text(json.dumps({"model_type": "clip"}))
    assert spec_of(str(tmp_path / "both")).family == "open_clip"
    (tmp_path / "both" / "open_clip_config.json").unlink()
    assert complete(str(tmp_path / "both"), FAMILIES, family).name == f"hf/{tmp_path / 'both'}"


def test_files_of_onnx_need_no_family(tmp_path: Path) -> None:
    (tmp_path / "osnet.onnx").write_bytes(b"x")
    for name in (str(tmp_path / "osnet.onnx"), f"{tmp_path / 'osnet.onnx'}#features"):
        assert complete(name, FAMILIES, family).name == f"onnx/{name}"
