from __future__ import annotations

import pytest

from retrieval.encoders.aliases import ALIASES, ELSEWHERE, Alias, find_alias, licence_of
from retrieval.encoders.open_clip_encoder import quiet_open_clip

TABLES = ALIASES | ELSEWHERE
PUBLISHED = {name: alias for name, alias in TABLES.items() if alias.weights}


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_a_name_stands_for_is_published_with_that_size_and_licence(name: str) -> None:
    alias = PUBLISHED[name]
    family, _, model = alias.encoder.partition("/")
    open_clip = quiet_open_clip()
    if family == "open_clip":
        assert alias.weights in open_clip.list_pretrained_tags_by_model(model)
        assert open_clip.get_model_config(model)["vision_cfg"]["image_size"] == alias.size
    else:
        import timm

        config = timm.get_pretrained_cfg(f"{model}.{alias.weights}")
        assert (config.tag, config.license, config.input_size) == (alias.weights, alias.licence, (3, *[alias.size] * 2))


@pytest.mark.parametrize(
    ("name", "full_name"),
    [
        ("clip", "open_clip/ViT-B-32:openai"),
        ("openai/clip-vit-large-patch14", "open_clip/ViT-L-14:openai"),
        ("ViT-B/32", "open_clip/ViT-B-32:openai"),
        ("ViT-B-32", "open_clip/ViT-B-32:laion2b_s34b_b79k"),
        ("BioCLIP", "open_clip/hf-hub:imageomics/bioclip"),
        ("bioclip2", "open_clip/hf-hub:imageomics/bioclip-2"),
        ("MegaDescriptor", "timm/hf-hub:BVRA/MegaDescriptor-L-384"),
        ("miewid", "miewid/conservationxlabs/miewid-msv3"),
        ("DINOv2", "timm/vit_base_patch14_dinov2:lvd142m"),
        ("dinov3", "timm/vit_base_patch16_dinov3:lvd1689m"),
        ("siglip2", "open_clip/ViT-B-16-SigLIP2:webli"),
        ("google/siglip2-base-patch16-224", "open_clip/ViT-B-16-SigLIP2:webli"),
        ("facebook/dinov2-base", "timm/vit_base_patch14_dinov2:lvd142m"),
        ("clip-vit-large-patch14", "open_clip/ViT-L-14:openai"),
        ("dinov2_vitb14", "timm/vit_base_patch14_dinov2:lvd142m"),
        ("dinov2_vits14_reg", "timm/vit_small_patch14_reg4_dinov2:lvd142m"),
        ("dinov3_vitl16", "timm/vit_large_patch16_dinov3:lvd1689m"),
        ("resnet-50", "timm/resnet50:a1_in1k"),
        ("vitrine-tiny", "open_clip/vitrine-tiny"),
    ],
)
def test_case_and_hyphens_do_not_matter(name: str, full_name: str) -> None:
    alias = find_alias(name)
    assert alias is not None
    assert alias.full_name == full_name


def test_names_that_differ_in_more_than_hyphens_are_others() -> None:
    assert find_alias("vit_b_32") is None  # a model of torchvision
    assert find_alias("clip2") is None
    assert find_alias("") is None


def test_no_name_hides_another() -> None:
    spoken: dict[str, Alias] = {}
    for name, alias in TABLES.items():
        assert spoken.setdefault(name.lower().replace("-", ""), alias).full_name == alias.full_name


def test_licences_are_found_by_full_name() -> None:
    assert licence_of("open_clip/ViT-B-32:openai") == "mit"
    assert licence_of("hf-hub:BVRA/MegaDescriptor-L-384") == "cc-by-nc-4.0"
    assert licence_of("timm/vit_base_patch16_dinov3:lvd1689m") == "dinov3-license"
    assert licence_of("miewid/conservationxlabs/miewid-msv3") is None  # its card names none
    assert licence_of("timm/resnet18:a1_in1k") is None
