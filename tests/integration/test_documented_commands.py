"""The commands of the documentation, page by page, as they stand there, in the layout that the page names.

Two things differ from what a reader types. Encoders whose weights are a download or somebody's file are replaced by
small ones of random weights, and so are the names of their spaces (:data:`SUBSTITUTES`). What ``sample`` draws is
smaller.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, call_cli
from tests.support.documented_layouts import LAYOUTS, SMALL_SAMPLES, draw_world

PAGES = {page.name: page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}

SUBSTITUTES = {
    "timm/efficientnet_b3": ("torchvision/shufflenet_v2_x0_5", "--random-init", "0"),
    "timm/resnet50": ("torchvision/mobilenet_v3_small", "--random-init", "0"),
    "open_clip/ViT-B-32": ("open_clip/vitrine-tiny",),
    "bioclip-2": ("vitrine-tiny",),
    "open_clip/hf-hub": ("timm/test_resnet", "--random-init", "0"),
    "timm/hf-hub": ("timm/test_vit", "--random-init", "0"),
    "facebook/dinov2-base": ("timm/test_resnet", "--random-init", "0"),
    "onnx/osnet_x0_25_msmt17.onnx": ("timm/test_resnet", "--random-init", "1"),
    "megadescriptor": ("timm/test_vit", "--random-init", "0"),
    "miewid": ("timm/test_resnet", "--random-init", "0"),
}
SPACES = {
    "efficientnet": "shufflenet",
    "resnet50": "mobilenet",
    "ViT-B-32": "vitrine-tiny",
    "megadescriptor": "test-vit",
    "miewid": "test-resnet",
    "osnet": "test-resnet",
}

GENERATED = "api.md"  # its examples are those of docstrings
MINUTES = ["train", "clip"]  # tests/training has a short one


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sample world."""
    folder = tmp_path_factory.mktemp("world")
    draw_world(folder)
    return folder


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_commands_of_a_page_run(name: str, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LAYOUTS[name](tmp_path, world)
    monkeypatch.chdir(tmp_path)
    for language, block in _blocks(PAGES[name]):
        if language == "python":
            exec(compile(_small_spaces(block), name, "exec"), {})  # noqa: S102 - our own pages
            continue
        for words in _commands(block):
            if words[:2] != MINUTES or "--options" in words:
                call_cli(*words, check=None if words[0] == "audit" else 0)


def test_every_page_with_commands_has_a_layout() -> None:
    pages = {name for name, page in PAGES.items() if any(_commands(block) for _, block in _blocks(page))}
    assert pages - {GENERATED} == set(LAYOUTS)


def _blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of the blocks of a page."""
    return re.findall(r"```(console|python)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def _commands(block: str) -> list[list[str]]:
    """Words of the commands of a block, without ``vitrine`` itself."""
    lines = [line for line in block.replace("\\\n", " ").splitlines() if line.startswith("$ vitrine ")]
    return [_substituted(shlex.split(line.removeprefix("$ vitrine "), comments=True)) for line in lines]


def _substituted(words: list[str]) -> list[str]:
    if words[0] == "sample":
        return [*words, *SMALL_SAMPLES[words[1]]]
    if "--encoder" in words:
        at = words.index("--encoder") + 1
        name = words[at].split(":")[0]
        words = [*words[:at], *SUBSTITUTES.get(name, (words[at],)), *words[at + 1 :]]
    return [_small_spaces(word) for word in words]


def _small_spaces(text: str) -> str:
    for name, small in SPACES.items():
        text = text.replace(name, small)
    return text
