"""What the documentation shows is what the command line takes; what it links to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

import cli
from docs import write_pages
from eval.registry import MODES
from tests.support.command_line import ROOT
from training.config import read_recipe, validate_recipe
from training.registry import load_job

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def _commands() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True) if line.startswith("$ ") else []
                words = (
                    words[1:] if words[:1] == ["vitrine"] else words[2:] if words[:2] == ["python", "cli.py"] else []
                )
                if words:
                    found.append((page.name, words))
    return found


@pytest.mark.parametrize(("page", "words"), _commands(), ids=lambda value: " ".join(value)[:60])
def test_commands_are_taken(page: str, words: list[str]) -> None:
    _take(page, words)


def _take(page: str, words: list[str]) -> None:
    """Read a command with its options, without running it."""
    group = cli.LazyGroup("vitrine")
    context = click.Context(group)
    command = group.get_command(context, words[0])
    if isinstance(command, click.Group) and words[1:] and not words[1].startswith("-"):
        words = words[1:]
        command = command.get_command(context, words[0])
    assert command is not None, f"{page}: no command {words[0]}"
    command.make_context(words[0], words[1:], parent=context)  # raises UsageError for an option that is not there


def test_commands_of_the_results_on_the_sample_world_are_taken() -> None:
    """They take an hour, so they are not run; the recipes that they name are read."""
    commands = re.findall(r"^vitrine (.*)$", (write_pages.SAMPLE / "intro.txt").read_text(), re.MULTILINE)
    for words in map(shlex.split, commands):
        if words[0] != "runs":  # its files are those of the reader
            _take("results-sample.md", words)
        if words[0] == "train":
            changes = [word for word in words[2:] if "=" in word]
            recipe = load_job(words[1]).recipe
            validate_recipe(recipe, read_recipe(Path(words[1]), changes, recipe), words[1])
    assert len(commands) == 14


def test_the_results_on_the_sample_world_have_their_pictures() -> None:
    named = re.findall(r"!\[[^]]*\]\(results-sample/([^)]*)\)", (ROOT / "docs" / "results-sample.md").read_text())
    assert named == sorted(named, key=named.index)
    assert {path.name for path in write_pages.SAMPLE.glob("*.svg")} == set(named)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named == {"demo", "test"}
    assert named <= targets


def test_the_demo_runs_every_mode() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (demo,) = re.findall(r"^demo: \.venv.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert set(re.findall(r"--mode (\w+)", demo)) == set(MODES)
    for what in ("sample species", "sample hands", "sample drains", "search", "audit", "report", "results"):
        assert f"$(VITRINE) {what}" in demo


@pytest.mark.parametrize("page", write_pages.PAGES)
def test_pages_made_from_the_code_are_up_to_date(page: str) -> None:
    kept = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert kept == write_pages.PAGES[page](), f"docs/{page} is out of date; run: python -m docs.write_pages"
