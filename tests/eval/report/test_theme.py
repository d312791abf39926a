"""The page in a real browser: what it shows at two widths, and that tables sort. Needs an installed Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval.report.page import write_report
from eval.results.files import write_result
from tests.support.browser import Browser, browser_path
from tests.support.drawn_results import fusion, knn, reid, result, verification

LITTLE: dict[str, Any] = {"per_class": None, "confusion": None, "curves": None}
NARROW, WIDE, PAPER = 390, 1280, 680

pytestmark = pytest.mark.skipif(browser_path() is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    made = {
        "knn": knn(**LITTLE, sweep=None), "fusion": fusion(sweep=None, per_class=None, confusion=None),
        "prototype": result("prototype", 0.52, **LITTLE), "reid": reid(), "pairs": verification(curves=None),
    }  # fmt: skip
    files = [folder / f"{name}.json" for name in made]
    for file, one in zip(files, made.values(), strict=True):
        write_result(one, file)
    return write_report(files, folder / "report").html


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(browser_path() or "", tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_fits(browser: Browser, page: Path, tmp_path: Path, width: int, *, dark: bool) -> None:
    browser.open(page, width, dark=dark)
    browser.screenshot(tmp_path / f"report-{width}-{'dark' if dark else 'light'}.png", 3000)
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    fits = browser.evaluate(
        "[...document.querySelectorAll('.table:has(.main)')].map((table) => table.scrollWidth <= table.clientWidth)"
    )
    assert fits
    assert all(fits)
    heads = browser.evaluate(
        "[...document.querySelectorAll('.main')[0].tHead.rows[0].cells].filter((cell) => cell.offsetWidth)"
        ".map((cell) => cell.innerText)"
    )
    few = ["result", "top-1", "to the best"]
    all_heads = [*few, "top-5", "balanced accuracy", "macro-F1", "macro-Jaccard (mIoU)", "NLL ↓", "ECE ↓"]
    assert heads == (few if width == NARROW else all_heads)
    paper, text = ("rgb(20, 24, 28)", "rgb(230, 233, 236)") if dark else ("rgb(255, 255, 255)", "rgb(29, 35, 41)")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    title = "document.querySelector('svg.figure text[style*=weight]')"
    assert browser.evaluate(f"getComputedStyle({title}).fill") == text


@pytest.mark.slow
def test_print_is_light_and_has_all_columns(browser: Browser, page: Path) -> None:
    browser.open(page, PAPER, dark=True, media="print")
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate(
        "[...document.querySelectorAll('.main')[0].tHead.rows[0].cells].every((cell) => cell.offsetWidth)"
    )
    assert browser.evaluate("document.querySelectorAll('.main')[0].offsetWidth") <= PAPER


@pytest.mark.slow
def test_tables_sort_and_narrow_pages_show_all_columns_on_request(browser: Browser, page: Path) -> None:
    browser.open(page, NARROW)
    browser.evaluate("document.querySelector('.all input').click()")
    table = "document.querySelectorAll('.main')[0]"
    assert browser.evaluate(f"{table}.tHead.rows[0].cells[8].offsetWidth") > 0
    names = f"[...{table}.tBodies[0].rows].map((row) => row.cells[0].firstChild.textContent)"
    before = browser.evaluate(names)
    assert before == ["fusion", "fusion: clip alone", "fusion: resnet alone", "prototype", "knn", "guessing"]
    click = f"{table}.tHead.rows[0].cells[{{}}].firstChild.click()"
    for column, order, names_sorted in (
        (1, "descending", ["fusion", "fusion: resnet alone", "prototype", "knn", "fusion: clip alone", "guessing"]),
        (1, "ascending", ["guessing", "fusion: clip alone", "knn", "prototype", "fusion: resnet alone", "fusion"]),
        (0, "ascending", sorted(before)),
        (8, "ascending", None),
    ):
        browser.evaluate(click.format(column))
        assert browser.evaluate(f"{table}.tHead.rows[0].cells[{column}].getAttribute('aria-sort')") == order
        assert names_sorted is None or browser.evaluate(names) == names_sorted
    assert browser.evaluate(names)[-1] == "guessing"  # it has no ECE
