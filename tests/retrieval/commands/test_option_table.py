"""Tables of options say what people may write, what holds if they do not, and what it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from retrieval.commands.option_table import (
    NEEDED,
    OptionRow,
    OptionSection,
    markdown_table,
    option_rows,
    print_sections,
)
from retrieval.config import Config

if TYPE_CHECKING:
    import pytest


class Group(Config):
    epochs: int = Field(default=30, ge=1, description="Number of epochs.")


class Options(Config):
    first: str = Field(description="It has to be said.")
    lambda_: float | None = Field(default=None, ge=0, le=1, alias="lambda", description="A share.")
    ranks: Annotated[tuple[int, ...], BeforeValidator(lambda value: value)] = Field(
        default=(1, 5, 10), min_length=1, description="Ranks."
    )
    pools: tuple[Literal["max", "mean"], ...] = Field(default=("max",), description="Pools.")
    temperature: float | Literal["encoder"] = Field(default="encoder", description="A number or a word.")
    rate: float = Field(default=0.5, gt=0, lt=1, description="Strictly between.")
    resamples: int = Field(default=1000, ge=0, le=1_000_000, description="Many.")
    mirror: bool = Field(default=False, description="A flag | a switch <i>.")
    root: Path | None = Field(default=None, description="A folder.")
    columns: Mapping[str, str | None] = Field(default={}, description="Names.")
    mean: tuple[float, float, float] = Field(default=(0.5, 0.5, 0.5), description="Of channels.")
    loop: Group = Field(default=Group(), description="The loop.")
    sources: dict[str, Group | None] = Field(default={}, description="Folders.")


def test_rows_are_what_people_write() -> None:
    rows = {row.name: row for row in option_rows(Options)}
    assert list(rows)[:3] == ["first", "lambda", "ranks"]
    assert rows["first"] == OptionRow("first", "text", NEEDED, "It has to be said.")
    assert rows["lambda"] == OptionRow("lambda", "number 0..1", "", "A share.")
    assert rows["ranks"] == OptionRow("ranks", "list of whole numbers", "1,5,10", "Ranks.")
    assert (rows["pools"].values, rows["pools"].default) == ("list of max|mean", "max")
    assert rows["temperature"].values == "number or encoder"
    assert rows["rate"].values == "number > 0 and < 1"
    assert rows["resamples"].values == "whole number 0..1000000"
    assert (rows["mirror"].values, rows["mirror"].default) == ("true|false", "false")
    assert (rows["root"].values, rows["root"].default) == ("path", "")
    assert (rows["columns"].values, rows["columns"].default) == ("mapping of name to text", "")
    assert (rows["mean"].values, rows["mean"].default) == ("list of numbers", "0.5,0.5,0.5")
    assert rows["loop.epochs"] == OptionRow("loop.epochs", "whole number >= 1", "30", "Number of epochs.")
    assert "sources.NAME.epochs" in rows
    assert not {"loop", "sources"} & rows.keys()


def test_some_are_left_out() -> None:
    assert "lambda" not in {row.name for row in option_rows(Options, frozenset({"lambda"}))}


def test_markdown_has_a_row_each_and_keeps_bars_in_their_cells() -> None:
    lines = markdown_table(option_rows(Options)).splitlines()
    assert lines[:2] == ["| option | values | default | meaning |", "|---|---|---|---|"]
    assert r"| `mirror` | true\|false | `false` | A flag \| a switch &lt;i>. |" in lines


def test_the_terminal_shows_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    rows = tuple(option_rows(Options))
    print_sections([OptionSection("Options [x]", rows)], as_json=False)
    shown = capsys.readouterr().out
    assert shown.startswith("Options [x]")
    assert all(row.name in shown and row.meaning in shown for row in rows)


def test_json_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_sections([OptionSection("mode x", tuple(option_rows(Group)))], as_json=True)
    row = {"name": "epochs", "values": "whole number >= 1", "default": "30", "meaning": "Number of epochs."}
    assert json.loads(capsys.readouterr().out) == [{"title": "mode x", "options": [row]}]
