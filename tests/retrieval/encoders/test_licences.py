from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from retrieval.encoders.family import Description
from retrieval.encoders.licences import card_licence, licence
from retrieval.types import Preprocess
from tests.support import hub_cache

if TYPE_CHECKING:
    from pathlib import Path

PIXELS = Preprocess(32, (32, 32), (0.5,) * 3, (0.5,) * 3)


@pytest.mark.parametrize(
    ("card", "named"),
    [
        ("---\nlicense: cc-by-nc-4.0\n---\n# A\n", "cc-by-nc-4.0"),
        ("---\nlicense:\n- mit\nlanguage:\n- en\n---\n", "mit"),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
        ("---\nlicense: other\nlicense_name: dinov3-license\n---\n", "dinov3-license"),
        ("---\nlicense: other\n---\n", "other"),
        ("---\ntags: [a]\n---\n", None),
        ("---\nlicense: {a: b}\n---\n", None),
        ("---\nlicense: mit\n", None),
        ("---\nlicense: [\n---\n", None),
        ("# A card without data\nlicense: mit\n", None),
        ("", None),
    ],
)
def test_a_model_card_names_the_licence_in_its_data(card: str, named: str | None, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(card)
    assert card_licence(path) == named


def test_a_licence_is_not_as_long_as_a_stranger_likes(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\nlicense: {'x' * 10_000}\n---\n")
    assert len(card_licence(path) or "") == 80
    path.write_bytes(b"\xff\xfe\x00 no text")
    assert card_licence(path) is None


def test_the_configuration_comes_first_then_the_card_then_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_cache.offline(tmp_path, monkeypatch)
    described = Description("timm", "test_vit", "hf-hub:BVRA/MegaDescriptor-L-384@main", PIXELS)
    assert licence(described) == "cc-by-nc-4.0"  # from the table: the repository is not in the cache
    hub_cache.repository(tmp_path, "BVRA/MegaDescriptor-L-384", {"README.md": hub_cache.CARD.format(licence="mit")})
    assert licence(described) == "mit"
    assert licence(described._replace(licence="apache-2.0")) == "apache-2.0"
    openai = Description("open_clip", "ViT-B-32-quickgelu", "tag:openai", PIXELS, repository="timm/vit")
    assert licence(openai) == "mit"
    assert licence(Description("open_clip", "vitrine-tiny", "tag:vitrine", PIXELS)) == "apache-2.0"


def test_of_a_file_and_of_random_weights_no_licence_is_known(tmp_path: Path) -> None:
    for source in ("random:0", f"file:{tmp_path / 'w.safetensors'}", f"folder:{tmp_path}"):
        assert licence(Description("open_clip", "ViT-B-32", source, PIXELS)) is None
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    assert licence(Description("open_clip", "ViT-B-32", f"folder:{tmp_path}", PIXELS)) == "mit"
